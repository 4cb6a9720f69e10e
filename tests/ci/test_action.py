"""`ci/action.yml`, each of its `run` steps under bash with the files that a runner gives."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, STRANGER, make_signed
from tests.ci.workflow import ROOT, Ran, Runner, commit, git
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.making.signing import sign_artifact
from weightmark.cli.render import CheckLine, Document, Outcome
from weightmark.cli.render.at_files import at_files
from weightmark.errors import Exit

ACTION = yaml.safe_load((ROOT / "ci/action.yml").read_text())
POLICY = """version = 1
name = "release"
[roles.release]
keys = ["release.pub"]
[require.release]
role = "release"
"""
HOSTILE = {
    "shell": "--policy=audit;$(touch pwned)`touch pwned`; touch pwned #\"; touch pwned; \"'; touch pwned; ' \\",
    "lines": "x\ntouch pwned\n::set-output name=decision::allow",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    place.mkdir()
    make_signed(place / "model")
    (place / "policies").mkdir()
    (place / "policies/release.toml").write_text(POLICY)
    (place / "policies/release.pub").write_bytes(KEY.public.pem)
    commit(place)
    return place


@pytest.fixture
def runner(tmp_path: Path, workspace: Path) -> Runner:
    return Runner(tmp_path / "runner", workspace)


def test_a_release_that_the_policy_demands_passes_with_every_output(runner: Runner) -> None:
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code == 0, ran.log
    assert ran.outputs["decision"] == "allow"
    assert ran.outputs["identity"] == ran.report["identity"]
    assert ran.outputs["identity"].startswith("wm1:")
    assert ran.sarif["runs"][0]["results"] == []
    assert ran.report["settings"]["policy"] == "--policy"
    assert "allow" in ran.summary
    assert ran.outputs["vsa-path"] == ran.outputs["bundle-path"] == ""
    assert [line for line in ran.obeyed if not line.startswith("::notice")] == []


def test_a_changed_file_is_denied_in_every_form(runner: Runner) -> None:
    (runner.workspace / "model/more.pkl").write_bytes(EVIL_PICKLE)
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code == 1
    assert ran.outputs["decision"] == "deny"
    rules = {result["ruleId"] for result in ran.sarif["runs"][0]["results"]}
    assert {"PKL001", "gate-content"} <= rules
    assert any(line.startswith("::error file=model/more.pkl,line=1") for line in ran.obeyed)
    assert "more.pkl" in ran.summary


def test_what_a_check_says_of_a_file_is_annotated_at_that_file_and_once(runner: Runner) -> None:
    place = runner.workspace / "model"
    (place / "config.json").write_bytes(b'{"changed": true}')
    (place / "new,:%.txt").write_bytes(b"x")
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code == 1
    content = [line for line in ran.obeyed if "title=content::" in line]
    changed = [line for line in content if "`config.json` has other content" in line]
    assert len(changed) == 1, content
    assert changed[0].startswith("::error file=model/config.json,line=1,title=content::")
    extra = [line for line in content if "is extra" in line]
    assert [line.partition(",line")[0] for line in extra] == ["::error file=model/new%2C%3A%25.txt"]
    (place / "config.json").unlink()
    ran = runner.use(path="model", policy="policies/release.toml")
    assert any(
        line.startswith(
            "::error file=model/config.json,line=1,title=content::`config.json` is miss"
        )
        for line in ran.obeyed
    )


@pytest.mark.parametrize(
    "detail",
    [
        "`../../etc/passwd` is missing",
        "`/etc/passwd` is missing",
        "`release` asks for two",
        "`a\\q`",
    ],
)
def test_words_that_name_no_file_of_the_artifact_are_annotated_nowhere(
    detail: str,
) -> None:
    check = CheckLine(Outcome.FAIL, "content", "bad", details=(detail,))
    said = at_files(Document("x/v1", Exit.BAD, checks=(check,), facts={"path": "model"}))
    assert said.findings == ()
    assert said.checks[0].details == (detail,)


def test_warn_says_what_would_be_denied_and_passes(runner: Runner) -> None:
    (runner.workspace / "model/more.pkl").write_bytes(EVIL_PICKLE)
    ran = runner.use(path="model", policy="policies/release.toml", mode="warn")
    assert (ran.code, ran.outputs["decision"]) == (0, "would-deny")


def test_warn_passes_what_is_signed_by_somebody_whom_nobody_named(runner: Runner) -> None:
    """A publisher who begins to sign must not break pipelines that only look."""
    ran = runner.use(path="model", mode="warn")
    assert (ran.code, ran.outputs["decision"]) == (0, "would-deny"), ran.log
    assert runner.use(path="model").code == 2


def test_scan_needs_no_policy_and_no_key(runner: Runner) -> None:
    assert runner.use(path="model", mode="scan").code == 0
    (runner.workspace / "model/more.pkl").write_bytes(EVIL_PICKLE)
    ran = runner.use(path="model", mode="scan")
    assert ran.code == 1
    assert ran.sarif["runs"][0]["results"]


def test_a_preset_takes_a_key(runner: Runner) -> None:
    ran = runner.use(path="model", key="policies/release.pub")
    assert (ran.code, ran.outputs["decision"]) == (0, "allow")


def test_a_signed_decision_is_an_output(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "gate.key").write_bytes(KEY.to_pem(None))
    ran = runner.use(
        path="model", policy="policies/release.toml", signing_key=str(tmp_path / "gate.key")
    )
    assert ran.code == 0, ran.log
    bundle = json.loads(Path(ran.outputs["vsa-path"]).read_text())
    assert bundle["mediaType"].startswith("application/vnd.dev.sigstore.bundle")


def test_a_workflow_signs_as_itself_and_a_gate_trusts_its_repository(
    runner: Runner, tmp_path: Path
) -> None:
    with LoopbackSigstore.running() as sim:
        config = str(sim.write(tmp_path)["trust_config"])
        runner.variables = sim.github_environment()
        signed = runner.use(path="model", mode="sign", keyless="true", trust_config=config)
        assert signed.code == 0, signed.log
        assert signed.outputs["decision"] == "signed"
        assert Path(signed.outputs["bundle-path"]).name == "model.claims"
        assert sim.oidc.ci_bearer not in signed.log
        assert "eyJ" not in signed.log + signed.summary
        asked = len(sim.server.requests("github"))
        assert asked
        for repository, code in (("acme/models", 0), ("acme/model", 1)):
            ran = runner.use(path="model", keyless=repository, trust_config=config)
            assert ran.code == code, ran.log
        assert len(sim.server.requests("github")) == asked, "a gate asks for no identity"


def test_without_the_permission_to_sign_nothing_is_signed(runner: Runner) -> None:
    (runner.workspace / "fresh").mkdir()
    (runner.workspace / "fresh/weights.bin").write_bytes(b"w")
    ran = runner.use(path="fresh", mode="sign", keyless="true")
    assert ran.code not in {0, 1}
    assert ran.outputs["decision"] == "could-not-be-checked"
    assert [path.name for path in (runner.workspace / "fresh").iterdir()] == ["weights.bin"]


@pytest.mark.parametrize("kind", sorted(HOSTILE))
@pytest.mark.parametrize("name", sorted(ACTION["inputs"].keys() - {"version"}))
def test_no_input_is_ever_run_or_taken_for_a_flag(
    runner: Runner, tmp_path: Path, name: str, kind: str
) -> None:
    """Every other input would allow."""
    (runner.workspace / "model/more.pkl").write_bytes(EVIL_PICKLE)
    good = {"path": "model", "policy": "policies/release.toml"}
    ran = runner.use(**{**good, name.replace("-", "_"): HOSTILE[kind]})
    assert ran.code in {1, 2, 3, 4}
    assert ran.outputs["decision"] in {"deny", "could-not-be-checked"}
    assert not list(tmp_path.rglob("pwned*"))
    assert not [line for line in ran.obeyed if not re.match("::(error|warning|notice) ", line)]


def test_only_inputs_configure_the_judge(runner: Runner) -> None:
    """A job's variables, and a settings file that a pull request brings, say nothing."""
    (runner.workspace / "model/more.pkl").write_bytes(EVIL_PICKLE)
    (runner.workspace / "weightmark.toml").write_text('[gate]\nmode = "warn"\n')
    (runner.workspace / "weightmark").mkdir()
    (runner.workspace / "weightmark/__main__.py").write_text("raise SystemExit(0)")
    runner.variables = {
        "WEIGHTMARK_GATE_MODE": "warn",
        "WEIGHTMARK_POLICY": "audit",
        "PYTHONPATH": str(runner.workspace),
        "PYTHONSTARTUP": "x",
    }
    ran = runner.use(path="model", policy="policies/release.toml")
    assert (ran.code, ran.outputs["decision"]) == (1, "deny")


