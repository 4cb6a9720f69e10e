"""Signing with the time put under each signature by time-stamping authorities."""

from dataclasses import replace
from datetime import UTC, datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.making.timestamping import TimestampClient
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["TimestampedSigner"]


@dataclass(frozen=True, slots=True)
class TimestampedSigner:
    """Another signer, whose every signature is shown to the authorities."""

    signer: Signer
    """who signs"""
    authorities: TimestampClient
    """who says when"""

    @property
    def identity(self) -> SignerIdentity:
        """Who signs."""
        return self.signer.identity

    @property
    def notices(self) -> tuple[str, ...]:
        """What the caller should know, also that nobody said whose clock is believed."""
        if self.authorities.chains:
            return self.signer.notices
        return (
            *self.signer.notices,
            "whose clock the timestamps are by was not checked: name the authority's certificates with `--tsa-chain FILE`, as verifiers have to",
        )

    def own_trust(self) -> Trust:
        """Return the trust in the signer itself."""
        return self.signer.own_trust()

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign, then ask every authority; raises `NetworkError` when one gives no good timestamp.

        A timestamp can be renewed by anybody, so the statement says itself when it is signed.
        """
        bundle = self.signer.sign_statement(
            Statement.dated(payload, format_time(datetime.now(UTC)))
        )
        stamps = self.authorities.stamp(bundle.envelope.signature)
        return replace(bundle, timestamps=(*bundle.timestamps, *stamps))
