"""A baseline accepts what somebody looked at, and nothing that changed since."""

import contextlib
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import quiet_environment, run_cli
from tests.cli.running import RunCli
from weightmark.errors import SettingsError
from weightmark.scanners.baseline import Acceptance, Baseline
from weightmark.scanners.tree import scan_tree

__all__ = ["quiet_environment", "run_cli"]

EVIL = b"cos\nsystem\n(S'echo x'\ntR."
WORSE = b"cos\nsystem\n(S'echo y'\ntR."
TODAY = date(2026, 11, 21)
LATER = date(2027, 1, 31)


def _model(root: Path, **files: bytes) -> Path:
    model = root / "model"
    for name, data in (files or {"w.pkl": EVIL}).items():
        path = model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return model


def _accepting(path: Path, expires: date = LATER) -> Baseline:
    tree = scan_tree(path, identify=True)
    return Baseline().extended(tree.report, tree.artifact, tree.identity, "reviewed", expires)


def _counting(baseline: Baseline, path: Path, today: date = TODAY) -> list[str]:
    tree = scan_tree(path, identify=True)
    judged = baseline.judge(tree.report, tree.artifact, tree.identity, today=today)
    return [finding.path for finding in judged.report.findings]


def test_what_was_accepted_no_longer_counts_and_is_still_told(tmp_path: Path) -> None:
    model = _model(tmp_path)
    baseline = Baseline.parse(_accepting(model).to_toml().encode(), name="b")
    tree = scan_tree(model, identify=True)
    judged = baseline.judge(tree.report, tree.artifact, tree.identity, today=TODAY)
    assert not judged.report.findings
    assert [one.acceptance.reason for one in judged.accepted] == ["reviewed"]


def test_it_ends_on_its_day(tmp_path: Path) -> None:
    baseline = _accepting(_model(tmp_path), TODAY)
    assert not _counting(baseline, tmp_path / "model", TODAY)
    assert _counting(baseline, tmp_path / "model", date(2026, 11, 22)) == ["w.pkl"]


@pytest.mark.parametrize(
    "change", [{"w.pkl": WORSE}, {"w.pkl": EVIL, "new.txt": b"x"}, {"v.pkl": EVIL}]
)
def test_any_change_of_the_artifact_makes_it_count_again(
    tmp_path: Path, change: dict[str, bytes]
) -> None:
    baseline = _accepting(_model(tmp_path / "old"))
    assert _counting(baseline, _model(tmp_path / "new", **change))


def test_a_payload_outside_of_the_identity_is_never_accepted(tmp_path: Path) -> None:
    """The identity does not bind `.git` and the sidecars, so an entry for them could hold anything."""
    baseline = _accepting(_model(tmp_path, **{"w.pkl": EVIL, ".git/hook.pkl": EVIL}))
    assert {entry.path for entry in baseline.entries} == {"w.pkl"}
    assert _counting(baseline, tmp_path / "model") == [".git/hook.pkl"]


def test_an_entry_for_one_file_does_not_cover_the_same_payload_in_another(tmp_path: Path) -> None:
    model = _model(tmp_path, **{"a.pkl": EVIL, "b.pkl": EVIL})
    whole = _accepting(model)
    part = Baseline(tuple(entry for entry in whole.entries if entry.path == "a.pkl"))
    assert _counting(part, model) == ["b.pkl"]


def test_a_single_file_is_known_under_any_name(tmp_path: Path) -> None:
    for name in ("a.pkl", "b.pkl"):
        (tmp_path / name).write_bytes(EVIL)
    baseline = _accepting(tmp_path / "a.pkl")
    assert not _counting(baseline, tmp_path / "b.pkl")


def test_without_an_identity_nothing_is_accepted(tmp_path: Path) -> None:
    model = _model(tmp_path)
    (model / "out").symlink_to("/etc/hostname")
    assert _accepting(model).entries == ()


