"""A published view (C2SP tlog-tiles) as a store: everything can be read and proven, nothing written."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from weightmark.errors import LedgerInconsistentError, UnsupportedError
from weightmark.provenance.ledger.checkpoint import parse_checkpoint
from weightmark.provenance.ledger.merkle import HASH_SIZE
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE, split_note
from weightmark.provenance.ledger.store.interface import Head, StoreWriter
from weightmark.provenance.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    bundle_path,
    parse_bundle,
    tile_path,
    tiles_of_size,
)
from weightmark.provenance.ledger.view.interface import CHECKPOINT, ViewFiles

__all__ = ["StaticReader", "StaticStore"]


class StaticStore:
    """The files of one view."""

    def __init__(self, view: ViewFiles) -> None:
        self._view = view

    @contextmanager
    def read(self) -> Iterator["StaticReader"]:
        """Read the checkpoint; everything else is read under it."""
        yield StaticReader(self._view)

    def write(self) -> AbstractContextManager[StoreWriter]:
        """Refuse: a view is written by publishing the ledger that it shows."""
        raise UnsupportedError(
            f"`{self._view.name}` is the published view of a ledger, which is only read",
            fix="append to the ledger itself",
        )

    def close(self) -> None:
        """Do nothing: each file is read whole."""


class StaticReader:
    """One state of a view: the tiles and bundles that its checkpoint requires."""

    def __init__(self, view: ViewFiles) -> None:
        self._view = view
        self._head: Head | None = None
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    @property
    def index(self) -> None:
        """A view has no search table."""

    def head(self) -> Head:
        """Read the checkpoint, once."""
        if self._head is None:
            note = self._view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE)
            if note is None:
                raise LedgerInconsistentError(f"`{self._view.name}` has no checkpoint")
            parsed = parse_checkpoint(split_note(note)[0])
            self._head = Head(parsed.size, parsed.root, note)
        return self._head

    def entries(self, start: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, body) from `start` on, in order, bundle by bundle."""
        end = min(start + limit, self.head().size)
        while start < end:
            number, skip = divmod(start, TILE_WIDTH)
            for body in self._bodies(number)[skip : end - number * TILE_WIDTH]:
                yield start, body
                start += 1

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, as many as the checkpoint requires."""
        tile = self._wanted(level, index)
        return self._get(tile, tile_path)[: tile.width * HASH_SIZE]

    def tile_names(self) -> Iterator[tuple[int, int]]:
        """Yield (level, index) of every tile that the checkpoint requires."""
        for tile in sorted(tiles_of_size(self.head().size)):
            yield tile.level, tile.index

    def _bodies(self, number: int) -> list[bytes]:
        """Read a bundle; the last one is kept, since entries are often asked for one by one."""
        if self._bundle[0] != number:
            tile = self._wanted(0, number)
            bodies = parse_bundle(self._get(tile, bundle_path))
            if len(bodies) < tile.width:
                raise LedgerInconsistentError(
                    f"`{bundle_path(tile)}` has {len(bodies)} entries, its checkpoint requires {tile.width}"
                )
            self._bundle = number, bodies[: tile.width]
        return self._bundle[1]

    def _wanted(self, level: int, index: int) -> Tile:
        width = (self.head().size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH
        if width <= 0:
            raise LedgerInconsistentError(f"the tile {index} of level {level} is missing")
        return Tile(level, index, min(TILE_WIDTH, width))

    def _get(self, tile: Tile, path_of: Callable[[Tile], str]) -> bytes:
        """Read a file of a tile; a partial one may have been dropped in favour of the full one."""
        whole = Tile(tile.level, tile.index, TILE_WIDTH)
        for one in dict.fromkeys((tile, whole)):
            data = self._view.get(path_of(one))
            if data is not None:
                return data
        raise LedgerInconsistentError(f"`{self._view.name}/{path_of(tile)}` is missing")
