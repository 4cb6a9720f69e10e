"""`weightmark lock` as it is called: against a hub whose branches move and whose commits lie."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import (
    EVIL_PICKLE,
    KEY,
    SIGNER,
    make_model,
    make_signed,
    safetensors,
)
from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli
from tests.sim.faults import Fault, FaultKind
from tests.sim.hub import Content, Hub, Repository
from weightmark.attestations.locking.lock_file import LockFile
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.provenance.identification import identify

URI = "hf://acme/bert"
JUDGED = ("--policy", "baseline", "--key", "release.pub")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Content]:
    model = make_signed(tmp_path / "model")
    return {path.name: path.read_bytes() for path in model.iterdir()}


@pytest.fixture
def repository(hub: Hub, files: dict[str, Content]) -> Repository:
    return hub.add("models", "acme/bert", files)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return the folder of the project, with the keys."""
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "release.pub").write_bytes(KEY.public.pem)
    (folder / "release.key").write_bytes(KEY.to_pem(None))
    return folder


def lock(run: RunCli, desk: Path, command: str, *args: str) -> tuple[Ran, dict[str, Any]]:
    ran = run("lock", command, *args, "-f", "json", cwd=desk)
    said = fitting(ran.stdout)
    assert said["exit"] == ran.code
    return ran, said


@pytest.fixture
def locked(repository: Repository, desk: Path, run_cli: RunCli) -> LockFile:
    ran, said = lock(run_cli, desk, "update", URI, *JUDGED)
    assert (ran.code, said["updates"][0]["result"]) == (0, "added"), ran.stderr
    return LockFile.load(desk / "weightmark.lock")


def test_the_lock_names_commit_and_identity(
    locked: LockFile, repository: Repository, tmp_path: Path
) -> None:
    (one,) = locked.artifacts
    assert one.pinned == f"hf://models/acme/bert@{repository.head}"
    assert one.identity == identify(tmp_path / "model").identity


def test_what_did_not_move_is_not_fetched_again(
    hub: Hub, locked: LockFile, desk: Path, run_cli: RunCli
) -> None:
    before, written = len(hub.asked("file")), (desk / "weightmark.lock").stat().st_mtime_ns
    _, said = lock(run_cli, desk, "update", *JUDGED)
    assert said["verdict"] == "unchanged"
    assert len(hub.asked("file")) == before
    assert (desk / "weightmark.lock").stat().st_mtime_ns == written
    lock(run_cli, desk, "update", "--refresh", *JUDGED)
    assert len(hub.asked("file")) > before


def test_a_moved_branch_is_news_until_it_is_judged_and_locked(
    locked: LockFile, repository: Repository, files: dict[str, Content], desk: Path, run_cli: RunCli
) -> None:
    repository.commit({**files, "notes.md": b"new"})
    ran, said = lock(run_cli, desk, "diff")
    assert (ran.code, said["artifacts"][0]["result"]) == (0, "moved")
    assert said["artifacts"][0]["differences"] == ["`notes.md` is new"]
    assert lock(run_cli, desk, "diff", "--exit-code")[0].code == 1


def test_a_force_push_is_news_and_brings_nothing_in_the_place_of_what_was_locked(
    hub: Hub, locked: LockFile, files: dict[str, Content], desk: Path, run_cli: RunCli
) -> None:
    """The commit that was locked is gone, and the branch holds another history."""
    hub.add("models", "acme/bert", {**files, "x.pkl": EVIL_PICKLE})
    ran, said = lock(run_cli, desk, "diff", "--exit-code")
    assert (ran.code, said["artifacts"][0]["result"]) == (1, "moved")
    pulled = run_cli("pull", URI, "--locked", "--to", "to", *JUDGED, cwd=desk)
    assert pulled.code == 4, pulled.stdout + pulled.stderr
    assert not (desk / "to").exists()
    assert LockFile.load(desk / "weightmark.lock") == locked


def test_a_moved_branch_that_the_policy_refuses_keeps_its_old_entry(
    locked: LockFile, repository: Repository, files: dict[str, Content], desk: Path, run_cli: RunCli
) -> None:
    repository.commit({**files, "x.pkl": EVIL_PICKLE})
    ran, said = lock(run_cli, desk, "update", *JUDGED)
    assert (ran.code, said["verdict"]) == (1, "refused")
    assert LockFile.load(desk / "weightmark.lock") == locked


