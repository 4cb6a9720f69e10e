"""Consulting a ledger: its checkpoint is verified, compared with what was seen before, and then asked."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check
from weightmark.attestations.gate.evidence import LedgerEvidence, LedgerRecord
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    CallError,
    MalformedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.event import Event, Kind

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["consult_ledger"]

_MAX_WALK = 5000
"""entries up to which the whole ledger is read instead of its index"""


def consult_ledger(
    place: str, identity: str, trust: Trust | None, signers: Sequence[str] = ()
) -> LedgerEvidence:
    """Ask the ledger at `place` about an artifact, the trusted signers, and `signers` who signed it.

    What is wrong with the ledger becomes its `problem`; raises `CallError` when there is none.
    """
    from weightmark.provenance.ledger.log import Ledger

    try:
        if "://" in place:
            raise UnsupportedError(
                f"the ledger `{place[:200]}` is not a folder",
                why="this version consults ledgers in folders",
                fix="name a copy of the ledger's folder",
            )
        with Ledger.open(Path(place)) as ledger:
            names = dict.fromkeys((*(trust.names if trust else ()), *signers))
            return _consult(ledger, identity, trust, tuple(names))
    except CallError:
        raise
    except WeightmarkError as error:
        return LedgerEvidence("", 0, "", 0, (), Check.from_error("ledger", error))


def _consult(
    ledger: "Ledger", identity: str, trust: Trust | None, names: Sequence[str]
) -> LedgerEvidence:
    with ledger.snapshot() as snapshot:
        head = snapshot.head
    walked = head.size <= _MAX_WALK
    records: tuple[LedgerRecord, ...] = ()
    problem = None
    try:
        found = _walk(ledger, head.size) if walked else _search(ledger, identity, names)
        records = tuple(_records(ledger, found, identity, trust, names))
    except WeightmarkError as error:
        problem = Check.from_error("ledger", error)
    return LedgerEvidence(head.origin, head.size, head.root.hex(), 0, records, problem, walked)


def _walk(ledger: "Ledger", size: int) -> list["LoggedEvent"]:
    """Read every entry, each proven: no index can hide one."""
    return list(ledger.entries(0, size))


def _search(ledger: "Ledger", identity: str, names: Sequence[str]) -> list["LoggedEvent"]:
    """Ask the ledger's index; what it returns is proven, that it returns everything is not."""
    found = list(ledger.find(subject=identity)) if identity else []
    for name in names:
        found += ledger.find(subject=name, kind=Kind.REVOKE)
    return sorted(found, key=lambda one: one.index)


def _records(
    ledger: "Ledger",
    found: list["LoggedEvent"],
    identity: str,
    trust: Trust | None,
    names: Sequence[str],
) -> Iterator[LedgerRecord]:
    """Yield what is about the artifact, and revocations of trusted signers."""
    for logged in found:
        event = logged.event
        revokes_key = event.kind is Kind.REVOKE and event.subject in names
        if not revokes_key and (not identity or event.subject != identity):
            continue
        signer = ""
        if event.kind is Kind.RELEASE and trust is not None:
            signer = _verified_signer(ledger.claim(logged.index), event, trust)
        yield LedgerRecord(logged.index, event.kind, event.subject, signer)


def _verified_signer(data: bytes, event: Event, trust: Trust) -> str:
    """Return who signed a recorded claim, checked anew; empty when it was nobody who is trusted."""
    try:
        verified = trust.verify(Bundle.parse(data, what="the recorded claim"))
    except (WrongSignerError, UnsupportedError):
        return ""
    subjects = [subject.identity for subject in verified.statement.subjects]
    if verified.claim_id != event.claim_id or event.subject not in subjects:
        raise MalformedError(
            "a recorded claim is about something else than its ledger entry says",
            fix="ask the operator of the ledger",
        )
    return verified.signer.name
