"""What a command says of a ledger that it consults: who saw it, and what that spares."""

import json
from pathlib import Path

import pytest

import weightmark
from tests.cli.running import RunCli
from tests.sim.postgres import PostgresServer
from weightmark.errors import CallError, Exit

LEDGER = ("--ledger", "L")
UNWITNESSED = "unwitnessed: the operator could rewrite"


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    """A ledger with a release, a second key of the role `revoke`, and a witness that saw nothing yet."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"words")
    for args in (
        ("key", "generate", "-o", "k.key"),
        ("key", "generate", "-o", "boss.key"),
        ("sign", "model", "--key", "k.key"),
        ("ledger", "init", "L", "--admit", "k.pub", "--admit", "boss.pub:revoke"),
        ("ledger", "append", "model/model.claims", *LEDGER, "--key", "k.key"),
        ("ledger", "witness", "init", "W", "--name", "w.example/1"),
    ):
        done = run_cli(*args, cwd=tmp_path)
        assert done.code == 0, done.stderr
        if args[1:3] == ("witness", "init"):
            text = f"witness w {done.stdout.strip()}\nquorum w\n"
            (tmp_path / "policy").write_text(text)
    return tmp_path


def cosign(place: Path, run_cli: RunCli) -> None:
    done = run_cli("ledger", "witness", "cosign", "W", "L", "--log-key", "L/log.vkey", cwd=place)
    assert done.code == 0, done.stderr
    size = done.stdout.splitlines()[1]
    (place / "L" / "cosigned").mkdir(exist_ok=True)
    (place / "L" / "cosigned" / size).write_text(done.stdout)


@pytest.mark.parametrize("words", [("list",), ("show", "1"), ("prove", "1"), ("search",)])
def test_whoever_reads_entries_is_told_that_nobody_witnessed_them(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    done = run_cli("ledger", *words, *LEDGER, cwd=place)
    assert (done.code, UNWITNESSED in done.stderr) == (0, True)
    assert UNWITNESSED not in done.stdout, "data only"
    demanding = (*LEDGER, "--witness-policy", "policy")
    missing = run_cli("ledger", *words, *demanding, cwd=place)
    assert (missing.code, missing.stdout) == (4, "")
    cosign(place, run_cli)
    seen = run_cli("ledger", *words, *demanding, cwd=place)
    assert (seen.code, "witnessed at size 3" in seen.stderr) == (0, True)
    assert UNWITNESSED not in seen.stderr


def test_verify_demands_the_quorum_that_it_is_told(place: Path, run_cli: RunCli) -> None:
    verify = ("verify", "model", "--key", "k.pub", *LEDGER)
    plain = run_cli(*verify, cwd=place)
    assert (plain.code, UNWITNESSED in plain.stdout) == (0, True)
    missing = run_cli(*verify, "--witness-policy", "policy", cwd=place)
    assert (missing.code, UNWITNESSED in missing.stdout) == (4, True)
    cosign(place, run_cli)
    seen = run_cli(*verify, "--witness-policy", "policy", "-f", "json", cwd=place)
    checks = {one["name"]: one for one in json.loads(seen.stdout)["checks"]}
    assert (seen.code, checks["witnesses"]["outcome"]) == (0, "pass")


def test_a_claim_that_a_witness_saw_in_time_outlives_its_key(place: Path, run_cli: RunCli) -> None:
    cosign(place, run_cli)
    key = next(
        word
        for word in run_cli("key", "show", "k.pub", cwd=place).stdout.split()
        if word.startswith("key:")
    )
    revoke = ("revoke", key, "--reason", "leaked", "--since", "2099-01-01", *LEDGER)
    done = run_cli(*revoke, "--key", "boss.key", cwd=place)
    assert done.code == 0, done.stderr
    verify = ("verify", "model", "--key", "k.pub", *LEDGER)
    assert run_cli(*verify, cwd=place).code == 1
    spared = run_cli(*verify, "--witness-policy", "policy", cwd=place)
    assert spared.code == 0, spared.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--witness-policy", "policy"),
        (*LEDGER, "--witness-policy", "none"),
        (*LEDGER, "--witness-policy", "model/weights"),
        (*LEDGER, "--witness-policy", "k.pub"),
    ],
)
def test_a_witness_policy_that_cannot_judge_is_a_wrong_call(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    done = run_cli("verify", "model", "--key", "k.pub", *words, cwd=place)
    assert (done.code, done.stdout) == (2, "")


def test_the_api_consults_a_ledger_in_the_words_of_the_command(
    place: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(place / name))
    model, key, ledger = place / "model", place / "k.pub", place / "L"
    good = weightmark.verify(model, key=key, ledger=ledger)
    assert (good.exit, good.verified is not None) == (Exit.GOOD, True)
    unseen = weightmark.verify(model, key=key, ledger=ledger, witness_policy=place / "policy")
    assert (unseen.exit, unseen.verified) == (Exit.UNCHECKED, None)
    assert good.identity
    revoke = ("revoke", good.identity, "--reason", "bad", *LEDGER, "--key", "boss.key")
    assert run_cli(*revoke, cwd=place).code == 0
    bad = weightmark.verify(model, key=key, ledger=ledger)
    assert (bad.exit, bad.verified) == (Exit.BAD, None)
    with weightmark.Ledger.open(ledger) as opened:
        assert [one.event.kind for one in opened.entries(3)] == ["revoke"]
    with pytest.raises(CallError, match="none is named"):
        weightmark.verify(model, key=key, witness_policy=place / "policy")
    with pytest.raises(CallError, match="inside the artifact"):
        weightmark.verify(model, key=key, ledger=model / "L")


@pytest.mark.needs("postgresql")
def test_a_ledger_begins_and_changes_its_key_in_postgresql(place: Path, run_cli: RunCli) -> None:
    server = PostgresServer()
    try:
        database = server.database()
        init = ("ledger", "init", database, "--admit", "k.pub")
        assert run_cli(*init, cwd=place).code == 2, "where the keys go was not said"
        made = run_cli(*init, "--keys", "keys", cwd=place)
        assert made.code == 0, made.stderr
        there = ("--ledger", database, "--log-key", "keys/log.key")
        append = ("ledger", "append", "model/model.claims", "--key", "k.key", *there)
        for words in (
            append,
            ("ledger", "rotate", *there, "--recovery-key", "keys/recovery.key"),
            ("ledger", "list", *there),
            ("ledger", "rotate", *there, "--finish"),
            append,
            ("ledger", "verify", *there),
        ):
            done = run_cli(*words, cwd=place)
            assert done.code == 0, done.stdout + done.stderr
    finally:
        server.stop()
