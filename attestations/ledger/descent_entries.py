"""The entries of a ledger that tell of descent, by what they are about: read all at once, one by one, or through an index.

A small ledger is read whole. Of a large one the entries are asked for by name; once that would be slow, and the
claims are not far, the reader's own index of all claims is asked instead.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.steps import (
    aliases_of,
    digest_of,
    held_by,
    is_listed_elsewhere,
    too_short_to_stand_elsewhere,
)
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, ReadError, WeightmarkError
from weightmark.provenance.ledger.binding_index import MAX_WALK
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.predecessor import ANY_FILE, Predecessor
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["MAX_RELEASES", "DescentEntries", "statement_of"]

MAX_RELEASES = 10_000
"""releases of a far ledger that are read for the artifact that is one file alone"""
_ID = 16
_FEW = 64
"""names that are asked for one by one in a large ledger, before every step is read at once"""


class DescentEntries:
    """The entries about names, without those whose claim is void; open until the block ends."""

    def __init__(
        self,
        ledger: Ledger,
        void: frozenset[str],
        disowned: Callable[[LoggedEvent], bool] | None,
        *,
        complete: bool,
        doubted: Callable[[LoggedEvent], bool] | None,
    ) -> None:
        """Leave out whoever is `disowned`; where files are listed outside of the ledger, whoever is `doubted`."""
        self._doubted = doubted
        self._ledger = ledger
        self._void = void
        self._disowned = disowned
        self._complete = complete
        self._read: dict[Kind, dict[str, list[LoggedEvent]]] = {}
        self._asked = 0
        self._stack = ExitStack()
        with ledger.snapshot() as snapshot:
            self._small = snapshot.head.size <= MAX_WALK

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def about(self, kind: Kind, name: str) -> list[LoggedEvent]:
        """Return the entries of a kind about something; raises what reading them raises."""
        self._asked += 1
        return [one for one in self._found(kind, digest_of(name)) if self._counts(one)]

    def _found(self, kind: Kind, digest: str) -> list[LoggedEvent]:
        many = self._asked > _FEW
        if self._small or kind in self._read:
            return self._all(kind).get(digest, [])
        if self._is_indexed or (many and self._near):
            return self._entries(self._index.about(digest, kind))
        if many and kind is Kind.PROVENANCE:
            return self._all(kind).get(digest, [])
        return [
            one
            for form in ("wm1", "sha256")
            for one in self._ledger.find(
                subject=f"{form}:{digest}", kind=kind, complete=self._complete
            )
        ]

    @property
    def _near(self) -> bool:
        """Whether every claim may be read: none lies behind a network."""
        return self._ledger.home.near

    @cached_property
    def _is_indexed(self) -> bool:
        """Whether that index knows nearly all of the ledger already, however far it is."""
        return ClaimIndex.missing(self._ledger) <= MAX_WALK

    @cached_property
    def _index(self) -> ClaimIndex:
        """The reader's own index of all claims, brought up to the head."""
        return self._stack.enter_context(ClaimIndex.of(self._ledger))

    def _counts(self, logged: LoggedEvent) -> bool:
        if logged.event.claim_id in self._void:
            return False
        return self._disowned is None or not self._disowned(logged)

    def forgotten(self, name: str) -> WeightmarkError | None:
        """Say that the log before told of the descent of `name`, and this one does not; None when it tells all."""
        before = self._before
        if before is None:
            return None
        told = before.told_of(digest_of(name))
        if name.startswith("sha256:"):
            told += before.told_of(ANY_FILE)
        if before.descent is not None and all(one in self._entered for one in told):
            return None
        return ReadError(
            f"from what `{name}` was made was told in the log before `{self._ledger.origin}`, and is not entered here",
            why="what was revoked may be among it, so nobody can call it clean",
            fix="enter the releases and provenance claims of that log here: `weightmark ledger append`; what a revoked signer said the role revokes by the id of the claim, once another signer said it",
        )

    @cached_property
    def _before(self) -> Predecessor | None:
        return self._ledger.policies(complete=self._complete).newest.succeeds

    @cached_property
    def _entered(self) -> frozenset[str]:
        """Beginnings of the ids of claims that tell of descent here, or that the role revoked."""
        ids = {one[:_ID] for one in self._void}
        for kind in (Kind.PROVENANCE, Kind.RELEASE):
            found = self._ledger.find(kind=kind, complete=self._complete)
            ids |= {one.event.claim_id[:_ID] for one in found}
        return frozenset(ids)

    def statement(self, logged: LoggedEvent) -> Statement:
        """Read the claim of an entry; raises `ReadError` when it is missing or was erased."""
        return statement_of(self._ledger, logged)

    def is_doubted(self, logged: LoggedEvent) -> bool:
        """Tell whether the word of an entry's signer that files are listed elsewhere counts for nobody."""
        return self._doubted is not None and self._doubted(logged)

    def alone_in(self, name: str) -> tuple[str, ...]:
        """Return the artifacts that are the file `name` alone.

        Raises `LimitError` for too many releases, and `ReadError` when one cannot be read.
        """
        if not name.startswith("sha256:"):
            return ()
        if not self._small and (self._near or self._is_indexed):
            return self._alone_by_index(name)
        found, problem = self._alone
        if problem:
            raise problem
        return found.get(name, ())

    def _alone_by_index(self, name: str) -> tuple[str, ...]:
        for logged in self._entries(self._index.unread_of(Kind.RELEASE)):
            if self._counts(logged):
                self.statement(logged)
        releases = self._entries(self._index.alone_in(digest_of(name)))
        return tuple(one.event.subject for one in releases if self._counts(one))

    def _entries(self, indices: Sequence[int]) -> list[LoggedEvent]:
        if not indices:
            return []
        with self._ledger.snapshot() as snapshot:
            return list(snapshot.events(indices))

    def alone_in_near(self, name: str) -> tuple[str, ...]:
        """Return the same, as far as it costs little: of a file at hand most such names are computed, too."""
        near = self._small and self._near and name.startswith("sha256:")
        return self._alone[0].get(name, ()) if near else ()

    @cached_property
    def _alone(self) -> tuple[dict[str, tuple[str, ...]], WeightmarkError | None]:
        released = self._ledger.find(kind=Kind.RELEASE, complete=self._complete)
        if len(released) > MAX_RELEASES:
            return {}, LimitError(
                f"a file is named by its digest, and the ledger holds over {MAX_RELEASES} releases",
                why="not every one of them was read for the artifact that is this file",
            )
        found: dict[str, tuple[str, ...]] = {}
        problem: WeightmarkError | None = None
        for one in released:
            if not self._counts(one):
                continue
            try:
                aliases = self._aliases(one, released)
            except WeightmarkError as error:
                problem = problem or error
                continue
            for alias in aliases:
                found[alias] = (*found.get(alias, ()), one.event.subject)
        return found, problem

    def _aliases(self, logged: LoggedEvent, released: Sequence[LoggedEvent]) -> tuple[str, ...]:
        """Return of which file alone a release is; one that hides its short list says nothing beside one that shows it."""
        statement = self.statement(logged)
        if too_short_to_stand_elsewhere(statement):
            name = logged.event.subject
            others = (one for one in released if one.event.subject == name and self._counts(one))
            if self.is_doubted(logged) or any(self._shows_files(one) for one in others):
                return ()
        return aliases_of(statement)

    def _shows_files(self, logged: LoggedEvent) -> bool:
        try:
            statement = self.statement(logged)
            return not is_listed_elsewhere(statement) and held_by(statement) is not None
        except WeightmarkError:
            return False

    def _all(self, kind: Kind) -> dict[str, list[LoggedEvent]]:
        if kind not in self._read:
            by_name: dict[str, list[LoggedEvent]] = {}
            for one in self._ledger.find(kind=kind, complete=self._complete):
                by_name.setdefault(digest_of(one.event.subject), []).append(one)
            self._read[kind] = by_name
        return self._read[kind]


def statement_of(ledger: Ledger, logged: LoggedEvent) -> Statement:
    """Read the claim of an entry; raises `ReadError` when it is missing or was erased, and `MalformedError`."""
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
