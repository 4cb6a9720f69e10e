"""Witnesses on the command line: being one, and asking others."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.registers import make_register
from tests.cli.running import RunCli
from tests.provenance.ledger.witnessing.served import serving
from weightmark.provenance.ledger.note import split_note

WITNESS = ("ledger", "witness")
UNWITNESSED = "unwitnessed: the operator could rewrite"


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    """A folder with a signed model, a ledger of one release, and a witness."""
    make_register(tmp_path, run_cli)
    done = run_cli(*WITNESS, "init", "W", "--name", "w.example/one", cwd=tmp_path)
    assert done.code == 0
    (tmp_path / "vkey").write_text(done.stdout)
    return tmp_path


def policy(place: Path, url: str = "") -> str:
    text = f"witness one {(place / 'vkey').read_text().strip()} {url}\nquorum one\n"
    log = f"log {(place / 'L' / 'log.vkey').read_text().strip()}\n"
    (place / "policy").write_text(log + text)
    return "policy"


def cosign(place: Path, run_cli: RunCli, log: str = "L") -> int:
    target = ("-o", f"{log}/tiles/checkpoint")
    key = ("--log-key", "L/log.vkey")
    return run_cli(*WITNESS, "cosign", "W", log, *key, *target, cwd=place).code


def test_a_log_is_unwitnessed_until_its_witness_saw_it(place: Path, run_cli: RunCli) -> None:
    check = (*WITNESS, "check", policy(place), "--ledger", "L")
    before = run_cli(*check, cwd=place)
    assert before.code == 4
    assert UNWITNESSED in before.stdout
    assert cosign(place, run_cli) == 0
    after = run_cli(*check, cwd=place)
    assert after.code == 0
    assert UNWITNESSED not in after.stdout
    assert "witnessed at size 3" in after.stdout


def test_verify_says_unwitnessed_unless_the_quorum_holds(place: Path, run_cli: RunCli) -> None:
    verify = ("ledger", "verify", "--ledger", "L")
    plain = run_cli(*verify, cwd=place)
    assert (plain.code, UNWITNESSED in plain.stdout) == (0, True)
    demanded = run_cli(*verify, "--witness-policy", policy(place), cwd=place)
    assert (demanded.code, UNWITNESSED in demanded.stdout) == (4, True)
    cosign(place, run_cli)
    witnessed = run_cli(*verify, "--witness-policy", policy(place), cwd=place)
    assert (witnessed.code, UNWITNESSED in witnessed.stdout) == (0, False)
    assert "seen at size 3 by `w.example/one`" in witnessed.stdout


def test_a_ledger_that_the_quorum_did_not_see_so_fails(place: Path, run_cli: RunCli) -> None:
    """The witness cosigned another history of this very log, longer and shorter."""
    shutil.copytree(place / "L", place / "fork")
    state = {"XDG_STATE_HOME": str(place / "other")}
    (place / "model" / "weights").write_bytes(b"theirs")
    run_cli("sign", "model", "--key", "k.key", "--replace", cwd=place)
    append = ("ledger", "append", "model/model.claims", "--key", "k.key", "--ledger")
    assert run_cli(*append, "fork", cwd=place, env=state).code == 0
    assert cosign(place, run_cli, "fork") == 0
    (place / "L" / "cosigned").mkdir()
    shutil.copy(place / "fork" / "tiles" / "checkpoint", place / "L" / "cosigned" / "4")
    verify = ("ledger", "verify", "--ledger", "L", "--witness-policy", policy(place))
    done = run_cli(*verify, cwd=place)
    assert (done.code, "was rolled back" in done.stdout) == (1, True)
    check = run_cli(*WITNESS, "check", "policy", "--ledger", "L", cwd=place)
    assert (check.code, "was rolled back" in check.stderr) == (1, True)


def test_the_whole_story_over_the_network(place: Path, run_cli: RunCli) -> None:
    key = (place / "L" / "log.vkey").read_text().strip()
    with serving(place / "W", "--log-key", key) as served:
        rules = policy(place, served.url)
        ledger = ("--ledger", "L")
        collected = run_cli(*WITNESS, "collect", rules, *ledger, "-f", "json", cwd=place)
        assert collected.code == 0, collected.stderr
        answer = json.loads(collected.stdout)
        assert (answer["verdict"], answer["size"], answer["kept"]) == ("witnessed", 3, True)
        published = (place / "L" / "tiles" / "checkpoint").read_text()
        assert answer["checkpoint"] == published
        proof = run_cli(*WITNESS, "prove", "1", rules, *ledger, cwd=place)
        (place / "r.tlog-proof").write_text(proof.stdout)
        served.stop()
        down = run_cli(*WITNESS, "collect", rules, *ledger, "--timeout", "1", cwd=place)
        assert down.code == 4
        assert UNWITNESSED in down.stdout
    check = run_cli(*WITNESS, "check", rules, "--receipt", "r.tlog-proof", "--offline", cwd=place)
    assert (check.code, "witnessed at size 3" in check.stdout) == (0, True)
    plain = run_cli("ledger", "verify", "--receipt", "r.tlog-proof", "--log-key", key, cwd=place)
    assert plain.code == 0, plain.stdout


def test_entries_that_came_later_are_said_to_be_unwitnessed(place: Path, run_cli: RunCli) -> None:
    rules = policy(place)
    assert cosign(place, run_cli) == 0
    (place / "L" / "cosigned").mkdir()
    shutil.copy(place / "L" / "tiles" / "checkpoint", place / "L" / "cosigned" / "3")
    (place / "model" / "weights").write_bytes(b"other words")
    for args in (
        ("sign", "model", "--key", "k.key", "--replace"),
        ("ledger", "append", "model/model.claims", "--ledger", "L", "--key", "k.key"),
    ):
        assert run_cli(*args, cwd=place).code == 0
    done = run_cli(*WITNESS, "check", rules, "--ledger", "L", cwd=place)
    assert done.code == 0
    assert "witnessed at size 3" in done.stdout
    assert f"younger and {UNWITNESSED}" in done.stdout
    young = run_cli(*WITNESS, "prove", "3", rules, "--ledger", "L", cwd=place)
    assert young.code == 2
    assert "younger" in young.stderr


def test_an_old_cosignature_is_not_taken_for_a_new_one(place: Path, run_cli: RunCli) -> None:
    cosign(place, run_cli)
    check = (*WITNESS, "check", policy(place), "--ledger", "L", "--since")
    assert run_cli(*check, "2020-01-01", cwd=place).code == 0
    late = run_cli(*check, "2999-01-01", cwd=place)
    assert (late.code, "older than you ask for" in late.stdout) == (4, True)
    assert run_cli(*check, "yesterday", cwd=place).code == 2


def test_a_receipt_that_nobody_witnessed_is_said_to_be(place: Path, run_cli: RunCli) -> None:
    receipt = ("--receipt", "model/model.receipt")
    done = run_cli(*WITNESS, "check", policy(place), *receipt, cwd=place)
    assert done.code == 4
    assert UNWITNESSED in done.stdout


def test_two_heads_of_one_size_end_with_exit_code_one(place: Path, run_cli: RunCli) -> None:
    shutil.copytree(place / "L", place / "fork")
    state = {"XDG_STATE_HOME": str(place / "other")}
    for name, words in (("L", b"mine"), ("fork", b"theirs")):
        (place / "model" / "weights").write_bytes(words)
        for args in (
            ("sign", "model", "--key", "k.key", "--replace"),
            ("ledger", "append", "model/model.claims", "--ledger", name, "--key", "k.key"),
        ):
            done = run_cli(*args, cwd=place, env=state if name == "fork" else {})
            assert done.code == 0, done.stderr
    assert cosign(place, run_cli) == 0
    before = (place / "fork" / "tiles" / "checkpoint").read_bytes()
    assert cosign(place, run_cli, "fork") == 1
    assert (place / "fork" / "tiles" / "checkpoint").read_bytes() == before


def test_a_tampered_cosignature_is_refused(place: Path, run_cli: RunCli) -> None:
    rules = policy(place)
    cosign(place, run_cli)
    file = place / "L" / "tiles" / "checkpoint"
    text, (log, line) = split_note(file.read_bytes())
    bad = type(line)(line.name, line.key_id, bytes([*line.signature[:-1], line.signature[-1] ^ 1]))
    file.write_bytes(text + b"\n" + log.to_bytes() + bad.to_bytes())
    done = run_cli(*WITNESS, "check", rules, "--ledger", "L", cwd=place)
    assert done.code == 1
    assert "not good" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("init", "W", "--name", "w.example/two"), 2, "not an empty folder"),
        (("init", "new", "--name", "two words"), 2, "cannot name a key"),
        (("init", "new"), 2, "--name"),
        (("cosign", "W", "L"), 2, "--log-key"),
        (("cosign", "L", "L", "--log-key", "L/log.vkey"), 2, "no witness"),
        (("cosign", "W", "model", "--log-key", "L/log.vkey"), 2, "no log"),
        (
            ("cosign", "W", "https://l.example/", "--log-key", "L/log.vkey", "--offline"),
            4,
            "offline",
        ),
        (("cosign", "W", "L", "--log-key", "vkey"), 4, "not an Ed25519"),
        (("serve", "W", "--log-key", "L/log.vkey", "--offline"), 4, "offline"),
        (("serve", "W"), 2, "--log-key"),
        (("serve", "W", "--log-key", "L/log.vkey", "--tls-cert", "c"), 2, "go together"),
        (("serve", "W", "--log-key", "L/log.vkey", "--host", "192.0.2.1"), 2, "cannot listen"),
        (("collect", "missing", "--ledger", "L"), 2, "missing"),
        (("collect", "policy", "--ledger", "L", "--offline"), 4, "offline"),
        (("collect", "policy", "--ledger", "L"), 2, "no witness with an address"),
        (("collect", "vkey", "--ledger", "L"), 2, "no keyword"),
        (("check", "none", "--ledger", "L"), 2, "asks for no witness"),
        (("check", "others", "--ledger", "L"), 2, "other logs"),
        (("prove", "99", "policy", "--ledger", "L"), 4, "quorum"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_calls_that_cannot_be_answered(
    place: Path, run_cli: RunCli, args: tuple[str, ...], code: int, said: str
) -> None:
    policy(place)
    (place / "none").write_text("quorum none\n")
    foreign = "log.example/x+cd134655+ASFS+NGbeR0kRTJC4V8uq2y3z/p7al7TAJeWDgaYgdsS"
    lines = (place / "policy").read_text().splitlines()
    (place / "others").write_text("\n".join([f"log {foreign}", *lines[1:], ""]))
    done = run_cli(*WITNESS, *args, cwd=place)
    assert done.code == code, done.stderr
    assert said in done.stderr
    assert not (place / "new").exists()


def test_cosignatures_that_came_by_mail_are_kept(place: Path, run_cli: RunCli) -> None:
    """Also when the ledger has grown since: what the witness saw is a part of it."""
    target = ("--log-key", "L/log.vkey", "-o", "mailed")
    assert run_cli(*WITNESS, "cosign", "W", "L", *target, cwd=place).code == 0
    (place / "model" / "weights").write_bytes(b"more")
    run_cli("sign", "model", "--key", "k.key", "--replace", cwd=place)
    append = ("ledger", "append", "model/model.claims", "--ledger", "L", "--key", "k.key")
    assert run_cli(*append, cwd=place).code == 0
    take = (*WITNESS, "collect", policy(place), "--ledger", "L", "--offline", "-f", "json")
    done = run_cli(*take, "--file", "mailed", cwd=place)
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["size"], answer["kept"]) == ("witnessed", 3, True)
    check = run_cli(*WITNESS, "check", "policy", "--ledger", "L", cwd=place)
    assert (check.code, "younger" in check.stdout) == (0, True)


def test_a_file_without_a_cosignature_of_the_policy_is_refused(
    place: Path, run_cli: RunCli
) -> None:
    take = (*WITNESS, "collect", policy(place), "--ledger", "L", "--file")
    uncosigned = run_cli(*take, "L/tiles/checkpoint", cwd=place)
    assert (uncosigned.code, "no cosignature" in uncosigned.stderr) == (4, True)
    assert run_cli(*take, "missing", cwd=place).code == 2
    (place / "junk").write_bytes(b"junk")
    assert run_cli(*take, "junk", cwd=place).code == 1
    assert not (place / "L" / "cosigned").exists()


def test_a_file_about_another_history_is_refused(place: Path, run_cli: RunCli) -> None:
    shutil.copytree(place / "L", place / "fork")
    state = {"XDG_STATE_HOME": str(place / "other")}
    (place / "model" / "weights").write_bytes(b"theirs")
    run_cli("sign", "model", "--key", "k.key", "--replace", cwd=place)
    append = ("ledger", "append", "model/model.claims", "--key", "k.key", "--ledger")
    assert run_cli(*append, "fork", cwd=place, env=state).code == 0
    target = ("--log-key", "L/log.vkey", "-o", "mailed")
    assert run_cli(*WITNESS, "cosign", "W", "fork", *target, cwd=place, env=state).code == 0
    take = (*WITNESS, "collect", policy(place), "--ledger", "L", "--file", "mailed")
    done = run_cli(*take, cwd=place)
    assert (done.code, "rolled back" in done.stderr) == (1, True)
    assert not (place / "L" / "cosigned").exists()


def test_a_view_that_is_newer_than_the_backup_but_old_is_found_by_asking_witnesses(
    place: Path, run_cli: RunCli
) -> None:
    """Backup at 3, view at 5, live at 7: signing again at 5 would begin another history."""
    ledger = ("--ledger", "L")

    def grow(content: bytes) -> None:
        (place / "model" / "weights").write_bytes(content)
        for args in (
            ("sign", "model", "--replace"),
            ("ledger", "append", "model/model.claims", *ledger),
        ):
            assert run_cli(*args, "--key", "k.key", cwd=place).code == 0

    assert run_cli("ledger", "backup", "B", *ledger, cwd=place).code == 0
    grow(b"second")
    assert run_cli("ledger", "publish", "www", "--claims", *ledger, cwd=place).code == 0
    grow(b"third")
    key = (place / "L" / "log.vkey").read_text().strip()
    elsewhere = {"XDG_STATE_HOME": str(place / "elsewhere")}
    with serving(place / "W", "--log-key", key) as served:
        rules = policy(place, served.url)
        assert run_cli(*WITNESS, "collect", rules, *ledger, cwd=place).code == 0
        restore = ("ledger", "restore", "B", "R", "--log-key", "L/log.key", "--view", "www")
        done = run_cli(*restore, "--witness-policy", rules, cwd=place, env=elsewhere)
        assert (done.code, "lacks 2 entries" in done.stderr) == (1, True)
        append = ("ledger", "append", "model/model.claims", "--ledger", "R", "--key", "k.key")
        assert run_cli(*append, cwd=place, env=elsewhere).code == 4
        assert run_cli("ledger", "publish", "www", "--claims", *ledger, cwd=place).code == 0
        again = ("ledger", "restore", "R", "--view", "www", "--witness-policy", rules)
        assert run_cli(*again, cwd=place, env=elsewhere).code == 0
        assert run_cli(*append, cwd=place, env=elsewhere).code == 0
        served.stop()
        down = run_cli(*restore[:3], "R2", *restore[4:], "--witness-policy", rules, cwd=place)
        assert down.code == 4
