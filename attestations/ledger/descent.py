"""Descent by a ledger's own provenance claims: what an artifact was made from, as far back as they say."""

from collections.abc import Callable, Iterable
from functools import cached_property, partial

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, ReadError
from weightmark.provenance.ledger.binding_index import MAX_WALK
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["MAX_ANCESTORS", "aliases_of", "ancestors_of", "materials_of"]

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


def aliases_of(statement: Statement) -> tuple[str, ...]:
    """Return `sha256:<hex>` of the file, if a manifest statement is about an artifact of one file alone.

    Raises `MalformedError` for one that breaks its format.
    """
    files = statement.predicate.get("files")
    if statement.predicate_type != MANIFEST_PREDICATE or not isinstance(files, list):
        return ()
    if len(files) != 1:
        return ()
    digests = ManifestClaim.from_statement(statement).sha256.values()
    return tuple(f"sha256:{digest}" for digest in digests)


def ancestors_of(
    ledger: Ledger, roots: Iterable[str], *, complete: bool, limit: int = MAX_ANCESTORS
) -> dict[str, str]:
    """Return every artifact that `roots` descend from, each with the child by which it was reached.

    A file and the artifact that is this file alone, by a release, are one thing, as `ClaimIndex` has
    it; of `roots` the caller names both. With `complete` no entry can be hidden, else the ledger's
    index is asked. Raises `LimitError` over `limit`, `ReadError` when a claim is missing or was
    erased, and `MalformedError`.
    """
    with ledger.snapshot() as snapshot:
        small = snapshot.head.size <= MAX_WALK
    look = _all_steps(ledger) if complete and small else partial(_steps_of, ledger, complete)
    others = _Aliases(ledger, complete, limit)
    starts = tuple(dict.fromkeys(one for one in roots if one))
    reached: dict[str, str] = {}
    waiting = list(starts)
    while waiting:
        child = waiting.pop()
        for logged in look(child):
            for material in materials_of(_statement_of(ledger, logged)):
                for one in (material, *others.of(material)):
                    if one not in reached and one not in starts:
                        reached[one] = child
                        waiting.append(one)
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


class _Aliases:
    """The other names of artifacts that are one file alone, as releases tell them."""

    def __init__(self, ledger: Ledger, complete: bool, limit: int) -> None:
        self._ledger = ledger
        self._complete = complete
        self._limit = limit

    def of(self, name: str) -> tuple[str, ...]:
        """Return what else `name` is called: of an artifact its file, of a file the artifacts that are it."""
        if name.startswith("sha256:"):
            return self._artifacts.get(name, ())
        released = self._ledger.find(subject=name, kind=Kind.RELEASE, complete=self._complete)
        found = (aliases_of(_statement_of(self._ledger, one)) for one in released)
        return tuple(dict.fromkeys(alias for aliases in found for alias in aliases))

    @cached_property
    def _artifacts(self) -> dict[str, tuple[str, ...]]:
        released = self._ledger.find(kind=Kind.RELEASE, complete=self._complete)
        if len(released) > self._limit:
            raise LimitError(
                f"a file is named by its digest, and the ledger holds over {self._limit} releases",
                why="not every one of them was read for the artifact that is this file",
            )
        found: dict[str, tuple[str, ...]] = {}
        for one in released:
            for alias in aliases_of(_statement_of(self._ledger, one)):
                found[alias] = (*found.get(alias, ()), one.event.subject)
        return found


def _statement_of(ledger: Ledger, logged: LoggedEvent) -> Statement:
    digest = logged.event.claim_sha256
    try:
        data = ledger.home.blobs.get(digest)
    except ReadError as error:
        if ledger.find(subject=f"sha256:{digest}", kind=Kind.REDACT):
            raise ReadError(
                f"the claim of entry {logged.index} was erased, as the ledger says",
                why="what it said of descent cannot be followed any more",
                fix="ask its signer to say it again in a new claim",
            ) from error
        raise
    envelope = Bundle.parse(data, what=f"the claim of entry {logged.index}").envelope
    return Statement.parse(envelope.payload_type, envelope.payload)
