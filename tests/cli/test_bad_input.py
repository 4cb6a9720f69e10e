"""Bad input: a clear error, the right exit code, no traceback, nothing half-written, nothing lost."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import Ran, RunCli

pytestmark = pytest.mark.usefixtures("quiet_environment")


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    """A working folder with a key pair and a small signed model."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w").write_bytes(b"\x80\x04N.")
    run_cli("key", "generate", "-o", "k.key", cwd=tmp_path)
    assert run_cli("sign", "model", "--key", "k.key", cwd=tmp_path).code == 0
    return tmp_path


def clear(done: Ran) -> Ran:
    """An error says what happened in one line with its code, and shows no traceback."""
    assert "Traceback" not in done.stdout + done.stderr
    assert done.code != 70, done.stderr
    return done


READERS = [
    ("digest", "PATH"),
    ("scan", "PATH"),
    ("sign", "PATH", "--key", "k.key"),
    ("verify", "PATH", "--key", "k.pub"),
    ("gate", "PATH", "--policy", "baseline", "--key", "k.pub"),
]


def named(command: tuple[str, ...], path: str) -> list[str]:
    return [path if word == "PATH" else word for word in command]


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_a_missing_path_is_a_wrong_call(
    place: Path, run_cli: RunCli, command: tuple[str, ...]
) -> None:
    done = clear(run_cli(*named(command, "no/such"), cwd=place))
    assert done.code == 2
    assert "`no/such` does not exist" in done.stderr


@pytest.mark.parametrize(
    "words", [("sign", "model", "--key"), ("digest", "model", "--prove"), ("ledger", "show", "-o")]
)
def test_a_flag_without_its_value_names_the_page_of_its_command(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    done = clear(run_cli(*words, cwd=place))
    assert done.code == 2
    assert f"see `weightmark {' '.join(words[:-1]).replace(' model', '')} --help`" in done.stderr


def test_a_file_of_a_signed_folder_is_verified_as_the_folder(place: Path, run_cli: RunCli) -> None:
    done = clear(run_cli("verify", "model/w", "--key", "k.pub", cwd=place))
    assert done.code == 3
    assert "`model` holds a signature" in done.stderr
    assert "verify the folder: `weightmark verify model`" in done.stderr
    assert "weightmark sign" not in done.stderr


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_an_empty_word_is_not_the_current_folder(
    place: Path, run_cli: RunCli, command: tuple[str, ...]
) -> None:
    done = clear(run_cli(*named(command, ""), cwd=place / "model"))
    assert done.code == 2
    assert "is empty" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("verify", "model", "--key", "k.pub", "--signature", ""),
        ("verify", "model", "--key", "k.pub", "--claims", ""),
        ("verify", "model", "--key", ""),
        ("ledger", "list", "--ledger", ""),
        ("ledger", "init", "new", "--origin", "a b\nc"),
        ("inspect", "no/such"),
    ],
)
def test_a_wrong_word_is_a_wrong_call(place: Path, run_cli: RunCli, args: tuple[str, ...]) -> None:
    assert clear(run_cli(*args, cwd=place)).code == 2
    assert not (place / "new").exists()


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_an_empty_folder_has_nothing_to_check(
    place: Path, run_cli: RunCli, command: tuple[str, ...]
) -> None:
    (place / "empty").mkdir()
    assert clear(run_cli(*named(command, "empty"), cwd=place)).code == 3
    assert list((place / "empty").iterdir()) == []


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
@pytest.mark.parametrize("kind", ["fifo", "socket", "loop", "device"])
def test_a_path_that_is_no_file_is_refused_unopened(
    place: Path,
    run_cli: RunCli,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    kind: str,
) -> None:
    odd = place / "odd"
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "loop":
        odd.symlink_to("odd")
    elif kind == "device":
        odd = Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as peer:
            monkeypatch.chdir(place)
            peer.bind("odd")
    assert clear(run_cli(*named(command, str(odd)), cwd=place)).code == 1


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_a_fifo_inside_is_refused_unopened(
    place: Path, run_cli: RunCli, command: tuple[str, ...]
) -> None:
    os.mkfifo(place / "model" / "pipe")
    assert clear(run_cli(*named(command, "model"), cwd=place)).code == 1


