"""The commands that publish, move, copy and mend a ledger."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import RunCli
from tests.sim.postgres import PostgresServer

LEDGER = ("--ledger", "ledger")


@pytest.fixture
def register(tmp_path: Path, run_cli: RunCli) -> Path:
    """A signed model, a ledger that admits its signer, and its claims in it."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w").write_bytes(b"\x80\x04N.")
    for args in (
        ("key", "generate", "-o", "release.key"),
        ("sign", "model", "--key", "release.key"),
        ("ledger", "init", "ledger", "--admit", "release.pub", "--origin", "ledger.example/models"),
    ):
        done = run_cli(*args, cwd=tmp_path)
        assert done.code == 0, done.stderr
    return tmp_path


def facts(run_cli: RunCli, register: Path, *args: str, code: int = 0) -> dict[str, Any]:
    done = run_cli("ledger", *args, "-f", "json", cwd=register)
    assert done.code == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def append(run_cli: RunCli, register: Path, *place: str, code: int = 0) -> str:
    call = ("ledger", "append", "model/model.claims", *place, "--key", "release.key")
    done = run_cli(*call, cwd=register)
    assert done.code == code, done.stderr
    return done.stderr


def test_a_published_view_is_listed_and_proven_by_its_key_alone(
    register: Path, run_cli: RunCli
) -> None:
    append(run_cli, register, *LEDGER)
    assert facts(run_cli, register, "publish", "www", *LEDGER)["size"] == 3
    (register / "ledger/log.vkey").rename(register / "log.vkey")
    (register / "ledger").rename(register / "gone")
    assert facts(run_cli, register, "list", "--ledger", "www", "--log-key", "log.vkey")["size"] == 3
    facts(run_cli, register, "list", "--ledger", "www", code=2)
    whole = ("ledger", "verify", "--ledger", "www", "--log-key", "log.vkey")
    done = run_cli(*whole, cwd=register)
    assert done.code == 4
    assert "not sound" not in done.stdout
    assert done.stdout.count("not published") == 1, "said once, not for every claim"
    assert run_cli(*whole, "--without-claims", cwd=register).code == 0


def test_a_view_with_all_claims_passes_the_whole_audit(register: Path, run_cli: RunCli) -> None:
    append(run_cli, register, *LEDGER)
    assert facts(run_cli, register, "publish", "www", "--claims", *LEDGER)["claims"] == 6
    audit = facts(run_cli, register, "verify", "--ledger", "www", "--log-key", "ledger/log.vkey")
    assert (audit["published"], audit["signatures_checked"]) == (None, True)


def test_a_moved_ledger_goes_on_and_the_old_place_says_where(
    register: Path, run_cli: RunCli
) -> None:
    assert facts(run_cli, register, "migrate", "ledger", "new")["size"] == 1
    append(run_cli, register, "--ledger", "new")
    assert "has moved" in append(run_cli, register, *LEDGER, code=4)
    done = run_cli("ledger", "migrate", "ledger", "new", cwd=register)
    assert (done.code, "has moved" in done.stderr) == (4, True)


def test_a_restored_backup_that_is_too_old_is_refused_and_then_filled(
    register: Path, run_cli: RunCli
) -> None:
    facts(run_cli, register, "backup", "copy", *LEDGER)
    append(run_cli, register, *LEDGER)
    facts(run_cli, register, "publish", "www", "--claims", *LEDGER)
    key = ("--log-key", "ledger/log.key")
    facts(run_cli, register, "restore", "copy", "old", *key, code=1)
    assert "rolled back" in append(run_cli, register, "--ledger", "old", code=1)
    receipt = ("--checkpoint", "model/model.receipt")
    facts(run_cli, register, "restore", "old", *receipt, code=1)
    done = facts(run_cli, register, "restore", "old", *receipt, "--view", "www")
    assert done["size"] == 3
    facts(run_cli, register, "verify", "--ledger", "old")
    append(run_cli, register, "--ledger", "old")


def test_a_search_table_is_made_anew(register: Path, run_cli: RunCli) -> None:
    append(run_cli, register, *LEDGER)
    assert facts(run_cli, register, "reindex", *LEDGER)["size"] == 3
    facts(run_cli, register, "verify", *LEDGER)


