"""The reader's own index of what a ledger's claims say: words, verdicts and descent.

It lies in the user's cache, is filled from entries that are proven to lead to the signed root, and can be
removed at any time. The operator has no hand in it, so nothing can be hidden from it.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.steps import (
    HeldFile,
    digest_of,
    held_by,
    materials_of,
    unfollowed_in,
)
from weightmark.attestations.predicates.revocation import (
    REINSTATEMENT_PREDICATE,
    REVOCATION_PREDICATE,
)
from weightmark.attestations.predicates.stating import Stated
from weightmark.attestations.statements import Statement
from weightmark.errors import ReadError, WeightmarkError
from weightmark.provenance.ledger.event import Event, Kind, parse_event
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.reader_index import IndexForm, indexed_size, opened_index
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

_VERSION = 7
_RETRIED = 1000
_MAKING = frozenset({Kind.PROVENANCE, Kind.RELEASE})
_MAX_TEXT = 64 * 1024
_SCHEMA = """
create table name(id integer primary key, key blob not null unique, text text not null) strict;
create table claim(idx integer primary key, kind text not null, subject integer not null, blob text not null, verdict text not null, words text not null, said text not null) strict;
create index claim_subject on claim(subject, kind);
create index claim_verdict on claim(verdict);
create index claim_blob on claim(blob);
create table edge(parent integer not null, child integer not null, idx integer not null, primary key(parent, child, idx)) strict, without rowid;
create index edge_child on edge(child);
create table held(file blob not null, artifact integer not null, idx integer not null, primary key(file, artifact, idx)) strict, without rowid;
create table made(claim_id blob not null, idx integer not null, unfollowed integer not null, elsewhere integer not null, primary key(claim_id, idx)) strict, without rowid;
create table unread(idx integer primary key, event blob not null) strict;
create table erased(blob text primary key) strict;
"""
_SEARCH = "select idx from claim where ? in ('', verdict)"
_VOID = (
    "create temp table void as select idx from made where claim_id in (select unhexed from asked)"
)
_BELOW = """
create temp table below as with recursive walk(id) as
  (select id from name where key = ?
   union select child from walk join edge on parent = id where idx not in (select idx from void)
   union select artifact from walk join name using (id) join held on file = key where idx not in (select idx from void))
  select id, key, text from walk join name using (id)