@pytest.mark.needs("non_utf8_names")
@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_a_name_that_is_not_utf8_is_refused(
    place: Path, run_cli: RunCli, command: tuple[str, ...]
) -> None:
    Path(os.fsdecode(os.fsencode(place / "model") + b"/\xff")).write_text("x")
    threshold = ["--fail-on", "medium"] if command[0] == "scan" else []
    done = clear(run_cli(*named(command, "model"), *threshold, cwd=place))
    assert done.code == 1
    assert "xff" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 1),
        (b"{", 1),
        (b"not json", 1),
        (b"\xff\xfe", 1),
        (b"[]", 1),
        (b'{"mediaType": "x"}', 1),
        (b"[" * 100_000, 4),
    ],
    ids=["empty", "truncated", "text", "binary", "list", "other", "deep"],
)
@pytest.mark.parametrize("name", ["model.sig", "model.claims"])
def test_a_sidecar_that_is_no_bundle_is_named(
    place: Path, run_cli: RunCli, content: bytes, code: int, name: str
) -> None:
    (place / "model" / name).write_bytes(content)
    done = clear(run_cli("verify", "model", "--key", "k.pub", cwd=place))
    if name == "model.claims" and not content:
        assert done.code == 0
    else:
        assert done.code == code
        assert name in done.stdout


def test_a_truncated_bundle_is_malformed_not_a_crash(place: Path, run_cli: RunCli) -> None:
    data = (place / "model" / "model.sig").read_bytes()
    for end in range(0, len(data), 97):
        (place / "model" / "model.sig").write_bytes(data[:end])
        assert clear(run_cli("verify", "model", "--key", "k.pub", cwd=place)).code == 1


def test_a_bound_hit_in_claims_is_no_verdict_of_tampering(place: Path, run_cli: RunCli) -> None:
    with (place / "model" / "model.claims").open("ab") as file:
        file.write(b"[" * 100 + b"]" * 100 + b"\n")
    assert clear(run_cli("verify", "model", "--key", "k.pub", cwd=place)).code == 4
    assert clear(run_cli("sign", "model", "--key", "k.key", cwd=place)).code == 4


def test_two_hundred_megabytes_of_nested_json_are_not_read(place: Path, run_cli: RunCli) -> None:
    with (place / "model" / "model.sig").open("wb") as file:
        for _ in range(200):
            file.write(b"[" * 1_000_000)
    assert clear(run_cli("verify", "model", "--key", "k.pub", cwd=place)).code == 4
    assert clear(run_cli("sign", "model", "--key", "k.key", cwd=place)).code == 4


@pytest.mark.needs("root")
@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_an_unreadable_file_could_not_be_checked(place: Path, command: tuple[str, ...]) -> None:
    (place / "model" / "w").chmod(0)
    done = as_nobody(place, *named(command, "model"))
    assert done.code == 4, done.stdout + done.stderr
    assert "permission denied" in (done.stdout + done.stderr).lower()


@pytest.mark.needs("root")
def test_a_read_only_target_loses_nothing(place: Path) -> None:
    (place / "model" / "w").write_bytes(b"\x80\x04\x88.")
    before = {path: path.read_bytes() for path in (place / "model").iterdir()}
    done = as_nobody(place, "sign", "model", "--key", "k.key")
    assert done.code == 4
    assert {path: path.read_bytes() for path in (place / "model").iterdir()} == before


def test_a_full_disk_leaves_the_old_signature(place: Path, run_cli: RunCli) -> None:
    before = {path: path.read_bytes() for path in (place / "model").iterdir()}
    done = clear(limited(place, "sign", "model", "--key", "k.key", "--replace"))
    assert done.code == 4
    assert {path: path.read_bytes() for path in (place / "model").iterdir()} == before
    assert run_cli("verify", "model", "--key", "k.pub", cwd=place).code == 0


def test_a_full_disk_makes_no_half_key(place: Path) -> None:
    assert clear(limited(place, "key", "generate", "-o", "new.key")).code == 4
    assert not (place / "new.key").exists()
    assert not (place / "new.pub").exists()


def test_a_full_disk_at_stdout_is_an_error(place: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "weightmark", "digest", "model"],
            cwd=place,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_output_never_takes_the_place_of_a_device(place: Path, run_cli: RunCli) -> None:
    os.mkfifo(place / "pipe")
    (place / "real").write_text("old")
    (place / "link").symlink_to("real")
    assert clear(run_cli("digest", "model", "-o", "pipe", cwd=place)).code == 4
    assert (place / "pipe").is_fifo()
    assert clear(run_cli("digest", "model", "-o", "link", cwd=place)).code == 0
    assert (place / "link").is_symlink()
    assert (place / "real").read_text().startswith("wm1:")


