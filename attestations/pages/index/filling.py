"""Filling the index: what of an entry and its claim is kept."""

import re
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.claim_index import Said, said_by
from weightmark.attestations.ledger.steps import digest_of
from weightmark.attestations.pages.index.schema import MAX_WORDS
from weightmark.attestations.predicates.registry import PREDICATE_TYPES
from weightmark.attestations.statements import Statement
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.admission import LOG_KINDS
from weightmark.provenance.ledger.event import Event, Kind, parse_event, parse_time
from weightmark.provenance.ledger.merkle import leaf_hash
from weightmark.values import dataclass

if TYPE_CHECKING:
    import sqlite3

    from weightmark.provenance.ledger.log import Ledger

__all__ = ["DAY", "Filler", "leaf_number", "name_key"]

DAY = 86_400
"""seconds"""
_DIGESTS = re.compile(r"\b[0-9a-fA-F]{40,}\b")
_TITLE, _LINE, _TYPE = 200, 300, 120
_ALLOWED, _DENIED = "allowed", "denied"
_SERIES = {"passed": _ALLOWED, "failed": _DENIED}
_ENTRY = "insert or replace into entry values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TALLY = "insert into tally values(?, ?, ?, 1) on conflict do update set n = n + 1"
_UNNAMED = "delete from name where id = ? and not exists (select 1 from entry where subject = ?) and not exists (select 1 from entry where signer = ?) and not exists (select 1 from edge where parent = ?) and not exists (select 1 from edge where child = ?) and (text like 'wm1:%' or text like 'sha256:%')"
_PER_DAY = "insert into day values(?, ?, 1, ?, ?) on conflict do update set n = n + 1, first = min(first, excluded.first), last = max(last, excluded.last)"


@dataclass(frozen=True, slots=True)
class _Read:
    """What of a claim is kept."""

    said: Said
    """what it says"""
    type: str
    """short name of its predicate type, else its URI; empty when it could not be read"""
    title: str
    """what it calls its subject"""


_UNREAD, _ERASED = 1, 2
_LESS = "update day set n = n - 1 where day = ? and series = ?"
_NOTHING = _Read(Said("", "", (), (), broken=True), "", "")


