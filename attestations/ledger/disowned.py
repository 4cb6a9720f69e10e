"""Claims whose signer somebody with the role revoked: what they say of descent convicts nobody, and clears nobody."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from weightmark.attestations.ledger.revocation import Revocation
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.silencing import Proven, parties_of
from weightmark.errors import ReadError
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.ruling import Silence
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.values import dataclass

__all__ = ["Disowned"]


@dataclass(frozen=True, slots=True)
class Disowned:
    """Tells the claims of a ledger that its revoked signers made, but for those proven to be older."""

    signers: Mapping[str, tuple[Revocation, ...]]
    """`key:<hex>` or `salted:<hex>` of each that the role revoked"""
    proven: Proven
    """tells when a claim existed already"""

    @classmethod
    def of(cls, ledger: Ledger, revocations: Revocations, proven: Proven) -> Self:
        """Look up every party that the ledger ever admitted; raises as `Ledger.policies`."""
        by_role = [one for one in revocations.in_force if one.only_of is None]
        history = ledger.policies(complete=revocations.complete)
        known = {pair for _, policy in history.policies for pair in parties_of(policy)}
        found = {
            party: tuple(one for one in by_role if one.silences(party, value))
            for party, value in sorted(known)
        }
        return cls({party: these for party, these in found.items() if these}, proven)

    def made(self, logged: LoggedEvent) -> bool:
        """Tell whether a revocation in force names the signer of an entry's claim and does not spare it."""
        return any(
            logged.event.claim_sha256 not in one.spared
            and not (one.since and Silence(one.since, "").spares(self._proven_at(logged)))
            for one in self.signers.get(logged.event.signer, ())
        )

    def _proven_at(self, logged: LoggedEvent) -> datetime | None:
        """Return when the claim of an entry existed already; one that is gone proves nothing."""
        try:
            return self.proven(logged)
        except ReadError:
            return None
