"""What the action and the image install: by hashes, from wheels alone, and nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, make_signed
from tests.ci.workflow import ROOT, Runner, commit

OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": str(ROOT / ".peers/wheels"),
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_COMPILE": "1",
}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    place = tmp_path / "workspace"
    place.mkdir()
    make_signed(place / "model")
    (place / "release.pub").write_bytes(KEY.public.pem)
    commit(place)
    action = tmp_path / "action"
    copy = [sys.executable, str(ROOT / "tools/copy_tree.py"), str(action)]
    subprocess.run(copy, check=True)
    return Runner(
        tmp_path / "runner", place, action=action / "ci", install=True, variables=dict(OFFLINE)
    )


@pytest.mark.needs("wheels", "git")
def test_the_action_installs_itself_by_hashes_and_judges(runner: Runner) -> None:
    ran = runner.use(path="model", key="release.pub")
    assert (ran.code, ran.outputs["decision"]) == (0, "allow"), ran.log
    tree = {path.name for path in runner.action.parent.iterdir()}
    assert not {"build", "weightmark.egg-info"} & tree, (
        "nothing is built in the action's own folder"
    )
    venv = runner.home / "temp/weightmark/venv"
    weightmark = next(venv.glob("lib/*/site-packages/weightmark"))
    assert not weightmark.is_symlink()
    before = (venv / ".ready").stat().st_mtime_ns
    assert runner.use(path="model", key="release.pub").code == 0
    assert (venv / ".ready").stat().st_mtime_ns == before, "a second use installs nothing"


@pytest.mark.needs("wheels", "git")
def test_a_wheel_whose_hash_is_not_the_locked_one_is_refused(
    runner: Runner, tmp_path: Path
) -> None:
    """The cache of wheels was poisoned, or the registry was."""
    lock = runner.action / "runtime.txt"
    spoiled = re.sub(
        r"(click==\S+ \\\n)(    --hash=sha256:)\S+( \\\n    --hash=sha256:\S+)?",
        rf"\1\g<2>{'0' * 64}",
        lock.read_text(),
        count=1,
    )
    assert spoiled != lock.read_text()
    lock.write_text(spoiled)
    ran = runner.use(path="model", key="release.pub")
    assert ran.code not in {0, None}
    assert "HASH" in ran.log.upper()
    assert ran.outputs["decision"] == ""


@pytest.mark.parametrize(
    "version",
    [
        "1.2.3",
        "1.2.3@sha256:abc",
        "$(touch pwned)",
        f"1.2.3; touch pwned@sha256:{'0' * 64}",
        f"git+https://example.com/x@sha256:{'0' * 64}",
        f"1.2.3@sha256:{'0' * 64}\n--index-url=x",
        "--help",
    ],
)
def test_a_version_without_its_hash_is_a_wrong_input(tmp_path: Path, version: str) -> None:
    place = tmp_path / "workspace"
    place.mkdir()
    commit(place)
    runner = Runner(tmp_path / "runner", place, install=True)
    ran = runner.use(path="model", key="release.pub", version=version)
    assert ran.code == 2
    assert "sha256" in ran.log
    assert not list(tmp_path.rglob("pwned*"))
    assert not (runner.home / "temp/weightmark/venv").exists()


@pytest.mark.needs("wheels", "git")
def test_the_steps_of_the_image_work_without_a_container(tmp_path: Path) -> None:
    """No engine runs here: the steps of the first stage run in a folder that stands for its root."""
    text = (ROOT / "ci/Containerfile").read_text().replace("\\\n", " ")
    first = text.split("\nFROM ")[1]
    tree, root = tmp_path / "tree", tmp_path / "root"
    copy = [sys.executable, str(ROOT / "tools/copy_tree.py"), str(tree)]
    subprocess.run(copy, check=True)
    moved = re.compile(r"(?<![\w/])/(opt|lock|source)\b")
    for line in first.splitlines():
        word, _, rest = line.partition(" ")
        rest = moved.sub(lambda found: f"{root}/{found[1]}", rest)
        if word == "COPY":
            parts = [part for part in rest.split() if not part.startswith("--")]
            _copy(tree, parts[:-1], Path(parts[-1]), folder=parts[-1].endswith("/"))
        elif word == "RUN":
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            environment = {**OFFLINE, "PATH": path, "HOME": str(tmp_path)}
            call = ["/bin/sh", "-ec", rest]
            done = subprocess.run(
                call, cwd=tree, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    python = root / "opt/weightmark/bin/python"
    clients = "gcsfs, huggingface_hub, mlflow, psycopg, s3fs, uvicorn, zstandard, weightmark"
    subprocess.run([str(python), "-I", "-c", f"import {clients}"], check=True)
    assert not list(root.glob("opt/weightmark/lib/*/site-packages/pip"))
    step = (root / "opt/weightmark/bin/weightmark-step").read_text()
    assert "/opt/weightmark/bin/python -I /opt/weightmark/step" in step
    model = make_signed(tmp_path / "model")
    commit(tmp_path)
    done = subprocess.run(
        [str(python), "-I", str(root / "opt/weightmark/step")],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "INPUT_PATH": str(model),
            "INPUT_MODE": "scan",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _copy(tree: Path, sources: list[str], target: Path, *, folder: bool) -> None:
    for source in sources:
        place = target / Path(source).name if folder else target
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["/bin/cp", "-RP", str(tree / source), str(place)], check=True)


def test_the_image_runs_as_nobody_special_from_a_pinned_base() -> None:
    text = (ROOT / "ci/Containerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", bases[0])
    last = text.split("\nFROM ")[-1]
    user = re.findall(r"^USER (\S+)", last, re.MULTILINE)
    assert user == ["10001:10001"]
    assert last.index("USER") > last.index("RUN")


def test_the_locks_of_image_action_and_tests_agree() -> None:
    def pins(name: str) -> dict[str, str]:
        found = re.findall(
            r"^([^ \[=]+)\S*?==(\S+)", (ROOT / f"ci/{name}.txt").read_text(), re.MULTILINE
        )
        return dict(found)

    tested = pins("constraints")
    for lock in ("runtime", "container"):
        assert pins(lock).items() <= tested.items(), lock