"""
_STEPS = """
select child, parent, idx from edge join below on parent = id where idx not in (select idx from void)
union all
select artifact, id, idx from held join below on file = key where idx not in (select idx from void)
order by 1, 2, 3
"""
_UNREAD = "select count(*) from unread join claim using (idx) left join erased using (blob) where kind in ('provenance', 'release') and (erased.blob is not null) = ? and idx not in (select idx from void)"
_MISSING = "select idx, event from unread join claim using (idx) where blob not in (select blob from erased) order by kind not in ('provenance', 'release'), idx limit ?"
_UNTOLD = "select event from unread join claim using (idx) where blob not in (select blob from erased) and words = '' and kind not in ('policy', 'key', 'redact', 'witness') order by idx"
_ELSEWHERE = "select count(*) from made where elsewhere and idx not in (select idx from void)"
_UNFOLLOWED = (
    "select coalesce(sum(unfollowed), 0) from made where idx not in (select idx from void)"
)
_ABOUT_NAME = (
    "select idx from name join claim on subject = id where key = ? and kind = ? order by idx"
)
_ALONE = "select idx from name join edge on child = id join claim using (idx) where key = ? and kind = 'release' order by idx"
_UNREAD_OF = "select idx from unread join claim using (idx) where kind = ? order by idx"
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
    held: tuple[HeldFile, ...]
    """the files that its subject holds"""
    subjects: tuple[str, ...] = ()
    """what it is about; an entry names the first, and is of one thing unless the log admitted it against the rules"""
    broken: bool = False
    """whether what it says of descent could not be read"""
    line: str = ""
    """what it says, in one line for a person"""
    unfollowed: int = 0
    """things that went in which it does not name by SHA-256"""
    elsewhere: bool = False
    """whether the list of files stands outside of the ledger, or names none by SHA-256"""


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
        parents, held, broken = materials_of(statement), held_by(statement), False
        unfollowed = unfollowed_in(statement)
    except WeightmarkError:
        parents, held, broken, unfollowed = (), (), True, 0
    subjects = tuple(
        one.identity or f"sha256:{one.sha256}"
        for one in statement.subjects
        if one.identity or one.sha256
    )
    return Said(
        _verdict(statement),
        words[:_MAX_TEXT],
        parents,
        held or (),
        subjects,
        broken,
        _line_of(statement),
        unfollowed,
        held is None,
    )


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
        with ExitStack() as stack:
            with ledger.snapshot() as snapshot:
                path, form = _path(ledger, folder), _form(ledger)
                db = stack.enter_context(opened_index(path, form, snapshot))
            index = cls(db)
            index._read_again(ledger)
            yield index

    @classmethod
    def missing(cls, ledger: Ledger, folder: Path | None = None) -> int:
        """Return how many entries would have to be read before it can answer."""
        with ledger.snapshot() as snapshot:
            known = indexed_size(_path(ledger, folder), _form(ledger))
            return max(0, snapshot.head.size - known)

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
    def below(self, root: str, void: Iterable[str] = ()) -> Iterator["Descent"]:
        """Find everything that descends from `root`, itself included; claims with an id in `void` say nothing."""
        key = _key(root)
        if self._db.execute("select 1 from held where file = ?", (key,)).fetchone():
            self._id(root)
        ids = [(bytes.fromhex(one),) for one in void]
        self._db.execute("create temp table asked(unhexed blob primary key)")
        self._db.executemany("insert or ignore into asked values(?)", ids)
        self._db.execute(_VOID)
        self._db.execute(_BELOW, (key,))
        try:
            yield Descent(self._db)
        finally:
            for table in ("below", "void", "asked"):
                self._db.execute(f"drop table temp.{table}")

    def add(self, ledger: Ledger, index: int, event: Event) -> None:
        """Keep what the claim of an entry says."""
        if event.kind is Kind.REDACT:
            erased = event.subject.removeprefix("sha256:")
            self._db.execute(
                "update claim set words = '', verdict = '', said = '' where blob = ?", (erased,)
            )
            self._db.execute("insert or ignore into erased values(?)", (erased,))
        self._keep(index, event, _said_in(ledger, event))

    def _keep(self, index: int, event: Event, said: Said) -> None:
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
        if event.kind in _MAKING:
            self._add_steps(index, event, subject, said)

    def _add_steps(self, index: int, event: Event, subject: int, said: Said) -> None:
        """Keep what an entry says of descent: what its subject was made from, and which files it holds.

        A file and the artifact that is this file alone are steps of each other.
        """
        row = (bytes.fromhex(event.claim_id), index, said.unfollowed, said.elsewhere)
        self._db.execute("insert or replace into made values(?, ?, ?, ?)", row)
        if event.kind is Kind.PROVENANCE:
            made = {subject, *map(self._id, said.subjects)}
            edges = [
                (self._id(parent), child, index)
                for parent in said.parents
                for child in sorted(made)
            ]
        else:
            only = said.held if len(said.held) == 1 else ()
            edges = [(subject, self._id(one.sha256), index) for one in only]
        self._db.executemany("insert or ignore into edge values(?, ?, ?)", edges)
        if event.kind is Kind.RELEASE:
            own = _key(event.subject)
            files = {_key(name) for one in said.held for name in one.names}
            rows = ((file, subject, index) for file in sorted(files - {own}))
            self._db.executemany("insert or ignore into held values(?, ?, ?)", rows)

    def about(self, digest: str, kind: Kind) -> tuple[int, ...]:
        """Return the entries of a kind about content, by its hex digest, rising."""
        rows = self._db.execute(_ABOUT_NAME, (bytes.fromhex(digest), kind))
        return tuple(row[0] for row in rows)

    def alone_in(self, digest: str) -> tuple[int, ...]:
        """Return the releases, rising, of artifacts that are one file alone, named by its SHA-256 hex."""
        rows = self._db.execute(_ALONE, (bytes.fromhex(digest),))
        return tuple(row[0] for row in rows)

    def unread_of(self, kind: Kind) -> tuple[int, ...]:
        """Return the entries of a kind whose claims could not be read, rising."""
        rows = self._db.execute(_UNREAD_OF, (kind,))
        return tuple(row[0] for row in rows)

    def told(self) -> frozenset[str]:
        """Return the beginnings, 16 hex digits, of the ids of claims that tell of descent."""
        rows = self._db.execute("select distinct lower(hex(substr(claim_id, 1, 8))) from made")
        return frozenset(row[0] for row in rows)

    def untold(self) -> Iterator[Event]:
        """Yield the entries, oldest first, whose claims could not be read, and that no entry says were erased."""
        for (body,) in self._db.execute(_UNTOLD):
            yield parse_event(body)

    def _read_again(self, ledger: Ledger) -> None:
        """Try once more to read what was missing; it may have been restored."""
        rows = self._db.execute(_MISSING, (_RETRIED,)).fetchall()
        events = [(index, parse_event(body)) for index, body in rows]
        read = [(index, event, _said_in(ledger, event)) for index, event in events]
        found = [one for one in read if not one[2].broken]
        if not found:
            return
        self._db.execute("begin immediate")
        for one in found:
            self._keep(*one)
        self._db.execute("commit")

    def _id(self, text: str) -> int:
        """Return the number of a name; `wm1:` and `sha256:` with the same digits are one."""
        key = _key(text)
        row = self._db.execute("select id, text from name where key = ?", (key,)).fetchone()
        if row is None:
            added = self._db.execute("insert into name(key, text) values(?, ?)", (key, text))
            return int(added.lastrowid or 0)
        if row[1] != text and text.startswith("wm1:"):
            self._db.execute("update name set text = ? where id = ?", (text, row[0]))
        return int(row[0])


def _path(ledger: Ledger, folder: Path | None) -> Path:
    name = hashlib.sha256(ledger.vkey.encode()).hexdigest()
    return (folder or cache_folder()) / f"{name}.claims.db"


def _form(ledger: Ledger) -> IndexForm:
    def add(db: "sqlite3.Connection", index: int, body: bytes) -> None:
        ClaimIndex(db).add(ledger, index, parse_event(body))

    return IndexForm(_VERSION, _SCHEMA, add)


class Descent:
    """What descends from an artifact, while its index is open."""

    def __init__(self, db: "sqlite3.Connection") -> None:
        self._db = db

    def names(self) -> dict[int, str]:
        """Return every artifact by its number; the first asked for is among them, if it is known at all."""
        return dict(self._db.execute("select id, text from below"))

    def steps(self) -> Iterator[tuple[int, int, int]]:
        """Yield (child, parent, entry) of every step, by child, then parent, then entry.

        That an artifact holds a file, and that it is this file alone, are steps of its release entry.
        """
        yield from self._db.execute(_STEPS)

    def unread(self, *, erased: bool) -> int:
        """Return how many claims of descent could not be read: those erased by the ledger's word, or the others."""
        return int(self._db.execute(_UNREAD, (erased,)).fetchone()[0])

    def elsewhere(self) -> int:
        """Return how many releases may hold a file of it, and list their files outside of the ledger."""
        if not self._db.execute("select 1 from below where text like 'sha256:%'").fetchone():
            return 0
        return int(self._db.execute(_ELSEWHERE).fetchone()[0])

    def unfollowed(self) -> int:
        """Return how many things went into something that no claim names by SHA-256."""
        return int(self._db.execute(_UNFOLLOWED).fetchone()[0])

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


def _key(text: str) -> bytes:
    """Return what names are compared by: of content its digest."""
    kind = text.partition(":")[0]
    return bytes.fromhex(digest_of(text)) if kind in ("wm1", "sha256") else text.encode()


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
