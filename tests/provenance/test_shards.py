"""Digests of whole files and of shards, whatever the blocks in which a file arrives."""

import hashlib
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.forge import make_tree
from weightmark.errors import LimitError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.columns import DIGEST_SIZES, Column
from weightmark.provenance.reading.engine import BLOCK, Reading, read_artifact
from weightmark.provenance.reading.shards import MAX_SHARDS, Sharding, ShardSink

ALONE = {
    Column.SHA256: lambda data: hashlib.sha256(data).hexdigest(),
    Column.BLAKE2B: lambda data: hashlib.blake2b(data).hexdigest(),
    Column.BLAKE3: lambda data: blake3(data).hexdigest(),
}


def cut(data: bytes, column: Column, size: int) -> tuple[str, ...]:
    return tuple(ALONE[column](data[at : at + size]) for at in range(0, len(data), size))


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.sampled_from(Column),
    st.integers(1, 50),
)
def test_shards_do_not_depend_on_the_blocks(blocks: list[bytes], column: Column, size: int) -> None:
    sink = ShardSink(Sharding(column, size))
    for block in blocks:
        sink.update(memoryview(block))
    assert sink.hexdigests() == cut(b"".join(blocks), column, size)


@pytest.mark.parametrize("size", [1 << 20, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_file_of_several_blocks_is_cut_where_it_should_be(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * ((2 * BLOCK + 512) // 256)
    tree = make_tree(tmp_path / "m", {"large": data, "empty": b"", "small": b"x"})
    reading: Reading[None] = read_artifact(
        open_artifact(tree), columns=list(Column), sharding=Sharding(Column.SHA256, size)
    )
    found = {file.path: file for file in reading.files}
    assert found["large"].shards == cut(data, Column.SHA256, size)
    assert found["empty"].shards == ()
    assert found["small"].shards == cut(b"x", Column.SHA256, size)
    for column in Column:
        assert found["large"].digest(column) == ALONE[column](data)
        assert len(bytes.fromhex(found["empty"].digest(column))) == DIGEST_SIZES[column]


def test_a_column_that_was_not_asked_for_is_empty(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"a": b"1"})
    reading: Reading[None] = read_artifact(open_artifact(tree))
    (file,) = reading.files
    assert (file.sha256, file.blake2b, file.shards, file.sharding) == ("", "", (), None)
    assert file.digest(Column.BLAKE3) == blake3(b"1").hexdigest()


def test_too_many_shards_are_a_limit_before_anything_is_hashed() -> None:
    one = Sharding(Column.SHA256, 1)
    one.require_bounded([MAX_SHARDS - 1, 1])
    with pytest.raises(LimitError):
        one.require_bounded([MAX_SHARDS, 1])
    Sharding(Column.SHA256, 1000).require_bounded([MAX_SHARDS * 1000])
