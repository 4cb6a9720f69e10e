"""A ledger as reports read it: which entries are about what, from a reader's own index, each proven.

The index lies in the user's cache and can be removed at any time; memory does not grow with the ledger.
"""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.ledger.claim_index import cache_folder
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.steps import digest_of
from weightmark.attestations.ledger.succession import not_carried
from weightmark.attestations.ledger.witnessed import witness_check
from weightmark.attestations.reports.claims import FoundClaim, UncountedClaim
from weightmark.errors import LedgerInconsistentError, LedgerNotLiveError, WeightmarkError
from weightmark.provenance.ledger.event import Event, Kind, format_time, parse_event, parse_time
from weightmark.provenance.ledger.history import PolicyHistory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.reader_index import IndexForm, opened_index
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

if TYPE_CHECKING:
    import sqlite3

    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["ABOUT_ARTIFACTS", "MAX_ABOUT", "Head", "Register"]

ABOUT_ARTIFACTS = (
    Kind.RELEASE, Kind.SCAN, Kind.PROVENANCE, Kind.TEST, Kind.APPROVE, Kind.DECISION, Kind.DEPLOY,
)  # fmt: skip
"""kinds of entries that make something an artifact of the ledger"""
MAX_ABOUT = 2000
"""entries about one artifact that are read, the newest ones; those that were only observed come last, so that
nobody can hide a denial behind many of them"""
_PAGE = 500
_AHEAD = 10_000
"""entries that are held at once while artifacts are gone through"""
_VERSION = 1
_SCHEMA = """
create table entry(idx integer primary key, digest blob not null, subject text not null, kind text not null, about integer not null, at text not null) strict;
create index entry_digest on entry(digest, idx);
create index entry_kind on entry(kind, idx);
create table named(signer text not null, name text not null, idx integer not null, primary key(signer, name, idx)) strict, without rowid;
"""
_ARTIFACTS = "select min(idx), digest from entry where about and at <= ? group by digest having min(idx) > ? order by 1 limit ?"
_MAX_NAME = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a ledger that a report rests on."""

    origin: str
    """its name"""
    size: int
    """entries under the checkpoint"""
    root: str
    """root hash of the checkpoint, lowercase hex"""
    newest: datetime | None
    """the latest time that its own clock gave to an entry"""
    seen: str
    """which witnesses saw it, or that none did"""


@dataclass(frozen=True)
class Rules:
    """By what a ledger's claims are judged."""

    history: PolicyHistory
    """who might write what, and when"""
    revocations: Revocations
    """what no longer counts"""


