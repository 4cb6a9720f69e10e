"""What a server can say of the claim behind an entry: verified again for this page, or why not."""

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.attestations.pages.kept import Kept
from weightmark.attestations.statements import Statement
from weightmark.errors import LedgerInconsistentError, ReadError, UncheckedError, WeightmarkError
from weightmark.provenance.ledger.admission import LOG_KINDS, Submission
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.event import parse_time
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.history import PolicyHistory
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Claim", "ClaimState", "UnverifiedClaim", "VerifiedClaim", "read_claim"]

_SEAL = object()


class ClaimState(StrEnum):
    """What became of the claim of an entry."""

    VERIFIED = "verified"
    """its signature and the request beside it were verified again, by the policy of the log at that time"""
    BROKEN = "broken"
    """it does not verify, or says something else than its entry: nothing in it can be believed"""
    UNKNOWN_SIGNER = "unknown-signer"
    """signed by nobody whom the log admits: no policy counts it"""
    UNCHECKED = "unchecked"
    """it could not be checked here"""
    ERASED = "erased"
    """it was erased, as an entry of the log says"""
    MISSING = "missing"
    """it is not there, and no entry says that it was erased"""


@dataclass(frozen=True, slots=True)
class VerifiedClaim:
    """A claim that was verified again for this page; only `read_claim` makes it."""

    signer: str
    """who signed it, as the log names it"""
    statement: Statement | None
    """what it says; None for what the log's own keys signed"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `read_claim` makes a VerifiedClaim")

    @property
    def state(self) -> ClaimState:
        """That it was verified."""
        return ClaimState.VERIFIED

    @property
    def why(self) -> str:
        """Nothing: there is no problem."""
        return ""


@dataclass(frozen=True, slots=True)
class UnverifiedClaim:
    """A claim that nobody may believe on the word of this page."""

    state: ClaimState
    """what became of it"""
    why: str
    """the reason, in one sentence"""
    statement: Statement | None = None
    """what it says all the same; None where that is not known"""


Claim = VerifiedClaim | UnverifiedClaim


def read_claim(
    ledger: "Ledger",
    history: "PolicyHistory",
    logged: "LoggedEvent",
    kept: Kept | None = None,
    *,
    names: bool = False,
) -> Claim:
    """Read the claim and the request of an entry, and verify both as the log had to; raises nothing for bad ones.

    What verified once under these policies stands in `kept`, and counts as long as claim and
    request have the same bytes; `kept` must be forgotten with `history`. Messages about identities name nobody unless `names`.
    """
    event = logged.event
    try:
        claim = ledger.home.blobs.get(event.claim_sha256)
    except WeightmarkError as error:
        return _absent(ledger, history, event.claim_sha256, error)
    kept = kept or Kept()
    weight = len(claim)

    def read() -> Statement | None:
        return _statement(claim) if event.kind not in LOG_KINDS else None

    statement = kept.get(("statement", event.kind, event.claim_sha256), read, weight)
    try:
        request = b"" if logged.index == 0 else ledger.home.blobs.get(event.request_sha256)
        submission = Submission(claim, request)
        key = ("claim", logged.index, event.claim_sha256, event.request_sha256)
        return kept.get(key, lambda: _verified(history, logged, submission, statement))
    except WeightmarkError as error:
        hidden = not names and "salted:" in event.signer + event.submitter
        why = "the log holds the reason back: it names a person" if hidden else _sentence(error)
        unchecked = isinstance(error, UncheckedError)
        state = ClaimState.UNCHECKED if unchecked else ClaimState.BROKEN
        return UnverifiedClaim(state, why, statement)


def _verified(
    history: "PolicyHistory",
    logged: "LoggedEvent",
    submission: Submission,
    statement: Statement | None,
) -> Claim:
    event = logged.event
    if logged.index == 0:
        # no history of policies is read without verifying the one that founded the log
        return VerifiedClaim(event.signer, None, _SEAL)
    admitted = history.readmit(logged.index, event, submission, BundleVerifier())
    if admitted is None:
        why = "the identity of its signer was erased, so nobody can tell any more whose signature it is"
        return UnverifiedClaim(ClaimState.UNCHECKED, why, statement)
    if admitted.event(parse_time(event.at)) != event:
        raise LedgerInconsistentError("its claim and request say something else than the entry")
    if event.kind not in LOG_KINDS and not history.at(logged.index).knows(event.signer):
        why = "signed by nobody whom this log admits, so no policy counts it"
        return UnverifiedClaim(ClaimState.UNKNOWN_SIGNER, why, statement)
    return VerifiedClaim(event.signer, statement, _SEAL)


def _absent(
    ledger: "Ledger", history: "PolicyHistory", digest: str, error: WeightmarkError
) -> UnverifiedClaim:
    if isinstance(error, ReadError) and ledger.home.blobs.state(digest) is BlobState.MISSING:
        if f"sha256:{digest}" in history.erased:
            return UnverifiedClaim(ClaimState.ERASED, "it was erased, as an entry of the log says")
        return UnverifiedClaim(
            ClaimState.MISSING, "it is not there, and no entry says that it was erased"
        )
    if isinstance(error, UncheckedError):
        return UnverifiedClaim(ClaimState.UNCHECKED, "it is there and could not be read")
    return UnverifiedClaim(ClaimState.BROKEN, "other bytes stand in its place")


def _statement(claim: bytes) -> Statement | None:
    try:
        envelope = Bundle.parse(claim, what="the claim").envelope
        return Statement.parse(envelope.payload_type, envelope.payload)
    except WeightmarkError:
        return None


def _sentence(error: WeightmarkError) -> str:
    return f"{error.what}{f': {error.why}' if error.why else ''}"
