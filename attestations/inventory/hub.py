"""The inventory of an owner on the hub: each repository is fetched, examined, and removed again."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from weightmark.attestations.inventory.examining import examine, unread
from weightmark.attestations.inventory.interface import HUB_LAYOUT, Place, Problem
from weightmark.attestations.inventory.inventory import Inventory, listed
from weightmark.attestations.inventory.record import Record
from weightmark.attestations.inventory.references.interface import Reference
from weightmark.attestations.inventory.references.reading import read_references
from weightmark.attestations.inventory.state import State, digest_of
from weightmark.attestations.inventory.walking import walk
from weightmark.attestations.pulling.pull import plan_of
from weightmark.attestations.pulling.quarantine import Quarantine
from weightmark.attestations.pulling.transfer import transfer
from weightmark.errors import PromiseBrokenError, WeightmarkError
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.huggingface.address import HubAddress
from weightmark.provenance.sources.huggingface.owners import repositories_of
from weightmark.provenance.sources.interface import Snapshot
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["take_hub_inventory"]

_AHEAD = 64
"""repositories that are handed to an executor before the first answer is waited for"""
_NOT_FETCHED = "not fetched, so nothing but its list is known"


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of one repository."""

    record: Record
    remembered: bool = False
    references: tuple[Reference, ...] = ()
    unread: tuple[Problem, ...] = ()


def take_hub_inventory(
    owner: str,
    *,
    state: State | None = None,
    ledger: "Ledger | None" = None,
    fetch: bool = True,
    executor: Executor | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Inventory:
    """Examine every model, dataset and space of an owner at its `main`, one after the other or on an executor.

    Each lies in a temporary folder of whoever examines it, so the disk there has to hold the largest, and
    of an executor as many as it runs at once; its workers ask the hub with their own token. What `state`
    remembers of a commit is not fetched again, and without `fetch` nothing is. What can't be read is
    listed with its problem. Raises what asking for the list raises.
    """
    submit = executor.submit if executor else partial(_here, progress, jobs)
    found = tuple(
        _all(repositories_of(owner), state, submit, fetch=fetch, ahead=_AHEAD * bool(executor))
    )
    pairs = [(one.record, one.remembered) for one in found]
    return Inventory(
        listed(pairs, ledger),
        tuple(reference for one in found for reference in one.references),
        (),
        (),
        tuple(problem for one in found for problem in one.unread),
    )


def _here(
    progress: ProgressSink | None,
    jobs: int | None,
    call: Callable[..., _Found],
    *arguments: object,
) -> Future[_Found]:
    """Do at once what an executor would do."""
    done: Future[_Found] = Future()
    done.set_result(call(*arguments, progress=progress, jobs=jobs))
    return done


def _all(
    addresses: Iterable[HubAddress],
    state: State | None,
    submit: Callable[..., Future[_Found]],
    *,
    fetch: bool,
    ahead: int,
) -> Iterator[_Found]:
    """Yield what is known of each repository, in order; at most `ahead` are under way at once."""
    waiting: deque[_Asked] = deque()
    for address in addresses:
        waiting.append(_ask(address, state, submit, fetch=fetch))
        if len(waiting) > ahead:
            yield waiting.popleft().finished(state)
    while waiting:
        yield waiting.popleft().finished(state)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One repository whose commit is known, and what is or will be known of it."""

    place: Place
    print_: str
    found: _Found | Future[_Found]

    def finished(self, state: State | None) -> _Found:
        """Wait for it, and remember it; a state file keeps records only, and references must not be lost."""
        if isinstance(self.found, _Found):
            return self.found
        found = self.found.result()
        if state and not (found.record.problem or found.references or found.unread):
            state.note(self.place, self.print_, found.record)
        return found


def _ask(
    address: HubAddress,
    state: State | None,
    submit: Callable[..., Future[_Found]],
    *,
    fetch: bool,
) -> _Asked:
    named = f"hf://{address.folder}/{address.repository}"
    place = Place(named, named, HUB_LAYOUT, address.kind, named)
    try:
        with open_source(address.uri, current=True) as source:
            snapshot = source.resolve()
    except WeightmarkError as error:
        return _Asked(place, "", _unreadable(place, error))
    place = replace(place, revision=snapshot.digest["gitCommit"])
    print_ = digest_of(plan_of(snapshot))
    known = state.find(place, print_) if state else None
    if known:
        return _Asked(place, print_, _Found(known, remembered=True))
    if not fetch:
        listed_only = replace(
            unread(place, _NOT_FETCHED), files=len(snapshot.parts), size=snapshot.size
        )
        return _Asked(place, print_, _Found(listed_only))
    return _Asked(place, print_, submit(_examined, place, snapshot))


def _examined(
    place: Place,
    snapshot: Snapshot,
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> _Found:
    """Fetch and examine what a snapshot promises, anywhere: the bytes are held against it wherever they come from."""
    try:
        with (
            open_source(snapshot.pinned, current=True) as source,
            TemporaryDirectory(prefix="weightmark-") as folder,
            Quarantine.open(Path(folder).resolve() / "artifact", plan_of(snapshot)) as quarantine,
        ):
            transfer(source, snapshot, quarantine, progress)
            tree = quarantine.tree
            record = examine(replace(place, path=str(tree)), progress=progress, jobs=jobs)
            references, problems = read_references(tuple(_named(walk(tree).texts, place.label)))
    except WeightmarkError as error:
        return _unreadable(place, error)
    except OSError as error:
        return _Found(unread(place, (error.strerror or str(error)).lower()))
    return _Found(replace(record, promise="kept"), False, references, problems)


def _unreadable(place: Place, error: WeightmarkError) -> _Found:
    record = unread(place, error.what)
    broken = isinstance(error, PromiseBrokenError)
    return _Found(replace(record, promise="broken") if broken else record)


def _named(texts: tuple[tuple[str, str], ...], label: str) -> Iterator[tuple[str, str]]:
    for path, name in texts:
        yield path, f"{label}/{name}"
