"""What others say of the files in `ci/`: zizmor, actionlint, the published schemas, hadolint, Kubernetes."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.recipes import recipes
from tests.ci.workflow import ROOT
from tests.conftest import need

CI = ROOT / "ci"
FOREIGN = ("serving.kserve.io/", "cert-manager.io/", "kustomize.config.k8s.io/")
"""kinds that Kubernetes itself does not know"""


def lint(tool: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a linter without network and without settings."""
    place = need("ci_linters").parent
    environment = {"PATH": str(place), "HOME": "/nonexistent", "NO_COLOR": "1"}
    call = [str(place / tool), *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=environment)


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """The workflows of the pages, where a linter looks for them."""
    place = tmp_path / ".github/workflows"
    place.mkdir(parents=True)
    for number, text in enumerate(recipes("docs/ci.md", "yaml", "jobs:")):
        (place / f"{number}.yml").write_text(text)
    assert any(place.iterdir())
    return place


@pytest.mark.needs("ci_linters")
def test_zizmor_finds_nothing_in_the_action_and_the_recipes(workflows: Path) -> None:
    for place in (CI / "action.yml", workflows):
        done = lint("zizmor", "--offline", "--persona=pedantic", "--no-config", place)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs("ci_linters")
def test_zizmor_would_find_an_injection(tmp_path: Path) -> None:
    """The linter that is clean above is one that finds something."""
    action = tmp_path / "action.yml"
    script = 'run: |\n        "$WEIGHTMARK_PYTHON"'
    text = (CI / "action.yml").read_text()
    assert script in text
    action.write_text(text.replace(script, 'run: |\n        "${{ inputs.path }}"'))
    assert lint("zizmor", "--offline", "--no-config", action).returncode != 0


@pytest.mark.needs("ci_linters")
def test_the_action_and_the_recipes_fit_the_schemas_of_github(workflows: Path) -> None:
    action = lint(
        "check-jsonschema", "--builtin-schema", "vendor.github-actions", CI / "action.yml"
    )
    assert action.returncode == 0, action.stdout
    files = sorted(workflows.iterdir())
    done = lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.needs("actionlint")
def test_actionlint_finds_nothing_in_the_recipes(workflows: Path) -> None:
    script = (
        "const{createLinter}=require(process.argv[1]);const fs=require('fs');"
        "createLinter().then(lint=>{const all=[];for(const f of process.argv.slice(2))"
        "all.push(...lint(fs.readFileSync(f,'utf8'),f));"
        "console.log(JSON.stringify(all));process.exit(0)})"
    )
    place = need("actionlint") / "node.cjs"
    bad = workflows / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing }}\n"
    )
    done = subprocess.run(
        ["/usr/bin/env", "node", "-e", script, str(place), *map(str, sorted(workflows.iterdir()))],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert {Path(one["file"]).name for one in found} == {"bad.yml"}, found


@pytest.mark.needs("ci_linters")
@pytest.mark.parametrize("name", ["gate", "sign"])
def test_the_gitlab_component_fits_gitlabs_schema(tmp_path: Path, name: str) -> None:
    header, job = documents(CI / f"gitlab/templates/{name}.yml")
    assert set(header) == {"spec"}
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", yaml.safe_dump(job)))
    assert used == set(header["spec"]["inputs"])
    (tmp_path / "job.yml").write_text(yaml.safe_dump(job))
    done = lint("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", tmp_path / "job.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.needs("ci_linters")
@pytest.mark.parametrize(
    ("schema", "marker"),
    [
        ("vendor.gitlab-ci", "include:"),
        ("vendor.azure-pipelines", "pool:"),
        ("vendor.bitbucket-pipelines", "pipelines:"),
    ],
)
def test_the_recipes_of_other_platforms_fit_their_schemas(
    tmp_path: Path, schema: str, marker: str
) -> None:
    found = recipes("docs/ci.md", "yaml", marker)
    assert found
    for number, text in enumerate(found):
        (tmp_path / f"{number}.yml").write_text(text)
    done = lint(
        *("check-jsonschema", "--regex-variant=python", "--builtin-schema", schema),
        *sorted(tmp_path.glob("*.yml")),
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.needs("ci_linters")
def test_hadolint_finds_nothing_in_the_images() -> None:
    files = sorted(CI.rglob("Containerfile"))
    assert len(files) == 2
    done = lint("hadolint", "--no-color", *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.needs("ci_linters")
def test_every_manifest_is_one_that_kubernetes_takes(tmp_path: Path) -> None:
    known = []
    for path in sorted((CI / "kubernetes").rglob("*.yaml")):
        for number, one in enumerate(documents(path)):
            if not one["apiVersion"].startswith(FOREIGN):
                known.append(tmp_path / f"{path.parent.name}-{path.stem}-{number}.yaml")
                known[-1].write_text(yaml.safe_dump(one))
    assert len(known) >= 9
    done = lint("kubernetes-validate", "--strict", *known)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
