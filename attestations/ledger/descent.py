"""Descent by a ledger's own provenance claims: what an artifact was made from, as far back as they say."""

from collections.abc import Callable, Iterable
from functools import partial

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError
from weightmark.provenance.ledger.binding_index import MAX_WALK
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["MAX_ANCESTORS", "ancestors_of", "materials_of"]

MAX_ANCESTORS = 10_000
"""artifacts that are looked at before a descent counts as not checked"""


def materials_of(statement: Statement) -> tuple[str, ...]:
    """Return what a provenance statement says went in: `wm1:<hex>` or `sha256:<hex>`, each once.

    Nothing for a statement of another type; raises `MalformedError` for one that breaks its format.
    """
    if statement.predicate_type != SLSA_PROVENANCE_PREDICATE:
        return ()
    found = []
    for one in SlsaProvenance.from_statement(statement).dependencies:
        sha256 = one.digest.get("sha256", "")
        found.append(one.identity or (f"sha256:{sha256}" if sha256 else ""))
    return tuple(dict.fromkeys(text for text in found if text))


def ancestors_of(
    ledger: Ledger, roots: Iterable[str], *, complete: bool, limit: int = MAX_ANCESTORS
) -> dict[str, str]:
    """Return every artifact that `roots` descend from, each with the child by which it was reached.

    With `complete` no entry can be hidden, else the ledger's index is asked. Raises `LimitError` over
    `limit`, `ReadError` when a claim is missing, and `MalformedError`.
    """
    with ledger.snapshot() as snapshot:
        small = snapshot.head.size <= MAX_WALK
    look = _all_steps(ledger) if complete and small else partial(_steps_of, ledger, complete)
    starts = tuple(dict.fromkeys(one for one in roots if one))
    reached: dict[str, str] = {}
    waiting = list(starts)
    while waiting:
        child = waiting.pop()
        for logged in look(child):
            for material in materials_of(_statement_of(ledger, logged)):
                if material in reached or material in starts:
                    continue
                reached[material] = child
                waiting.append(material)
        if len(reached) > limit:
            raise LimitError(
                f"the artifact descends from over {limit} others",
                why="not every one of them was looked at",
            )
    return reached


def _steps_of(ledger: Ledger, complete: bool, subject: str) -> tuple[LoggedEvent, ...]:
    return ledger.find(subject=subject, kind=Kind.PROVENANCE, complete=complete)


def _all_steps(ledger: Ledger) -> Callable[[str], tuple[LoggedEvent, ...]]:
    steps: dict[str, tuple[LoggedEvent, ...]] = {}
    for one in ledger.find(kind=Kind.PROVENANCE, complete=True):
        steps[one.event.subject] = (*steps.get(one.event.subject, ()), one)
    return lambda subject: steps.get(subject, ())


def _statement_of(ledger: Ledger, logged: LoggedEvent) -> Statement:
    data = ledger.home.blobs.get(logged.event.claim_sha256)
    envelope = Bundle.parse(data, what=f"the claim of entry {logged.index}").envelope
    return Statement.parse(envelope.payload_type, envelope.payload)
