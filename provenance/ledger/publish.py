"""Publishing: entry bundles, tiles and `checkpoint` of a log as files (C2SP tlog-tiles).

A view is written after the commit and can be rebuilt from the store. The order (bundles, tiles
bottom-up, `checkpoint` last) means that whatever a checkpoint requires is there before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from weightmark.provenance.ledger.blobs import Blobs, BlobState, ViewBlobs
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.event import Kind, parse_event
from weightmark.provenance.ledger.merkle import HASH_SIZE
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import StoreReader
from weightmark.provenance.ledger.tiles import (
    TILE_WIDTH,
    Tile,
    bundle_path,
    encode_bundle,
    tile_path,
    tiles_of_size,
)
from weightmark.provenance.ledger.view.interface import CHECKPOINT, ViewFiles

__all__ = [
    "BINDING_KINDS",
    "CheckpointVerifier",
    "NoteSource",
    "publish",
    "publish_claims",
    "published_checkpoint",
]

CheckpointVerifier = Callable[[bytes], VerifiedCheckpoint]
"""checks whether a signed checkpoint is the log's own; raises as `verify_checkpoint`"""
NoteSource = Callable[[VerifiedCheckpoint], bytes]
"""gives the note to publish for a head: the head's own, or with cosignatures added"""

BINDING_KINDS = frozenset({Kind.POLICY, Kind.KEY, Kind.REVOKE, Kind.REINSTATE, Kind.REDACT})
"""kinds whose claims whoever consults a ledger has to read: they are always published, and never erased"""
_FILES_AT_ONCE = 256


def published_checkpoint(view: ViewFiles, verify: CheckpointVerifier) -> VerifiedCheckpoint | None:
    """Return the published checkpoint, verified; None when nothing was published."""
    note = view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE)
    return None if note is None else verify(note)


def publish(
    snapshot: LedgerSnapshot,
    published: VerifiedCheckpoint | None,
    view: ViewFiles,
    *,
    rebuild: bool = False,
    note: NoteSource = lambda head: head.note,
) -> VerifiedCheckpoint:
    """Bring a view up to the head of a snapshot; `rebuild` writes every file again.

    `published` is what stands there already, see `published_checkpoint`; None when nothing does.
    Raises `LedgerInconsistentError` when the view is no older state of this log, when a file in it
    holds other bytes, or when somebody else published meanwhile.
    """
    seen = published.note if published else None
    if rebuild:
        seen, published = view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE), None
    if published is not None:
        snapshot.require_extends(published, "the published checkpoint")
    since, head = (published.size if published else 0), snapshot.head
    tiles = list(tiles_of_size(head.size, since=since))
    paths = _paths(tiles)
    for at in range(0, len(paths), _FILES_AT_ONCE):
        some = paths[at : at + _FILES_AT_ONCE]
        view.create(dict(_files(snapshot.store, some)), overwrite=rebuild)
    if rebuild:
        view.create(dict(_files(snapshot.store, _earlier(view, tiles))), overwrite=True)
    wanted = note(head)
    if published is None or since < head.size or wanted not in {head.note, seen}:
        view.swap_checkpoint(wanted, seen)
    view.drop(_outgrown(tiles))
    return head


def publish_claims(snapshot: LedgerSnapshot, blobs: Blobs, view: ViewFiles, *, every: bool) -> int:
    """Put claims and requests below `claims/` of a view; returns how many there are.

    Without `every`, only those that no reader can do without: of policies, keys, revocations and
    redactions, which hold no personal data. Those that are missing are left out, and those that were
    redacted are removed, whatever the ledger holds.
    """
    found = 0
    redacted = _redacted(snapshot)
    for digest in sorted(redacted):
        view.remove(f"claims/{digest}")
    for _, body in snapshot.store.entries(0, snapshot.head.size):
        event = parse_event(body)
        if not every and event.kind not in BINDING_KINDS:
            continue
        for digest in {event.claim_sha256, event.request_sha256} - redacted:
            if blobs.state(digest) is BlobState.PRESENT:
                ViewBlobs(view).put_all({digest: blobs.get(digest)})
                found += 1
    return found


def _redacted(snapshot: LedgerSnapshot) -> set[str]:
    """Return the SHA-256 hex of every claim and request that an entry says was erased."""
    events = (parse_event(body) for _, body in snapshot.store.entries(0, snapshot.head.size))
    subjects = {one.subject for one in events if one.kind is Kind.REDACT}
    return {one.removeprefix("sha256:") for one in subjects if one.startswith("sha256:")}


def _paths(tiles: Sequence[Tile]) -> list[tuple[Tile, bool]]:
    """Order the files: all bundles (True), then the tiles bottom-up."""
    return [(tile, True) for tile in tiles if tile.level == 0] + [(tile, False) for tile in tiles]


def _files(store: StoreReader, some: Sequence[tuple[Tile, bool]]) -> Iterator[tuple[str, bytes]]:
    for tile, is_bundle in some:
        if is_bundle:
            rows = store.entries(tile.index * TILE_WIDTH, tile.width)
            yield bundle_path(tile), encode_bundle(body for _, body in rows)
        else:
            yield tile_path(tile), store.tile(tile.level, tile.index)[: tile.width * HASH_SIZE]


def _earlier(view: ViewFiles, tiles: Sequence[Tile]) -> list[tuple[Tile, bool]]:
    """Return the partial tiles of older sizes that stand in a view, beside those of this size."""
    return [
        (replace(tile, width=width), is_bundle)
        for tile, is_bundle in _paths([one for one in tiles if one.width < TILE_WIDTH])
        for width in view.partial_widths(str(PurePath(_path(tile, is_bundle=is_bundle)).parent))
        if 0 < width < tile.width
    ]


def _path(tile: Tile, *, is_bundle: bool) -> str:
    return bundle_path(tile) if is_bundle else tile_path(tile)


def _outgrown(tiles: Sequence[Tile]) -> Iterator[str]:
    """Name the folders of partial tiles whose full tile is published; readers fall back to that."""
    for tile, is_bundle in _paths(tiles):
        if tile.width == TILE_WIDTH:
            yield f"{_path(tile, is_bundle=is_bundle)}.p"
