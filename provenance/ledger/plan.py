"""What an append adds: which submissions are new, which are known, which are refused. Pure."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from weightmark.errors import SubmissionRefusedError, WeightmarkError
from weightmark.provenance.ledger.admission import Admitted, refuse_expired
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.event import Event
from weightmark.provenance.ledger.merkle import leaf_hash, tree_root
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.store.interface import Addition, Head, Row
from weightmark.provenance.ledger.tiles import TileReader, grow_tiles, node_reader
from weightmark.values import dataclass

__all__ = ["Plan", "make_addition", "make_plan", "numbered", "unique_keys"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of a batch before anything is written."""

    rows: tuple[Row, ...]
    """new entries, in order"""
    indices: tuple[int, ...]
    """for each submission its entry, new or known"""
    blobs: dict[str, bytes]
    """claims and requests of the new entries by SHA-256 hex"""


def make_plan(
    batch: Sequence[Admitted], size: int, find: Callable[[bytes], int | None], now: datetime
) -> Plan:
    """Give each admitted submission its index in a log of `size`; raises `SubmissionRefusedError`.

    The same event again gets its old index. A claim enters once per kind and signer, for ever.
    """
    rows: list[Row] = []
    indices: list[int] = []
    blobs: dict[str, bytes] = {}
    taken: dict[bytes, int] = {}
    for number, item in enumerate(batch):
        try:
            event = item.event(now)
            claim_key, event_key = keys = unique_keys(event)
            by_claim, by_event = (taken[k] if k in taken else find(k) for k in keys)
            known = _known_index(event, by_claim, by_event)
            if known is None:
                refuse_expired(item.request, now)
        except WeightmarkError as error:
            raise numbered(error, number, len(batch)) from error
        index = size + len(rows) if known is None else known
        indices.append(index)
        if known is None:
            rows.append(Row(index, event.to_bytes(), event, keys))
            taken[claim_key] = taken[event_key] = index
            blobs[event.claim_sha256] = item.submission.claim
            blobs[event.request_sha256] = item.submission.request
    return Plan(tuple(rows), tuple(indices), blobs)


def make_addition(
    rows: Sequence[Row], old_size: int, read: TileReader, signer: NoteSigner
) -> Addition:
    """Grow the tree by `rows` and sign its new head."""
    changed = grow_tiles(read, old_size, [leaf_hash(row.body) for row in rows])

    def grown(level: int, index: int) -> bytes:
        return changed[level, index] if (level, index) in changed else read(level, index)

    size = old_size + len(rows)
    root = tree_root(node_reader(grown), size)
    note = Checkpoint(signer.name, size, root).sign(signer)
    return Addition(rows, changed, Head(size, root, note))


def unique_keys(event: Event) -> tuple[bytes, bytes]:
    """Return what may stand in a log once: (kind, claim, signer) and (submitter, event id)."""
    claim = f"claim\0{event.kind}\0{event.claim_id}\0{event.signer}"
    request = f"event\0{event.submitter}\0{event.event_id}"
    return hashlib.sha256(claim.encode()).digest(), hashlib.sha256(request.encode()).digest()


def numbered(error: WeightmarkError, number: int, count: int) -> WeightmarkError:
    """Name the submission of a batch that an error is about."""
    if count == 1:
        return error
    return type(error)(
        f"submission {number + 1} of {count}: {error.what}", why=error.why, fix=error.fix
    )


def _known_index(event: Event, by_claim: int | None, by_event: int | None) -> int | None:
    if by_claim == by_event:
        return by_claim
    if by_event is not None:
        raise SubmissionRefusedError(
            f"the event id `{event.event_id}` belongs to entry {by_event}, which is another claim",
            fix="sign a new request with a new event id",
        )
    raise SubmissionRefusedError(
        f"the claim stands in the ledger as entry {by_claim}",
        why="a claim enters once per kind, for ever",
        fix=f"use the receipt of entry {by_claim}: `weightmark ledger prove {by_claim}`",
    )
