"""Writing: submissions that were admitted become entries, in one durable transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from weightmark.provenance.ledger.admission import Admitted
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.operations import peek_operation
from weightmark.provenance.ledger.plan import Outcome, Plan, make_addition, make_plan, whole
from weightmark.provenance.ledger.ruling import Ruling, Silence
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Query, StoreIndex
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["Recorded", "Recorder", "Silencer"]

Silencer = Callable[["Ledger"], Mapping[str, Silence]]
"""gives the parties that a revocation in a ledger keeps from writing; see `ClaimVerifier.silenced`"""
_Places = tuple[int, ...]
"""indices of entries"""


@dataclass(slots=True)
class _Remembered:
    """What was read at the last write; it is read again when further entries decide it."""

    policy: tuple[_Places, str] = ((), "")
    redacted: tuple[_Places, frozenset[str], frozenset[str]] = ((), frozenset(), frozenset())
    silenced: tuple[_Places, Mapping[str, Silence]] | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of submissions."""

    outcomes: tuple[Outcome, ...]
    """for each group of them their entries, new or known, or why it is refused"""
    new: frozenset[int]
    """the entries that were not there before"""

    def require_whole(self) -> tuple[int, ...]:
        """Return the entries of all groups; raises the first refusal."""
        return whole(self.outcomes)


class Recorder:
    """Writes one ledger."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger
        self._last = _Remembered()

    def signer(self) -> NoteSigner:
        """Return the private key of a log that may grow here; raises what the home raises."""
        home = self._ledger.home
        home.standing().require_live(home.name)
        return home.read_signer(self._ledger.verifier)

    def write(
        self,
        groups: Sequence[Sequence[Admitted]],
        *,
        partly: bool = False,
        silencer: Silencer | None = None,
        now: datetime | None = None,
    ) -> Recorded:
        """Write what is new; see `Ledger.record_groups`. Unless `partly`, the first refusal is raised and nothing written.

        After the revocation of a signer the next transaction begins: who may write is read anew.
        """
        outcomes: list[Outcome] = []
        new: list[int] = []
        while True:
            plan = self._write_once(
                groups[len(outcomes) :], partly=partly, silencer=silencer, now=now
            )
            outcomes += plan.outcomes
            new += [row.index for row in plan.rows]
            if len(outcomes) == len(groups):
                return Recorded(tuple(outcomes), frozenset(new))

    def _write_once(
        self,
        groups: Sequence[Sequence[Admitted]],
        *,
        partly: bool,
        silencer: Silencer | None,
        now: datetime | None,
    ) -> Plan:
        ledger, home = self._ledger, self._ledger.home
        signer = self.signer()
        with home.store.write() as store:
            home.standing().require_live(home.name)
            snapshot = LedgerSnapshot.of(store, ledger.verifier)
            snapshot.require_grown_from(ledger.known())
            size = snapshot.head.size

            def read(index: int) -> Event:
                return next(snapshot.events([index])).event

            ruling = self._ruling(store.index, snapshot, read, silencer)
            find, at = store.index.indices_of, now or ledger.now()
            plan = make_plan(groups, size, find, read, now=at, ruling=ruling)
            if not partly:
                plan.require_whole()
            if plan.rows:
                home.blobs.put_all(plan.blobs)
                store.add(make_addition(plan.rows, size, store.tile, snapshot.nodes, signer))
        return plan

    def _ruling(
        self,
        index: StoreIndex,
        snapshot: LedgerSnapshot,
        read: Callable[[int], Event],
        silencer: Silencer | None,
    ) -> Ruling:
        redacted, erased = self._redacted(index, snapshot, read)
        silenced = self._silenced(index, silencer) if silencer else {}
        return Ruling(self._policy_in_force(index), redacted, erased, silenced)

    def _policy_in_force(self, index: StoreIndex) -> str:
        """Return the claim id of the newest policy."""
        changes = _places(index, Kind.POLICY, Kind.KEY)
        if self._last.policy[0] != changes:
            self._last.policy = (changes, self._ledger.policy().claim_id)
        return self._last.policy[1]

    def _silenced(self, index: StoreIndex, silencer: Silencer) -> Mapping[str, Silence]:
        """Return who was revoked."""
        changes = _places(index, Kind.REVOKE, Kind.REINSTATE, Kind.POLICY)
        if self._last.silenced is None or self._last.silenced[0] != changes:
            self._last.silenced = (changes, silencer(self._ledger))
        return self._last.silenced[1]

    def _redacted(
        self, index: StoreIndex, snapshot: LedgerSnapshot, read: Callable[[int], Event]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return what `redact` entries name, and the ids of the claims that this erased."""
        entries = _places(index, Kind.REDACT)
        if self._last.redacted[0] != entries:
            events = [read(at) for at in entries]
            ids = [one for event in events for one in self._erased_by(event, snapshot)]
            subjects = frozenset(event.subject for event in events)
            self._erase_again(subjects)
            self._last.redacted = (entries, subjects, frozenset(ids))
        return self._last.redacted[1:]

    def _erase_again(self, subjects: Iterable[str]) -> None:
        """Erase what came back: by a crash before it was gone, or out of a copy of the folder."""
        for one in subjects:
            if one.startswith("sha256:"):
                self._ledger.home.blobs.erase(one.removeprefix("sha256:"))

    def _erased_by(self, event: Event, snapshot: LedgerSnapshot) -> Sequence[str]:
        """Return the ids of the claims that an entry erased; one that names none is looked up in the log."""
        said = peek_operation(self._ledger.home.blobs.get(event.claim_sha256), Kind.REDACT)
        named = said.get("claim_ids")
        if isinstance(named, list):
            return [str(one) for one in named]
        erased = event.subject.removeprefix("sha256:")
        every = snapshot.walk(Query())
        return [one.event.claim_id for one in every if one.event.claim_sha256 == erased]


def _places(index: StoreIndex, *kinds: Kind) -> _Places:
    return tuple(at for kind in kinds for at in index.search(Query(kind=kind)))
