"""What a service reads for its clients: the files of tlog-tiles out of the store, claims, searches.

Nothing is proven here: whoever asks proves what is answered against the signed checkpoint.
"""

import asyncio
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from weightmark.errors import Exit, LedgerNotLiveError, ReadError, WeightmarkError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.merkle import HASH_SIZE
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE, split_note
from weightmark.provenance.ledger.service.sequencer import LedgerOpener
from weightmark.provenance.ledger.service.wire import Search, encode_found
from weightmark.provenance.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    bundle_path,
    encode_bundle,
    tile_path,
)
from weightmark.provenance.ledger.view.interface import CHECKPOINT

__all__ = [
    "Readers",
    "parse_tile_path",
    "read_checkpoint",
    "read_key",
    "read_tile",
    "search",
    "size_of_claim",
]

T = TypeVar("T")
_TILE = re.compile(r"(entries|\d{1,2})/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?\Z", re.ASCII)
_MAX_LEVEL = 63
_MAX_GROUPS = 6


class Readers:
    """A few threads with a ledger each."""

    def __init__(self, open_ledger: LedgerOpener, threads: int) -> None:
        self._open = open_ledger
        self._mine = threading.local()
        self._pool = ThreadPoolExecutor(threads, "weightmark-reader")

    async def read(self, ask: Callable[[Ledger], T]) -> T:
        """Answer from a ledger, in another thread; raises what `ask` raises.

        What fails is asked once more of a ledger that is opened anew: its key may have been rotated
        meanwhile, or a connection lost.
        """
        return await asyncio.wrap_future(self._pool.submit(self._answer, ask))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _answer(self, ask: Callable[[Ledger], T]) -> T:
        try:
            return ask(self._live())
        except LedgerNotLiveError:
            raise
        except WeightmarkError as error:
            if error.exit is Exit.USAGE:
                raise
        self._ledger().close()
        self._mine.ledger = None
        return ask(self._live())

    def _live(self) -> Ledger:
        """Return the ledger of this thread; raises `LedgerNotLiveError` once it moved or was succeeded."""
        ledger = self._ledger()
        ledger.home.standing().require_served(ledger.origin)
        return ledger

    def _ledger(self) -> Ledger:
        """Return the ledger of this thread."""
        if getattr(self._mine, "ledger", None) is None:
            self._mine.ledger = self._open()
        ledger: Ledger = self._mine.ledger
        return ledger


def parse_tile_path(path: str) -> tuple[Tile, bool] | None:
    """Read the path of a tile below `tile/`; tells whether it is of an entry bundle. None for no such path."""
    match = _TILE.match(path)
    if not match or match[2].count("/") > _MAX_GROUPS:
        return None
    is_bundle = match[1] == "entries"
    width = int(match[3] or TILE_WIDTH)
    level = 0 if is_bundle else int(match[1])
    tile = Tile(level, int(re.sub(r"\D", "", match[2])), width)
    written = bundle_path(tile) if is_bundle else tile_path(tile)
    partial = match[3] is not None
    known = level <= _MAX_LEVEL and partial == (0 < width < TILE_WIDTH)
    return (tile, is_bundle) if known and written == f"tile/{path}" else None


def read_key(ledger: Ledger) -> str:
    """Return the log's verifier key of the moment: keys are rotated while a service runs."""
    return ledger.home.read_verifier().vkey


def read_checkpoint(ledger: Ledger) -> bytes:
    """Return the newest checkpoint, with the cosignatures that were published with it."""
    with ledger.home.store.read() as store:
        note = store.head().checkpoint
    view = ledger.home.view
    published = view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE) if view else None
    if published is not None and split_note(published)[0] == split_note(note)[0]:
        return published
    return note


def read_tile(ledger: Ledger, tile: Tile, *, bundle: bool) -> bytes | None:
    """Return a tile, or the entries below it; None for one that the log has not filled."""
    with ledger.home.store.read() as store:
        filled = (store.head().size >> (TILE_HEIGHT * tile.level)) - tile.index * TILE_WIDTH
        if filled < tile.width:
            return None
        if not bundle:
            return store.tile(tile.level, tile.index)[: tile.width * HASH_SIZE]
        rows = store.entries(tile.index * TILE_WIDTH, tile.width)
        return encode_bundle(body for _, body in rows)


def size_of_claim(ledger: Ledger, digest: str) -> int | None:
    """Return the bytes of a claim or request; None for one that is not there, or that an entry says was erased.

    Raises `LedgerInconsistentError`.
    """
    if ledger.find(subject=f"sha256:{digest}", kind=Kind.REDACT):
        return None
    try:
        return ledger.home.blobs.size(digest)
    except ReadError:
        return None


def search(ledger: Ledger, asked: Search) -> bytes:
    """Return the answer to a search."""
    found = ledger.search(asked.query, start=asked.start, limit=asked.limit)
    with ledger.snapshot() as snapshot:
        return encode_found(snapshot.head.size, found)
