"""The reader's own index of what a ledger's claims say: words, verdicts and descent.

It lies in the user's cache, is filled from entries that are proven to lead to the signed root, and can be
removed at any time. The operator has no hand in it, so nothing can be hidden from it.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.descent import aliases_of, materials_of
from weightmark.attestations.predicates.revocation import (
    REINSTATEMENT_PREDICATE,
    REVOCATION_PREDICATE,
)
from weightmark.attestations.predicates.stating import Stated
from weightmark.attestations.statements import Statement
from weightmark.errors import ReadError, WeightmarkError
from weightmark.provenance.ledger.event import Event, Kind, parse_event
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.reader_index import IndexForm, opened_index
from weightmark.values import dataclass

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "ClaimIndex",
    "Descent",
    "Said",
    "cache_folder",
    "predicate_type_of",
    "said_by",
    "words_of",
]

_VERSION = 4
_RETRIED = 1000
_MAX_TEXT = 64 * 1024
_SCHEMA = """
create table name(id integer primary key, text text not null unique) strict;
create table claim(idx integer primary key, kind text not null, subject integer not null, blob text not null, verdict text not null, words text not null, said text not null) strict;
create index claim_subject on claim(subject, kind);
create index claim_verdict on claim(verdict);
create index claim_blob on claim(blob);
create table edge(parent integer not null, child integer not null, idx integer not null, primary key(parent, child, idx)) strict, without rowid;
create table unread(idx integer primary key, event blob not null) strict;
create table erased(blob text primary key) strict;
"""
_SEARCH = "select idx from claim where ? in ('', verdict)"
_BELOW = """
create temp table below as with recursive walk(id) as
  (select id from name where text = ? union select child from edge join walk on parent = id)
  select id, text from walk join name using (id)
"""
_UNREAD = "select count(*) from unread join claim using (idx) left join erased using (blob) where kind in ('provenance', 'release') and (erased.blob is not null) = ?"
_MISSING = "select idx, event from unread join claim using (idx) where blob not in (select blob from erased) order by kind not in ('provenance', 'release'), idx limit ?"
_STEPS = "select child, parent, idx from edge join below on parent = id order by child, parent, idx"
_ABOUT = "select idx, kind, text, verdict, said from below join claim on subject = id where kind in"


@dataclass(frozen=True, slots=True)
class Said:
    """What of a claim is looked for."""

    verdict: str
    """`passed`, `failed`, `clean`, …; empty when it judges nothing"""
    words: str
    """every text in it"""
    parents: tuple[str, ...]
    """what its subject was made from"""
    aliases: tuple[str, ...]
    """for an artifact of one file: `sha256:<hex>` of that file"""
    subjects: tuple[str, ...] = ()
    """what it is about; an entry names the first, and is of one thing unless the log admitted it against the rules"""
    broken: bool = False
    """whether what it says of descent could not be read"""
    line: str = ""
    """what it says, in one line for a person"""


def cache_folder() -> Path:
    """Return where indexes lie: `weightmark/ledgers` in the user's cache; raises `ReadError` without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(base).is_absolute():
        try:
            base = str(Path.home() / ".cache")
        except RuntimeError as error:
            raise ReadError(
                "there is no home directory to keep an index in",
                fix="set `XDG_CACHE_HOME` to a folder",
            ) from error
    return Path(base) / "weightmark" / "ledgers"


def said_by(data: bytes) -> Said:
    """Read what a claim says; one that breaks its format says nothing, and is `broken`."""
    try:
        envelope = Bundle.parse(data, what="the claim").envelope
        statement = Statement.parse(envelope.payload_type, envelope.payload)
    except WeightmarkError:
        return Said("", "", (), (), broken=True)
    names = [subject.name for subject in statement.subjects]
    words = " ".join(_texts(statement.predicate_type, names, statement.predicate))
    try:
        parents, aliases, broken = materials_of(statement), aliases_of(statement), False
    except WeightmarkError:
        parents, aliases, broken = (), (), True
    subjects = tuple(
        one.identity or f"sha256:{one.sha256}"
        for one in statement.subjects
        if one.identity or one.sha256
    )
    verdict, line = _verdict(statement), _line_of(statement)
    return Said(verdict, words[:_MAX_TEXT], parents, aliases, subjects, broken, line)


