"""The ledger: append, read, prove. Every path in is admitted, every path out is verified."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from weightmark.errors import (
    LedgerInconsistentError,
    RefusedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import (
    Admitted,
    ClaimVerifier,
    RegistrationPolicy,
    Submission,
    Submitter,
    admit,
)
from weightmark.provenance.ledger.another_key import known_by_another, signed_by_another
from weightmark.provenance.ledger.audit import Auditor, LedgerAudit, Problem, find_late_entries
from weightmark.provenance.ledger.binding_index import MAX_WALK, BindingIndex, find_all
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.creation import Further, create_anywhere
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.history import PolicyHistory
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.home.service import ServiceHome
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.opening import home_of
from weightmark.provenance.ledger.plan import numbered
from weightmark.provenance.ledger.proof import Receipt, VerifiedReceipt, verify_receipt
from weightmark.provenance.ledger.publish import publish, published_checkpoint
from weightmark.provenance.ledger.recording import Recorded, Recorder, Silencer
from weightmark.provenance.ledger.snapshot import LedgerSnapshot, LoggedEvent
from weightmark.provenance.ledger.standing import Role
from weightmark.provenance.ledger.store.interface import Query
from weightmark.provenance.ledger.view.interface import ViewFiles

__all__ = ["Clock", "Ledger", "utc_now"]

Clock = Callable[[], datetime]
"""gives an aware time"""


def utc_now() -> datetime:
    """Return the system's clock."""
    return datetime.now(UTC)