class Filler:
    """Writes entries into one open index."""

    def __init__(self, db: "sqlite3.Connection", ledger: "Ledger") -> None:
        self._db = db
        self._blobs = ledger.home.blobs
        self._ids: dict[str, int] = {}
        self.cut = 0
        """claims of which only the beginning is searched"""

    def add(self, index: int, body: bytes) -> None:
        """Keep what matters of an entry that was not there before."""
        event = parse_event(body)
        subject, signer = self._id(event.subject), self._id(event.signer)
        verdict = self._write(index, event, subject, signer, leaf_number(leaf_hash(body)))
        self._id(event.submitter)
        self._db.execute(_TALLY, (signer, "signer", event.kind))
        self._db.execute(_TALLY, (subject, "subject", event.kind))
        day = int(parse_time(event.at).timestamp()) // DAY
        for series in (event.kind.value, *self._outcome(event, verdict)):
            self._db.execute(_PER_DAY, (day, series, index, index))
        if event.kind is Kind.REDACT:
            self._forget(event.subject.removeprefix("sha256:"))

    def read_again(self, index: int, body: bytes) -> bool:
        """Try once more to read a claim that was missing; returns whether it is there now."""
        event = parse_event(body)
        if not self._read(event).type:
            return False
        subject, signer = self._id(event.subject), self._id(event.signer)
        verdict = self._write(index, event, subject, signer, leaf_number(leaf_hash(body)))
        day = int(parse_time(event.at).timestamp()) // DAY
        for series in self._outcome(event, verdict):
            self._db.execute(_PER_DAY, (day, series, index, index))
        return True

    def _write(self, index: int, event: Event, subject: int, signer: int, leaf: int) -> str:
        """Write the row of an entry and what its claim says; returns the verdict in it."""
        read = self._read(event)
        said = read.said
        at = int(parse_time(event.at).timestamp())
        row = (index, event.kind, subject, signer, at, said.verdict, read.type, read.title)
        unread = not read.type and event.kind not in LOG_KINDS
        more = (said.line[:_LINE], leaf, bytes.fromhex(event.claim_sha256), int(unread))
        self._db.execute(_ENTRY, (*row, *more))
        if read.type:
            about = (subject, read.type, event.kind, signer, index)
            self._db.execute("insert or ignore into about values(?, ?, ?, ?, ?)", about)
            self._add_text(index, said.words)
            self._add_steps(index, event, subject, said)
        return said.verdict

    def _outcome(self, event: Event, verdict: str) -> tuple[str, ...]:
        if event.kind is not Kind.DECISION or verdict not in _SERIES:
            return ()
        return (_SERIES[verdict],)

    def _read(self, event: Event) -> _Read:
        try:
            data = self._blobs.get(event.claim_sha256)
            envelope = Bundle.parse(data, what="the claim").envelope
            statement = Statement.parse(envelope.payload_type, envelope.payload)
        except WeightmarkError:
            return _NOTHING
        known = PREDICATE_TYPES.get(statement.predicate_type)
        kind = known.name if known else statement.predicate_type[:_TYPE]
        return _Read(said_by(data), kind, statement.subjects[0].name[:_TITLE])

    def _add_text(self, index: int, words: str) -> None:
        plain = " ".join(_DIGESTS.sub(" ", words).split())
        if len(plain) > MAX_WORDS:
            self.cut += 1
        row = (index, plain[:MAX_WORDS])
        self._db.execute("insert into text values(?, ?)", row)
        self._db.execute("insert into search(rowid, words) values(?, ?)", row)

    def _add_steps(self, index: int, event: Event, subject: int, said: Said) -> None:
        """Keep from what the claim says that its subject was made, and which files a release holds."""
        claim = bytes.fromhex(event.claim_id)
        if event.kind is Kind.PROVENANCE:
            made = sorted({subject, *map(self._id, said.subjects)})
            parents = [self._id(parent) for parent in said.parents]
            edges = [(parent, child, index, claim) for parent in parents for child in made]
            self._db.executemany("insert or ignore into edge values(?, ?, ?, ?)", edges)
        if event.kind is Kind.RELEASE:
            own = name_key(event.subject)
            files = {name_key(name) for one in said.held for name in one.names}
            alone = name_key(said.held[0].sha256) if len(said.held) == 1 else b""
            rows = (
                (file, subject, index, claim, int(file == alone)) for file in sorted(files - {own})
            )
            self._db.executemany("insert or ignore into held values(?, ?, ?, ?, ?)", rows)

    def _forget(self, blob: str) -> None:
        """Forget what an erased claim said: an index that is made anew cannot know it either."""
        asked = "select idx, kind, subject, at, verdict from entry where blob = ?"
        places = self._db.execute(asked, (bytes.fromhex(blob),))
        for index, kind, subject, at, verdict in places.fetchall():
            self._forget_steps(index, subject)
            if kind == Kind.DECISION and verdict in _SERIES:
                self._db.execute(_LESS, (at // DAY, _SERIES[verdict]))
                self._db.execute("delete from day where n = 0")
            row = self._db.execute("select words from text where idx = ?", (index,)).fetchone()
            if row:
                delete = "insert into search(search, rowid, words) values('delete', ?, ?)"
                self._db.execute(delete, (index, row[0]))
                self._db.execute("delete from text where idx = ?", (index,))
            self._db.execute(
                "update entry set title = '', line = '', verdict = '', type = '', unread = ? where idx = ?",
                (_ERASED, index),
            )

    def _forget_steps(self, index: int, subject: int) -> None:
        """Forget what a claim said of descent and files, and names that nothing else tells of."""
        asked = "select parent from edge where idx = ? union select child from edge where idx = ?"
        named = [row[0] for row in self._db.execute(asked, (index, index))]
        self._db.execute("delete from about where idx = ?", (index,))
        self._db.execute("delete from edge where idx = ?", (index,))
        self._db.execute("delete from held where artifact = ? and idx = ?", (subject, index))
        self._db.executemany(_UNNAMED, [(one,) * 5 for one in named])
        self._ids.clear()

    def _id(self, text: str) -> int:
        """Return the number of a name; `wm1:` and `sha256:` with the same digits are one."""
        known = self._ids.get(text)
        if known is not None:
            return known
        key = name_key(text)
        row = self._db.execute("select id, text from name where key = ?", (key,)).fetchone()
        if row is None:
            added = self._db.execute("insert into name(key, text) values(?, ?)", (key, text))
            row = (int(added.lastrowid or 0), text)
        elif row[1] != text and text.startswith("wm1:"):
            self._db.execute("update name set text = ? where id = ?", (text, row[0]))
        self._ids[text] = int(row[0])
        return int(row[0])


def name_key(text: str) -> bytes:
    """Return what names are compared by: of content its digest."""
    kind = text.partition(":")[0]
    return bytes.fromhex(digest_of(text)) if kind in ("wm1", "sha256") else text.encode()


def leaf_number(leaf: bytes) -> int:
    """Return the first 8 bytes of a leaf hash as SQLite keeps whole numbers."""
    return int.from_bytes(leaf[:8], "big", signed=True)