class ClaimIndex:
    """An index of one ledger, brought up to its head."""

    def __init__(self, db: "sqlite3.Connection") -> None:
        self._db = db

    @classmethod
    @contextmanager
    def of(cls, ledger: Ledger, folder: Path | None = None) -> Iterator[Self]:
        """Open the index of a ledger and read the entries that it lacks.

        An index of another version, or one that the log does not extend, is made anew. Raises
        `LedgerInconsistentError` when the entries do not lead to the signed root, and `ReadError`.
        """
        folder = folder or cache_folder()
        path = folder / f"{hashlib.sha256(ledger.vkey.encode()).hexdigest()}.claims.db"

        def add(db: "sqlite3.Connection", index: int, body: bytes) -> None:
            cls(db).add(ledger, index, parse_event(body))

        form = IndexForm(_VERSION, _SCHEMA, add)
        with ExitStack() as stack:
            with ledger.snapshot() as snapshot:
                db = stack.enter_context(opened_index(path, form, snapshot))
            index = cls(db)
            index._read_again(ledger)
            yield index

    def search(
        self, *, words: Sequence[str] = (), verdict: str = "", limit: int | None = None
    ) -> tuple[int, ...]:
        """Return the entries, rising, whose claims hold all `words` and pass this `verdict`."""
        conditions = "".join(" and words like ? escape '\\'" for _ in words)
        values = (verdict.lower(), *(f"%{_escaped(word)}%" for word in words))
        rows = self._db.execute(
            f"{_SEARCH}{conditions} order by idx limit ?", (*values, -1 if limit is None else limit)
        )
        return tuple(row[0] for row in rows)

    @contextmanager
    def below(self, root: str) -> Iterator["Descent"]:
        """Find everything that descends from `root`, itself included."""
        self._db.execute(_BELOW, (root,))
        try:
            yield Descent(self._db)
        finally:
            self._db.execute("drop table temp.below")

    def add(self, ledger: Ledger, index: int, event: Event) -> None:
        """Keep what the claim of an entry says."""
        if event.kind is Kind.REDACT:
            erased = event.subject.removeprefix("sha256:")
            self._db.execute(
                "update claim set words = '', verdict = '', said = '' where blob = ?", (erased,)
            )
            self._db.execute("insert or ignore into erased values(?)", (erased,))
        said = _said_in(ledger, event)
        subject = self._id(event.subject)
        self._db.execute(
            "insert or replace into claim values(?, ?, ?, ?, ?, ?, ?)",
            (
                index,
                event.kind,
                subject,
                event.claim_sha256,
                said.verdict,
                said.words,
                said.line,
            ),
        )
        if said.broken:
            row = (index, event.to_bytes())
            self._db.execute("insert or replace into unread values(?, ?)", row)
        else:
            self._db.execute("delete from unread where idx = ?", (index,))
        edges: list[tuple[int, int, int]] = []
        if event.kind is Kind.PROVENANCE:
            made = {subject, *map(self._id, said.subjects)}
            parents = [self._id(one) for one in said.parents]
            edges = [(parent, child, index) for parent in parents for child in sorted(made)]
        elif event.kind is Kind.RELEASE:
            others = [self._id(one) for one in said.aliases]
            edges = [(one, subject, index) for one in others]
            edges += [(subject, one, index) for one in others]
        self._db.executemany("insert or ignore into edge values(?, ?, ?)", edges)

    def unread(self, *, erased: bool) -> int:
        """Return how many claims of descent could not be read: those erased by the ledger's word, or the others."""
        return int(self._db.execute(_UNREAD, (erased,)).fetchone()[0])

    def _read_again(self, ledger: Ledger) -> None:
        """Try once more to read what was missing; it may have been restored."""
        rows = self._db.execute(_MISSING, (_RETRIED,)).fetchall()
        for index, body in rows:
            self.add(ledger, index, parse_event(body))

    def _id(self, text: str) -> int:
        self._db.execute("insert or ignore into name(text) values(?)", (text,))
        return int(self._db.execute("select id from name where text = ?", (text,)).fetchone()[0])


class Descent:
    """What descends from an artifact, while its index is open."""

    def __init__(self, db: "sqlite3.Connection") -> None:
        self._db = db

    def names(self) -> dict[int, str]:
        """Return every artifact by its number; the first asked for is among them, if it is known at all."""
        return dict(self._db.execute("select id, text from below"))

    def steps(self) -> Iterator[tuple[int, int, int]]:
        """Yield (child, parent, entry) of every step, by child, then parent, then entry.

        Aliases, a file and the artifact that is this file alone, are steps of their release entry.
        """
        yield from self._db.execute(_STEPS)

    def about(self, kinds: Sequence[Kind]) -> tuple[tuple[int, str, str, str, str], ...]:
        """Return (entry, kind, subject, verdict, line) of claims about any of it, rising."""
        marks = ",".join("?" * len(kinds))
        rows = self._db.execute(f"{_ABOUT} ({marks}) order by idx", (*kinds,))
        return tuple(rows.fetchall())


def _said_in(ledger: Ledger, event: Event) -> Said:
    """Read the claim of an entry; one that is gone, or too damaged to be believed, is `broken`."""
    try:
        return said_by(ledger.home.blobs.get(event.claim_sha256))
    except WeightmarkError:
        return Said("", "", (), (), broken=True)


def predicate_type_of(ledger: Ledger, event: Event) -> str | None:
    """Return the predicate type of the claim of an entry; None for one that is gone, or is no statement."""
    try:
        envelope = Bundle.parse(
            ledger.home.blobs.get(event.claim_sha256), what="the claim"
        ).envelope
        return Statement.parse(envelope.payload_type, envelope.payload).predicate_type
    except WeightmarkError:
        return None


def words_of(ledger: Ledger, event: Event) -> str | None:
    """Return what the claim of an entry says, in one line; None for one that is gone, or is no statement."""
    return _said_in(ledger, event).line or None


def _line_of(statement: Statement) -> str:
    """Return the short name of a statement's type and its texts; of a revocation since when, and why."""
    said = statement.predicate
    if statement.predicate_type in (REVOCATION_PREDICATE, REINSTATEMENT_PREDICATE):
        said = {name: said[name] for name in ("since", "reason") if name in said}
    return Stated(statement.predicate_type, said).words


def _verdict(statement: Statement) -> str:
    for name in ("verificationResult", "result"):
        said = statement.predicate.get(name)
        if isinstance(said, str):
            return said.lower()[:40]
    return ""


def _texts(*values: Any) -> Iterator[str]:
    """Yield every text in JSON values, breadth first: what is said last is cut off first."""
    waiting: list[Any] = list(values)
    size = 0
    for value in waiting:
        if isinstance(value, str):
            size += len(value)
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        if size > _MAX_TEXT:
            return


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