class Ledger:
    """A ledger. One thread uses one object; processes may share the place where it lives."""

    def __init__(
        self, home: Home, verifier: NoteVerifier, memory: CheckpointMemory, clock: Clock
    ) -> None:
        self._home = home
        self._verifier = verifier
        self._memory = memory
        self._clock = clock
        self._recorder = Recorder(self)

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        keys: Path | None = None,
        origin: str = "",
        submitters: Sequence[Submitter] = (),
        memory: CheckpointMemory | None = None,
        clock: Clock = utc_now,
        **further: Unpack[Further],
    ) -> Self:
        """Make a ledger at `path`, which must be absent or an empty folder; whole or not at all.

        `path` may be the URL of an empty `postgresql://` database; its private keys then go into the
        new folder `keys`. Raises `CallError` when something stands at either place or `keys` is not
        named, and `ReadError` when it cannot be written.
        """
        memory = memory or CheckpointMemory.of_user()
        key_file = create_anywhere(
            path,
            keys,
            origin=origin,
            submitters=submitters,
            memory=memory,
            clock=clock,
            **further,
        )
        return cls.open(path, log_key=key_file, memory=memory, clock=clock)

    @classmethod
    def open(
        cls,
        place: Path | str,
        *,
        vkey: str = "",
        log_key: Path | None = None,
        memory: CheckpointMemory | None = None,
        clock: Clock = utc_now,
    ) -> Self:
        """Open a ledger and check its head, its published view, and what was seen of it before.

        `place` is a folder, a `postgresql://` URL, or the folder or http(s) URL of a published
        view. Nothing is written there. `vkey` pins the log's key, and a published view needs it;
        `log_key` is the file of the private key for a ledger that does not hold its own.

        Raises `CallError` when there is no ledger, `WrongSignerError` when it has another key,
        `LedgerInconsistentError` when it was rolled back, forked or damaged, `NewerSchemaError`,
        `TrustNotSaidError` for a view without `vkey`, `ExtraMissingError`, `NetworkError`.
        """
        return cls.of(
            home_of(place, vkey=vkey, log_key=log_key), vkey=vkey, memory=memory, clock=clock
        )

    @classmethod
    def of(
        cls,
        home: Home,
        *,
        vkey: str = "",
        memory: CheckpointMemory | None = None,
        clock: Clock = utc_now,
    ) -> Self:
        """Open the ledger that lives at `home`; see `open`."""
        try:
            verifier = home.read_verifier()
            ledger = cls(home, verifier, memory or CheckpointMemory.of_user(), clock)
            ledger._require_signed_by(vkey)
            ledger._refresh_unless_moved()
        except BaseException:
            home.close()
            raise
        return ledger

    @property
    def home(self) -> Home:
        """Where the ledger lives, for whoever copies or publishes it."""
        return self._home

    @property
    def path(self) -> Path:
        """The folder of a ledger in a folder."""
        return Path(self._home.name)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._verifier.name

    @property
    def vkey(self) -> str:
        """The C2SP verifier key that receipts are checked with."""
        return self._verifier.vkey

    @property
    def verifier(self) -> NoteVerifier:
        """The same key, for `verify_receipt`."""
        return self._verifier

    def now(self) -> datetime:
        """Return what the ledger's clock says."""
        return self._clock()

    def refresh(self) -> VerifiedCheckpoint:
        """Check the newest head against everything known of this log, and remember it."""
        if self._home.foreign:
            return self._memory.remember_unlocked(self._verifier, self._newest)
        with self._memory.updating(self._verifier) as remember:
            head = self._newest()
            remember(head)
            return head

    def known(self) -> tuple[tuple[str, VerifiedCheckpoint], ...]:
        """Return the checkpoints that the log must extend, each with where it was seen: your memory and its own view."""
        found = (
            ("your checkpoint memory", self._recall()),
            ("the published checkpoint", self._published()),
        )
        return tuple((where, seen) for where, seen in found if seen is not None)

    @contextmanager
    def snapshot(self) -> Iterator[LedgerSnapshot]:
        """Read one verified state of the log."""
        with self._home.store.read() as store:
            try:
                found = LedgerSnapshot.of(store, self._verifier)
            except LedgerInconsistentError as error:
                if self._home.foreign and isinstance(error.__cause__, WrongSignerError):
                    raise signed_by_another(self._home.name, error.__cause__) from error
                raise
            yield found

    def verify_own(self, note: bytes) -> VerifiedCheckpoint:
        """Check a checkpoint of this log under its key, or one that handed over to it since.

        That it is older than the log, the caller checks. Raises what `verify_checkpoint` raises.
        """
        try:
            return verify_checkpoint(note, self._verifier)
        except WrongSignerError:
            for vkey in reversed(self._earlier_keys()):
                with suppress(WrongSignerError):
                    return verify_checkpoint(note, NoteVerifier.parse(vkey))
            raise

    def verify_receipt(self, data: bytes) -> VerifiedReceipt:
        """Check a receipt of this log under its key, or one that handed over to it since.

        One by an earlier key must lie on the way to this log: such a key may have leaked meanwhile.
        Raises what `verify_receipt` raises, and `LedgerInconsistentError`.
        """
        try:
            return verify_receipt(data, self._verifier)
        except WrongSignerError:
            for vkey in reversed(self._earlier_keys()):
                with suppress(WrongSignerError):
                    found = verify_receipt(data, NoteVerifier.parse(vkey))
                    with self.snapshot() as snapshot:
                        snapshot.require_extends(found.checkpoint, "the receipt")
                    return found
            raise

    def policy(self) -> RegistrationPolicy:
        """Return who may write now."""
        return self.policies().newest

    def policies(self, *, complete: bool = False) -> PolicyHistory:
        """Return every registration policy, each verified against the one before; see `search`."""
        founded = self.find(kind=Kind.POLICY, complete=complete)
        rotated = self.find(kind=Kind.KEY, complete=complete)
        entries = sorted((*founded, *rotated), key=lambda one: one.index)
        home = self._home
        redacted = self.find(kind=Kind.REDACT, complete=complete)
        erased = [one.event.subject for one in redacted]
        return PolicyHistory.read(entries, home.blobs.get, self._verifier, home.private, erased)

    def append(
        self,
        submissions: Sequence[Submission],
        verifier: ClaimVerifier,
        *,
        now: datetime | None = None,
    ) -> tuple[Receipt, ...]:
        """Record submissions, all or none; returns a receipt for each. `now` stands in for the clock.

        The same event again returns the receipt of its old entry. Raises `SubmissionRefusedError`,
        `MalformedError`, `ReadError` (a retry gives the same indices), `LedgerInconsistentError`.
        """
        if not submissions:
            return ()
        if isinstance(self._home, ServiceHome):
            return self._deliver(self._home, submissions)
        self._recorder.signer()
        policy = self.policy()
        admitted: list[Admitted] = []
        for number, submission in enumerate(submissions):
            try:
                admitted.append(admit(policy, submission, verifier, if_known=True))
            except WeightmarkError as error:
                raise numbered(error, submission, number, len(submissions)) from error
        indices = self.record(admitted, silencer=verifier.silenced, now=now)
        self.publish()
        self.refresh()
        return self.receipts(indices)

    def record(
        self,
        batch: Sequence[Admitted],
        *,
        silencer: Silencer | None = None,
        now: datetime | None = None,
    ) -> tuple[int, ...]:
        """Write what is new of admitted submissions, all or none; returns the entry of each, see `record_groups`."""
        return self._recorder.write([batch], silencer=silencer, now=now).require_whole()

    def record_groups(
        self,
        groups: Sequence[Sequence[Admitted]],
        *,
        silencer: Silencer | None = None,
        now: datetime | None = None,
    ) -> Recorded:
        """Write what is new of admitted submissions durably, in one transaction unless a signer is revoked; returns what became of each group.

        Each group is written whole, or refused whole while the others are written. Nothing is signed
        on a head that was rolled back, nor by a copy that is not the live one. Whom `silencer` names,
        writes nothing. Neither publishes nor remembers.
        """
        return self._recorder.write(groups, partly=True, silencer=silencer, now=now)

    def receipts(self, indices: Sequence[int]) -> tuple[Receipt, ...]:
        """Return the offline receipts of entries, all under one head."""
        with self.snapshot() as snapshot:
            return tuple(snapshot.receipts(indices))

    def entry(self, index: int) -> LoggedEvent:
        """Return one entry; raises `CallError` when there is none."""
        with self.snapshot() as snapshot:
            return next(snapshot.events([index]))

    def entries(self, start: int = 0, limit: int = 100) -> tuple[LoggedEvent, ...]:
        """Return up to `limit` entries from `start` on."""
        with self.snapshot() as snapshot:
            end = min(snapshot.head.size, max(0, start) + max(0, limit))
            return tuple(snapshot.events(range(max(0, start), end)))

    def find(
        self,
        *,
        subject: str | None = None,
        kind: Kind | None = None,
        start: int = 0,
        complete: bool = False,
    ) -> tuple[LoggedEvent, ...]:
        """Return the entries, oldest first, that are about a subject or of a kind; see `search`."""
        return self.search(Query(subject=subject, kind=kind), start=start, complete=complete)

    def search(
        self, query: Query, *, start: int = 0, limit: int | None = None, complete: bool = False
    ) -> tuple[LoggedEvent, ...]:
        """Return the entries from `start` on, oldest first, that a query asks for, at most `limit`.

        Every returned entry is proven to be in the log. That none is missing is an answer of the
        search table, which nothing signs: whoever can edit the database can hide an entry from it,
        until `verify` compares the table with the log row by row. With `complete`, and where there
        is no search table (a published view), every entry is read and proven instead, in a large
        log once and then from the reader's own index: what is not returned is not in the log.
        """
        with self.snapshot() as snapshot:
            served = isinstance(self._home, ServiceHome)
            index = self._home if isinstance(self._home, ServiceHome) else snapshot.store.index
            if complete or index is None:
                found = find_all(self._binding, snapshot, query, start)
                return found if limit is None else found[:limit]
            rows = index.search(query, start=start, limit=limit)
            size = snapshot.head.size
            found = tuple(snapshot.events([row for row in rows if row < size or not served]))
        for one in found:
            if not query.matches(one.event):
                raise LedgerInconsistentError(
                    f"the search table of the ledger is wrong about entry {one.index}",
                    fix="make it anew with `weightmark ledger reindex`",
                )
        return found

    def can_be_read_whole(self) -> bool:
        """Tell whether a complete search of what binds costs little here: no long way to the entries."""
        if self._home.near:
            return True
        with self.snapshot() as snapshot:
            return self._binding.missing(snapshot) <= MAX_WALK

    def prove(self, index: int) -> Receipt:
        """Return the offline receipt of an entry under the newest head."""
        return self.receipts([index])[0]

    def claim(self, index: int) -> bytes:
        """Return the claim that an entry records; raises `ReadError` when it is missing."""
        return self._home.blobs.get(self.entry(index).event.claim_sha256)

    def request(self, index: int) -> bytes:
        """Return the signed request that an entry records; raises `ReadError` when it is missing."""
        return self._home.blobs.get(self.entry(index).event.request_sha256)

    def verify(self, claims: ClaimVerifier | None = None, *, blobs: bool = True) -> LedgerAudit:
        """Recompute the whole log from its entries: root, tiles, keys, search table, blobs, view.

        With `claims`, the signature of every request is checked again as well; without `blobs`,
        claims and requests are not even looked for. Problems are listed in the result; only a log
        whose head cannot be verified raises.
        """
        remembered = self._recall()
        published = self._published()
        policies: PolicyHistory | None = None
        unreadable: tuple[Problem, ...] = ()
        try:
            policies = self.policies(complete=True) if claims else None
        except WeightmarkError as error:
            unreadable = (Problem("entry 0", error.what, error.exit),)
        with self.snapshot() as snapshot:
            held = self._home.blobs if blobs else None
            partial = isinstance(self._home, ViewHome) and not isinstance(self._home, ServiceHome)
            auditor = Auditor(snapshot, self._home.view, held, published, partial=partial)
            audit = auditor.run(remembered, claims if policies else None, policies)
        late = find_late_entries(self, claims) if claims and policies else ()
        return replace(audit, problems=(*unreadable, *audit.problems, *late))

    def publish(
        self, view: ViewFiles | None = None, *, rebuild: bool = False
    ) -> VerifiedCheckpoint | None:
        """Bring a view up to the head; without `view` the one beside the ledger, if there is one.

        `rebuild` writes every file again.
        """
        view = view or self._home.view
        if view is None:
            return None
        with self._home.publishing():
            published = None if rebuild else published_checkpoint(view, self.verify_own)
            with self.snapshot() as snapshot:
                return publish(snapshot, published, view, rebuild=rebuild)

    def close(self) -> None:
        """Let go of the database."""
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _require_signed_by(self, vkey: str) -> None:
        """Demand the key that the caller trusts, if any; while two keys overlap, either signs the head."""
        if vkey in {"", self.vkey}:
            return
        try:
            with self.snapshot() as snapshot:
                verify_checkpoint(snapshot.head.note, NoteVerifier.parse(vkey))
        except RefusedError as error:
            raise WrongSignerError(
                f"the ledger at `{self._home.name}` has another key than the one you trust",
                why=f"it is `{self.vkey}`",
            ) from error

    def _newest(self) -> VerifiedCheckpoint:
        known = self.known()
        with self.snapshot() as snapshot:
            snapshot.require_grown_from(known)
            return snapshot.head

    def _refresh_unless_moved(self) -> None:
        """Say of a ledger that fell behind because it moved, that it moved."""
        try:
            self.refresh()
        except LedgerInconsistentError:
            standing = self._home.standing()
            if standing.role in {Role.MOVED, Role.SUCCEEDED}:
                standing.require_live(self._home.name)
            raise

    def _deliver(
        self, service: ServiceHome, submissions: Sequence[Submission]
    ) -> tuple[Receipt, ...]:
        """Hand submissions to a service, all or none; each answer proves an entry of this very log."""
        answers = service.deliver(submissions, self._verifier)
        self.refresh()
        with self.snapshot() as snapshot:
            for _, checkpoint in answers:
                snapshot.require_extends(checkpoint, "a receipt")
        return tuple(receipt for receipt, _ in answers)

    @property
    def _binding(self) -> BindingIndex:
        return BindingIndex(self._memory.folder, self.vkey)

    def _recall(self) -> VerifiedCheckpoint | None:
        """Return what was seen of this log, under its key or one that handed over to it since."""
        known = self._memory.known_key(self.origin)
        if known not in {"", self.vkey}:
            if known in self._earlier_keys():
                return self._memory.recall(NoteVerifier.parse(known))
            if self._home.foreign:
                raise known_by_another(self.origin, known)
        return self._memory.recall(self._verifier)

    def _earlier_keys(self) -> tuple[str, ...]:
        """Return the keys that handed over to this one; none when the log itself is not sound."""
        try:
            keys = self.policies().log_keys
        except LedgerInconsistentError:
            return ()
        return keys[: keys.index(self.vkey)]

    def _published(self) -> VerifiedCheckpoint | None:
        view = self._home.view
        return None if view is None else published_checkpoint(view, self.verify_own)
