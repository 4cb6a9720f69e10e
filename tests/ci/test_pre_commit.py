"""`.pre-commit-hooks.yaml`, called as pre-commit calls it: the entry split into words, the files behind it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.attestations.gate_makers import EVIL_PICKLE, KEY
from tests.ci.workflow import ROOT

HOOKS = {one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def run(hook: str, folder: Path, *files: str) -> int:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*shlex.split(HOOKS[hook]["entry"]), *files],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        check=False,
    )
    return done.returncode


def test_each_hook_says_how_it_is_installed_and_what_it_is() -> None:
    for hook in HOOKS.values():
        assert {"id", "name", "entry", "language"} <= hook.keys()
        assert hook["language"] == "python"


@pytest.mark.parametrize("name", ["model.pkl", "notes.txt", "-rf", "$(touch pwned)", "a b.pkl"])
def test_a_commit_of_something_that_runs_code_is_stopped_whatever_its_name(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "page.md").write_text("text")
    assert run("weightmark-scan", tmp_path, "page.md") == 0
    (tmp_path / name).write_bytes(EVIL_PICKLE)
    assert run("weightmark-scan", tmp_path, "page.md", name) == 1
    assert not (tmp_path / "pwned").exists()


def test_a_file_that_can_not_be_scanned_stops_the_commit(tmp_path: Path) -> None:
    (tmp_path / "cut.pkl").write_bytes(EVIL_PICKLE[:-1])
    assert run("weightmark-scan", tmp_path, "cut.pkl") in {1, 4}
    assert run("weightmark-scan", tmp_path, "missing.pkl") != 0


def test_a_broken_policy_stops_the_commit_also_behind_a_sound_one(tmp_path: Path) -> None:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    good = 'version = 1\n[roles.release]\nkeys = ["release.pub"]\n[require.release]\n'
    (tmp_path / "good.toml").write_text(good)
    (tmp_path / "bad.toml").write_text("version = 1\nmodel = 2\n")
    assert run("weightmark-policy", tmp_path, "good.toml") == 0
    assert run("weightmark-policy", tmp_path, "bad.toml", "good.toml") == 2


def test_policies_are_found_where_the_pages_keep_them() -> None:
    pattern = re.compile(HOOKS["weightmark-policy"]["files"])
    assert pattern.search("policies/release.toml")
    assert pattern.search("team/policies/a.toml")
    assert not pattern.search("pyproject.toml")
