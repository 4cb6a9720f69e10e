"""The static view: entry bundles, tiles and `checkpoint` as files (C2SP tlog-tiles).

A view is written after the commit and can be rebuilt from the store. The order (bundles, tiles
bottom-up, `checkpoint` last) means that whatever a checkpoint requires is there before it.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from weightmark.errors import LedgerInconsistentError
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.files import make_folders, read_file
from weightmark.provenance.ledger.merkle import HASH_SIZE
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE, NoteVerifier
from weightmark.provenance.ledger.store.interface import StoreReader
from weightmark.provenance.ledger.tiles import (
    TILE_WIDTH,
    Tile,
    bundle_path,
    encode_bundle,
    tile_path,
    tiles_of_size,
)
from weightmark.values import dataclass

__all__ = ["MAX_BUNDLE_SIZE", "StaticView"]

MAX_BUNDLE_SIZE = TILE_WIDTH * (2 + 65_535)
"""bytes"""


@dataclass(frozen=True, slots=True)
class StaticView:
    """The files below one prefix."""

    folder: Path
    """`tiles/`, the root that a web server serves"""

    def published(self, verifier: NoteVerifier) -> VerifiedCheckpoint | None:
        """Return the published checkpoint, verified; None when nothing was published."""
        note = read_file(self.folder / "checkpoint", max_size=MAX_NOTE_SIZE)
        return None if note is None else verify_checkpoint(note, verifier)

    def publish(
        self,
        store: StoreReader,
        head: VerifiedCheckpoint,
        *,
        since: int,
        overwrite: bool = False,
    ) -> None:
        """Write what `head` requires beyond the size `since`.

        An existing file must hold the same bytes unless `overwrite`; raises `LedgerInconsistentError`.
        """
        tiles = list(tiles_of_size(head.size, since=since))
        files = dict(_files(store, tiles))
        make_folders({self.folder, *((self.folder / path).parent for path in files)})
        for path, data in files.items():
            self._put(path, data, overwrite=overwrite)
        for folder in sorted({parent for path in files for parent in PurePath(path).parents}):
            sync_folder(self.folder / folder)
        replace_file(self.folder / "checkpoint", head.note)
        sync_folder(self.folder)
        self._drop_outgrown(tiles)

    def _put(self, path: str, data: bytes, *, overwrite: bool) -> None:
        place = self.folder / path
        found = None if overwrite else read_file(place, max_size=MAX_BUNDLE_SIZE)
        if found is None:
            replace_file(place, data)
        elif found != data:
            raise LedgerInconsistentError(
                f"`{place}` holds other bytes than the ledger",
                why="a published tile never changes",
                fix="keep a copy of `tiles`, then remove it: the next append publishes again",
            )

    def _drop_outgrown(self, tiles: list[Tile]) -> None:
        """Remove partial tiles whose full tile is published; readers fall back to that."""
        for tile in tiles:
            if tile.width == TILE_WIDTH:
                for path in (tile_path(tile), bundle_path(tile)):
                    folder = self.folder / f"{path}.p"
                    if folder.is_dir() and (tile.level == 0 or path == tile_path(tile)):
                        _remove(folder)


def _files(store: StoreReader, tiles: list[Tile]) -> Iterator[tuple[str, bytes]]:
    for tile in tiles:
        if tile.level == 0:
            rows = store.entries(tile.index * TILE_WIDTH, tile.width)
            yield bundle_path(tile), encode_bundle(body for _, body in rows)
    for tile in tiles:
        yield tile_path(tile), store.tile(tile.level, tile.index)[: tile.width * HASH_SIZE]


def _remove(folder: Path) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
