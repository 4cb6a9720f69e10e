"""Items that lie scattered over a storage: the same bytes as one by one, in bounded memory and work."""

import struct
import tracemalloc
from itertools import product
from math import prod
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive
from tests.scanners.tensors.weights import plain, table
from tests.scanners.test_convert import checkpoint, state_dict, tensor
from weightmark.errors import LimitError, MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.views import (
    PIECE,
    CheckedView,
    DescriptorView,
    MemoryView,
    piece_digest,
)
from weightmark.scanners.tensors.digests import table_of
from weightmark.scanners.tensors.scattered import gathered, normal_dimensions
from weightmark.scanners.tensors.stored import StoredTensor
from weightmark.scanners.tensors.zip_members import zip_members

MEBIBYTE = 1024 * 1024
MOST_REPEATS = 17
"""more of what is far apart would be over the limit of what may be read"""
MOST_READ = 64 * MEBIBYTE
"""bytes that are read without regard to the size of the storage"""
DIMENSIONS = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 5, 17]), st.sampled_from([0, 1, 2, 3, 7, 50, 9000])),
    max_size=4,
)


@given(DIMENSIONS, st.sampled_from([1, 2, 4, 8]), st.integers(0, 3))
def test_scattered_items_come_as_if_they_were_taken_one_by_one(
    dimensions: list[tuple[int, int]], item_size: int, offset: int
) -> None:
    assume(prod(size for size, stride in dimensions if not stride) <= MOST_REPEATS)
    steps = [
        range(0, size * stride, stride) if stride else [0] * size for size, stride in dimensions
    ]
    places = [offset + sum(one) for one in product(*steps)]
    data = b"".join(number.to_bytes(8, "big")[-item_size:] for number in range(max(places) + 1))
    widest = max(dimensions, key=lambda dimension: dimension[1], default=(1, 1))
    repeats = prod(size for size, _ in dimensions) // widest[0]
    assume(len(data) * repeats <= MOST_READ)
    expected = b"".join(data[at * item_size : (at + 1) * item_size] for at in places)
    normal = normal_dimensions(tuple(s for s, _ in dimensions), tuple(s for _, s in dimensions))
    storage = data + bytes(len(expected))
    assert b"".join(gathered(MemoryView(storage), offset, normal, item_size, "w")) == expected


def test_dimensions_of_one_and_contiguous_ones_cost_nothing() -> None:
    assert normal_dimensions((8, 1), (1, 8)) == normal_dimensions((8,), (1,))
    assert normal_dimensions((2, 3, 4), (12, 4, 1)) == normal_dimensions((24,), (1,))
    assert normal_dimensions((1, 1), (5, 7)) == []


@pytest.mark.parametrize("size", [2, 8])
def test_many_short_dimensions_in_reverse_take_no_python_step_an_item(size: int) -> None:
    """49 KB of zeros in a zip once took 20 s."""
    count = 20 if size == 2 else 6
    shape, strides = (size,) * count, tuple(size**at for at in range(count))
    data = bytes(range(256)) * (prod(shape) // 256)
    found = b"".join(gathered(MemoryView(data), 0, normal_dimensions(shape, strides), 1, "w"))
    assert len(found) == prod(shape)
    assert found[:size] == data[: size ** (count - 1) * size : size ** (count - 1)]


def test_two_items_far_apart_in_a_deflated_storage_take_little_memory() -> None:
    """Two bytes 64 MiB apart must not bring all that lies between them into memory."""
    far = 64 * MEBIBYTE
    storage = b"\x01" + bytes(far - 1) + b"\x02"
    data = archive(Member(b"w", storage, method=8))
    del storage
    tracemalloc.start()
    try:
        view = zip_members(MemoryView(data))["w"]
        stored = StoredTensor.checked(StoredTensor("w", "U8", (2,), (far,), 0, view))
        assert table_of([stored]).weights == plain("U8", (2,), b"\x01\x02").weights
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEBIBYTE


def test_one_long_name_repeated_by_reference_hits_a_bound() -> None:
    with pytest.raises(LimitError, match="key"):
        table(checkpoint(state_dict(**{"k" * 5000: tensor((6,))})))
    inner = state_dict(w=tensor((6,)))[2:-1]
    for _ in range(3):
        inner = state_dict(**{"k" * 2000: inner})[2:-1]
    with pytest.raises(LimitError, match="name of a tensor"):
        table(checkpoint(b"\x80\x02" + inner + b"."))


def test_a_list_of_one_list_over_and_over_hits_a_bound_before_memory_does() -> None:
    many = b"]q\x00(" + b"K\x01" * 2000 + b"e" + b"0"
    pickle = b"\x80\x02" + many.replace(b"e0", b"e") + b"](" + b"h\x00" * 2000 + b"e\x86."
    with pytest.raises(LimitError, match="values"):
        table(checkpoint(pickle))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (tensor((6,)), tensor((6,), kind="IntStorage")),
        (tensor((6,)), tensor((6,), items=5)),
        (tensor((6,)), tensor((3,), kind="DoubleStorage", items=3)),
    ],
)
def test_one_storage_of_two_types_is_malformed(first: bytes, second: bytes) -> None:
    """Loaders take the type that comes first, or last, for all tensors of a storage."""
    with pytest.raises(MalformedError, match="two types"):
        table(checkpoint(state_dict(a=first, b=second)))


def test_a_storage_that_nothing_uses_counts_too() -> None:
    """Left on the stack, it is loaded all the same, and sets the type."""
    unused = tensor((6,), kind="IntStorage")
    pickle = state_dict(a=tensor((6,)))
    with pytest.raises(MalformedError, match="two types"):
        table(checkpoint(pickle[:2] + unused + pickle[2:]))


def test_two_storages_of_two_types_are_honest() -> None:
    pickle = state_dict(a=tensor((6,)), b=tensor((6,), kind="IntStorage", key="1"))
    found = table(checkpoint(pickle, Member(b"archive/data/1", struct.pack("<6i", *range(6)))))
    assert [one.dtype for one in found.entries] == ["F32", "I32"]


@pytest.mark.parametrize("identifier", [b")", b"N\x85", b"(X\x01\x00\x00\x00at"])
def test_a_persistent_id_of_another_form_is_unsupported(identifier: bytes) -> None:
    pickle = b"\x80\x02}X\x01\x00\x00\x00a" + identifier + b"Qs."
    with pytest.raises(UnsupportedError):
        table(checkpoint(pickle))


def test_a_checkpoint_whose_storage_ends_early_is_unchecked() -> None:
    with pytest.raises(UncheckedError):
        table(checkpoint(state_dict(w=tensor((3, 2), (1, 3))), data=bytes(20)))


def test_a_long_range_of_bytes_that_are_compared_is_in_memory_once(tmp_path: Path) -> None:
    size = 32 * MEBIBYTE
    piece = bytes(range(256)) * (PIECE // 256)
    (tmp_path / "w").write_bytes(piece * (size // PIECE))
    with (tmp_path / "w").open("rb") as file:
        digests = (piece_digest(piece),) * (size // PIECE)
        view = CheckedView(DescriptorView(file.fileno(), size, "w"), digests)
        tracemalloc.start()
        try:
            taken = view.read_at(5, size - 11)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert taken == (piece * (size // PIECE))[5:-6]
    assert peak < size * 3 // 2
