"""Consulting a ledger: its checkpoint is verified, compared with what was seen before, and then asked."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.checks import Check
from weightmark.attestations.gate.evidence import LedgerEvidence, LedgerRecord
from weightmark.attestations.ledger.consulting import (
    Consultation,
    open_place,
    revoked_content,
)
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.belief import Belief
from weightmark.errors import (
    CallError,
    MalformedError,
    RevokedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.binding_index import MAX_WALK
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.reading.results import Reading

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["consult_ledger", "statements_among"]


def consult_ledger(
    place: str,
    consultation: Consultation,
    identity: str,
    trust: Trust | None,
    *,
    belief: Belief | None,
    reading: Reading[Any] | None,
    stated: Sequence[Statement] = (),
) -> LedgerEvidence:
    """Ask the ledger at `place` about an artifact whose signers were judged by its revocations already.

    `trust` is bound by them, `belief` is what it believed, `reading` what was read, and `stated` what members of other roles say. What is wrong with the ledger becomes
    its `problem`; raises `CallError` when there is none.
    """
    problem = consultation.problem
    try:
        with open_place(place) as ledger:
            evidence = _consult(ledger, identity, trust)
    except CallError:
        raise
    except WeightmarkError as error:
        return LedgerEvidence("", 0, "", 0, (), problem or Check.from_error("ledger", error))
    problem = problem or evidence.problem
    if consultation.revocations is None:
        return _with(evidence, problem, None)
    check = revoked_content(
        place, consultation.revocations, identity, belief, reading, stated=stated
    )
    return _with(evidence, problem, check)


def statements_among(
    bundles: Iterable[Bundle], claim_ids: Collection[str]
) -> tuple[Statement, ...]:
    """Return the statements of the bundles with these claim ids, whose signatures were verified already."""
    known = frozenset(claim_ids)
    found: dict[str, Statement] = {}
    for one in bundles:
        if isinstance(one.content, Envelope) and one.content.claim_id in known:
            content = one.content
            found[content.claim_id] = Statement.parse(content.payload_type, content.payload)
    return tuple(found.values())


def _with(evidence: LedgerEvidence, problem: Check | None, check: Check | None) -> LedgerEvidence:
    return LedgerEvidence(
        evidence.origin,
        evidence.size,
        evidence.root,
        evidence.witnesses,
        evidence.records,
        problem,
        evidence.walked,
        check,
    )


def _consult(ledger: "Ledger", identity: str, trust: Trust | None) -> LedgerEvidence:
    with ledger.snapshot() as snapshot:
        head = snapshot.head
    walked = ledger.can_be_read_whole()
    records: tuple[LedgerRecord, ...] = ()
    problem = None
    try:
        records = (
            tuple(_records(ledger, identity, trust, small=head.size <= MAX_WALK))
            if identity
            else ()
        )
    except WeightmarkError as error:
        problem = Check.from_error("ledger", error)
    return LedgerEvidence(head.origin, head.size, head.root.hex(), 0, records, problem, walked)


def _records(
    ledger: "Ledger", identity: str, trust: Trust | None, *, small: bool
) -> Iterator[LedgerRecord]:
    """Yield what is about the artifact; each entry is proven, and a release that is hidden helps nobody."""
    for logged in ledger.find(subject=identity, complete=small):
        event = logged.event
        signer = ""
        if event.kind is Kind.RELEASE and trust is not None:
            signer = _verified_signer(ledger.claim(logged.index), event, trust)
        if event.kind not in (Kind.REVOKE, Kind.REINSTATE):
            yield LedgerRecord(logged.index, event.kind, event.subject, signer)


def _verified_signer(data: bytes, event: Event, trust: Trust) -> str:
    """Return who signed a recorded claim, checked anew; empty when it was nobody who is trusted."""
    try:
        verified = trust.verify(Bundle.parse(data, what="the recorded claim"))
    except (WrongSignerError, RevokedError, UnsupportedError):
        return ""
    subjects = [subject.identity for subject in verified.statement.subjects]
    if verified.claim_id != event.claim_id or event.subject not in subjects:
        raise MalformedError(
            "a recorded claim is about something else than its ledger entry says",
            fix="ask the operator of the ledger",
        )
    return verified.signer.name
