"""Descent by a ledger's own claims: what an artifact was made from and holds, as far back as they say."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from weightmark.attestations.ledger.descent_entries import DescentEntries, statement_of
from weightmark.attestations.ledger.steps import (
    aliases_of,
    digest_of,
    held_by,
    is_listed_elsewhere,
    materials_of,
    unfollowed_in,
)
from weightmark.attestations.predicates.compact_manifest import MANY_FILES
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, ReadError, UncheckedError, WeightmarkError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.predecessor import ANY_FILE
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = ["MAX_ANCESTORS", "MAX_FILES", "Ancestry", "ancestors_of", "claims_of_descent"]

MAX_ANCESTORS = 10_000
"""artifacts that are looked at before a descent counts as not checked"""
MAX_FILES = 400_000
"""names of files that they hold, up to four each; beyond that likewise"""


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What artifacts descend from."""

    reached: Mapping[str, str]
    """`wm1:<hex>` or `sha256:<hex>` of each ancestor, with the child by which it was reached"""
    unfollowed: int = 0
    """things that went in which no claim names by SHA-256"""
    problem: WeightmarkError | None = None
    """why there may be more ancestors; None when everything was followed to its end"""


def ancestors_of(
    ledger: Ledger,
    roots: Iterable[str],
    *,
    complete: bool,
    held: Iterable[str] = (),
    void: frozenset[str] = frozenset(),
    disowned: Callable[[LoggedEvent], bool] | None = None,
    doubted: Callable[[LoggedEvent], bool] | None = None,
    limit: int = MAX_ANCESTORS,
) -> Ancestry:
    """Return everything that `roots` and `held` descend from, by provenance claims and by the files that they hold.

    An artifact descends from each of its files, as a release lists them; a file and the artifact
    that is this file alone are one thing; `wm1:` and `sha256:` with the same digits are one name.
    `held` are names of files, and of an artifact whose files are all among them. With `complete` no entry can be hidden, else the ledger's index is asked. Claims with an id in
    `void` say nothing, nor do entries that are `disowned`; nor those that are `doubted`, where they
    list files outside of the ledger. A claim that is missing, erased or malformed is the `problem`, and so is
    whatever lies beyond `limit` artifacts.
    """
    with DescentEntries(ledger, void, disowned, complete=complete, doubted=doubted) as entries:
        walk = _Walk(entries, limit)
        try:
            walk.start(roots, held)
            walk.finish()
        except WeightmarkError as error:
            walk.problem = walk.problem or _unchecked(error)
    return Ancestry(MappingProxyType(walk.reached), walk.unfollowed, walk.problem)


