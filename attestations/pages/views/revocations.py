"""The page with the revocations, each with what it hits."""

from weightmark.attestations.ledger.revocations import Revocation
from weightmark.attestations.pages.index.filters import Filter, Place
from weightmark.attestations.pages.index.searching import Searcher
from weightmark.attestations.pages.lineage import Lines, digest_in
from weightmark.attestations.pages.source import EntryRow, Source
from weightmark.provenance.ledger.event import Kind
from weightmark.values import dataclass

__all__ = ["CARRIED", "RevocationRow", "RevocationsView", "list_revocations"]

CARRIED = 25
"""revocations from the log before, of one page"""
_PAGE = 25
_MOST = 50


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """One revocation."""

    index: int
    """of its entry; 0 for one from the log before"""
    origin: str
    """the log that it was entered into"""
    at: str
    """when, by the log's clock; empty for one from the log before"""
    subject: str
    """what it revokes"""
    signer: str
    """who revoked"""
    reason: str
    """why; empty when it could not be read"""
    since: str
    """RFC 3339; empty when nothing is spared"""
    standing: str
    """`in force`, `binds its own signer only`, `lifted`, or `not known`"""
    descendants: int
    """artifacts that were found to be made from it, or to hold it"""
    more: bool
    """whether there are more, or may be: claims of descent that could not be read, or were erased"""
    decisions: int
    """entries of kind `decision` about it and them"""
    deployments: int
    """likewise of kind `deploy`"""


@dataclass(frozen=True, slots=True)
class RevocationsView:
    """One page of revocations, newest first."""

    origin: str
    """name of the log"""
    in_force: int | None
    """how many are in force; None when they could not be read"""
    problem: str
    """why not"""
    behind: int
    """the newest entries that were not looked at yet"""
    revocations: tuple[RevocationRow, ...]
    """newest first"""
    carried: tuple[RevocationRow, ...]
    """some of those from the log before, on the first page"""
    carried_start: int
    """number of the first of them that is shown"""
    carried_count: int
    """how many there are"""
    unread: int
    """claims of descent that could not be read: they may tell of more that is hit"""
    erased: int
    """likewise those that were erased"""
    older: int | None
    """`before` of the next page"""
    newer: int | None
    """`after` of the page before"""


def list_revocations(source: Source, place: Place, first: int = 0) -> RevocationsView:
    """Return one page of revocations; of those from the log before from number `first` on."""
    found = Searcher(source.index, page=_PAGE).search(Filter(kind=Kind.REVOKE.value), place)
    unread, erased = Lines(source).lost()
    known = source.context.revocations
    in_force = known.in_force if known else ()
    by_index = {one.index: one for one in in_force if one.entered_at is None}
    rows = (_row(source, entry, by_index.get(entry.index)) for entry in source.rows(found.places))
    carried = [one for one in in_force if one.entered_at is not None] if place == Place() else []
    shown = carried[first : first + CARRIED]
    return RevocationsView(
        origin=source.ledger.origin,
        in_force=len(in_force) if known else None,
        problem=source.context.problem,
        behind=source.behind,
        revocations=tuple(rows),
        carried=tuple(_carried(source, one) for one in shown),
        carried_start=first,
        carried_count=len(carried),
        unread=unread,
        erased=erased,
        older=found.older,
        newer=found.newer,
    )


def _row(source: Source, entry: EntryRow, revocation: Revocation | None) -> RevocationRow:
    descendants, more, decisions, deployments = _impact(source, entry.subject)
    return RevocationRow(
        index=entry.index,
        origin=source.ledger.origin,
        at=entry.at,
        subject=entry.subject,
        signer=entry.signer,
        reason=revocation.reason if revocation else entry.says,
        since=revocation.since.isoformat() if revocation and revocation.since else "",
        standing=_standing(source, revocation),
        descendants=descendants,
        more=more,
        decisions=decisions,
        deployments=deployments,
    )


def _carried(source: Source, one: Revocation) -> RevocationRow:
    descendants, more, decisions, deployments = _impact(source, one.subject.text)
    return RevocationRow(
        index=one.entered_at or 0,
        origin=one.origin,
        at="",
        subject=one.subject.text,
        signer=one.signer,
        reason=one.reason,
        since=one.since.isoformat() if one.since else "",
        standing=_standing(source, one),
        descendants=descendants,
        more=more,
        decisions=decisions,
        deployments=deployments,
    )


def _standing(source: Source, revocation: Revocation | None) -> str:
    if source.context.revocations is None:
        return "not known"
    if revocation is None:
        return "lifted"
    return "in force" if revocation.only_of is None else "binds its own signer only"


def _impact(source: Source, subject: str) -> tuple[int, bool, int, int]:
    """Count what was made from something or holds it, and the decisions and deployments of all of it."""
    if not subject.startswith(("wm1:", "sha256:")):
        return 0, False, 0, 0
    key = ("impact", subject, source.index.state)
    return source.context.kept.get(key, lambda: _hit(source, subject))


def _hit(source: Source, subject: str) -> tuple[int, bool, int, int]:
    lines = Lines(source)
    below = lines.below(subject, most=_MOST)
    found = [subject, *(one.name for one in below.relatives)]
    names = {digest_in(one): one for name in found for one in (name, *lines.aliases(name))}
    tallies = [source.index.tally(name, "subject") for name in names.values()]
    decisions, deployments = (
        sum(one.get(kind, 0) for one in tallies) for kind in (Kind.DECISION, Kind.DEPLOY)
    )
    return len(below.relatives), below.more or any(lines.lost()), decisions, deployments
