"""The page of one entry: what is proven of it, what its claim says, and whether that verifies."""

from typing import Any

from weightmark.attestations.pages.claims import Claim, ClaimState
from weightmark.attestations.pages.source import Source
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.merkle import leaf_hash
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = [
    "ClaimView",
    "EntryView",
    "RevokedBy",
    "claim_view",
    "logged_at",
    "revoked_by",
    "show_entry",
]


@dataclass(frozen=True, slots=True)
class RevokedBy:
    """A revocation in force that concerns what is shown."""

    index: int
    """of its entry; 0 for one from the log before"""
    subject: str
    """what it revokes"""
    reason: str
    """why"""
    since: str
    """RFC 3339; empty when nothing is spared"""
    binds_all: bool
    """whether it binds everybody, or only the claims of whoever revoked"""


@dataclass(frozen=True, slots=True)
class ClaimView:
    """The claim of an entry."""

    state: ClaimState
    """whether it was verified for this page"""
    why: str
    """why not"""
    predicate_type: str
    """URI; empty when it cannot be read"""
    subjects: tuple[tuple[str, str], ...]
    """name and `wm1:…` or `sha256:…` of what it is about, as it says"""
    predicate: dict[str, Any] | None
    """what it says, as JSON"""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry."""

    origin: str
    """name of the log"""
    index: int
    """its place"""
    size: int
    """entries under the checkpoint that proves it"""
    event: Event
    """what was recorded"""
    leaf_hash: str
    """lowercase hex"""
    claim: ClaimView
    """the claim behind it"""
    revoked_by: tuple[RevokedBy, ...]
    """revocations in force about its subject, its claim or its signer"""
    revocations_problem: str
    """why revocations could not be read; empty when they were"""
    signer_identity: str
    """whom the commitment stands for, where the server tells"""
    submitter_identity: str
    """likewise"""
    decision: bool
    """whether there is a page of the decision"""
    previous: int | None
    """the entry before"""
    following: int | None
    """the entry after"""
    receipt: str
    """the tlog-proof with the leaf in it"""
    vkey: str
    """the log's key, as this server gives it"""


def show_entry(source: Source, index: int) -> EntryView:
    """Return one entry, proven; raises `CallError` when there is none."""
    snapshot = source.snapshot
    receipt = snapshot.receipt(index)
    logged = next(snapshot.events([index]))
    event, size = logged.event, snapshot.head.size
    return EntryView(
        origin=source.ledger.origin,
        index=index,
        size=size,
        event=event,
        leaf_hash=leaf_hash(logged.body).hex(),
        claim=claim_view(source.claim(logged)),
        revoked_by=revoked_by(source, event.subject, f"sha256:{event.claim_id}", event.signer),
        revocations_problem=source.context.problem,
        signer_identity=source.identity_of(event.signer),
        submitter_identity=source.identity_of(event.submitter),
        decision=event.kind is Kind.DECISION,
        previous=index - 1 if index else None,
        following=index + 1 if index + 1 < size else None,
        receipt=receipt.text.decode(),
        vkey=source.ledger.vkey,
    )


def claim_view(claim: Claim) -> ClaimView:
    """Return a claim as pages show it."""
    statement = claim.statement
    if statement is None:
        return ClaimView(claim.state, claim.why, "", (), None)
    subjects = tuple(
        (one.name, one.identity or (f"sha256:{one.sha256}" if one.sha256 else ""))
        for one in statement.subjects
    )
    return ClaimView(
        claim.state, claim.why, statement.predicate_type, subjects, statement.predicate
    )


def revoked_by(source: Source, *names: str) -> tuple[RevokedBy, ...]:
    """Return the revocations in force about any of these names."""
    return tuple(
        RevokedBy(
            one.index,
            one.subject.text,
            one.reason,
            one.since.isoformat() if one.since else "",
            one.only_of is None,
        )
        for one in source.context.about(*names)
    )


def logged_at(source: Source, index: int) -> LoggedEvent:
    """Return an entry, proven; raises `CallError` when there is none."""
    return next(source.snapshot.events([index]))