class Register:
    """One ledger, its registration policies, its revocations and an index of its entries, all verified."""

    def __init__(
        self,
        ledger: Ledger,
        db: "sqlite3.Connection",
        rules: Rules,
        head: Head,
        problems: tuple[str, ...],
    ) -> None:
        self.ledger = ledger
        self.history = rules.history
        self.revocations = rules.revocations
        self.head = head
        self.problems = problems
        self.until: datetime | None = None
        self._db = db
        self._near: dict[str, tuple[LoggedEvent, ...]] = {}

    @classmethod
    @contextmanager
    def of(
        cls,
        ledger: Ledger,
        folder: Path | None = None,
        *,
        witnesses: "TlogPolicy | None" = None,
    ) -> Iterator[Self]:
        """Read what the index lacks of a ledger, who may write, what is revoked, and who saw it.

        The quorum of `witnesses` must have seen it; without them nobody can tell that the operator did not
        rewrite it. Raises `LedgerInconsistentError` when the entries do not lead to the signed root or
        are not what witnesses saw, and what reading policies and revocations raises.
        """
        folder = folder or cache_folder()
        path = folder / f"{hashlib.sha256(ledger.vkey.encode()).hexdigest()}.reports.db"

        def add(db: "sqlite3.Connection", index: int, body: bytes) -> None:
            _add(db, ledger, index, parse_event(body))

        history = ledger.policies(complete=True)
        revocations = Revocations.read(ledger, complete=True, witnesses=witnesses)
        seen = witness_check(ledger, witnesses, ledger.now())
        if seen.outcome is Outcome.FAIL:
            raise LedgerInconsistentError(seen.summary, why=seen.why, fix=seen.fix)
        with ExitStack() as stack:
            with ledger.snapshot() as snapshot:
                form = IndexForm(_VERSION, _SCHEMA, add)
                db = stack.enter_context(opened_index(path, form, snapshot))
                head = snapshot.head
            row = db.execute("select max(at) from entry").fetchone()
            newest = parse_time(row[0]) if row[0] else None
            state = Head(head.origin, head.size, head.root.hex(), newest, seen.summary)
            doubts = tuple(_doubts(ledger, seen))
            yield cls(ledger, db, Rules(history, revocations), state, doubts)

    def artifacts(self) -> Iterator[str]:
        """Yield every artifact, `wm1:<hex>` or `sha256:<hex>`, in the order in which they were entered first."""
        last = -1
        while True:
            rows = self._db.execute(_ARTIFACTS, (self._until, last, _PAGE)).fetchall()
            self._near = self._read_ahead([digest for _, digest in rows])
            for _, digest in rows:
                yield self._name(digest)
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]

    def about(self, name: str) -> tuple[LoggedEvent, ...]:
        """Return the newest entries about `wm1:<hex>` or `sha256:<hex>`, each proven, oldest first; see `MAX_ABOUT`."""
        digest = digest_of(name)
        if digest in self._near:
            return self._near[digest]
        return self._events(self._indices(bytes.fromhex(digest)))

    def count_about(self, name: str) -> int:
        """Return how many entries there are about something."""
        digest = bytes.fromhex(digest_of(name))
        row = self._db.execute(
            "select count(*) from entry where digest = ? and at <= ?", (digest, self._until)
        ).fetchone()
        return int(row[0])

    def of_kind(self, kind: Kind) -> Iterator[LoggedEvent]:
        """Yield every entry of a kind, oldest first, a page at a time."""
        last = -1
        while True:
            rows = self._db.execute(
                "select idx from entry where kind = ? and idx > ? and at <= ? order by idx limit ?",
                (kind, last, self._until, _PAGE),
            ).fetchall()
            yield from self._events([row[0] for row in rows])
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]

    def released_as(self, signer: str, name: str, limit: int) -> tuple[LoggedEvent, ...]:
        """Return the newest release entries by a signer, as the log calls it, under a name."""
        rows = self._db.execute(
            "select idx from named where signer = ? and name = ? order by idx desc limit ?",
            (signer, name[:_MAX_NAME], limit),
        ).fetchall()
        return self._events(sorted(row[0] for row in rows))

    def claim(self, logged: LoggedEvent) -> FoundClaim | UncountedClaim:
        """Read the claim of an entry; one that is gone or damaged does not count."""
        event = logged.event
        try:
            data = self.ledger.home.blobs.get(event.claim_sha256)
            return FoundClaim(Bundle.parse(data, what="the claim"), logged)
        except WeightmarkError as error:
            what = "was erased or is missing" if self._is_gone(event) else error.what
            said = f"its claim {what}" if self._is_gone(event) else what
            return UncountedClaim(
                event.kind.value, f"sha256:{event.claim_id}", logged.index, said, unread=True
            )

    def _is_gone(self, event: Event) -> bool:
        return self.ledger.home.blobs.state(event.claim_sha256) == "missing"

    def _indices(self, digest: bytes) -> list[int]:
        rows = self._db.execute(
            "select idx from entry where digest = ? and at <= ? order by kind = 'observed', idx desc limit ?",
            (digest, self._until, MAX_ABOUT),
        ).fetchall()
        return sorted(row[0] for row in rows)

    def _read_ahead(self, digests: list[bytes]) -> dict[str, tuple[LoggedEvent, ...]]:
        """Read the entries about some artifacts at once; nothing where they are many."""
        found = {one.hex(): self._indices(one) for one in digests}
        wanted = sorted({index for indices in found.values() for index in indices})
        if len(wanted) > _AHEAD:
            return {}
        events = {one.index: one for one in self._events(wanted)}
        return {
            digest: tuple(events[index] for index in indices) for digest, indices in found.items()
        }

    def _events(self, indices: list[int]) -> tuple[LoggedEvent, ...]:
        with self.ledger.snapshot() as snapshot:
            return tuple(snapshot.events(indices))

    def _name(self, digest: bytes) -> str:
        row = self._db.execute(
            "select max(subject) from entry where digest = ?", (digest,)
        ).fetchone()
        return str(row[0])

    @property
    def _until(self) -> str:
        return format_time(self.until) if self.until else "9999"


def _doubts(ledger: Ledger, seen: Check) -> Iterator[str]:
    """Yield why what this ledger says may not be all."""
    if seen.outcome is Outcome.UNCHECKED:
        yield f"{seen.summary}: {seen.why}"
    try:
        ledger.home.standing().require_live(ledger.home.name)
    except LedgerNotLiveError as error:
        yield f"the ledger is not the live one, so what was revoked since is not in it: {error.what}"
        return
    forgotten = not_carried(ledger, complete=True)
    if forgotten:
        yield f"what the log before this one revoked is not all known here: {forgotten}"


def _add(db: "sqlite3.Connection", ledger: Ledger, index: int, event: Event) -> None:
    kind, _, digest = event.subject.partition(":")
    key = bytes.fromhex(digest) if kind in ("wm1", "sha256") else b""
    db.execute(
        "insert or replace into entry values(?, ?, ?, ?, ?, ?)",
        (
            index,
            key,
            event.subject,
            event.kind,
            bool(key) and event.kind in ABOUT_ARTIFACTS,
            event.at,
        ),
    )
    if event.kind is Kind.RELEASE:
        try:
            data = ledger.home.blobs.get(event.claim_sha256)
            name = FoundClaim(Bundle.parse(data, what="the claim")).statement.subject.name
        except WeightmarkError:
            return
        db.execute(
            "insert or ignore into named values(?, ?, ?)",
            (event.signer, name.encode("utf-8", "replace").decode()[:_MAX_NAME], index),
        )
