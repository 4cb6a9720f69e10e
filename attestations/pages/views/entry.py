"""The page of one entry: what is proven of it, what its claim says, and whether that verifies."""

from typing import Any

from weightmark.attestations.pages.claims import Claim, ClaimState
from weightmark.attestations.pages.excerpt import MAX_CLAIM
from weightmark.attestations.pages.source import Source
from weightmark.attestations.pages.views.standing import Standing, standing_of
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.merkle import leaf_hash
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = ["ClaimView", "EntryView", "claim_view", "logged_at", "show_entry"]

_SUBJECTS = 100


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
    """name and `wm1:…` or `sha256:…` of what it is about, as it says; the first 100"""
    subject_count: int
    """how many there are"""
    size: int
    """bytes of the claim"""
    predicate: dict[str, Any] | None
    """what it says, as JSON; None for what cannot be read, and for a claim over 1 MiB"""
    left_out: bool
    """whether what it says is left out, because the claim is over 1 MiB"""


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
    standing: Standing
    """revocations in force about its subject, its claim or its signer, and about what its subject was made from"""
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
        claim=claim_view(source.claim(logged), source.weight(event)),
        standing=standing_of(source, event.subject, f"sha256:{event.claim_id}", event.signer),
        signer_identity=source.identity_of(event.signer),
        submitter_identity=source.identity_of(event.submitter),
        decision=event.kind is Kind.DECISION,
        previous=index - 1 if index else None,
        following=index + 1 if index + 1 < size else None,
        receipt=receipt.text.decode(),
        vkey=source.ledger.vkey,
    )


def claim_view(claim: Claim, size: int) -> ClaimView:
    """Return a claim of `size` bytes as pages show it."""
    statement = claim.statement
    if statement is None:
        return ClaimView(claim.state, claim.why, "", (), 0, size, None, left_out=False)
    subjects = tuple(
        (one.name, one.identity or (f"sha256:{one.sha256}" if one.sha256 else ""))
        for one in statement.subjects[:_SUBJECTS]
    )
    left_out = size > MAX_CLAIM
    return ClaimView(
        claim.state,
        claim.why,
        statement.predicate_type,
        subjects,
        len(statement.subjects),
        size,
        None if left_out else statement.predicate,
        left_out,
    )


def logged_at(source: Source, index: int) -> LoggedEvent:
    """Return an entry, proven; raises `CallError` when there is none."""
    return next(source.snapshot.events([index]))
