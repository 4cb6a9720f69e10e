"""Clocks: who may prove when a signature by key or certificate was made.

The signer's word is none. What nobody whom the caller knows has stamped is named, and counts as
not stamped.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import KeyHint
from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.keys import PublicKey
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.sigstore.trusted_root import Authority
    from weightmark.attestations.trust.roots import Root
    from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier

__all__ = ["NO_CLOCKS", "Clocks"]


@dataclass(frozen=True)
class Clocks:
    """Timestamp authorities and logs that the caller trusts, and how many of them must have stamped."""

    authorities: "tuple[Authority, ...]" = ()
    """timestamp authorities (RFC 3161)"""
    root: "Root | None" = None
    """the instance whose logs and authorities count as well"""
    timestamps: int = 0
    """how many timestamps must be verified"""
    logs: int = 0
    """how many logs must hold the signature"""
    cosignatures: int = 0
    """how many witnesses must have seen each log that is asked for"""
    witnesses: "tuple[WitnessVerifier, ...]" = ()
    """the witnesses who count"""

    def joined(self, other: "Clocks") -> "Clocks":
        """Return both together: all authorities and witnesses, the first root, the higher demands."""
        return Clocks(
            (*self.authorities, *other.authorities),
            self.root or other.root,
            max(self.timestamps, other.timestamps),
            max(self.logs, other.logs),
            max(self.cosignatures, other.cosignatures),
            tuple({one.public_key: one for one in (*self.witnesses, *other.witnesses)}.values()),
        )

    def read(
        self, bundle: Bundle, key: PublicKey, now: datetime
    ) -> tuple[tuple[VerifiedTime, ...], tuple[str, ...]]:
        """Return the verified times of a signature by `key`, the earliest first, and notices.

        Raises `ProofRefusedError` for a timestamp or log entry that is not good, and
        `UncheckedError` (`ProofMissingError`, `ExpiredError` among them) when too few are there or
        one can't be judged.
        """
        if not (bundle.timestamps or bundle.log_entries or self.timestamps or self.logs):
            return (), ()
        from weightmark.attestations.sigstore.thresholds import Thresholds
        from weightmark.attestations.sigstore.trusted_root import TrustedRoot
        from weightmark.attestations.sigstore.verifier import verify_key_bundle_times

        trusted = self.root.trusted if self.root else TrustedRoot((), (), (), ())
        # Logs hold bare keys under their own name; of certificates only Sigstore's can be looked up.
        logs = trusted.logs if isinstance(bundle.material, KeyHint) else ()
        known = TrustedRoot(logs, (), (), (*self.authorities, *trusted.timestamp_authorities))
        asked = Thresholds(
            log_entries=self.logs,
            certificate_promises=0,
            timestamps=self.timestamps,
            times=0,
            cosignatures=self.cosignatures,
            witnesses=self.witnesses,
        )
        proof = verify_key_bundle_times(bundle, key, known, now=now, thresholds=asked)
        return proof.times, proof.notices


NO_CLOCKS = Clocks()
"""nobody: a signature exists now, and nothing is known about before"""