@pytest.mark.needs("postgresql")
def test_a_ledger_in_postgresql_is_used_like_any_other(register: Path, run_cli: RunCli) -> None:
    server = PostgresServer()
    try:
        database = server.database()
        facts(run_cli, register, "migrate", "ledger", database)
        place = ("--ledger", database)
        assert "was not named" in append(run_cli, register, *place, code=4)
        append(run_cli, register, *place, "--log-key", "ledger/log.key")
        assert facts(run_cli, register, "list", *place)["size"] == 3
        facts(run_cli, register, "verify", *place)
        facts(run_cli, register, "publish", "www", *place)
        facts(run_cli, register, "backup", "copy", *place)
        facts(run_cli, register, "reindex", *place)
    finally:
        server.stop()


def test_a_copy_that_is_not_the_live_ledger_is_not_published(
    register: Path, run_cli: RunCli
) -> None:
    """A view always says that it is the live one."""
    facts(run_cli, register, "backup", "copy", *LEDGER)
    facts(run_cli, register, "migrate", "ledger", "new")
    for place in ("copy", "ledger"):
        facts(run_cli, register, "publish", "www", "--ledger", place, code=4)
    assert not (register / "www").exists()
    facts(run_cli, register, "publish", "www", "--ledger", "new")


@pytest.mark.parametrize("value", ["9223372036854775808", "99999999999999999999"])
@pytest.mark.parametrize("option", ["--start", "--limit"])
@pytest.mark.parametrize("command", ["search", "list"])
def test_a_number_beyond_any_ledger_is_a_wrong_call(
    register: Path, run_cli: RunCli, command: str, option: str, value: str
) -> None:
    facts(run_cli, register, command, option, value, *LEDGER, code=2)


def succeed(run_cli: RunCli, register: Path, new: str, old: str, *more: str, code: int) -> str:
    call = ("ledger", "init", new, "--admit", "release.pub", "--origin", f"ledger.example/{new}",
            "--old-recovery-key", "ledger/recovery.key", "--succeeds", old)  # fmt: skip
    done = run_cli(*call, *more, cwd=register)
    assert done.code == code, done.stderr
    assert (register / new).exists() is (code == 0)
    return done.stderr


def test_a_ledger_has_one_successor_and_it_can_be_asked_for_again(
    register: Path, run_cli: RunCli
) -> None:
    (register / "taken").mkdir()
    (register / "taken" / "file").touch()
    occupied = run_cli(
        "ledger", "init", "taken", "--admit", "release.pub", "--old-recovery-key",
        "ledger/recovery.key", "--succeeds", "ledger", cwd=register,
    )  # fmt: skip
    assert occupied.code == 2, occupied.stderr
    append(run_cli, register, *LEDGER)
    broken_off = b'{"detail":"ledger.example/second","role":"succeeded","v":1}'
    (register / "ledger" / "standing.json").write_bytes(broken_off)
    assert "succeeded already" in succeed(run_cli, register, "third", "ledger", code=1)
    said = succeed(run_cli, register, "second", "ledger", code=0)
    assert "enter the releases and provenance claims" in said


def test_nothing_succeeds_a_view_a_backup_or_a_place_that_moved(
    register: Path, run_cli: RunCli
) -> None:
    facts(run_cli, register, "publish", "www", "--claims", *LEDGER)
    facts(run_cli, register, "backup", "copy", *LEDGER)
    append(run_cli, register, *LEDGER)
    vkey = (register / "ledger" / "log.vkey").read_text().strip()
    (register / "www" / "log.vkey").write_text(vkey)
    for place, more in (
        ("copy", ()),
        ("copy", ("--checkpoint", "ledger/tiles/checkpoint")),
        ("www", ()),
    ):
        code = succeed_code(run_cli, register, place, *more)
        assert code != 0
        assert not (register / "n").exists()
    facts(run_cli, register, "migrate", "ledger", "new")
    assert "has moved" in succeed(run_cli, register, "n", "ledger", code=4)
    assert facts(run_cli, register, "list", "--ledger", "new")["size"] == 3


def succeed_code(run_cli: RunCli, register: Path, old: str, *more: str) -> int:
    call = ("ledger", "init", "n", "--admit", "release.pub", "--old-recovery-key",
            "ledger/recovery.key", "--succeeds", old)  # fmt: skip
    return run_cli(*call, *more, cwd=register).code
