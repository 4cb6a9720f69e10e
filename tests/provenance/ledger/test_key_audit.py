"""The table of unique keys is compared as a whole: whatever it has otherwise is named by its entry."""

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.provenance.ledger.key_audit import KeyAudit
from weightmark.provenance.ledger.store.interface import IndexRow, Query


class Table:
    """A table of unique keys; only what `KeyAudit` reads of a `StoreIndex`."""

    def __init__(self, rows: dict[bytes, int]) -> None:
        self._rows = rows

    def key_rows(self) -> Iterator[tuple[bytes, int]]:
        yield from sorted(self._rows.items())

    def indices_of(self, keys: object) -> dict[bytes, int]:
        raise NotImplementedError

    def search(self, query: Query, *, start: int = 0, limit: int | None = None) -> Iterator[int]:
        raise NotImplementedError

    def rows(self, start: int, limit: int) -> Iterator[IndexRow]:
        raise NotImplementedError

    def counts(self) -> tuple[int, int, int]:
        raise NotImplementedError

    def damage(self) -> str:
        raise NotImplementedError


def keys_of(entry: int) -> tuple[bytes, bytes]:
    first, second = (hashlib.sha256(f"{kind} {entry}".encode()).digest() for kind in "ab")
    return first, second


def honest(size: int) -> dict[bytes, int]:
    return {key: entry for entry in range(size) for key in keys_of(entry)}


def audited(rows: dict[bytes, int], size: int, window: int = 3) -> list[int]:
    audit = KeyAudit(Table(rows), window=window)
    found = [at for entry in range(size) for at in audit.push(keys_of(entry))]
    return [*found, *audit.settle()]


@given(st.integers(0, 20), st.integers(1, 8))
def test_an_honest_table_passes_whatever_the_window(size: int, window: int) -> None:
    assert audited(honest(size), size, window) == []


@given(st.integers(1, 20), st.integers(1, 8), st.data())
def test_a_key_that_is_missing_or_of_another_entry_names_its_entry(
    size: int, window: int, data: st.DataObject
) -> None:
    entry = data.draw(st.integers(0, size - 1))
    key = data.draw(st.sampled_from(keys_of(entry)))
    other = data.draw(st.integers(0, size + 3).filter(lambda one: one != entry))
    rows = honest(size)
    del rows[key]
    assert audited(rows, size, window) == [entry]
    assert audited({**rows, key: other}, size, window) == [entry]
    assert audited({**rows, b"\x01" * 32: entry}, size, window) == [entry]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_an_empty_table_names_every_entry(size: int) -> None:
    assert audited({}, size) == list(range(size))