def test_no_name_in_an_artifact_gives_the_runner_a_command(runner: Runner) -> None:
    for name in ("::error::x", "a\n::add-mask::secret\n", "%0A::set-output name=decision::allow"):
        (runner.workspace / "model" / name.replace("/", "_")).write_bytes(EVIL_PICKLE)
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code == 1
    kinds = {re.split("[ :]", line.removeprefix("::"), maxsplit=1)[0] for line in ran.obeyed}
    assert kinds <= {"error", "warning", "notice"}
    assert ran.outputs["decision"] == "deny"


def test_a_path_is_never_a_flag_that_names_other_files(runner: Runner) -> None:
    (runner.workspace / "clean.txt").write_text("model\n")
    assert runner.use(path="--from-file=clean.txt", mode="scan").code == 2


def test_an_input_of_several_lines_is_refused_as_such(runner: Runner) -> None:
    ran = runner.use(path="model\nother", mode="scan")
    assert ran.code == 2
    assert "control character" in ran.log


def reporting(runner: Runner, call: str) -> str:
    """Run something of the module that tells the runner; return what it printed."""
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'ci/step')!r}); import reporting; {call}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_is_printed_beside_the_answer_is_never_obeyed(runner: Runner) -> None:
    said = "::add-mask::x\n::set-output name=decision::allow\n##[error]x"
    call = f"reporting.print_unheeded({said!r}, {{'GITHUB_ACTIONS': 'true'}})"
    first, second = (Ran(0, reporting(runner, call), {}, "") for _ in range(2))
    assert said in first.log
    assert first.obeyed == []
    assert first.log != second.log, "the word that ends it can't be guessed"


