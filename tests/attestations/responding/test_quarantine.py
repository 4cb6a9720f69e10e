"""Quarantine moves what was judged and nothing else: no link, no other folder, nothing that came since."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attestations.responding.responding_makers import denied
from weightmark.attestations.responding.actions.quarantine import Quarantine
from weightmark.attestations.responding.happening import Trigger
from weightmark.errors import (
    CallError,
    FileChangedError,
    RefusedError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "bert"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"bytes")
    return folder


@pytest.fixture
def away(tmp_path: Path) -> Quarantine:
    return Quarantine(tmp_path / "away")


def kept(away: Quarantine) -> list[Path]:
    return sorted(away.folder.glob("*/artifact"))


def test_the_artifact_is_moved_with_a_record_into_a_folder_of_its_owner(
    model: Path, away: Quarantine
) -> None:
    happening = denied(model)
    assert "move" in away.plan(happening)
    assert model.exists(), "a plan does nothing"
    assert str(model) in away.act(happening)
    assert not model.exists()
    (moved,) = kept(away)
    assert (moved / "weights.bin").read_bytes() == b"bytes"
    assert {one.stat().st_mode & 0o777 for one in (away.folder, moved.parent)} == {0o700}
    record = json.loads((moved.parent / "record.json").read_text())
    assert (record["moved_from"], record["identity"]) == (str(model), happening.identity)
    assert (moved.parent / "record.json").stat().st_mode & 0o777 == 0o600


def test_a_single_file_is_moved_as_well(tmp_path: Path, away: Quarantine) -> None:
    (tmp_path / "m.bin").write_bytes(b"x")
    away.act(denied(tmp_path / "m.bin"))
    assert [one.read_bytes() for one in kept(away)] == [b"x"]


def test_a_folder_that_was_put_in_its_place_is_not_moved(model: Path, away: Quarantine) -> None:
    happening = denied(model)
    model.rename(model.with_name("old"))
    shutil.copytree(model.with_name("old"), model)
    with pytest.raises(FileChangedError):
        away.act(happening)
    assert model.exists()
    assert kept(away) == []


def test_content_that_changed_since_is_moved_back(model: Path, away: Quarantine) -> None:
    happening = denied(model)
    (model / "weights.bin").write_bytes(b"other")
    with pytest.raises(FileChangedError):
        away.act(happening)
    assert (model / "weights.bin").read_bytes() == b"other"
    assert list(away.folder.iterdir()) == []


@pytest.mark.parametrize("target", ["/", "/etc", "elsewhere"])
def test_a_link_is_never_followed_nor_moved(tmp_path: Path, away: Quarantine, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(target)
    happening = denied(tmp_path / "link", identity="")
    with pytest.raises(RefusedError):
        away.act(happening)
    assert (tmp_path / "link").is_symlink()


def test_a_folder_that_became_a_link_since_is_not_moved(model: Path, away: Quarantine) -> None:
    happening = denied(model)
    model.rename(model.with_name("old"))
    model.symlink_to(model.with_name("old"))
    with pytest.raises(WeightmarkError):
        away.act(happening)
    assert model.is_symlink()


@pytest.mark.parametrize("place", ["/", ".", "..", "home", "above"])
def test_folders_in_which_somebody_works_or_lives_stay(
    place: str, tmp_path: Path, away: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home" / "work")
    path = {"home": tmp_path / "home", "above": tmp_path}.get(place, Path(place))
    with pytest.raises((CallError, UncheckedError)):
        away.act(denied(path, identity=""))
    assert (tmp_path / "home" / "work").is_dir()


def test_a_quarantine_inside_of_the_artifact_is_refused(model: Path) -> None:
    with pytest.raises(CallError):
        Quarantine(model / "away").act(denied(model))
    assert model.exists()


def test_a_quarantine_that_others_can_enter_is_refused(model: Path, away: Quarantine) -> None:
    away.folder.mkdir()
    away.folder.chmod(0o755)
    with pytest.raises(UncheckedError):
        away.act(denied(model))
    assert model.exists()


def test_a_quarantine_that_is_a_link_is_refused(
    model: Path, away: Quarantine, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    away.folder.symlink_to(tmp_path / "theirs")
    with pytest.raises(WeightmarkError):
        away.act(denied(model))
    assert model.exists()
    assert list((tmp_path / "theirs").iterdir()) == []


@pytest.mark.needs("shared_memory")
def test_nothing_is_copied_to_another_file_system(model: Path) -> None:
    away = Quarantine(Path("/dev/shm") / f"quarantine-{os.getpid()}")
    try:
        with pytest.raises(UnsupportedError):
            away.act(denied(model))
        assert model.exists()
        assert list(away.folder.iterdir()) == []
    finally:
        shutil.rmtree(away.folder, ignore_errors=True)


def test_two_denials_of_one_name_stand_beside_each_other(model: Path, away: Quarantine) -> None:
    away.act(denied(model))
    model.mkdir()
    (model / "w").write_bytes(b"again")
    away.act(denied(model))
    assert len(kept(away)) == 2


def test_what_is_revoked_and_no_artifact_is_not_moved(model: Path, away: Quarantine) -> None:
    happening = replace(denied(model, identity=""), trigger=Trigger.REVOKE)
    with pytest.raises(RefusedError):
        away.act(happening)
    assert model.exists()


def test_what_lies_nobody_knows_where_is_no_plan_and_no_silence(
    model: Path, away: Quarantine
) -> None:
    unknown = replace(denied(model), path=None, mark=None, unplaced="two look the same")
    with pytest.raises(UncheckedError):
        away.plan(unknown)
    assert away.plan(replace(unknown, unplaced="")) == ""


def test_what_is_gone_is_told(model: Path, away: Quarantine) -> None:
    happening = denied(model)
    shutil.rmtree(model)
    with pytest.raises(UncheckedError):
        away.act(happening)