GOOD = Acceptance("wm1:" + "0" * 64, "p", "", "PKL001", "sha256:" + "1" * 64, "r", LATER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1", "version = 1\nextra = 1"),
        ('rule = "PKL001"', 'rule = "PKL001"\nrule = "PKL002"'),
        ('rule = "PKL001"', ""),
        ('rule = "PKL001"', 'rule = "PKL001"\nnote = "x"'),
        ('reason = "r"', 'reason = " "'),
        ('reason = "r"', f'reason = "{"r" * 501}"'),
        ("expires = 2027-01-31", 'expires = "2027-01-31"'),
        ("expires = 2027-01-31", "expires = 2027-01-31T00:00:00Z"),
        ("expires = 2027-01-31", "expires = 0"),
        ("wm1:", "wm2:"),
        ("sha256:1", "sha256:G"),
        ("[[accept]]", "[accept]"),
    ],
)
def test_a_baseline_is_read_strictly(old: str, new: str) -> None:
    text = Baseline((GOOD,)).to_toml()
    assert Baseline.parse(text.encode(), name="b").entries == (GOOD,)
    assert old in text
    with pytest.raises(SettingsError):
        Baseline.parse(text.replace(old, new, 1).encode(), name="b")


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8")))
def test_whatever_is_written_is_read_back(path: str, member: str) -> None:
    entry = Acceptance(
        GOOD.identity, path, member, "PKL001", GOOD.fingerprint, "x\n\"'\\\x00", LATER
    )
    text = Baseline((entry,)).to_toml()
    assert text.isascii()
    assert Baseline.parse(text.encode(), name="b").entries == (entry,)


@given(st.binary(max_size=200))
def test_damaged_baselines_are_wrong_calls_and_no_crash(data: bytes) -> None:
    with contextlib.suppress(SettingsError):
        assert Baseline.parse(b"version = 1\n" + data, name="b") is not None


_WRITE = ("--write-baseline", "accepted.toml", "--reason", "seen by A", "--expires", "2099-01-31")


def test_the_command_line_writes_one_and_goes_by_it(tmp_path: Path, run_cli: RunCli) -> None:
    _model(tmp_path)
    assert run_cli("scan", "model", cwd=tmp_path).code == 1
    assert run_cli("scan", "model", *_WRITE, cwd=tmp_path).code == 0
    ran = run_cli("scan", "model", "--baseline", "accepted.toml", cwd=tmp_path)
    assert ran.code == 0
    assert "accepted[PKL001]" in ran.stdout
    assert "seen by A (until 2099-01-31)" in ran.stdout
    answer = json.loads(
        run_cli("scan", "model", "--baseline", "accepted.toml", "-f", "json", cwd=tmp_path).stdout
    )
    assert answer["artifacts"][0]["accepted"] == 1
    assert answer["artifacts"][0]["counts"]["critical"] == 0
    (tmp_path / "model" / "w.pkl").write_bytes(WORSE)
    assert run_cli("scan", "model", "--baseline", "accepted.toml", cwd=tmp_path).code == 1


def test_what_could_not_be_checked_is_not_accepted(tmp_path: Path, run_cli: RunCli) -> None:
    _model(tmp_path, **{"w.pkl": EVIL, "cut.pkl": b"\x80\x04}\x8c\x01a\x88s"})
    assert run_cli("scan", "model", *_WRITE, cwd=tmp_path).code == 4


def test_an_artifact_does_not_accept_its_own_findings(tmp_path: Path, run_cli: RunCli) -> None:
    model = _model(tmp_path)
    for name in ("accepted.toml", ".git/accepted.toml"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_text(Baseline().to_toml())
        ran = run_cli("scan", ".", "--baseline", name, cwd=model)
        assert ran.code == 2
        assert "lies inside" in ran.stderr
    (model / "accepted.toml").unlink()
    assert run_cli("scan", ".", *_WRITE, cwd=model).code == 2
    assert not (model / "accepted.toml").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("--write-baseline", "b.toml"),
        ("--write-baseline", "b.toml", "--reason", "x"),
        ("--write-baseline", "b.toml", "--reason", "x", "--expires", "soon"),
        ("--reason", "x"),
    ],
)
def test_reason_and_end_are_asked_for(
    tmp_path: Path, run_cli: RunCli, args: tuple[str, ...]
) -> None:
    _model(tmp_path)
    assert run_cli("scan", "model", *args, cwd=tmp_path).code == 2
    assert not (tmp_path / "b.toml").exists()


def test_writing_again_keeps_what_was_accepted_before(tmp_path: Path, run_cli: RunCli) -> None:
    _model(tmp_path)
    (tmp_path / "other.pkl").write_bytes(WORSE)
    for path in ("model", "other.pkl"):
        assert run_cli("scan", path, *_WRITE, cwd=tmp_path).code == 0
    ran = run_cli("scan", "model", "other.pkl", "--baseline", "accepted.toml", cwd=tmp_path)
    assert ran.code == 0


def test_a_found_settings_file_may_not_name_a_baseline(tmp_path: Path, run_cli: RunCli) -> None:
    _model(tmp_path)
    assert run_cli("scan", "model", *_WRITE, cwd=tmp_path).code == 0
    (tmp_path / "weightmark.toml").write_text('[scan]\nbaseline = "accepted.toml"\n')
    assert run_cli("scan", "model", "--config", "weightmark.toml", cwd=tmp_path).code == 0
    assert run_cli("scan", "model", cwd=tmp_path).code == 1
