"""The recipes of `docs/ci.md` and the GitLab component: what they run, run; what they name, exists."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_signed, parse
from tests.ci.recipes import recipes
from tests.ci.workflow import ROOT, Runner, commit, git
from tests.sim.loopback import LoopbackSigstore

POLICY = 'version = 1\n[roles.release]\nkeys = ["release.pub"]\n[require.release]\n'
COMPONENT = ROOT / "ci/gitlab/templates"
ENGINE = """#!/usr/bin/env python3
import os, subprocess, sys
words, given, mounts = sys.argv[1:], {"PATH": os.environ["PATH"], "HOME": "/tmp"}, []
assert words[0] == "run" and "--read-only" in words and "--user" in words
for at, word in enumerate(words):
    if word == "--env":
        given[words[at + 1]] = os.environ.get(words[at + 1], "")
entry, where = words[words.index("--entrypoint") + 1], words[words.index("--workdir") + 1]
sys.exit(subprocess.run([entry], env=given, cwd=where).returncode)
"""
"""what a container engine does of what the recipe asks for: only the named variables reach the step"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone in which somebody proposes a poisoned model and a policy that lets it through."""
    origin = tmp_path / "origin"
    origin.mkdir()
    make_signed(origin / "model")
    (origin / "policies").mkdir()
    (origin / "policies/release.toml").write_text(POLICY)
    (origin / "policies/release.pub").write_bytes(KEY.public.pem)
    commit(origin)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    (clone / "policies/release.toml").write_text('version = 1\nmode = "warn"\n')
    commit(clone)
    return clone


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with the step as the image has it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    step = (ROOT / "ci/weightmark-step").read_text()
    step = step.replace("/opt/weightmark/bin/python", sys.executable)
    step = step.replace("/opt/weightmark/step", str(ROOT / "ci/step"))
    for name, text in (("weightmark-step", step), ("docker", ENGINE)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"


def run(script: str, project: Path, path: str, **variables: str) -> tuple[int, str]:
    subprocess.run(["/bin/rm", "-rf", str(project / "weightmark-reports")], check=True)
    done = subprocess.run(
        ["/bin/bash", "-eo", "pipefail", "-c", script],
        cwd=project,
        env={"PATH": path, "HOME": str(project.parent), "NO_PROXY": "127.0.0.1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def judged(script: str, project: Path, path: str, base: str, **variables: str) -> None:
    """Demand of a recipe what it is for: the policy of the target branch decides about a proposal."""
    (project / "model/more.pkl").write_bytes(EVIL_PICKLE)
    code, said = run(script, project, path, **{base: "main", **variables})
    assert code == 1, said
    assert "deny" in said
    reports = {one.name for one in (project / "weightmark-reports").iterdir()}
    assert reports == {"report.json", "report.sarif", "report.junit.xml"}
    (project / "model/more.pkl").unlink()
    code, said = run(script, project, path, **{base: "main", **variables})
    assert code == 0, said
    code, said = run(script, project, path, **variables)
    assert code != 0, "on a branch the committed policy counts, and it trusts nobody"
    git(project, "reset", "--quiet", "--hard", "origin/main")
    code, said = run(script, project, path, **variables)
    assert code == 0, said


def component(name: str, **inputs: str) -> dict[str, Any]:
    """Return the job of the component, with its inputs filled in as GitLab does: in its values."""
    header, document = yaml.safe_load_all((COMPONENT / f"{name}.yml").read_text())
    known = header["spec"]["inputs"]
    assert inputs.keys() <= known.keys()
    filled = {one: inputs.get(one, about.get("default")) for one, about in known.items()}
    assert None not in filled.values()

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda at: str(filled[at[1]]), value)
        if isinstance(value, dict):
            return {one: fill(inner) for one, inner in value.items()}
        return [fill(one) for one in value] if isinstance(value, list) else value

    job: dict[str, Any] = fill(document[f"weightmark-{name}"])
    return job


def variables(job: dict[str, Any]) -> dict[str, str]:
    given = job["variables"].items()
    return {name: one["value"] if isinstance(one, dict) else one for name, one in given}


def test_gitlab_judges_a_merge_request_by_the_target_branch(project: Path, path: str) -> None:
    [recipe] = recipes("docs/ci.md", "yaml", "include:")
    first, second = yaml.safe_load(recipe)["include"]
    for included in (first, second):
        assert (ROOT / included["file"]).is_file()
    job = component("gate", **first["inputs"])
    assert all(one["expand"] is False for one in job["variables"].values())
    given = {
        "CI_PROJECT_URL": "https://gitlab.invalid/acme/models",
        "CI_COMMIT_REF_PROTECTED": "true",
        **variables(job),
    }
    script = "\n".join(job["script"])
    judged(script, project, path, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", **given)


def test_gitlab_runs_the_gate_in_merge_requests_and_where_nobody_else_pushes() -> None:
    job = component("gate", path="model", image="x", policy="policies/release.toml")
    assert [rule["if"] for rule in job["rules"]] == [
        '$CI_PIPELINE_SOURCE == "merge_request_event"',
        '$CI_COMMIT_REF_PROTECTED == "true"',
    ]


def test_gitlab_judges_a_branch_of_anybody_by_the_default_branch(project: Path, path: str) -> None:
    job = component("gate", path="model", image="x", policy="policies/release.toml")
    script = "\n".join(job["script"])
    given = {"CI_PROJECT_URL": "https://gitlab.invalid/acme/models", **variables(job)}
    code, said = run(script, project, path, CI_DEFAULT_BRANCH="main", **given)
    assert code == 0, "the policy of the branch, which trusts nobody, does not count"
    code, said = run(script, project, path, **given)
    assert code != 0, said


def test_gitlab_fetches_a_forks_target_from_the_project_that_is_proposed_to(
    project: Path, path: str, tmp_path: Path
) -> None:
    job = component("gate", path="model", image="x", policy="policies/release.toml")
    git(tmp_path, "clone", "--quiet", "--bare", str(tmp_path / "origin"), str(tmp_path / "up.git"))
    git(project, "remote", "set-url", "origin", str(project))
    git(project, "branch", "--force", "lax")
    given = {
        "CI_PROJECT_URL": "https://gitlab.invalid/mallory/models",
        "CI_MERGE_REQUEST_PROJECT_URL": f"file://{tmp_path}/up",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }
    (project / "model/more.pkl").write_bytes(EVIL_PICKLE)
    code, said = run("\n".join(job["script"]), project, path, **variables(job), **given)
    assert code == 1, said
    assert "deny" in said


@pytest.mark.parametrize("branch", ["--upload-pack=touch pwned", "$(touch pwned)", "nowhere", "*"])
def test_a_base_that_is_no_branch_is_no_policy(project: Path, path: str, branch: str) -> None:
    given = {"INPUT_PATH": "model", "INPUT_POLICY": "policies/release.toml", "INPUT_BASE": branch}
    assert run("weightmark-step", project, path, **given)[0] == 4
    given |= {"INPUT_BASE": "main", "INPUT_BASE_URL": "ext::sh -c 'touch pwned'"}
    assert run("weightmark-step", project, path, **given)[0] == 4
    assert not list(project.parent.rglob("pwned*"))


def test_a_link_in_place_of_the_reports_is_not_written_through(project: Path, path: str) -> None:
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (project / "reports").symlink_to(elsewhere)
    given = {"INPUT_PATH": "model", "INPUT_REPORTS": "reports", "INPUT_MODE": "scan"}
    assert run("weightmark-step", project, path, **given)[0] == 2
    assert not list(elsewhere.iterdir())


def test_gitlab_signs_with_the_token_of_the_job(project: Path, path: str, tmp_path: Path) -> None:
    job = component("sign", path="model", image="x")
    assert job["id_tokens"] == {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}
    assert job["rules"] == [{"if": '$CI_COMMIT_REF_PROTECTED == "true"'}]
    git(project, "rm", "--quiet", "model/model.sig", "model/model.claims")
    with LoopbackSigstore.running() as sim:
        config = str(sim.write(tmp_path)["trust_config"])
        given = {**variables(job), **sim.gitlab_environment(), "INPUT_TRUST_CONFIG": config}
        code, said = run("\n".join(job["script"]), project, path, **given)
    assert code == 0, said
    assert "eyJ" not in said
    written = {one for one in job["artifacts"]["paths"] if not one.endswith("/")}
    assert written == {"model/model.sig", "model/model.claims"}
    assert all((project / one).is_file() for one in written)


def test_gitlab_signs_with_a_key_of_the_project(project: Path, path: str, tmp_path: Path) -> None:
    (tmp_path / "own.key").write_bytes(KEY.to_pem(None))
    git(project, "rm", "--quiet", "model/model.sig", "model/model.claims")
    for key in ("RELEASE_KEY", str(tmp_path / "own.key")):
        job = component("sign", path="model", image="x", key=key)
        given = {**variables(job), "RELEASE_KEY": str(tmp_path / "own.key")}
        code, said = run("\n".join(job["script"]), project, path, **given)
        assert code == 0, said
        (project / "model/model.sig").unlink()
    job = component("sign", path="model", image="x", key="$(touch pwned);-x")
    assert run("\n".join(job["script"]), project, path, **variables(job))[0] != 0
    assert not list(project.parent.rglob("pwned*"))


def test_what_gitlab_signed_is_let_through_by_the_policy_of_the_page(
    project: Path, path: str, tmp_path: Path
) -> None:
    """The identity of the page; the Sigstore is one of this test, so a trust file names its root."""
    [page] = recipes("docs/ci.md", "toml", "version")
    [believed] = tomllib.loads(page)["roles"]["release"]["identities"]
    assert parse(page).require.release is not None
    job = component("sign", path="model", image="x")
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "p.toml").write_text(
        'version = 1\n[roles.release]\ntrust = "t.toml"\n[require.release]\nrole = "release"\n'
    )
    git(project, "rm", "--quiet", "model/model.sig", "model/model.claims")
    with LoopbackSigstore.running() as sim:
        documents = sim.write(policies)
        given = {**variables(job), **sim.gitlab_environment()}
        given["INPUT_TRUST_CONFIG"] = str(documents["trust_config"])
        code, said = run("\n".join(job["script"]), project, path, **given)
        assert code == 0, said
    gate = {"INPUT_PATH": "model", "INPUT_POLICY": str(policies / "p.toml")}
    for project_path, expected in (("acme/models", 0), ("acme/other", 1)):
        glob = believed["identity_glob"].replace("acme/models", project_path)
        (policies / "t.toml").write_text(
            f'version = 1\n[identities.ci]\nissuer = "{believed["issuer"]}"\nidentity_glob = "{glob}"\n'
            'root = "own"\n[roots.own]\nfile = "trusted_root.json"\n'
        )
        code, said = run("weightmark-step", project, path, **gate)
        assert code == expected, said


def test_gitlab_takes_the_inputs_of_the_action() -> None:
    action = yaml.safe_load((ROOT / "ci/action.yml").read_text())["inputs"].keys()
    known = {}
    for name in ("gate", "sign"):
        header, _ = yaml.safe_load_all((COMPONENT / f"{name}.yml").read_text())
        known[name] = header["spec"]["inputs"].keys()
    assert action - known["gate"] == {"version"}
    assert {"path", "key", "trust-config", "fail-on"} <= known["sign"]


def test_gitlab_signs_decisions_about_what_is_merged_and_none_about_what_is_proposed(
    project: Path, path: str, tmp_path: Path
) -> None:
    (tmp_path / "gate.key").write_bytes(KEY.to_pem(None))
    git(project, "reset", "--quiet", "--hard", "origin/main")
    job = component(
        "gate",
        path="model",
        image="x",
        policy="policies/release.toml",
        **{"signing-key": "DECISIONS_KEY"},
    )
    script = "\n".join(job["script"])
    given = {"CI_PROJECT_URL": "https://gitlab.invalid/acme/models", **variables(job)}
    given["DECISIONS_KEY"] = str(tmp_path / "gate.key")
    code, said = run(script, project, path, CI_COMMIT_REF_PROTECTED="true", **given)
    assert code == 0, said
    assert (project / "weightmark-reports/decision.vsa").is_file()
    proposed = {"CI_COMMIT_REF_PROTECTED": "true", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    for more in (proposed, {"CI_DEFAULT_BRANCH": "main"}):
        code, said = run(script, project, path, **given, **more)
        assert code == 0, said
        assert not (project / "weightmark-reports/decision.vsa").exists()


def test_jenkins(project: Path, path: str) -> None:
    [recipe] = recipes("docs/ci.md", "groovy", "pipeline")
    block = re.search(r"environment \{(.*?)\n  \}", recipe, re.DOTALL)
    assert block
    plain = dict(re.findall(r"(\w+) = '([^']*)'", block[1]))
    assert "INPUT_BASE = \"${env.CHANGE_TARGET ?: ''}\"" in block[1]
    [script] = re.findall(r"sh '([^']*)'", recipe)
    judged(script, project, path, "INPUT_BASE", **plain)


def test_azure(project: Path, path: str) -> None:
    [recipe] = recipes("docs/ci.md", "yaml", "pool:")
    pipeline = yaml.safe_load(recipe)
    [step] = [one for one in pipeline["steps"] if "script" in one]
    given = {**step["env"], "IMAGE": pipeline["variables"]["image"]}
    judged(step["script"], project, path, "SYSTEM_PULLREQUEST_TARGETBRANCH", **given)


def test_bitbucket(project: Path, path: str) -> None:
    [recipe] = recipes("docs/ci.md", "yaml", "pipelines:")
    pipelines = yaml.safe_load(recipe)["pipelines"]
    [proposed], [pushed] = pipelines["pull-requests"]["**"], pipelines["branches"]["main"]
    assert proposed == pushed
    script = "\n".join(proposed["step"]["script"])
    judged(script, project, path, "BITBUCKET_PR_DESTINATION_BRANCH")


def test_github(project: Path, tmp_path: Path) -> None:
    """What the recipes say to the action is what it takes, and does what the page says."""
    gate, sign = (
        step["with"]
        for text in recipes("docs/ci.md", "yaml", "jobs:")
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("OWNER/weightmark/ci@")
    )
    base = git(project, "rev-parse", "origin/main")
    payload = {"pull_request": {"base": {"sha": base}}}
    runner = Runner(tmp_path / "runner", project, event="pull_request", payload=payload)
    assert runner.use(**gate).code == 0
    (project / "model/more.pkl").write_bytes(EVIL_PICKLE)
    assert runner.use(**gate).code == 1
    (project / "model/more.pkl").unlink()
    with LoopbackSigstore.running() as sim:
        config = str(sim.write(tmp_path)["trust_config"])
        signer = Runner(tmp_path / "signer", project, variables=sim.github_environment())
        ran = signer.use(**sign, trust_config=config)
    assert ran.code == 0, ran.log


def test_the_page_names_every_input_and_output_of_the_action() -> None:
    page = (ROOT / "docs/ci.md").read_text()
    action = yaml.safe_load((ROOT / "ci/action.yml").read_text())
    rows = " ".join(line for line in page.splitlines() if line.startswith("| `"))
    for name in (*action["inputs"], *action["outputs"]):
        assert f"`{name}`" in rows, name


def test_the_hooks_that_the_page_shows_exist() -> None:
    [recipe] = recipes("docs/ci.md", "yaml", "repos:")
    shown = {hook["id"] for repo in yaml.safe_load(recipe)["repos"] for hook in repo["hooks"]}
    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert shown == {hook["id"] for hook in offered}
