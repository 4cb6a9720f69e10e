"""What people hand to the ledger by mistake, and what they are told."""

import json
import tarfile
from pathlib import Path

import pytest

from tests.cli.registers import make_register
from tests.cli.running import RunCli


@pytest.fixture
def register(tmp_path: Path, run_cli: RunCli) -> Path:
    """A signed model, a ledger that admits its signer, and one release in it."""
    weights = ("w", b"\x80\x04N.")
    return make_register(tmp_path, run_cli, ledger="ledger", key="release", weights=weights)


def test_an_origin_that_was_seen_here_names_no_second_ledger(
    register: Path, run_cli: RunCli
) -> None:
    begin = ("ledger", "init", "--admit", "release.pub", "--origin", "example.com/one")
    assert run_cli(*begin, "one", cwd=register).code == 0
    again = run_cli(*begin, "two", cwd=register)
    assert again.code == 2
    assert "name another one with `--origin`" in again.stderr
    assert not (register / "two").exists()


def test_an_exported_bundle_is_told_from_a_damaged_ledger(register: Path, run_cli: RunCli) -> None:
    export = ("ledger", "export", "--ledger", "ledger", "--as", "bundle", "-o", "b.tar")
    assert run_cli(*export, cwd=register).code == 0
    with tarfile.open(register / "b.tar") as packed:
        packed.extractall(register / "unpacked", filter="data")
    folder = next(path.parent for path in (register / "unpacked").rglob("receipts"))
    for place in ("b.tar", str(folder)):
        told = run_cli("ledger", "verify", "--ledger", place, cwd=register)
        assert told.code == 2
        assert "verify `receipts/N.tlog-proof`" in told.stderr
    receipt = str(next((folder / "receipts").glob("1.*")))
    check = ("ledger", "verify", "--receipt", receipt, "--log-key", str(folder / "log.vkey"))
    assert run_cli(*check, "model", cwd=register).code == 0


def test_another_key_is_no_owners_key(register: Path, run_cli: RunCli) -> None:
    call = ("ledger", "admit", "release.pub:scan", "--ledger", "ledger", "--owner-key")
    told = run_cli(*call, "release.key", cwd=register)
    assert told.code == 2
    assert "name `recovery.key`" in told.stderr


def test_a_copy_from_before_a_rotation_is_not_waved_through(
    register: Path, run_cli: RunCli
) -> None:
    assert run_cli("ledger", "backup", "saved", "--ledger", "ledger", cwd=register).code == 0
    rotate = ("ledger", "rotate", "--ledger", "ledger")
    assert run_cli(*rotate, "--recovery-key", "ledger/recovery.key", cwd=register).code == 0
    assert run_cli(*rotate, "--finish", cwd=register).code == 0
    told = run_cli("ledger", "list", "--ledger", "saved", cwd=register)
    assert told.code == 1
    assert told.stderr.index("is it a copy from before `ledger rotate`?") < told.stderr.index(
        "remove `"
    )


def test_an_id_of_a_claim_is_answered_with_the_digest_to_erase(
    register: Path, run_cli: RunCli
) -> None:
    shown = run_cli("ledger", "show", "1", "--ledger", "ledger", "-f", "json", cwd=register)
    entry = json.loads(shown.stdout)
    erase = ("ledger", "redact", "--ledger", "ledger", "--reason", "asked for")
    told = run_cli(*erase, _found(entry, "claim_id"), cwd=register)
    assert told.code == 2
    assert f"name `{_found(entry, 'claim_sha256')}`" in told.stderr


def _found(node: object, name: str) -> str:
    """Return the value of a key, wherever it stands."""
    if isinstance(node, dict):
        return (
            str(node[name]) if name in node else "".join(_found(one, name) for one in node.values())
        )
    return ""
