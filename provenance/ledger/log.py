"""The ledger: append, read, prove. Every path in is admitted, every path out is verified."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    WeightmarkError,
    WrongSignerError,
    read_failure,
)
from weightmark.provenance.atomic import sync_folder
from weightmark.provenance.ledger.admission import (
    Admitted,
    ClaimVerifier,
    RegistrationPolicy,
    Submission,
    Submitter,
    admit,
)
from weightmark.provenance.ledger.audit import Auditor, LedgerAudit, Problem
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.event import Kind, check_origin
from weightmark.provenance.ledger.files import locked, make_folders
from weightmark.provenance.ledger.folder import LedgerFolder
from weightmark.provenance.ledger.memory import CheckpointMemory
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.plan import make_addition, make_plan, numbered, unique_keys
from weightmark.provenance.ledger.proof import Receipt
from weightmark.provenance.ledger.registration import Founding, found, read_founding
from weightmark.provenance.ledger.snapshot import LedgerSnapshot, LoggedEvent
from weightmark.provenance.ledger.store.interface import Row, Store

__all__ = ["Clock", "Ledger", "utc_now"]

Clock = Callable[[], datetime]
"""gives an aware time"""


def utc_now() -> datetime:
    """Return the system's clock."""
    return datetime.now(UTC)


