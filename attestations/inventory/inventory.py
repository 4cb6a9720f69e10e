"""The inventory: walk, examine each artifact here or on an executor, read references, ask a ledger."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.attestations.inventory.examining import examine
from weightmark.attestations.inventory.interface import Place, Problem
from weightmark.attestations.inventory.record import Record
from weightmark.attestations.inventory.references.interface import Reference
from weightmark.attestations.inventory.references.reading import read_references
from weightmark.attestations.inventory.state import State, fingerprint
from weightmark.attestations.inventory.walking import Walk, printable, walk
from weightmark.errors import CallError
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sources.interface import ArtifactKind
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.ledger.revocations import Revocations
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["Inventory", "LedgerStatus", "Listed", "listed", "take_inventory"]

_AHEAD = 256
"""artifacts that are handed to an executor before the first answer is waited for"""


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """What a ledger says of one identity."""

    word: str
    """`revoked`, `entered`, or `absent`"""
    kinds: tuple[str, ...]
    """kinds of its entries, sorted"""
    entries: tuple[int, ...]
    """their indices"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One artifact of an inventory."""

    record: Record
    """what its bytes are"""
    remembered: bool
    """whether it was not read again, by the state file"""
    ledger: LedgerStatus | None
    """what the ledger says; None when none was asked, and for what has no identity"""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that was found."""

    artifacts: tuple[Listed, ...]
    """by path"""
    references: tuple[Reference, ...]
    """by file and line"""
    omitted: tuple[str, ...]
    """folders that were left out, with the reason"""
    problems: tuple[Problem, ...]
    """folders and files that could not be looked into: artifacts may be missing"""
    unread: tuple[Problem, ...]
    """files of code and manifests that could not be understood: references may be missing"""

    @classmethod
    def joined(cls, parts: Sequence[tuple[str, Self]]) -> Self:
        """Join several, each under the name of the place that was looked through, which may be empty."""
        named = [part.under(name) for name, part in parts]
        return cls(
            tuple(one for part in named for one in part.artifacts),
            tuple(one for part in named for one in part.references),
            tuple(one for part in named for one in part.omitted),
            tuple(one for part in named for one in part.problems),
            tuple(one for part in named for one in part.unread),
        )

    def under(self, name: str) -> Self:
        """Return the same with every path below `name`; for no name, as it is."""
        if not name:
            return self
        name = printable(name)
        return type(self)(
            tuple(
                replace(one, record=replace(one.record, path=_below(name, one.record.path)))
                for one in self.artifacts
            ),
            tuple(replace(one, file=_below(name, one.file)) for one in self.references),
            tuple(_below(name, one) for one in self.omitted),
            tuple(replace(one, path=_below(name, one.path)) for one in self.problems),
            tuple(replace(one, path=_below(name, one.path)) for one in self.unread),
        )


def take_inventory(
    root: Path,
    *,
    state: State | None = None,
    ledger: "Ledger | None" = None,
    executor: Executor | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Inventory:
    """Find and examine everything below `root`.

    With an `executor`, any of `concurrent.futures`, artifacts are examined there: it has to see the
    same files. What `state` remembers is not read again. Raises `CallError` when nothing is there,
    and what asking the ledger raises; all else is listed as a problem.
    """
    found = _walked(root)
    read = partial(examine, progress=progress, jobs=jobs)
    records = list(_records(found.places, state, executor, read))
    references, unread = read_references(found.texts)
    return Inventory(listed(records, ledger), references, found.omitted, found.problems, unread)


def listed(records: Iterable[tuple[Record, bool]], ledger: "Ledger | None") -> "tuple[Listed, ...]":
    """Return records, each with whether it was remembered, with what a ledger says of them; raises what it raises."""
    status = _Statuses.of(ledger)
    return tuple(Listed(record, known, status.of_record(record)) for record, known in records)


def _below(name: str, path: str) -> str:
    return name if path in ("", ".") else f"{name.rstrip('/')}/{path}"


def _walked(root: Path) -> Walk:
    if root.is_dir():
        return walk(root.resolve())
    if root.is_file():
        place = Place(str(root.absolute()), root.name, "plain", ArtifactKind.UNKNOWN)
        return Walk((place,), ((str(root), printable(root.name)),), (), ())
    raise CallError(f"`{root}` does not exist", fix="check the path")


def _records(
    places: Sequence[Place],
    state: State | None,
    executor: Executor | None,
    read: Callable[[Place], Record],
) -> Iterator[tuple[Record, bool]]:
    """Yield in the order of `places` what is known of each, and whether it was remembered."""
    waiting: deque[tuple[Place, str, Record | Future[Record] | None]] = deque()
    for place in places:
        print_ = fingerprint(place.path) if state else ""
        known = state.find(place, print_) if state else None
        if known is None and executor is not None:
            waiting.append((place, print_, executor.submit(examine, place)))
        else:
            waiting.append((place, print_, known))
        if executor is None or len(waiting) >= _AHEAD:
            yield _finished(*waiting.popleft(), state, read)
    while waiting:
        yield _finished(*waiting.popleft(), state, read)


def _finished(
    place: Place,
    before: str,
    known: Record | Future[Record] | None,
    state: State | None,
    read: Callable[[Place], Record],
) -> tuple[Record, bool]:
    if isinstance(known, Record):
        return known, True
    record = read(place) if known is None else known.result()
    if state and before and fingerprint(place.path) == before:
        state.note(place, before, record)
    return record, False


@dataclass(frozen=True, slots=True)
class _Statuses:
    """A ledger that is asked about many identities."""

    ledger: "Ledger | None"
    revocations: "Revocations | None"
    complete: bool

    @classmethod
    def of(cls, ledger: "Ledger | None") -> "_Statuses":
        """Read what is revoked, once; raises what the ledger raises."""
        if ledger is None:
            return cls(None, None, False)
        from weightmark.attestations.ledger.revocations import Revocations

        complete = ledger.can_be_read_whole()
        return cls(ledger, Revocations.read(ledger, complete=complete), complete)

    def of_record(self, record: Record) -> LedgerStatus | None:
        """Return what the ledger says of an artifact."""
        if self.ledger is None or self.revocations is None or not record.identity:
            return None
        from weightmark.provenance.ledger.store.interface import Query

        query = Query(subject=record.identity)
        entries = self.ledger.search(query, complete=self.complete)
        revoked = self.revocations.of_content([record.identity])
        word = "revoked" if revoked else "entered" if entries else "absent"
        kinds = tuple(sorted({one.event.kind.value for one in entries}))
        return LedgerStatus(word, kinds, tuple(one.index for one in entries))