def test_a_summary_that_no_runner_would_take_is_cut(runner: Runner, tmp_path: Path) -> None:
    place = tmp_path / "summary"
    environment = {"GITHUB_STEP_SUMMARY": str(place)}
    for length, said in ((1_000_000, "x" * 1_000_000), (1_000_001, "short")):
        place.write_text("")
        reporting(runner, f"reporting._add_summary({environment!r}, 'x' * {length}, 'short')")
        assert place.read_text() == said


def test_a_missing_artifact_fails_closed_with_outputs(runner: Runner) -> None:
    ran = runner.use(path="nowhere", policy="policies/release.toml")
    assert ran.code == 2
    assert ran.outputs["decision"] == "could-not-be-checked"
    assert ran.sarif["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_every_use_of_an_action_is_pinned_and_no_script_holds_an_expression() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"\S+@[0-9a-f]{40}", step.get("uses", f"x@{'0' * 40}"))


# --- pull requests -----------------------------------------------------------------------------------


@pytest.fixture
def proposed(runner: Runner, tmp_path: Path) -> Runner:
    """A fork's pull request: a poisoned model, its own policy, and its own key under the old name."""
    base, place = git(runner.workspace, "rev-parse", "HEAD"), runner.workspace
    (place / "model/more.pkl").write_bytes(EVIL_PICKLE)
    (place / "policies/release.toml").write_text(POLICY.replace("release.pub", "mine.pub") + "\n")
    (place / "policies/mine.pub").write_bytes(b"nonsense")
    runner.event = "pull_request"
    head = {"sha": commit(place), "repo": {"full_name": "mallory/models"}}
    runner.payload = {"pull_request": {"base": {"sha": base}, "head": head}}
    return runner


def test_the_policy_of_the_base_judges_a_pull_request(proposed: Runner) -> None:
    ran = proposed.use(path="model", policy="policies/release.toml")
    assert (ran.code, ran.outputs["decision"]) == (1, "deny")
    assert "mine.pub" not in ran.log
    git(proposed.workspace, "rm", "-q", "model/more.pkl")
    ran = proposed.use(path="model", policy="policies/release.toml")
    assert (ran.code, ran.outputs["decision"]) == (0, "allow"), ran.log


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "merge_group"])
def test_a_key_that_a_pull_request_replaces_is_not_trusted(
    proposed: Runner, tmp_path: Path, event: str
) -> None:
    from weightmark.attestations.keys import PrivateKey

    place = proposed.workspace
    own = PrivateKey.generate()
    (place / "policies/release.pub").write_bytes(own.public.pem)
    commit(place)
    proposed.event = event
    if event == "merge_group":
        base = proposed.payload["pull_request"]["base"]["sha"]
        proposed.payload = {"merge_group": {"base_sha": base}}
    (place / "model/more.pkl").unlink()
    ran = proposed.use(path="model", key="policies/release.pub")
    assert ran.code == 0, "the release is by the key of the base"


