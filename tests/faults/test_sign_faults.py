"""Signing on a bad day: full disk, read-only folder, unreadable file, a killed process.

Whatever happens, each file is the old one or the new one, and what is said is an exit code 4.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import ECHO, make_tree, said
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import VerifyReport, examine
from weightmark.errors import Exit

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
FILES = {"config.json": b"{}", "weights.bin": b"w" * 3000}

CHILD = """
import json, os, resource, sys
from pathlib import Path
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import WeightmarkError

key, tree, practice, do, limit, uid = sys.argv[1:]
signer = KeySigner(PrivateKey.load(key))
if practice:
    sign_artifact(Path(practice), signer, SignOptions(scan=False))
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
if int(uid):
    os.setgroups([]), os.setgid(int(uid)), os.setuid(int(uid))
try:
    if do == "sign":
        sign_artifact(Path(tree), signer, SignOptions(scan=False))
        code = 0
    else:
        code = int(examine(Path(tree), Trust.in_keys([signer.public])).report.exit)
    print(json.dumps({"exit": code}))
except WeightmarkError as error:
    print(json.dumps({"exit": int(error.exit), "what": error.what, "code": error.code}))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that another account can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def key(place: Path) -> Path:
    path = place / "release.key"
    path.write_bytes(PrivateKey.generate().to_pem(None))
    return path


def child(
    key: Path,
    tree: Path,
    do: str = "sign",
    *,
    limit: int = 0,
    uid: int = 0,
    under: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `CHILD`; unless it is traced, it signs once before its rights are cut, so that all is imported."""
    practice = "" if under else make_tree(key.parent / "practice", {"x": b"1"})
    call = [sys.executable, "-c", CHILD, key, tree, practice, do, limit, uid]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [*under, *map(str, call)], capture_output=True, text=True, check=False, env=environment
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def verify(tree: Path, key: Path) -> VerifyReport:
    trust = Trust.in_keys([PublicKey.from_pem(PrivateKey.load(key).public.pem)])
    return examine(tree, trust).report


def content(tree: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tree.iterdir() if path.is_file()}


@pytest.mark.parametrize("limit", [1, 700, 2200])
@pytest.mark.parametrize("signed", [False, True])
def test_a_full_disk_leaves_what_was_there(
    place: Path, key: Path, limit: int, signed: bool
) -> None:
    tree = make_tree(place / "m", FILES)
    if signed:
        assert answer(child(key, tree)) == {"exit": 0}
    before = content(tree)
    said_by_child = answer(child(key, tree, limit=limit))
    if said_by_child["exit"] == 0:
        assert limit > 1
        assert verify(tree, key).exit is Exit.GOOD
        return
    assert said_by_child["exit"] == Exit.UNCHECKED
    assert "model." in said_by_child["what"]
    assert content(tree) == before


@pytest.mark.needs("root")
@pytest.mark.parametrize("signed", [False, True])
def test_a_folder_that_may_not_be_written_stays_as_it_is(
    place: Path, key: Path, signed: bool
) -> None:
    tree = make_tree(place / "m", FILES)
    if signed:
        assert answer(child(key, tree)) == {"exit": 0}
    before = content(tree)
    found = answer(child(key, tree, uid=NOBODY))
    assert found["exit"] == Exit.UNCHECKED
    assert "permission denied" in found["what"]
    assert str(tree) in found["what"]
    assert content(tree) == before


@pytest.mark.needs("root")
@pytest.mark.parametrize("do", ["sign", "verify"])
@pytest.mark.parametrize("what", ["weights.bin", "sub", "model.sig", "model.claims"])
def test_what_may_not_be_read_could_not_be_checked(
    place: Path, key: Path, do: str, what: str
) -> None:
    tree = make_tree(place / "m", {**FILES, "sub/x": b"1"})
    tree.chmod(0o777)
    assert answer(child(key, tree)) == {"exit": 0}
    (tree / what).chmod(0)
    found = answer(child(key, tree, do, uid=NOBODY))
    assert found["exit"] == Exit.UNCHECKED
    (tree / what).chmod(0o755)
    assert verify(tree, key).exit is Exit.GOOD


STEPS = [
    ("fsync", 1),
    ("fsync", 2),
    ("linkat", 1),
    ("linkat", 2),
    ("rename,renameat,renameat2", 1),
    ("rename,renameat,renameat2", 2),
]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("calls", "number"), STEPS)
def test_a_killed_process_leaves_each_file_old_or_new(
    place: Path, key: Path, calls: str, number: int, signed: bool
) -> None:
    tree = make_tree(place / "m", FILES)
    if signed:
        assert answer(child(key, tree)) == {"exit": 0}
    tracer = ("strace", "-qq", "-o", "/dev/null")
    inject = ("-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}")
    done = child(key, tree, under=(*tracer, *inject))
    renames = calls.startswith("rename")
    if done.returncode == 0:
        assert renames, "fresh files get their names without a rename"
        assert not signed
    else:
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    after = content(tree)
    litter = {name for name in after if name.endswith(".tmp")}
    assert not litter or signed
    assert len(litter) <= 1
    for name in litter:
        (tree / name).unlink()
    assert {name: after[name] for name in FILES} == FILES
    if not after.keys() - litter - FILES.keys():
        assert not signed
        return
    report = verify(tree, key)
    assert report.exit is Exit.GOOD, said(report)


def test_a_refused_signature_leaves_nothing_behind(tmp_path: Path) -> None:
    from weightmark.attestations.making.signing import sign_artifact
    from weightmark.attestations.signers.key import KeySigner
    from weightmark.errors import UnsafeContentError

    tree = make_tree(tmp_path / "m", {"w.pkl": ECHO})
    with pytest.raises(UnsafeContentError):
        sign_artifact(tree, KeySigner(PrivateKey.generate()))
    assert content(tree).keys() == {"w.pkl"}


def test_files_get_their_names_also_where_no_nameless_file_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightmark.provenance import atomic

    monkeypatch.setattr(atomic, "_open_nameless", lambda _path, _mode: None)
    atomic.replace_files({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    atomic.replace_files({tmp_path / "a": b"3"})
    atomic.create_file(tmp_path / "k", b"secret")
    with pytest.raises(FileExistsError):
        atomic.create_file(tmp_path / "k", b"other")
    assert content(tmp_path) == {"a": b"3", "b": b"2", "k": b"secret"}
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