def claims_of_descent(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield what each provenance claim or release of a ledger is about, and its claim id, both hex digits.

    A release of one file is about that file, too; one that cannot be read may be about any file.
    Every entry is read. Raises `LedgerInconsistentError` and `ReadError`.
    """
    for one in ledger.find(kind=Kind.PROVENANCE, complete=True):
        if one.event.subject:
            yield digest_of(one.event.subject), one.event.claim_id
    for one in ledger.find(kind=Kind.RELEASE, complete=True):
        if one.event.subject:
            yield digest_of(one.event.subject), one.event.claim_id
        try:
            files = aliases_of(statement_of(ledger, one))
        except WeightmarkError:
            files = (f"sha256:{ANY_FILE}",)
        for file in files:
            yield digest_of(file), one.event.claim_id


class _Walk:
    """Goes from children to parents, each name once."""

    def __init__(self, entries: DescentEntries, limit: int) -> None:
        self.reached: dict[str, str] = {}
        self.unfollowed = 0
        self.problem: WeightmarkError | None = None
        self._entries = entries
        self._limit = limit
        self._seen: set[str] = set()
        self._artifacts = 0
        self._files: set[str] = set()
        self._held: set[str] = set()
        self._waiting: list[str] = []

    def start(self, roots: Iterable[str], held: Iterable[str]) -> None:
        """Take what is asked about, and what else it is called."""
        listed = dict.fromkeys(one for one in held if one)
        starts = dict.fromkeys(one for one in (*listed, *roots) if one)
        self._files |= {digest_of(one) for one in listed}
        self._seen |= {digest_of(one) for one in starts}
        self._waiting += starts
        for one in starts:
            self._reach(self._entries.alone_in_near(one), one)

    def finish(self) -> None:
        """Follow everything that waits."""
        while self._waiting:
            child = self._waiting.pop()
            self.problem = self.problem or self._entries.forgotten(child)
            for statement in self._read(Kind.PROVENANCE, child):
                self.unfollowed += unfollowed_in(statement)
                for material in materials_of(statement):
                    self._reach([material], child)
                    self._reach(self._entries.alone_in(material), child)
            if digest_of(child) not in self._files:
                self._hold_all(child)

    def _hold_all(self, child: str) -> None:
        """Reach the files that the releases of `child` list.

        Its identity commits to how many there are: where one release shows a few, a list elsewhere is a lie.
        """
        elsewhere: list[LoggedEvent] = []
        shown = False
        for logged, statement in self._read_entries(Kind.RELEASE, child):
            if is_listed_elsewhere(statement):
                elsewhere.append(logged)
            else:
                shown |= 0 < self._hold(statement, child) < MANY_FILES
        for logged in elsewhere if not shown else ():
            if self._entries.is_doubted(logged):
                self.unfollowed += 1
            else:
                self.problem = self.problem or _unlisted(child)

    def _read(self, kind: Kind, subject: str) -> Iterator[Statement]:
        return (statement for _, statement in self._read_entries(kind, subject))

    def _read_entries(self, kind: Kind, subject: str) -> Iterator[tuple[LoggedEvent, Statement]]:
        for logged in self._entries.about(kind, subject):
            try:
                statement = self._entries.statement(logged)
                materials_of(statement)
            except WeightmarkError as error:
                self.problem = self.problem or _unchecked(error)
                continue
            yield logged, statement

    def _hold(self, statement: Statement, child: str) -> int:
        """Reach the files that a release lists; returns how many, 0 when they cannot be read."""
        try:
            held = held_by(statement)
        except WeightmarkError as error:
            self.problem = self.problem or _unchecked(error)
            return 0
        if held is None:
            self.problem = self.problem or _unlisted(child)
            return 0
        names = [name for one in held for name in one.names]
        self._held |= {digest_of(name) for name in names}
        self._reach(names, child, files=True)
        for one in held:
            self._reach(self._entries.alone_in_near(one.sha256), child)
        if len(self._held) > MAX_FILES:
            raise LimitError(f"what the artifact descends from holds over {MAX_FILES // 4} files")
        return len(held)

    def _reach(self, names: Iterable[str], child: str, *, files: bool = False) -> None:
        for name in names:
            digest = digest_of(name)
            if digest in self._seen:
                continue
            self._seen.add(digest)
            self.reached[name] = child
            self._waiting.append(name)
            self._artifacts += not files
            if self._artifacts > self._limit:
                raise LimitError(
                    f"the artifact descends from over {self._limit} others",
                    why="not every one of them was looked at",
                )


def _unlisted(child: str) -> ReadError:
    return ReadError(
        f"the files of `{child}` are listed outside of the ledger, or not by SHA-256",
        why="so nobody looked for revoked ones among them",
        fix="ask the owners to revoke that release by the id of its claim, or its signer, if it is a lie",
    )


def _unchecked(error: WeightmarkError) -> WeightmarkError:
    """Return a problem as one that leaves the descent open: a claim that cannot be read proves nothing bad."""
    if isinstance(error, UncheckedError):
        return error
    return ReadError(
        "what was made from what cannot be followed to the end",
        why=f"{error.what}{f': {error.why}' if error.why else ''}",
        fix="ask the owners to revoke that claim by its id, so that it counts for nobody",
    )
