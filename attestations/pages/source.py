"""What a page is made from: one proven state of a ledger, its index, and what is known of policies and revocations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.ledger.witnessed import witness_check
from weightmark.attestations.pages.claims import Claim, read_claim
from weightmark.attestations.pages.context import Context, ContextMemory
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    UncheckedError,
    WeightmarkError,
)
from weightmark.provenance.ledger.event import Event
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.snapshot import LedgerSnapshot, LoggedEvent
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["EntryRow", "PageOptions", "Source", "opened_source"]

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What whoever runs the pages chose."""

    identities: bool = False
    """whether identities that this ledger can open are named; otherwise only their commitments are"""
    witnesses: "TlogPolicy | None" = None
    """whose cosignatures count; None for nobody's"""
    index_folder: Path | None = None
    """where the index lies; None for the user's cache"""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry in a list: what is proven of it, and what its claim says without being checked."""

    index: int
    """its place in the log"""
    kind: str
    """what it records"""
    at: str
    """by the log's clock"""
    subject: str
    """what it is about; empty for the log itself"""
    signer: str
    """who signed the claim"""
    title: str
    """what the claim calls its subject"""
    says: str
    """what the claim says, in one line"""
    verdict: str
    """what the claim came to; empty when it judges nothing"""
    indexed: bool
    """whether the claim was read for this list"""


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that a page may look at."""

    ledger: Ledger
    """the ledger"""
    snapshot: LedgerSnapshot
    """its state: what is read of the log is proven against its head"""
    index: PageIndex
    """the reader's own index"""
    context: Context
    """policies and revocations"""
    options: PageOptions
    """what whoever runs the pages chose"""
    now: datetime
    """the present moment; aware"""
    witnesses: Check
    """whether a quorum of witnesses saw the log"""
    cosigned_size: int | None
    """entries under the newest checkpoint with cosignatures; None when none is kept"""

    @property
    def behind(self) -> int:
        """The newest entries that the index has not read yet."""
        return max(0, self.snapshot.head.size - self.index.size)

    def claim(self, logged: LoggedEvent) -> Claim:
        """Read and verify the claim of an entry."""
        names = self.options.identities
        return read_claim(self.ledger, self.context.history, logged, self.context.kept, names=names)

    def weight(self, event: Event) -> int:
        """Return the bytes of the claim of an entry; 0 where nobody can tell."""
        return self.context.kept.get(("size", event.claim_sha256), lambda: self._size(event))

    def _size(self, event: Event) -> int:
        try:
            return len(self.ledger.home.blobs.get(event.claim_sha256))
        except WeightmarkError:
            return 0

    def rows(self, places: Sequence[int]) -> tuple[EntryRow, ...]:
        """Return entries for a list, in the order of `places`; each is proven to be in the log."""
        kept = self.index.rows(places)
        found = []
        for logged in self.snapshot.events(places):
            event, row = logged.event, kept.get(logged.index)
            if f"sha256:{event.claim_sha256}" in self.context.history.erased:
                row = None
            found.append(
                EntryRow(
                    logged.index,
                    event.kind.value,
                    event.at,
                    event.subject,
                    event.signer,
                    row.title if row else "",
                    row.line if row else "",
                    row.verdict if row else "",
                    row is not None and not row.unread,
                )
            )
        return tuple(found)

    def unknown(self, what: str) -> WeightmarkError:
        """Return the error for a name that no entry has: nobody can tell while entries are still being read."""
        if self.behind:
            why = f"{self.behind} entries were not read yet"
            return UncheckedError(what, why=why, fix="try again later")
        return CallError(what)

    def identity_of(self, party: str) -> str:
        """Return whom a commitment stands for, where that may be told; else nothing."""
        if not self.options.identities or not party.startswith("salted:"):
            return ""
        opened = self.ledger.home.private.get(party)
        return "@".join(opened.identity) if opened else ""


@contextmanager
def opened_source(
    ledger: Ledger, memory: ContextMemory, options: PageOptions, *, most: int = _AT_ONCE
) -> Iterator[Source]:
    """Open what a page is made from; up to `most` missing entries are indexed first.

    Raises what opening the index, proving the head and reading policies raise.
    """
    with PageIndex.of(ledger, options.index_folder) as index:
        index.advance(ledger, most)
        context, now = memory.get(ledger), ledger.now()
        sizes = ledger.home.cosigned.sizes()
        witnesses = _witnesses(ledger, options, now, kept=bool(sizes))
        with ledger.snapshot() as snapshot:
            if index.size == snapshot.head.size:
                _require_whole(index, context)
            newest = sizes[-1] if sizes else None
            yield Source(ledger, snapshot, index, context, options, now, witnesses, newest)


def _require_whole(index: PageIndex, context: Context) -> None:
    """Refuse a search table that lacks what binds: whoever edits the database could hide a revocation in it."""
    read = index.totals(tuple(context.found)) if context.found else {}
    for kind, count in context.found.items():
        if read.get(kind, 0) != count:
            raise LedgerInconsistentError(
                f"the search table of the ledger is wrong about entries of the kind `{kind}`",
                why=f"it has {count} of them, and the log {read.get(kind, 0)}",
                fix="make it anew with `weightmark ledger reindex`, and find out who changed it",
            )


def _witnesses(ledger: Ledger, options: PageOptions, now: datetime, *, kept: bool) -> Check:
    """Say whether witnesses saw the log; cosignatures of nobody knows whom count for nothing."""
    if options.witnesses is None and kept:
        why = "cosignatures are kept, and without a witness policy nobody can tell whose they are"
        fix = "serve with `--witness-policy FILE`"
        return Check("witnesses", Outcome.INFO, "not checked here", why, fix)
    try:
        return witness_check(ledger, options.witnesses, now)
    except WeightmarkError as error:
        return Check.from_error("witnesses", error)
