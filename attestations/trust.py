"""Whom to trust, and how a bundle becomes a verified one: only here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.statements import Statement
from weightmark.errors import TamperedError, TrustNotSaidError, WrongSignerError

__all__ = ["Trust", "VerifiedBundle"]

_SEAL = object()


@dataclass(frozen=True)
class VerifiedBundle:
    """A bundle whose signature was verified; only `Trust.verify` can make one."""

    statement: Statement
    """what the signer stated, parsed from the verified bytes"""
    signer: PublicKey
    """whose signature it is"""
    claim_id: str
    """SHA-256 of the signed bytes (PAE), lowercase hex"""
    bundle: Bundle
    """the bundle itself"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a VerifiedBundle is made by Trust.verify only")


@dataclass(frozen=True)
class Trust:
    """The signers that the caller trusts."""

    keys: tuple[PublicKey, ...]
    """public keys; a signature by any of them counts"""

    @classmethod
    def in_keys(cls, keys: Iterable[PublicKey]) -> Self:
        """Trust these keys; raises `TrustNotSaidError` for none."""
        trusted = tuple({key.fingerprint: key for key in keys}.values())
        if not trusted:
            raise TrustNotSaidError(
                "whom to trust was not said",
                why="a signature by nobody in particular proves nothing",
                fix="name the signer's public key with `--key release.pub`",
            )
        return cls(trusted)

    def verify(self, bundle: Bundle) -> VerifiedBundle:
        """Verify the signature, then parse what was signed.

        Raises `WrongSignerError` when no trusted key made it, `TamperedError` when the bundle
        names a trusted key but was not made by it, `MalformedError` for a bad statement.
        """
        envelope = bundle.envelope
        for key in self.keys:
            if key.verifies(envelope.signature, envelope.pae):
                statement = Statement.parse(envelope.payload_type, envelope.payload)
                return VerifiedBundle(statement, key, envelope.claim_id, bundle, _SEAL)
        if any(bundle.material.text in (key.hint, key.fingerprint) for key in self.keys):
            raise TamperedError(
                "the signature does not fit what it signs",
                why="it names a key that you trust, but this key did not make it",
            )
        raise WrongSignerError(
            "signed by somebody else than you trust", fix="check which key the publisher announces"
        )