def test_a_commit_that_serves_other_files_than_were_locked_is_bad(
    locked: LockFile, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    repository.commits[repository.head]["more.py"] = b"x"
    ran, said = lock(run_cli, desk, "diff")
    assert (ran.code, said["artifacts"][0]["result"]) == (1, "changed")


def test_a_hub_that_does_not_answer_is_neither_same_nor_moved(
    hub: Hub, locked: LockFile, desk: Path, run_cli: RunCli
) -> None:
    hub.faults["api"] = Fault(FaultKind.STATUS, status=404)
    ran, said = lock(run_cli, desk, "diff")
    assert (ran.code, said["artifacts"][0]["result"]) == (4, "unreachable")


def test_folders_are_held_against_the_lock(
    locked: LockFile, desk: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    model = str(tmp_path / "model")
    ran, said = lock(run_cli, desk, "verify", model)
    assert ran.code == 0
    assert said["artifacts"][0]["locked"]["pinned"] == locked.artifacts[0].pinned
    (tmp_path / "model" / "config.json").write_bytes(b"[]")
    (tmp_path / "model" / "extra").write_bytes(b"x")
    ran, said = lock(run_cli, desk, "verify", model)
    assert ran.code == 1
    assert said["checks"][0]["details"][1:] == ["changed: config.json", "extra: extra"]


def test_a_signed_lock_is_vouched_for_until_somebody_edits_it(
    locked: LockFile, desk: Path, run_cli: RunCli
) -> None:
    key = ("--key", "release.pub")
    assert run_cli("lock", "verify", *key, cwd=desk).code == 2, "nobody signed it"
    assert lock(run_cli, desk, "sign", "--key", "release.key")[0].code == 0
    assert lock(run_cli, desk, "verify", *key)[0].code == 0
    path = desk / "weightmark.lock"
    path.write_bytes(path.read_bytes().replace(b'identity = "wm1:', b'identity = "wm1:0')[:-1])
    text = path.read_text()
    start = text.index('identity = "wm1:')
    end = text.index('"', start + 12)
    path.write_text(text[:start] + 'identity = "wm1:' + "0" * 64 + text[end:])
    assert lock(run_cli, desk, "verify", *key)[0].code == 1


def test_nothing_is_locked_by_an_empty_call(desk: Path, run_cli: RunCli) -> None:
    assert run_cli("lock", "update", "--policy", "audit", cwd=desk).code == 2
    assert not (desk / "weightmark.lock").exists()


def test_every_call_of_the_page_about_the_hub_works_in_order(
    hub: Hub, repository: Repository, files: dict[str, Content], desk: Path, run_cli: RunCli
) -> None:
    rows = desk.parent / "rows"
    rows.mkdir()
    (rows / "train.safetensors").write_bytes(safetensors())
    sign_artifact(rows, SIGNER, SignOptions())
    hub.add("datasets", "acme/reviews", {path.name: path.read_bytes() for path in rows.iterdir()})
    (desk / "release.pub").rename(desk / "acme.pub")
    (desk / "models").mkdir()
    assert run_cli("key", "generate", "-o", "team.key", cwd=desk).code == 0
    page = (Path(__file__).parents[2] / "docs" / "hub.md").read_text()
    calls = re.findall(r"^\$ weightmark (.+)$", page, re.MULTILINE)
    elsewhere = (" s3://", " https://", " mlflow:", " --offline", "push ")
    calls = [call for call in calls if not any(word in call for word in elsewhere)]
    assert len(calls) == 6
    for call in calls:
        ran = run_cli(*shlex.split(call), cwd=desk)
        assert ran.code == 0, f"{call}: {ran.stdout}{ran.stderr}"


def test_an_emptied_lock_is_not_verified(locked: LockFile, desk: Path, run_cli: RunCli) -> None:
    assert run_cli("lock", "sign", "--key", "release.key", cwd=desk).code == 0
    (desk / "weightmark.lock").write_text("version = 1\n")
    ran, said = lock(run_cli, desk, "verify", "--key", "release.pub")
    assert (ran.code, said["verdict"]) == (1, "refused")
    (desk / "weightmark.lock.claims").write_bytes(b"")
    ran, said = lock(run_cli, desk, "verify", "--key", "release.pub")
    assert (ran.code, said["verdict"]) == (3, "unchecked")


def test_an_older_lock_put_back_with_its_older_claims_is_refused(
    locked: LockFile, repository: Repository, files: dict[str, Content], desk: Path, run_cli: RunCli
) -> None:
    """Whoever can write the repository of the project brings back what was replaced for a reason."""
    key = ("--key", "release.pub")
    pair = [desk / "weightmark.lock", desk / "weightmark.lock.claims"]
    lock(run_cli, desk, "sign", "--key", "release.key")
    assert lock(run_cli, desk, "verify", *key)[0].code == 0
    older = [path.read_bytes() for path in pair]
    repository.commit(files | {"LICENSE.md": b"new"})
    lock(run_cli, desk, "update", "--policy", "audit", "--mode", "warn", *key)
    lock(run_cli, desk, "sign", "--key", "release.key")
    ran, said = lock(run_cli, desk, "verify", *key)
    assert (ran.code, said["signed"][:2]) == (0, "20"), ran.stderr
    for path, data in zip(pair, older, strict=True):
        path.write_bytes(data)
    ran, said = lock(run_cli, desk, "verify", *key)
    assert (ran.code, said["verdict"]) == (1, "refused")
    assert "was seen there" in said["checks"][0]["summary"]
    assert lock(run_cli, desk, "verify", *key, "--not-before", "2999-01-01")[0].code == 1
    assert lock(run_cli, desk, "verify", *key, "--accept-older")[0].code == 0
    assert lock(run_cli, desk, "verify", *key)[0].code == 0


def test_a_moment_for_a_lock_whose_signer_nobody_named_is_a_wrong_call(
    locked: LockFile, desk: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    model = str(tmp_path / "model")
    assert lock_code(run_cli, desk, "verify", model, "--not-before", "2026-01-01") == 2
    assert lock_code(run_cli, desk, "verify", model, "--accept-older") == 2


def lock_code(run: RunCli, desk: Path, *args: str) -> int:
    return run("lock", *args, cwd=desk).code


def test_an_update_believes_claims_from_elsewhere_as_a_pull_does(
    hub: Hub, desk: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    """A model by somebody else, for which the project vouches itself."""
    plain = make_model(tmp_path / "plain")
    (tmp_path / "ours").mkdir()
    sign_artifact(plain, SIGNER, SignOptions(out=tmp_path / "ours"))
    hub.add("models", "acme/bert", {path.name: path.read_bytes() for path in plain.iterdir()})
    ran, said = lock(run_cli, desk, "update", URI, *JUDGED)
    assert (ran.code, said["verdict"]) == (1, "refused")
    ran, said = lock(run_cli, desk, "update", URI, *JUDGED, "--claims", str(tmp_path / "ours"))
    assert (ran.code, said["updates"][0]["result"]) == (0, "added"), ran.stderr
