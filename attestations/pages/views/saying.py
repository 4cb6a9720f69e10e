"""Whose claim about an artifact a page believes: the newest that verifies, of the kind that speaks for it, by nobody who was revoked."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import NamedTuple, TypeVar

from weightmark.attestations.ledger.revocation import Revocation
from weightmark.attestations.pages.claims import ClaimState
from weightmark.attestations.pages.source import Source
from weightmark.attestations.pages.views.entry import logged_at
from weightmark.attestations.pages.views.standing import RevokedBy, shown_revocation
from weightmark.attestations.statements import Statement
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = ["Part", "Topic", "newest_said"]

T = TypeVar("T")

_TRIED, _LOOKED_AT = 5, 200


class _Source(NamedTuple):
    """Which entries speak for a part of an artifact."""

    predicate: str
    """short name of the predicate type"""
    kind: Kind
    """of the entries"""
    by_releasers: bool
    """whether only those speak who may enter releases: anybody may have a claim entered as `observed`"""


class Topic(Enum):
    """One part of what is known of an artifact."""

    FILES = _Source("manifest", Kind.RELEASE, by_releasers=False)
    """which files it has"""
    TENSORS = _Source("tensors", Kind.OBSERVED, by_releasers=True)
    """which tensors"""
    FINDINGS = _Source("scan", Kind.SCAN, by_releasers=False)
    """what was found in it"""


@dataclass(frozen=True, slots=True)
class Part:
    """Who says one part of what is known of an artifact, and whether that verifies."""

    index: int | None
    """of the entry; None when no claim of this type is there"""
    state: ClaimState | None
    """whether its claim was verified for this page"""
    why: str
    """why not"""
    signer: str
    """who signed it"""
    signer_revoked_by: tuple[RevokedBy, ...] = ()
    """revocations of its signer that spare older claims: whether this is one, the page cannot tell"""
    erased: int = 0
    """claims of this kind about the artifact that were erased"""
    unread: int = 0
    """likewise those that could not be read when they were looked for"""


class _Candidate(NamedTuple):
    """One entry that may speak."""

    logged: LoggedEvent
    revoked_by: tuple[Revocation, ...]


def newest_said(
    source: Source, name: str, topic: Topic, read: Callable[[Statement], T]
) -> tuple[Part, T | None]:
    """Return the newest claim on a topic about `name` that verifies, and what it says.

    Revoked claims, and claims by revoked signers, do not count; where the revocation spares older
    ones, they come last and are named so. Up to five are tried; where none of them verifies, the
    newest is named with the reason, and what it says is left out.
    """
    unread, erased = source.index.gone(topic.value.kind.value, name)
    first: Part | None = None
    for number, one in enumerate(_candidates(source, name, topic)):
        part, statement = _said(source, one)
        if statement is not None:
            try:
                event = one.logged.event
                key = ("said", topic, read.__qualname__, event.claim_sha256)
                said = source.context.kept.get(key, partial(read, statement), source.weight(event))
                return _counting(part, unread, erased), said
            except WeightmarkError as error:
                part = Part(part.index, ClaimState.BROKEN, error.what, part.signer)
        first = first or part
        if number + 1 >= _TRIED:
            break
    return _counting(first or Part(None, None, "", ""), unread, erased), None


def _counting(part: Part, unread: int, erased: int) -> Part:
    found = part.index, part.state, part.why, part.signer, part.signer_revoked_by
    return Part(*found, erased=erased, unread=unread)


def _candidates(source: Source, name: str, topic: Topic) -> Iterator[_Candidate]:
    """Yield the newest entries first; those that may be spared come after all others, those that count for nobody last."""
    spared, void = [], []
    for index in _places(source, name, topic):
        one = _judged(source, index)
        if not one.revoked_by:
            yield one
        elif _may_be_spared(one):
            spared.append(one)
        else:
            void.append(one)
    yield from (*spared, *void)


def _places(source: Source, name: str, topic: Topic) -> tuple[int, ...]:
    predicate, kind, by_releasers = topic.value
    signers = source.context.releasers() if by_releasers else ()
    if by_releasers and not signers:
        return ()
    return source.index.newest_about(name, predicate, kind.value, signers, limit=_LOOKED_AT)


def _judged(source: Source, index: int) -> _Candidate:
    logged = logged_at(source, index)
    event, context = logged.event, source.context
    found = (*context.of_claim(event.claim_id, event.signer), *context.of_signer(event.signer))
    return _Candidate(logged, found)


def _may_be_spared(one: _Candidate) -> bool:
    return all(by.subject.is_party and by.since is not None for by in one.revoked_by)


def _said(source: Source, one: _Candidate) -> tuple[Part, Statement | None]:
    index, event = one.logged.index, one.logged.event
    if one.revoked_by and not _may_be_spared(one):
        by = next(by for by in one.revoked_by if not (by.subject.is_party and by.since))
        who = "its signer" if by.subject.is_party else "the claim"
        why = f"{who} was revoked at #{by.index}, so it counts for nobody"
        return Part(index, ClaimState.UNCHECKED, why, event.signer), None
    claim = source.claim(one.logged)
    doubts = tuple(shown_revocation(by) for by in one.revoked_by)
    part = Part(index, claim.state, claim.why, event.signer, doubts)
    if claim.state is not ClaimState.VERIFIED or not _speaks(source, one):
        return part, None
    return part, claim.statement


def _speaks(source: Source, one: _Candidate) -> bool:
    """Tell whether whoever signed an `observed` claim might have entered a release at that time."""
    event = one.logged.event
    if event.kind is not Kind.OBSERVED:
        return True
    return source.context.history.at(one.logged.index).allows(event.signer, Kind.RELEASE)
