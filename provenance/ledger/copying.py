"""Copying a log from one store into another: every index, root, receipt and claim stays what it was."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from weightmark.errors import LedgerInconsistentError
from weightmark.provenance.ledger.blobs import Blobs, BlobState
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.cosigned import copy_cosigned
from weightmark.provenance.ledger.event import Kind, parse_event
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.merkle import Frontier, leaf_hash
from weightmark.provenance.ledger.plan import unique_keys
from weightmark.provenance.ledger.private import PrivateStore
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Addition, Head, Query, Row, StoreWriter
from weightmark.provenance.ledger.tiles import grow_tiles
from weightmark.values import dataclass

__all__ = ["CopyReport", "copy_log", "proven_rows"]

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied."""

    head: VerifiedCheckpoint
    """the newest state, equal in both places"""
    blobs: int
    """claims and requests that were copied"""
    absent: int
    """claims and requests that the source does not hold: redacted, not published, or missing"""


def copy_log(
    snapshot: LedgerSnapshot, source: Home, target: Home, writer: StoreWriter, *, start: int = 0
) -> CopyReport:
    """Copy the entries from `start` on, with what belongs to them, into the open write `writer`.

    `target` already holds the first `start` entries. Each claim and request counts as often as
    entries name it; what a `redact` entry names is not copied, and erased where `target` has it.
    Raises `LedgerInconsistentError` when the
    entries do not lead to the signed root; leaving the write by that error leaves nothing behind.
    """
    size, blobs, absent = start, 0, 0
    redacted = {one.event.subject for one in snapshot.walk(Query(kind=Kind.REDACT))}
    frontier = Frontier()
    for _, body in writer.entries(0, start):
        frontier.push(leaf_hash(body))
    entries = proven_rows(snapshot, frontier)
    while rows := list(islice(entries, _ROWS_AT_ONCE)):
        leaves = [leaf_hash(row.body) for row in rows]
        put = _copy_blobs(rows, source.blobs, target.blobs, redacted)
        blobs, absent = blobs + put, absent + 2 * len(rows) - put
        writer.add(Addition(rows, grow_tiles(writer.tile, size, leaves), None))
        size += len(rows)
    head = snapshot.head
    writer.add(Addition([], {}, Head(head.size, head.root, head.note)))
    _copy_private(source.private, target.private, redacted)
    _erase(target, redacted)
    copy_cosigned(source.cosigned, target.cosigned)
    return CopyReport(head, blobs, absent)


def proven_rows(snapshot: LedgerSnapshot, frontier: Frontier) -> Iterator[Row]:
    """Yield the entries beyond those of `frontier`, with what is derived from them.

    They are proven all together when the last was taken: raises `LedgerInconsistentError` at a gap,
    or when they do not lead to the signed root.
    """
    head, start = snapshot.head, frontier.size
    for index, body in snapshot.store.entries(start, head.size - start):
        if index != frontier.size:
            break
        frontier.push(leaf_hash(body))
        event = parse_event(body)
        yield Row(index, body, event, unique_keys(event))
    if (frontier.size, frontier.root()) != (head.size, head.root):
        raise LedgerInconsistentError(
            f"the entries of the ledger `{head.origin}` do not lead to the signed root",
            why="an entry was changed or is missing, or the copy has another beginning",
            fix="find it with `weightmark ledger verify`",
        )


def _copy_blobs(
    rows: Sequence[Row], source: Blobs, target: Blobs, redacted: Collection[str]
) -> int:
    """Copy entry by entry, since one claim may have 64 MiB."""
    copied = 0
    for row in rows:
        pair = (row.event.claim_sha256, row.event.request_sha256)
        wanted = [one for one in pair if f"sha256:{one}" not in redacted]
        held = [one for one in wanted if source.state(one) is not BlobState.MISSING]
        target.put_all({digest: source.get(digest) for digest in held})
        copied += len(held)
    return copied


def _erase(target: Home, redacted: Iterable[str]) -> None:
    """Erase what the copy had before its entries said that it was erased."""
    for subject in redacted:
        if subject.startswith("salted:"):
            target.private.erase(subject)
        else:
            target.blobs.erase(subject.removeprefix("sha256:"))


def _copy_private(source: PrivateStore, target: PrivateStore, redacted: Collection[str]) -> None:
    for name in source.names():
        if name in redacted:
            continue
        value = source.get(name)
        if value is not None:
            target.put(value)