def test_a_ledger_of_a_newer_schema_is_left_alone(place: Path, run_cli: RunCli) -> None:
    run_cli("ledger", "init", "ledger", "--admit", "k.pub", cwd=place)
    with sqlite3.connect(place / "ledger" / "ledger.db") as db:
        db.execute("pragma user_version = 999")
    db.close()
    append = ("ledger", "append", "model/model.claims", "--ledger", "ledger", "--key", "k.key")
    for args in (
        append,
        ("ledger", "list", "--ledger", "ledger"),
        ("ledger", "verify", "--ledger", "ledger"),
    ):
        done = clear(run_cli(*args, cwd=place))
        assert done.code == 4
        assert "newer" in done.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 4),
        (b"not a key", 4),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 4),
    ],
)
def test_a_key_file_that_is_none_is_named(
    place: Path, run_cli: RunCli, content: bytes, code: int
) -> None:
    (place / "bad.key").write_bytes(content)
    done = clear(run_cli("sign", "model", "--key", "bad.key", cwd=place))
    assert done.code == code
    assert "bad.key" in done.stderr


def test_a_missing_key_file_is_a_wrong_call(place: Path, run_cli: RunCli) -> None:
    done = clear(run_cli("verify", "model", "--key", "none.pub", cwd=place))
    assert done.code == 2
    assert "none.pub" in done.stderr


def as_nobody(place: Path, *args: str) -> Ran:
    """Run as an account that file permissions bind."""
    for folder in (place, *place.parents):
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    for key in ("k.key", "k.pub"):
        (place / key).chmod(0o644)
    return run_child(place, "import os; os.setgid(65534); os.setuid(65534)", *args)


def limited(place: Path, *args: str) -> Ran:
    """Run with files of at most 100 bytes: every longer write fails as on a full disk."""
    return run_child(
        place, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))", *args
    )


def run_child(place: Path, prepare: str, *args: str) -> Ran:
    """Run in a process that changes its limits or its account before the call.

    A first call on a copy imports everything, since the account may not read the interpreter.
    """
    rehearsal = place.with_name(f"{place.name}-rehearsal")
    shutil.copytree(place, rehearsal)
    code = (
        "import contextlib, io, os, sys\n"
        "from weightmark.__main__ import main\n"
        f"os.chdir({str(rehearsal)!r})\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "    main(sys.argv[1:])\n"
        "import weightmark.cli.failures\n"
        f"os.chdir({str(place)!r})\n"
        f"{prepare}\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(args, done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "args",
    [
        ("key", "generate", "-o", "new/dir/k.key"),
        ("attest", "model", "--type", "approval", "--reason", "ok", "--key", "k.key", "--out", "new/dir"),
    ],
    ids=lambda args: args[0],
)  # fmt: skip
def test_a_missing_folder_to_write_in_is_a_wrong_call(
    place: Path, run_cli: RunCli, args: tuple[str, ...]
) -> None:
    done = clear(run_cli(*args, cwd=place))
    assert done.code == 2
    assert "the folder `new/dir` does not exist" in done.stderr


def test_an_empty_passphrase_variable_counts_as_not_set(place: Path, run_cli: RunCli) -> None:
    empty = {"WEIGHTMARK_PASSPHRASE": ""}
    done = run_cli("key", "generate", "-o", "plain.key", cwd=place, env=empty)
    assert (done.code, "ENCRYPTED" in (place / "plain.key").read_text()) == (0, False)
    refused = clear(run_cli("key", "generate", "-o", "e.key", "--encrypt", cwd=place, env=empty))
    assert (refused.code, (place / "e.key").exists()) == (2, False)
    run_cli("key", "generate", "-o", "e.key", cwd=place, env={"WEIGHTMARK_PASSPHRASE": "s"})
    locked = clear(run_cli("sign", "model", "--key", "e.key", cwd=place, env=empty))
    assert locked.code == 4
    assert "no passphrase was given" in locked.stderr


@pytest.mark.parametrize("words", [("key", "generate"), ("policy", "init", "--key", "k.pub")])
def test_quiet_says_nothing_about_what_was_done(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    done = run_cli(*words, "-q", cwd=place)
    assert (done.code, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "hf://acme/bert"),
        ("convert", "hf://acme/bert", "out.safetensors"),
        ("watch", "hf://acme/bert", "--once", "--policy", "audit"),
    ],
    ids=lambda words: words[0],
)
def test_an_address_where_a_path_belongs_is_told_as_one(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    done = clear(run_cli(*words, cwd=place))
    assert done.code == 2
    assert "`hf://acme/bert` is an address" in done.stderr
