"""Entry bundles and tile names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.ledger.tiles import (
    Tile,
    bundle_path,
    encode_bundle,
    node_reader,
    parse_bundle,
    tile_path,
    tiles_of_size,
)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_a_bundle_round_trips(entries: list[bytes]) -> None:
    assert parse_bundle(encode_bundle(entries)) == entries


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_a_bundle_cut_anywhere_is_refused_or_shorter(
    entries: list[bytes], data: st.DataObject
) -> None:
    whole = encode_bundle(entries)
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        assert parse_bundle(whole[:cut]) == entries[: len(parse_bundle(whole[:cut]))]
    except MalformedError:
        return


def test_a_bundle_of_more_than_256_entries_is_refused() -> None:
    with pytest.raises(MalformedError):
        parse_bundle(encode_bundle([b"x"] * 257))


def test_an_entry_over_65535_bytes_is_refused() -> None:
    assert len(encode_bundle([b"x" * 65_535])) == 65_537
    with pytest.raises(LimitError):
        encode_bundle([b"x" * 65_536])


def test_a_tile_that_is_too_short_is_refused() -> None:
    read = node_reader(lambda _level, _index: b"x" * 33)
    assert read(0, 0) == b"x" * 32
    with pytest.raises(MalformedError):
        read(0, 1)


def test_names_are_unique_and_stay_below_the_prefix() -> None:
    tiles = [Tile(0, index, width) for index in (0, 1, 999, 1000, 10**6) for width in (1, 256)]
    names = [tile_path(tile) for tile in tiles] + [bundle_path(tile) for tile in tiles]
    assert len(set(names)) == len(names)


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_what_changed_since_a_size_is_what_is_new(a: int, b: int) -> None:
    old, new = sorted((a, b))
    assert set(tiles_of_size(new, since=old)) >= set(tiles_of_size(new)) - set(tiles_of_size(old))
    assert set(tiles_of_size(new, since=old)) <= set(tiles_of_size(new))
