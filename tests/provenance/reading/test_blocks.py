"""Blocks of a large file: everybody gets every byte once and in order, however many cores work on it."""

import hashlib
import os
from pathlib import Path

import pytest
from blake3 import blake3

from weightmark.errors import FileChangedError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.blocks import BLOCK, hand_out, read_blocks
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.engine import Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.shards import Sharding

SIZE = 5 * BLOCK + 12_345


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "model.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_digests_of_one_read_agree_with_the_bytes(large: Path, jobs: int) -> None:
    data = large.read_bytes()

    def inspect(_: str, view: ByteView) -> bytes:
        return view.read_at(BLOCK - 5, 10) + view.read_at(SIZE - 3, 10)

    sharding = Sharding(Column.SHA256, 1_000_000)
    reading: Reading[bytes] = read_artifact(
        open_artifact(large), columns=Column, sharding=sharding, inspect=inspect, jobs=jobs
    )
    (file,) = reading.files
    assert file.blake3 == blake3(data).hexdigest()
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.blake2b == hashlib.blake2b(data).hexdigest()
    assert file.shards[0] == hashlib.sha256(data[:1_000_000]).hexdigest()
    assert file.shards[-1] == hashlib.sha256(data[-(SIZE % 1_000_000) :]).hexdigest()
    assert reading.inspections == (data[BLOCK - 5 : BLOCK + 5] + data[-3:],)


def test_a_file_that_shrinks_between_blocks_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(2 * BLOCK))
    with path.open("rb") as file:
        blocks = read_blocks(file.fileno(), 2 * BLOCK, "model.bin")
        next(blocks)
        os.truncate(path, BLOCK)
        with pytest.raises(FileChangedError):
            next(blocks)


class Failing:
    """A taker that cannot go on."""

    def update(self, block: memoryview, /) -> None:
        raise FileChangedError(f"no more than {len(block)}")


@pytest.mark.parametrize("overlapped", [False, True])
def test_a_taker_that_fails_ends_the_read(large: Path, overlapped: bool) -> None:
    with large.open("rb") as file, pytest.raises(FileChangedError, match="no more than"):
        hand_out(
            read_blocks(file.fileno(), SIZE, "model.bin"),
            [Failing()],
            size=SIZE,
            overlapped=overlapped,
            advance=lambda _: True,
        )


def test_one_large_file_beside_small_ones_is_read_by_all_cores(tmp_path: Path, large: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    os.link(large, tmp_path / "model.bin")
    reading: Reading[None] = read_artifact(open_artifact(tmp_path), columns=Column, jobs=2)
    assert reading.files[1].sha256 == hashlib.sha256(large.read_bytes()).hexdigest()