@pytest.mark.parametrize("folder", ["ml:policies", "sha256:policies", "https:"])
def test_a_folder_whose_name_looks_like_an_address_is_taken_from_the_base(
    runner: Runner, folder: str
) -> None:
    """Policy and key of the base decide, though a pull request brings its own under the same words."""
    place = runner.workspace
    (place / folder).mkdir(parents=True)
    (place / folder / "release.toml").write_text(POLICY)
    (place / folder / "release.pub").write_bytes(KEY.public.pem)
    base = commit(place)
    given = ({"policy": f"{folder}/release.toml"}, {"key": f"{folder}//release.pub"})
    for inputs in given:
        assert runner.use(path="model", **inputs).code == 0
    for sidecar in ("model.sig", "model.claims"):
        (place / "model" / sidecar).unlink(missing_ok=True)
    sign_artifact(place / "model", STRANGER)
    (place / folder / "release.pub").write_bytes(STRANGER.key.public.pem)
    runner.event = "pull_request"
    runner.payload = {"pull_request": {"base": {"sha": base}, "head": {"sha": commit(place)}}}
    for inputs in given:
        ran = runner.use(path="model", **inputs)
        assert (ran.code, ran.outputs["decision"]) == (1, "deny"), (inputs, ran.log)


def test_a_policy_is_never_an_address(proposed: Runner) -> None:
    for word in ("https://policies/release.toml", "hv:policies/release.toml"):
        place = proposed.workspace / word
        place.parent.mkdir(parents=True)
        place.write_text(POLICY)
        ran = proposed.use(path="model", policy=word)
        assert (ran.code, ran.outputs["decision"]) == (4, "could-not-be-checked"), ran.log
        assert "is not in commit" in ran.log


def test_a_policy_that_only_the_pull_request_has_is_none(proposed: Runner) -> None:
    (proposed.workspace / "policies/lax.toml").write_text("version = 1\n")
    commit(proposed.workspace)
    ran = proposed.use(path="model", policy="policies/lax.toml")
    assert (ran.code, ran.outputs["decision"]) == (4, "could-not-be-checked")
    assert "a change can't bring the policy or the keys that judge it" in ran.log


def test_a_link_in_place_of_the_policy_leads_nowhere(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text("version = 1\n")
    (runner.workspace / "policies/link.toml").symlink_to(tmp_path / "elsewhere.toml")
    commit(runner.workspace)
    ran = runner.use(path="model", policy="policies/link.toml")
    assert ran.code == 4
    assert "is a link in commit" in ran.log


def test_why_a_policy_is_not_taken_is_told_apart(runner: Runner) -> None:
    (runner.workspace / "policies/large.toml").write_bytes(b"#" * ((1 << 20) + 1))
    (runner.workspace / "policies/folder.toml").mkdir()
    (runner.workspace / "policies/folder.toml/x").write_text("x")
    commit(runner.workspace)
    for name, said in {
        "large": "is larger than 1 MiB in commit",
        "folder": "is a folder in commit",
        "none": "is not in commit",
    }.items():
        ran = runner.use(path="model", policy=f"policies/{name}.toml")
        assert ran.code == 4
        assert said in ran.log
        assert "merge those first" not in ran.log, "nothing is proposed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "policies/release.pub"),
        ("keyless", "acme/models"),
        ("trust_config", "policies/release.pub"),
        ("fail_on", "medium"),
    ],
)
def test_an_input_of_presets_beside_a_policy_file_is_a_wrong_call_in_its_own_words(
    runner: Runner, name: str, value: str
) -> None:
    ran = runner.use(path="model", policy="policies/release.toml", **{name: value})
    assert ran.code == 2
    assert f"`{name.replace('_', '-')}` belongs to a preset" in ran.log
    assert "`policies/release.toml`" in ran.log


def test_files_are_named_as_in_the_repository_and_not_by_copies_that_are_gone(
    runner: Runner,
) -> None:
    place = runner.workspace / "policies/release.toml"
    place.write_text(POLICY.replace('name = "release"\n', ""))
    commit(runner.workspace)
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.report["policy"]["source"] == "policies/release.toml"
    place.write_text(POLICY.replace("release.pub", "none.pub"))
    commit(runner.workspace)
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code in {2, 4}
    assert "policies/none.pub" in ran.log
    assert "/weightmark-" not in ran.log.replace(ran.outputs["report-path"], "")