class Ledger:
    """A ledger in a folder. One thread uses one object; processes may share the folder."""

    def __init__(
        self,
        folder: LedgerFolder,
        verifier: NoteVerifier,
        store: Store,
        memory: CheckpointMemory,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._verifier = verifier
        self._store = store
        self._memory = memory
        self._clock = clock

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        origin: str = "",
        submitters: Sequence[Submitter] = (),
        memory: CheckpointMemory | None = None,
        clock: Clock = utc_now,
    ) -> Self:
        """Make a ledger at `path`, which must be absent or an empty folder; whole or not at all.

        Raises `CallError` when something stands there and `ReadError` when it cannot be written.
        """
        origin = origin or f"weightmark.local/{secrets.token_hex(8)}"
        check_origin(origin)
        log, recovery = NoteSigner.generate(origin), NoteSigner.generate(f"{origin}/recovery")
        founding = found(log, recovery, submitters, clock())
        memory = memory or CheckpointMemory.of_user()
        memory.recall(log.verifier)
        path = path.absolute()
        _refuse_occupied(path)
        make_folders([path.parent])
        temporary = LedgerFolder(path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp"))
        try:
            _build(temporary, log, recovery, founding)
            temporary.path.rename(path)
        except BaseException as error:
            _remove_tree(temporary.path)
            if isinstance(error, OSError):
                raise read_failure(path, error) from error
            raise
        sync_folder(path.parent)
        return cls.open(path, memory=memory, clock=clock)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        vkey: str = "",
        memory: CheckpointMemory | None = None,
        clock: Clock = utc_now,
    ) -> Self:
        """Open a ledger and check its head, its published view, and what was seen of it before.

        Nothing is written to the folder. `vkey` pins the log's key. Raises `CallError` when there is
        no ledger, `WrongSignerError` when it has another key, `LedgerInconsistentError` when it
        was rolled back, forked or damaged, `NewerSchemaError`.
        """
        from weightmark.provenance.ledger.store.sqlite import SqliteStore

        folder = LedgerFolder(path.absolute())
        verifier = folder.read_verifier()
        if vkey and vkey != verifier.vkey:
            raise WrongSignerError(
                f"the ledger at `{path}` has another key than the one you trust",
                why=f"it is `{verifier.vkey}`",
            )
        store = SqliteStore(folder.database)
        ledger = cls(folder, verifier, store, memory or CheckpointMemory.of_user(), clock)
        try:
            ledger.refresh()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

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

    def refresh(self) -> VerifiedCheckpoint:
        """Check the newest head against everything known of this log, and remember it."""
        with self._memory.updating(self._verifier) as remember:
            remembered = self._memory.recall(self._verifier)
            published = self._folder.view.published(self._verifier)
            with self.snapshot() as snapshot:
                self._require_known(snapshot, remembered, published)
                remember(snapshot.head)
                return snapshot.head

    @contextmanager
    def snapshot(self) -> Iterator[LedgerSnapshot]:
        """Read one verified state of the log."""
        with self._store.read() as store:
            yield LedgerSnapshot.of(store, self._verifier)

    def policy(self) -> RegistrationPolicy:
        """Return who may write, from entry 0."""
        logged = self.entry(0)
        blobs = self._folder.blobs
        claim = blobs.get(logged.event.claim_sha256)
        request = blobs.get(logged.event.request_sha256)
        return read_founding(logged.event, claim, request, self._verifier)

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
        signer = self._folder.read_signer(self._verifier)
        indices = self._commit(self._admit_all(submissions, verifier), signer, now)
        self.publish()
        self.refresh()
        with self.snapshot() as snapshot:
            return tuple(snapshot.receipt(index) for index in indices)

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
        self, *, subject: str | None = None, kind: Kind | None = None, start: int = 0
    ) -> tuple[LoggedEvent, ...]:
        """Return the entries, oldest first, that are about a subject or of a kind."""
        with self.snapshot() as snapshot:
            rows = snapshot.store.search(subject=subject, kind=kind, start=start)
            found = tuple(snapshot.events(list(rows)))
        for one in found:
            if subject not in {None, one.event.subject} or kind not in {None, one.event.kind}:
                raise LedgerInconsistentError(
                    f"the search table of the ledger is wrong about entry {one.index}"
                )
        return found

    def prove(self, index: int) -> Receipt:
        """Return the offline receipt of an entry under the newest head."""
        with self.snapshot() as snapshot:
            return snapshot.receipt(index)

    def claim(self, index: int) -> bytes:
        """Return the claim that an entry records; raises `ReadError` when it is missing."""
        return self._folder.blobs.get(self.entry(index).event.claim_sha256)

    def request(self, index: int) -> bytes:
        """Return the signed request that an entry records; raises `ReadError` when it is missing."""
        return self._folder.blobs.get(self.entry(index).event.request_sha256)

    def verify(self, claims: ClaimVerifier | None = None) -> LedgerAudit:
        """Recompute the whole log from its entries: root, tiles, keys, search table, blobs, view.

        With `claims`, the signature of every request is checked again as well. Problems are
        listed in the result; only a log whose head cannot be verified raises.
        """
        remembered = self._memory.recall(self._verifier)
        published = self._folder.view.published(self._verifier)
        policy: RegistrationPolicy | None = None
        unreadable: tuple[Problem, ...] = ()
        try:
            policy = self.policy() if claims else None
        except WeightmarkError as error:
            unreadable = (Problem("entry 0", error.what, error.exit),)
        with self.snapshot() as snapshot:
            auditor = Auditor(snapshot, self._folder.view, self._folder.blobs, published)
            audit = auditor.run(remembered, claims if policy else None, policy)
        return replace(audit, problems=(*unreadable, *audit.problems))

    def publish(self, *, rebuild: bool = False) -> VerifiedCheckpoint:
        """Bring the static view up to the head; `rebuild` writes every file again."""
        view = self._folder.view
        with locked(self._folder.publish_lock), self.snapshot() as snapshot:
            published = None if rebuild else view.published(self._verifier)
            if published is not None:
                snapshot.require_extends(published, "the published checkpoint")
            since = published.size if published else 0
            if published is None or since < snapshot.head.size:
                view.publish(snapshot.store, snapshot.head, since=since, overwrite=rebuild)
            return snapshot.head

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _admit_all(
        self, submissions: Sequence[Submission], verifier: ClaimVerifier
    ) -> list[Admitted]:
        policy = self.policy()
        admitted: list[Admitted] = []
        for number, submission in enumerate(submissions):
            try:
                admitted.append(admit(policy, submission, verifier))
            except WeightmarkError as error:
                raise numbered(error, number, len(submissions)) from error
        return admitted

    def _commit(
        self, batch: Sequence[Admitted], signer: NoteSigner, now: datetime | None
    ) -> tuple[int, ...]:
        """Write what is new in one transaction; nothing is signed on a head that was rolled back."""
        with self._store.write() as store:
            snapshot = LedgerSnapshot.of(store, self._verifier)
            published = self._folder.view.published(self._verifier)
            self._require_known(snapshot, self._memory.recall(self._verifier), published)
            size = snapshot.head.size
            plan = make_plan(batch, size, store.index_of, now or self._clock())
            if plan.rows:
                self._folder.blobs.put_all(plan.blobs)
                store.add(make_addition(plan.rows, size, store.tile, signer))
        return plan.indices

    def _require_known(
        self,
        snapshot: LedgerSnapshot,
        remembered: VerifiedCheckpoint | None,
        published: VerifiedCheckpoint | None,
    ) -> None:
        if remembered is not None:
            snapshot.require_extends(remembered, "your checkpoint memory")
        if published is not None:
            snapshot.require_extends(published, "the published checkpoint")


def _refuse_occupied(path: Path) -> None:
    try:
        if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
            raise CallError(
                f"`{path}` is not an empty folder",
                why="a ledger is never made over something that exists",
                fix="name a new folder",
            )
    except OSError as error:
        raise read_failure(path, error) from error


def _build(folder: LedgerFolder, log: NoteSigner, recovery: NoteSigner, founding: Founding) -> None:
    from weightmark.provenance.ledger.store.sqlite import SqliteStore, create_database

    make_folders([folder.path, folder.view.folder, folder.blobs.folder])
    folder.write_keys(log, recovery)
    event, submission = founding.event, founding.submission
    folder.blobs.put_all(
        {event.claim_sha256: submission.claim, event.request_sha256: submission.request}
    )
    create_database(folder.database)
    store = SqliteStore(folder.database)
    try:
        row = Row(0, event.to_bytes(), event, unique_keys(event))
        with store.write() as writer:
            writer.add(make_addition([row], 0, writer.tile, log))
        with store.read() as reader:
            snapshot = LedgerSnapshot.of(reader, log.verifier)
            folder.view.publish(reader, snapshot.head, since=0)
    finally:
        store.close()
    sync_folder(folder.path)


def _remove_tree(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
