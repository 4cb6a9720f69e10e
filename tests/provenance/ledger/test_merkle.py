"""Merkle code against the recursive definitions of RFC 6962 §2.1, and against forged proofs."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import LedgerInconsistentError
from weightmark.provenance.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    NodeReader,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
)
from weightmark.provenance.ledger.tiles import grow_tiles, node_reader

LEAVES = [leaf_hash(str(number).encode()) for number in range(700)]


def reader(leaves: list[bytes]) -> NodeReader:
    grown = grow_tiles(lambda _level, _index: b"", 0, leaves)
    return node_reader(lambda level, index: grown[level, index])


NODES = reader(LEAVES)


def grow(
    tiles: dict[tuple[int, int], bytes], size: int, new: list[bytes]
) -> dict[tuple[int, int], bytes]:
    return grow_tiles(lambda level, index: tiles[level, index], size, new)


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


def subproof(old: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if complete else [mth(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*subproof(old, leaves[:k], complete), mth(leaves[k:])]
    return [*subproof(old - k, leaves[k:], False), mth(leaves[:k])]


sizes = st.integers(1, len(LEAVES))


@given(sizes)
def test_roots_equal_the_recursive_definition(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.push(leaf)
    assert tree_root(NODES, size) == frontier.root() == mth(LEAVES[:size])


@given(sizes, st.data())
def test_inclusion_proofs_equal_the_recursive_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(NODES, index, size)
    assert proof == path(index, LEAVES[:size])
    check_inclusion(LEAVES[index], index, size, proof, mth(LEAVES[:size]))


@given(sizes, st.data())
def test_consistency_proofs_equal_the_recursive_definition(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(NODES, old, size)
    assert proof == subproof(old, LEAVES[:size], True)
    check_consistency(old, size, mth(LEAVES[:old]), mth(LEAVES[:size]), proof)


@given(st.lists(st.integers(0, 300), max_size=5))
def test_growing_in_steps_gives_the_same_tiles_as_growing_at_once(steps: list[int]) -> None:
    tiles: dict[tuple[int, int], bytes] = {}
    size = 0
    for step in steps:
        new = [leaf_hash(b"%d" % number) for number in range(size, size + step)]
        tiles |= grow(tiles, size, new)
        size += step
    at_once = [leaf_hash(b"%d" % number) for number in range(size)]
    assert tiles == grow_tiles(lambda _level, _index: b"", 0, at_once)


@given(sizes, st.data())
def test_a_forged_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(NODES, index, size)
    root = tree_root(NODES, size)
    forged = data.draw(
        st.sampled_from(
            [
                (LEAVES[index], index, [*proof, EMPTY_ROOT]),
                (LEAVES[index], index, proof[:-1] if proof else [EMPTY_ROOT]),
                (leaf_hash(b"other"), index, proof),
                (LEAVES[index], size, proof),
                (LEAVES[index], index + 1, proof),
                (LEAVES[index], -1, proof),
                (LEAVES[index], index, [EMPTY_ROOT, *proof[1:]] if proof else [EMPTY_ROOT]),
            ]
        )
    )
    leaf, place, hashes = forged
    with pytest.raises(LedgerInconsistentError):
        check_inclusion(leaf, place, size, hashes, root)


@given(sizes, st.data())
def test_a_forged_consistency_proof_is_refused(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(NODES, old, size)
    old_root, new_root = tree_root(NODES, old), tree_root(NODES, size)
    swapped = [EMPTY_ROOT, *proof[1:]] if proof else [EMPTY_ROOT]
    for a, b, hashes in (
        (EMPTY_ROOT, new_root, proof),
        (old_root, EMPTY_ROOT, proof),
        (old_root, new_root, [*proof, EMPTY_ROOT]),
        (old_root, new_root, swapped),
        (old_root, new_root, proof[:-1] if proof else [EMPTY_ROOT]),
    ):
        with pytest.raises(LedgerInconsistentError):
            check_consistency(old, size, a, b, hashes)


def test_a_tree_never_shrinks() -> None:
    with pytest.raises(LedgerInconsistentError, match="does not extend"):
        check_consistency(5, 3, tree_root(NODES, 5), tree_root(NODES, 3), [])


def test_every_tree_extends_the_empty_one_and_only_with_its_own_root() -> None:
    check_consistency(0, 9, EMPTY_ROOT, tree_root(NODES, 9), [])
    with pytest.raises(LedgerInconsistentError):
        check_consistency(0, 9, tree_root(NODES, 1), tree_root(NODES, 9), [])


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=12), sizes, sizes)
def test_arbitrary_consistency_proofs_never_crash(hashes: list[bytes], old: int, new: int) -> None:
    with pytest.raises(LedgerInconsistentError):
        check_consistency(old, new, EMPTY_ROOT, leaf_hash(b"x"), hashes)
