"""Files that change, shrink, are swapped or lie oddly while they are read: a named error, never a wrong digest."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

import weightmark.provenance.reading
from weightmark.errors import Exit, FileChangedError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.blocks import BLOCK
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.engine import Reading, read_artifact
from weightmark.provenance.reading.receipts import Receipts, file_system_of

SIZE = 6 * BLOCK
LONG = "x" * 200
DEPTH = 25
"""folders of 201 characters: far beyond PATH_MAX"""


class Meddler:
    """Somebody who does something to the file as soon as its first bytes were read."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act: Callable[[], object] | None = act

    def advance(self, _: int, /) -> object:
        act, self.act = self.act, None
        return act() if act else None


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")


def forge_times(path: Path) -> None:
    status = path.stat()
    overwrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda path: os.truncate(path, BLOCK), "shrank while it was read"),
        (append, "changed while it was read"),
        (overwrite, "changed while it was read"),
        (forge_times, "changed while it was read"),
    ],
)
def test_a_file_that_changes_while_it_is_read_has_no_digest(
    model: Path, act: Callable[[Path], None], said: str, jobs: int
) -> None:
    time.sleep(0.02)  # so that a store moves the times that the system keeps
    with pytest.raises(FileChangedError, match=said) as caught:
        read_artifact(open_artifact(model), progress=Meddler(lambda: act(model)), jobs=jobs)
    assert caught.value.exit is Exit.UNCHECKED


def test_a_file_that_shrinks_under_the_command_ends_it_with_4(tmp_path: Path) -> None:
    """Nothing is mapped, so no read can end in SIGBUS."""
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.truncate(SIZE)
    code = (
        "import sys, os; from weightmark.provenance.reading import blocks; fill = blocks._fill\n"
        "def shrink(*given):\n    fill(*given); os.truncate(sys.argv[2], 1)\n"
        "blocks._fill = shrink\n"
        "from weightmark.__main__ import main; sys.exit(main())"
    )
    home = {**os.environ, "HOME": str(tmp_path / "home")}
    call = [sys.executable, "-c", code, "digest", str(path)]
    ran = subprocess.run(call, capture_output=True, text=True, env=home, check=False)
    assert ran.returncode == Exit.UNCHECKED, ran.stderr
    assert "shrank while it was read" in ran.stderr


def test_nothing_that_reads_maps_a_file() -> None:
    (folder,) = weightmark.provenance.reading.__path__
    assert not [path for path in Path(folder).glob("*.py") if "import mmap" in path.read_text()]


@pytest.mark.parametrize("size", [0, 1, BLOCK, 3 * BLOCK + 1])
def test_sparse_and_empty_files_have_the_digest_of_their_zeros(tmp_path: Path, size: int) -> None:
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(size)
    reading: Reading[None] = read_artifact(open_artifact(path), columns=Column)
    assert reading.files[0].blake3 == blake3(bytes(size)).hexdigest()
    assert reading.files[0].sha256 == hashlib.sha256(bytes(size)).hexdigest()


def test_a_tree_deeper_than_any_path_may_be_is_read(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir(LONG, dir_fd=here)
        inner = os.open(LONG, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    for name in ("deep.bin", "other.bin"):
        file = os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=here)
        os.write(file, name.encode())
        os.close(file)
    os.close(here)
    reading: Reading[None] = read_artifact(open_artifact(tmp_path))
    assert [len(file.path) for file in reading.files] == [DEPTH * 201 + 8, DEPTH * 201 + 9]
    assert reading.files[0].blake3 == blake3(b"deep.bin").hexdigest()


def test_a_file_that_grew_large_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"{}")
    artifact = open_artifact(tmp_path)
    path.write_bytes(bytes(2 * BLOCK))
    with pytest.raises(FileChangedError, match="changed while it was read"):
        read_artifact(artifact)


@pytest.mark.needs("shared_memory")
def test_a_model_in_memory_gets_no_receipt(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    descriptor = os.open(memory, os.O_RDONLY)
    assert file_system_of(descriptor) == "tmpfs"
    os.close(descriptor)
    store = Receipts.open(tmp_path / "r.db", now=lambda: time.time_ns() + 10**10)
    assert store
    path = memory / f"{tmp_path.parent.name}-{os.getpid()}-model"
    try:
        path.write_bytes(bytes(2 * BLOCK))
        for _ in range(2):
            reading: Reading[None] = read_artifact(open_artifact(path), receipts=store)
            store.save()
            assert reading.remembered == 0
    finally:
        path.unlink()
        store.close()


def test_an_interrupt_of_a_large_read_ends_at_once_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    call = [sys.executable, "-m", "weightmark", "digest", "--no-progress", str(path)]
    child = subprocess.Popen(
        call, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    time.sleep(1.5)
    os.killpg(child.pid, signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    assert child.returncode == 130
    assert out == b""
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
    assert list(tmp_path.glob("*.bin")) == [path]