def test_an_edit_after_the_checkout_changes_no_policy(runner: Runner) -> None:
    (runner.workspace / "policies/release.toml").write_text("nonsense")
    assert runner.use(path="model", policy="policies/release.toml").code == 0


def test_a_shallow_checkout_fetches_the_base(proposed: Runner, tmp_path: Path) -> None:
    server = tmp_path / "server/acme/models"
    git(tmp_path, "clone", "--quiet", "--bare", str(proposed.workspace), str(server))
    git(server, "config", "uploadpack.allowAnySHA1InWant", "true")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{server}", str(shallow))
    proposed.workspace = shallow
    proposed.server = f"file://{tmp_path}/server"
    proposed.variables = {"GIT_CONFIG_GLOBAL": "/nonexistent"}
    ran = proposed.use(path="model", policy="policies/release.toml")
    assert (ran.code, ran.outputs["decision"]) == (1, "deny"), ran.log
    proposed.server = f"file://{tmp_path}/nowhere"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{server}", str(tmp_path / "again"))
    proposed.workspace = tmp_path / "again"
    ran = proposed.use(path="model", policy="policies/release.toml")
    assert ran.code == 4
    assert "fetch-depth: 0" in ran.log


def test_a_submodule_of_the_pull_request_brings_no_policy(proposed: Runner, tmp_path: Path) -> None:
    """The fork points a submodule at its own repository, and puts a lax policy there."""
    lax = tmp_path / "lax"
    lax.mkdir()
    (lax / "release.toml").write_text("version = 1\n")
    commit(lax)
    git(proposed.workspace, "rm", "-rq", "policies")
    git(proposed.workspace, "submodule", "--quiet", "add", str(lax), "policies")
    commit(proposed.workspace)
    ran = proposed.use(path="model", policy="policies/release.toml")
    assert ran.code == 4
    assert "submodule" in ran.log


def test_a_repository_of_policies_beside_the_own_counts_as_committed(
    proposed: Runner, tmp_path: Path
) -> None:
    central = proposed.workspace / "central"
    central.mkdir()
    (central / "p.toml").write_text(POLICY)
    (central / "release.pub").write_bytes(KEY.public.pem)
    commit(central)
    git(central, "remote", "add", "origin", "https://github.invalid/acme/policies")
    (central / "p.toml").write_text("version = 1\n")
    ran = proposed.use(path="model", policy="central/p.toml")
    assert (ran.code, ran.outputs["decision"]) == (1, "deny")
    git(central, "remote", "set-url", "origin", "https://github.invalid/Mallory/models.git")
    assert proposed.use(path="model", policy="central/p.toml").code == 4


@pytest.mark.parametrize("name", ["ledger", "ml:ledger", "postgresql:ledger", "https:/ledger"])
def test_a_ledger_that_a_pull_request_can_write_is_refused(proposed: Runner, name: str) -> None:
    (proposed.workspace / name).mkdir(parents=True)
    ran = proposed.use(path="model", policy="policies/release.toml", ledger=name)
    assert ran.code == 4
    assert "the ledger lies in the workspace" in ran.log


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_outputs_that_can_not_be_written_are_no_verdict(
    runner: Runner, tmp_path: Path, variable: str
) -> None:
    """A runner whose disk is full reads neither a traceback nor what stands for a refusal."""
    runner.variables = {variable: str(tmp_path / "none/at/all")}
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code == 4, ran.log
    assert "Traceback" not in ran.log
    assert any("can't be read or written" in line for line in ran.obeyed), ran.log


def test_a_pull_request_without_a_base_is_not_judged_by_itself(proposed: Runner) -> None:
    proposed.payload = {}
    assert proposed.use(path="model", policy="policies/release.toml").code == 4


def test_the_digest_of_the_policy_has_to_fit(runner: Runner) -> None:
    import hashlib

    right = f"sha256:{hashlib.sha256(POLICY.encode()).hexdigest()}"
    for digest, code in ((right, 0), (f"sha256:{'0' * 64}", 4), (right.upper(), 2), ("x", 2)):
        ran = runner.use(path="model", policy="policies/release.toml", policy_digest=digest)
        assert ran.code == code, ran.log


def test_too_many_files_beside_a_policy_are_not_searched(runner: Runner) -> None:
    for number in range(501):
        (runner.workspace / f"policies/{number}.txt").write_text("x")
    commit(runner.workspace)
    ran = runner.use(path="model", policy="policies/release.toml")
    assert ran.code == 4
    assert "folder of its own" in ran.log
