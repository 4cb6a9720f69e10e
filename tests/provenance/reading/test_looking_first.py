"""An inspector looks at a large file before it is hashed: it saw what was hashed, or the reading fails."""

import mmap
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import FileChangedError, UncheckedError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.blocks import BLOCK, NotedSink, read_blocks
from weightmark.provenance.reading.engine import Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import PIECE, DescriptorView, NotingView

SIZE = 2 * BLOCK + 3 * PIECE + 77
GOOD, EVIL = b"good", b"evil"


class Mapped:
    """A file in memory that somebody writes without moving its times: its pages were mapped and touched before."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(SIZE))
        self.path = path
        with path.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), 0)
        self._mapped[:] = bytes(SIZE)

    def write(self, at: int, data: bytes) -> None:
        self._mapped[at : at + len(data)] = data

    def close(self) -> None:
        self._mapped.close()
        self.path.unlink()


@pytest.fixture
def mapped(tmp_path: Path) -> Iterator[Mapped]:
    made = Mapped(Path("/dev/shm") / f"{tmp_path.parent.name}-{tmp_path.name}-{os.getpid()}")
    yield made
    made.close()


@pytest.mark.needs("shared_memory")
@pytest.mark.parametrize("at", [0, BLOCK - 2, BLOCK + 5 * PIECE, SIZE - len(EVIL)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_bytes_shown_to_the_scanner_and_swapped_before_they_are_hashed_fail_the_reading(
    mapped: Mapped, at: int, jobs: int
) -> None:
    mapped.write(at, GOOD)

    def inspect(_: str, view: ByteView) -> bytes:
        seen = view.read_at(at, len(GOOD))
        mapped.write(at, EVIL)
        return seen

    with pytest.raises(FileChangedError, match="changed while it was read"):
        read_artifact(open_artifact(mapped.path), inspect=inspect, jobs=jobs)


@pytest.mark.needs("shared_memory")
def test_a_scanner_never_sees_two_contents_of_one_place(mapped: Mapped) -> None:
    said: list[str] = []

    def inspect(_: str, view: ByteView) -> bool:
        view.read_at(0, 4)
        mapped.write(0, EVIL)
        try:
            for offset in range(0, SIZE, PIECE):
                view.read_at(offset, 1)
            view.read_at(0, 4)
        except UncheckedError as error:
            said.append(error.what)
        return True

    with pytest.raises(FileChangedError):
        read_artifact(open_artifact(mapped.path), inspect=inspect)
    assert len(said) == 1
    assert said[0].endswith("changed while it was read")


@pytest.mark.needs("shared_memory")
def test_what_nobody_looked_at_has_the_digest_of_when_it_was_hashed(mapped: Mapped) -> None:
    def inspect(_: str, view: ByteView) -> bytes:
        seen = view.read_at(0, 4)
        mapped.write(BLOCK, EVIL)
        return seen

    reading: Reading[bytes] = read_artifact(open_artifact(mapped.path), inspect=inspect)
    assert reading.files[0].blake3 == blake3(mapped.path.read_bytes()).hexdigest()
    assert reading.inspections == (bytes(4),)


@given(
    data=st.binary(min_size=1, max_size=5 * PIECE),
    looks=st.lists(st.tuples(st.integers(0, 5 * PIECE), st.integers(0, 2 * PIECE)), max_size=6),
    at=st.integers(0, 5 * PIECE - 1),
)
def test_every_flipped_bit_in_what_was_seen_is_found_and_none_elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    looks: list[tuple[int, int]],
    at: int,
) -> None:
    at %= len(data)
    path = tmp_path_factory.mktemp("seen") / "file"
    path.write_bytes(data)
    with path.open("r+b") as file:
        view = NotingView.of(DescriptorView(file.fileno(), len(data), "file"))
        for offset, length in looks:
            assert view.read_at(offset, length) == data[offset : offset + length]
        os.pwrite(file.fileno(), bytes([data[at] ^ 1]), at)
        sink = NotedSink(view)
        blocks = read_blocks(file.fileno(), len(data), "file")
        seen = any(
            offset // PIECE <= at // PIECE <= (min(offset + length, len(data)) - 1) // PIECE
            for offset, length in looks
            if length and offset < len(data)
        )
        with pytest.raises(FileChangedError) if seen else nullcontext():
            for block in blocks:
                sink.update(block)
