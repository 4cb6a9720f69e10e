"""What every page of one moment needs: policies and revocations, read once and kept until an entry changes them."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.store.interface import Query
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.history import PolicyHistory
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["Context", "ContextMemory"]

_BINDING = (Kind.POLICY, Kind.KEY, Kind.REVOKE, Kind.REINSTATE, Kind.REDACT)
_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """Who may write to the log, and what it says no longer counts."""

    history: "PolicyHistory"
    """every registration policy, verified"""
    revocations: Revocations | None
    """those in force; None when they could not be read"""
    problem: str
    """why revocations could not be read; empty when they were"""
    by_digest: Mapping[str, tuple[Revocation, ...]]
    """revocations in force by the digest in their subject, hex"""
    found: Mapping[str, int]
    """how many entries of each kind that binds the ledger's own search table has; empty where there is none"""

    @classmethod
    def read(cls, ledger: "Ledger", found: Mapping[str, int]) -> "Context":
        """Read and verify both; raises what reading policies raises."""
        history = ledger.policies()
        try:
            known = Revocations.read(ledger, complete=False)
        except WeightmarkError as error:
            return cls(history, None, error.what, {}, found)
        by_digest: dict[str, tuple[Revocation, ...]] = {}
        for one in known.in_force:
            by_digest[one.subject.digest] = (*by_digest.get(one.subject.digest, ()), one)
        return cls(history, known, "", by_digest, found)

    @property
    def void_claims(self) -> frozenset[str]:
        """Ids of claims that count for nobody."""
        return self.revocations.void_claims if self.revocations else frozenset()

    def about(self, *names: str) -> tuple[Revocation, ...]:
        """Return the revocations in force that are about any of these digests, claims or signers, by index."""
        digests = dict.fromkeys(name.partition(":")[2] for name in names if name)
        return tuple(one for digest in digests for one in self.by_digest.get(digest, ()))

    def revokes(self, name: str) -> bool:
        """Tell whether content is revoked for everybody: `wm1:<hex>` or `sha256:<hex>`."""
        return any(one.is_about(name) for one in self.about(name))


class ContextMemory:
    """Keeps the newest context. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[_Key, Context] | None = None

    def get(self, ledger: "Ledger") -> Context:
        """Return what was kept, or read it anew when an entry of a kind that binds was added."""
        key, found = _key(ledger)
        with self._lock:
            kept = self._kept
        if kept and kept[0] == key:
            return kept[1]
        context = Context.read(ledger, found)
        with self._lock:
            self._kept = (key, context)
        return context


def _key(ledger: "Ledger") -> tuple[_Key, Mapping[str, int]]:
    """Return what changes when policies or revocations do, and how many entries of each kind there are.

    Where there is no search table that is the size of the log.
    """
    with ledger.home.store.read() as store:
        if store.index is None:
            return (ledger.vkey, store.head().size), {}
        index = store.index
        places = {kind.value: tuple(index.search(Query(kind=kind))) for kind in _BINDING}
        counts = {kind: len(some) for kind, some in places.items()}
        return (ledger.vkey, *places.values()), counts
