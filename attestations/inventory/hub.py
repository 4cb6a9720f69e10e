"""The inventory of an owner on the hub: each repository is fetched, examined, and removed again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
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
from weightmark.provenance.sources.interface import Snapshot, Source
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["take_hub_inventory"]

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
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Inventory:
    """Examine every model, dataset and space of an owner at its `main`, one after the other.

    Each lies in a temporary folder while it is examined, so the disk has to hold the largest. What
    `state` remembers of a commit is not fetched again, and without `fetch` nothing is. What can't be
    read is listed with its problem. Raises what asking for the list raises.
    """
    found = [
        _examined(address, state, fetch=fetch, progress=progress, jobs=jobs)
        for address in repositories_of(owner)
    ]
    pairs = [(one.record, one.remembered) for one in found]
    return Inventory(
        listed(pairs, ledger),
        tuple(reference for one in found for reference in one.references),
        (),
        (),
        tuple(problem for one in found for problem in one.unread),
    )


def _examined(
    address: HubAddress,
    state: State | None,
    *,
    fetch: bool,
    progress: ProgressSink | None,
    jobs: int | None,
) -> _Found:
    named = f"hf://{address.folder}/{address.repository}"
    place = Place(named, named, HUB_LAYOUT, address.kind, named)
    try:
        with open_source(address.uri) as source:
            snapshot = source.resolve()
            place = replace(place, revision=snapshot.digest["gitCommit"])
            print_ = digest_of(plan_of(snapshot))
            known = state.find(place, print_) if state else None
            if known:
                return _Found(known, remembered=True)
            if not fetch:
                known = unread(place, _NOT_FETCHED)
                return _Found(replace(known, files=len(snapshot.parts), size=snapshot.size))
            read = _reader(place, progress, jobs)
            found = _fetched(source, snapshot, read, place.label, progress)
    except PromiseBrokenError as error:
        return _Found(replace(unread(place, error.what), promise="broken"))
    except WeightmarkError as error:
        return _Found(unread(place, error.what))
    except OSError as error:
        return _Found(unread(place, (error.strerror or str(error)).lower()))
    if state and not (found.record.problem or found.references or found.unread):
        # a state file keeps records only, and references must not be lost
        state.note(place, print_, found.record)
    return found


def _reader(
    place: Place, progress: ProgressSink | None, jobs: int | None
) -> Callable[[Path], Record]:
    return lambda path: examine(replace(place, path=str(path)), progress=progress, jobs=jobs)


def _fetched(
    source: Source,
    snapshot: Snapshot,
    read: Callable[[Path], Record],
    label: str,
    progress: ProgressSink | None,
) -> _Found:
    with TemporaryDirectory(prefix="weightmark-") as folder:
        to = Path(folder).resolve() / "artifact"
        with Quarantine.open(to, plan_of(snapshot)) as quarantine:
            transfer(source, snapshot, quarantine, progress)
            record = replace(read(quarantine.tree), promise="kept")
            texts = tuple(_named(walk(quarantine.tree).texts, label))
            references, problems = read_references(texts)
    return _Found(record, False, references, problems)


def _named(texts: tuple[tuple[str, str], ...], label: str) -> Iterator[tuple[str, str]]:
    for path, name in texts:
        yield path, f"{label}/{name}"
