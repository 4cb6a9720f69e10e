"""One open index: brought up in steps, and asked by key, never by counting rows."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.attestations.ledger.claim_index import cache_folder
from weightmark.attestations.pages.index.filling import DAY, Filler, leaf_number, name_key
from weightmark.attestations.pages.index.schema import SCHEMA, VERSION
from weightmark.errors import LedgerInconsistentError, ReadError
from weightmark.provenance.ledger.files import make_folders
from weightmark.provenance.ledger.merkle import Frontier, leaf_hash, tree_root
from weightmark.values import dataclass

if TYPE_CHECKING:
    import sqlite3

    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LedgerSnapshot

__all__ = ["Day", "Edge", "IndexedEntry", "PageIndex"]

_BUSY_SECONDS = 30
_RETRIED = 50
_ROWS = "select idx, verdict, type, title, line, unread from entry where idx in"
_TOTALS = "select series, sum(n) from day"
_DAYS = "select day, series, n from day where series in"
_PARENTS = "select text, min(idx) from edge join name on id = parent where child = ? and claim not in (select claim from void) group by parent limit ?"
_CHILDREN = "select text, min(idx) from edge join name on id = child where parent = ? and claim not in (select claim from void) group by child limit ?"
_HOLDERS = "select text, min(idx) from held join name on id = artifact where file = ? and claim not in (select claim from void) group by artifact limit ?"
_ALONE_IN = "select text, min(idx) from held join name on id = artifact where file = ? and alone = 1 and claim not in (select claim from void) group by artifact limit ?"
_ALONE = "select file, min(idx) from held where artifact = ? and alone = 1 and claim not in (select claim from void) group by file limit ?"
_MADE_FILES = "select file, min(idx) from held where artifact = ? and claim not in (select claim from void) and exists (select 1 from edge join name on id = child where key = file and claim not in (select claim from void)) group by file limit ?"
_AMONG = "select file, min(idx) from held where artifact = ? and claim not in (select claim from void) and file in"
_ABOUT = "select idx from about where subject = ? and type = ? and kind = ?"
_GONE = "select unread, count(*) from entry where unread > 0 and kind = ?"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class IndexedEntry:
    """What the index keeps of an entry; it was read from its claim, whose signature nobody checked for it."""

    verdict: str
    """`passed`, `failed`, `clean`, …; empty when the claim judges nothing"""
    type: str
    """short name or URI of the predicate type"""
    title: str
    """what the claim calls its subject"""
    line: str
    """what it says, in one line"""
    unread: bool
    """whether the claim could not be read"""


@dataclass(frozen=True, slots=True)
class Day:
    """How many entries of a series the log's clock put on one day."""

    day: int
    """days since 1970-01-01, UTC"""
    series: str
    """a kind, `allowed` or `denied`"""
    count: int
    """entries"""


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of descent that a provenance claim states."""

    name: str
    """the other end: `wm1:<hex>` or `sha256:<hex>`"""
    index: int
    """of the first entry that says so"""


class PageIndex:
    """The index of one ledger."""

    def __init__(self, db: "sqlite3.Connection") -> None:
        self.db = db

    @classmethod
    @contextmanager
    def of(cls, ledger: "Ledger", folder: Path | None = None) -> Iterator[Self]:
        """Open the index of a ledger, and make an empty one where there is none; raises `ReadError`."""
        import sqlite3

        folder = folder or cache_folder()
        name = hashlib.sha256(ledger.vkey.encode()).hexdigest()
        path = folder / f"{name}.pages{VERSION}.db"
        make_folders([path.parent], mode=0o700)
        _remove_older(folder, name)
        try:
            with closing(_connect(path)) as db:
                yield cls(db)
        except sqlite3.DatabaseError as error:
            raise ReadError(
                f"the index `{path}` cannot be used: {error}",
                fix="remove it; it is made anew when it is asked for",
            ) from error

    @property
    def size(self) -> int:
        """Entries that were read."""
        row = self.db.execute("select size from meta").fetchone()
        return int(row[0]) if row else 0

    @property
    def state(self) -> tuple[int, int]:
        """What changes whenever the index does: entries that were read, and claims that could not be."""
        return self.size, self.unread()

    @property
    def cut(self) -> int:
        """Claims of which a search looks at the beginning only."""
        row = self.db.execute("select cut from meta").fetchone()
        return int(row[0]) if row else 0

    def advance(self, ledger: "Ledger", most: int) -> int:
        """Read up to `most` entries that are missing, and prove all that were read; returns the size of the log.

        Raises `LedgerInconsistentError` when the entries do not lead to the signed root. An index
        that the log does not extend is made anew.
        """
        with ledger.snapshot() as snapshot:
            head = snapshot.head
            if self._is_at(snapshot):
                return head.size
            with self._transaction():
                frontier = self._frontier(snapshot)
                stop = min(head.size, frontier.size + most)
                if frontier.size < stop:
                    self._fill(ledger, snapshot, frontier, stop)
            return head.size

    def read_again(self, ledger: "Ledger") -> None:
        """Try once more to read claims that were missing; they may have been restored."""
        rows = self.db.execute("select idx from entry where unread = 1 limit ?", (_RETRIED,))
        places = [row[0] for row in rows]
        if not places:
            return
        with ledger.snapshot() as snapshot, self._transaction():
            filler = Filler(self.db, ledger)
            for logged in snapshot.events(places):
                filler.read_again(logged.index, logged.body)

    def unread(self) -> int:
        """Return how many claims could not be read, up to 1,000."""
        counted = "select count(*) from (select 1 from entry where unread = 1 limit 1000)"
        return int(self.db.execute(counted).fetchone()[0])

    def rows(self, places: Sequence[int]) -> Mapping[int, IndexedEntry]:
        """Return what is kept of some entries, by their index."""
        marks = ",".join("?" * len(places))
        rows = self.db.execute(f"{_ROWS} ({marks})", (*places,))
        return {
            index: IndexedEntry(verdict, kind, title, line, bool(unread))
            for index, verdict, kind, title, line, unread in rows
        }

    def leaf_places(self, leaf: bytes) -> tuple[int, ...]:
        """Return the entries that can have a leaf hash; whoever asks compares."""
        rows = self.db.execute("select idx from entry where leaf = ?", (leaf_number(leaf),))
        return tuple(row[0] for row in rows)

    def name_id(self, text: str) -> int | None:
        """Return the number of a name; None for one that no entry names."""
        key = name_key(text)
        row = self.db.execute("select id from name where key = ?", (key,)).fetchone()
        return int(row[0]) if row else None

    def name_of(self, digest: str) -> str | None:
        """Return how the log names content: `wm1:<hex>` or `sha256:<hex>`; None when it names none."""
        key = bytes.fromhex(digest)
        row = self.db.execute("select text from name where key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def tally(self, name: str, role: str) -> Mapping[str, int]:
        """Return how many entries of each kind have `name` as their `signer` or `subject`."""
        number = self.name_id(name)
        rows = self.db.execute(
            "select kind, n from tally where name = ? and role = ? order by kind", (number, role)
        )
        return dict(rows.fetchall())

    def newest_about(
        self, name: str, type_: str, kind: str, signers: Sequence[str] = (), *, limit: int
    ) -> tuple[int, ...]:
        """Return the newest entries of a kind about `name` whose claims are of a type, falling.

        With `signers` only claims that one of them signed.
        """
        numbers = [self.name_id(one) for one in signers]
        asked = f" and signer in ({','.join('?' * len(numbers))})" if signers else ""
        rows = self.db.execute(
            f"{_ABOUT}{asked} order by idx desc limit ?",
            (self.name_id(name), type_, kind, *numbers, limit),
        )
        return tuple(row[0] for row in rows)

    def gone(self, kind: str, name: str = "") -> tuple[int, int]:
        """Return how many claims of a kind, about `name` or about anything, could not be read, and were erased."""
        asked, values = (" and subject = ?", (self.name_id(name),)) if name else ("", ())
        rows = self.db.execute(f"{_GONE}{asked} group by unread", (kind, *values))
        found = dict(rows.fetchall())
        return found.get(1, 0), found.get(2, 0)

    def parents(self, name: str, limit: int) -> tuple[Edge, ...]:
        """Return what claims say that `name` was made from."""
        return self._edges(_PARENTS, self.name_id(name), limit)

    def children(self, name: str, limit: int) -> tuple[Edge, ...]:
        """Return what claims say that was made from `name`."""
        return self._edges(_CHILDREN, self.name_id(name), limit)

    def holders(self, name: str, limit: int) -> tuple[Edge, ...]:
        """Return the artifacts of which a release lists a file with this digest, whatever it is named."""
        return self._edges(_HOLDERS, name_key(name), limit)

    def alone_in(self, name: str, limit: int) -> tuple[Edge, ...]:
        """Return the artifacts of which releases list this file as the only one."""
        return self._edges(_ALONE_IN, name_key(name), limit)

    def alone(self, name: str, limit: int) -> tuple[Edge, ...]:
        """Return the file that releases list as the only one of an artifact; more than one where they disagree."""
        return self._files(_ALONE, name, (limit,))

    def made_files(self, name: str, limit: int) -> tuple[Edge, ...]:
        """Return the files of an artifact of which a claim says from what they were made."""
        return self._files(_MADE_FILES, name, (limit,))

    def held_among(self, name: str, digests: Sequence[str]) -> tuple[Edge, ...]:
        """Return which of these digests, hex, releases list as files of an artifact."""
        found: list[Edge] = []
        for start in range(0, len(digests), _AT_ONCE):
            keys = [bytes.fromhex(one) for one in digests[start : start + _AT_ONCE]]
            asked = f"{_AMONG} ({','.join('?' * len(keys))}) group by file"
            found += self._files(asked, name, keys)
        return tuple(found)

    def held_at_all(self, digests: Sequence[str]) -> tuple[str, ...]:
        """Return which of these digests, hex, any release lists as a file."""
        asked = "select 1 from held where file = ? limit 1"
        return tuple(
            one for one in digests if self.db.execute(asked, (bytes.fromhex(one),)).fetchone()
        )

    def ignore(self, claims: Iterable[str]) -> None:
        """Let claims with these ids, hex, say nothing of descent and files while this index is open."""
        ids = [(bytes.fromhex(one),) for one in claims]
        self.db.execute("delete from void")
        self.db.executemany("insert or ignore into void values(?)", ids)

    def days(self, series: Sequence[str]) -> tuple[Day, ...]:
        """Return the days of some series, rising."""
        marks = ",".join("?" * len(series))
        rows = self.db.execute(f"{_DAYS} ({marks}) order by day", (*series,))
        return tuple(Day(*row) for row in rows)

    def totals(self, series: Sequence[str] = ()) -> Mapping[str, int]:
        """Return how many entries each series has; without `series` all of them."""
        marks = ",".join("?" * len(series))
        wanted = f"where series in ({marks})" if series else ""
        rows = self.db.execute(f"{_TOTALS} {wanted} group by series order by series", (*series,))
        return dict(rows.fetchall())

    def bounds(self, since: int | None, until: int | None) -> tuple[int, int]:
        """Return the first and last index that entries between two moments can have (Unix seconds)."""
        low = self.db.execute(
            "select min(first) from day where day >= ?", ((since or 0) // DAY,)
        ).fetchone()[0]
        last = self.size - 1 if until is None else None
        if last is None:
            found = self.db.execute(
                "select max(last) from day where day <= ?", ((until or 0) // DAY,)
            ).fetchone()[0]
            last = -1 if found is None else int(found)
        return (self.size if low is None else int(low)), last

    def _files(self, statement: str, name: str, values: Sequence[object]) -> tuple[Edge, ...]:
        rows = self.db.execute(statement, (self.name_id(name), *values)).fetchall()
        return tuple(Edge(self._file(key.hex()), index) for key, index in rows)

    def _file(self, digest: str) -> str:
        return self.name_of(digest) or f"sha256:{digest}"

    def _edges(self, statement: str, key: object, limit: int) -> tuple[Edge, ...]:
        rows = self.db.execute(statement, (key, limit))
        return tuple(Edge(text, index) for text, index in rows)

    def _is_at(self, snapshot: "LedgerSnapshot") -> bool:
        row = self.db.execute("select size, peaks from meta").fetchone()
        if not row or row[0] != snapshot.head.size:
            return False
        return _frontier_of(row).root() == snapshot.head.root

    def _frontier(self, snapshot: "LedgerSnapshot") -> Frontier:
        """Return how far the index is; make its tables anew when the log does not extend it."""
        row = self.db.execute("select size, peaks from meta").fetchone()
        if row and row[0] <= snapshot.head.size:
            frontier = _frontier_of(row)
            if tree_root(snapshot.nodes, frontier.size) == frontier.root():
                return frontier
        if row:
            _clear(self.db)
        return Frontier()

    def _fill(
        self, ledger: "Ledger", snapshot: "LedgerSnapshot", frontier: Frontier, stop: int
    ) -> None:
        filler = Filler(self.db, ledger)
        filler.cut = self.cut
        for index, body in snapshot.store.entries(frontier.size, stop - frontier.size):
            if index != frontier.size:
                break
            frontier.push(leaf_hash(body))
            filler.add(index, body)
        proven = tree_root(snapshot.nodes, stop)
        if (frontier.size, frontier.root()) != (stop, proven):
            raise LedgerInconsistentError(
                f"the entries of the ledger `{snapshot.head.origin}` do not lead to the signed root",
                fix="find out why with `weightmark ledger verify`",
            )
        peaks = " ".join(one.hex() for one in frontier.peaks)
        row = (frontier.size, peaks, filler.cut)
        self.db.execute("insert or replace into meta values(0, ?, ?, ?)", row)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("begin immediate")
        try:
            yield
            self.db.execute("commit")
        finally:
            if self.db.in_transaction:
                self.db.execute("rollback")


def _remove_older(folder: Path, name: str) -> None:
    """Remove indexes of older versions: what was erased since may still stand in them."""
    for version in range(1, VERSION):
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                (folder / f"{name}.pages{version}.db{end}").unlink(missing_ok=True)


def _connect(path: Path) -> "sqlite3.Connection":
    import sqlite3

    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=normal")
    db.execute("pragma cache_size=-32768")
    db.execute("create temp table void(claim blob primary key) without rowid")
    if db.execute("select 1 from sqlite_schema where name = 'search'").fetchone() is None:
        db.execute("begin immediate")
        if db.execute("select 1 from sqlite_schema where name = 'search'").fetchone() is None:
            _make(db)
        db.execute("commit")
    return db


def _make(db: "sqlite3.Connection") -> None:
    for statement in SCHEMA.strip().splitlines():
        db.execute(statement)


def _clear(db: "sqlite3.Connection") -> None:
    """Forget everything, in the transaction that is open."""
    db.execute("drop table search")
    names = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
    for (name,) in db.execute(names).fetchall():
        db.execute(f'drop table "{name}"')
    _make(db)


def _frontier_of(row: tuple[int, str]) -> Frontier:
    return Frontier.of(row[0], [bytes.fromhex(one) for one in row[1].split()])
