"""The first page: how the log is, and what happened over time."""

from collections.abc import Mapping

from weightmark.attestations.checks import Check
from weightmark.attestations.pages.source import EntryRow, Source
from weightmark.attestations.pages.timeline import Timeline
from weightmark.attestations.pages.verify_memory import FullVerify, last_full_verify
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.note import split_note
from weightmark.values import dataclass

__all__ = ["SERIES", "OverviewView", "show_overview"]

SERIES = ("release", "denied", "revoke")
"""what is counted over time"""
_NEWEST = 10


@dataclass(frozen=True, slots=True)
class OverviewView:
    """How the log is."""

    origin: str
    """name of the log"""
    size: int
    """entries"""
    root: str
    """root hash of the newest checkpoint, lowercase hex"""
    checkpoint: str
    """the signed note"""
    signed_by: tuple[str, ...]
    """names of the keys on it, as they stand there"""
    newest_at: str
    """when the newest entry was made, by the log's clock; empty for an empty log"""
    now: str
    """when this page was made"""
    witnesses: Check
    """whether a quorum of witnesses saw it"""
    cosigned_size: int | None
    """entries under the newest checkpoint with cosignatures; None when none is kept"""
    full_verify: FullVerify | None
    """the last full verification on this machine"""
    indexed: int
    """entries that this server read and proved to lead to the signed root"""
    unread: int
    """claims that could not be read, up to 1,000"""
    in_force: int | None
    """revocations in force; None when they could not be read"""
    revocations_problem: str
    """why not"""
    totals: Mapping[str, int]
    """entries of each kind, and decisions that allowed or denied"""
    timeline: Timeline
    """releases, denials and revocations over time"""
    newest: tuple[EntryRow, ...]
    """the newest entries"""
    vkey: str
    """the log's key, as this server gives it"""


def show_overview(source: Source) -> OverviewView:
    """Return how the log is."""
    ledger, head, index = source.ledger, source.snapshot.head, source.index
    newest = source.rows(range(head.size - 1, max(-1, head.size - 1 - _NEWEST), -1))
    revocations = source.context.revocations
    return OverviewView(
        origin=ledger.origin,
        size=head.size,
        root=head.root.hex(),
        checkpoint=head.note.decode(errors="replace"),
        signed_by=tuple(dict.fromkeys(one.name for one in split_note(head.note)[1])),
        newest_at=newest[0].at if newest else "",
        now=format_time(source.now),
        witnesses=source.witnesses,
        cosigned_size=source.cosigned_size,
        full_verify=last_full_verify(ledger),
        indexed=index.size,
        unread=index.unread(),
        in_force=len(revocations.in_force) if revocations else None,
        revocations_problem=source.context.problem,
        totals=index.totals(),
        timeline=Timeline.of(index.days(SERIES), SERIES),
        newest=newest,
        vkey=ledger.vkey,
    )
