"""What every page of one moment needs: policies and revocations, read once and kept until an entry changes them."""

import threading
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from weightmark.attestations.ledger.parties import value_of_party
from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.attestations.pages.kept import Kept
from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.provenance.ledger.blobs import BlobState
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
    kept: Kept = field(default_factory=Kept, repr=False, compare=False)
    """what pages found out under these policies and revocations"""

    @classmethod
    def read(cls, ledger: "Ledger", found: Mapping[str, int]) -> "Context":
        """Read and verify both; raises what reading policies raises."""
        history = ledger.policies()
        try:
            known = Revocations.read(ledger, complete=False)
        except WeightmarkError as error:
            return cls(history, None, _told(ledger, error), {}, found)
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

    def of_signer(self, party: str) -> tuple[Revocation, ...]:
        """Return the revocations in force of whoever the log calls `party`, whatever its salt there."""
        value = self._value(party)
        known = self.kept.get("revoked signers", self._of_parties)
        return tuple(one for one in known if one.silences(party, value))

    def _of_parties(self) -> tuple[Revocation, ...]:
        known = self.revocations.in_force if self.revocations else ()
        return tuple(one for one in known if one.subject.is_party)

    def of_claim(self, claim_id: str, party: str) -> tuple[Revocation, ...]:
        """Return the revocations in force of a claim by `party`: for everybody, or its signer's own."""
        about, value = self.about(f"sha256:{claim_id}"), self._value(party)
        return tuple(one for one in about if one.withdraws(claim_id, party, value))

    def releasers(self) -> tuple[str, ...]:
        """Return everybody who may ever enter releases, as the log names them."""
        found = (
            one.fingerprint
            for _, policy in self.history.policies
            for one in policy.submitters
            if policy.allows(one.fingerprint, Kind.RELEASE)
        )
        return tuple(dict.fromkeys(found))

    def _value(self, party: str) -> str:
        """Return what a commitment to `party` covers; empty when nobody can tell here."""
        values = (value_of_party(policy, party) for _, policy in reversed(self.history.policies))
        return next((one for one in values if one), "")

    @property
    def revoked_digests(self) -> tuple[str, ...]:
        """Digests, hex, of content that is revoked for everybody."""
        return tuple(digest for digest in self.by_digest if self.revokes(f"wm1:{digest}"))

    def revokes(self, name: str) -> bool:
        """Tell whether content is revoked for everybody: `wm1:<hex>` or `sha256:<hex>`."""
        return any(one.is_about(name) for one in self.about(name))

    def is_revoked(self, name: str) -> bool | None:
        """Tell whether content is revoked for everybody; None when revocations could not be read."""
        return None if self.revocations is None else self.revokes(name)


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


def _told(ledger: "Ledger", error: WeightmarkError) -> str:
    """Say why revocations could not be read, without paths of this machine and names of people."""
    for kind in (Kind.REVOKE, Kind.REINSTATE):
        for one in ledger.find(kind=kind, complete=False):
            for what, digest in (
                ("claim", one.event.claim_sha256),
                ("request", one.event.request_sha256),
            ):
                if ledger.home.blobs.state(digest) is not BlobState.PRESENT:
                    return f"the {what} of entry {one.index} is missing or damaged"
    if isinstance(error, UncheckedError):
        return "one of them could not be checked here"
    return "one of them does not verify"


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
