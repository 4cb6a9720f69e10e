"""Whom to trust, and how a bundle becomes a verified one: only here."""

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity, VerifiedTime
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust.interface import Anchor, CertificateFacts, Proof
from weightmark.attestations.trust.veto import Veto, require_no_veto
from weightmark.errors import (
    OutOfTimeError,
    RevokedError,
    TrustNotSaidError,
    UncheckedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.values import dataclass

__all__ = ["Trust", "VerifiedBundle"]

_SEAL = object()
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class VerifiedBundle:
    """A bundle whose signature was verified; only `Trust.verify` can make one."""

    statement: Statement
    """what the signer stated, parsed from the verified bytes"""
    signer: SignerIdentity
    """whose signature it is"""
    claim_id: str
    """SHA-256 of the signed bytes (PAE), lowercase hex"""
    bundle: Bundle
    """the bundle itself"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""
    times: tuple[VerifiedTime, ...] = ()
    """when the signature existed already, by clocks that were verified; the earliest first"""
    certificate: CertificateFacts | None = None
    """the signer's certificate, if it was one by which the signer is known"""
    notices: tuple[str, ...] = ()
    """what the caller should know"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a VerifiedBundle is made by Trust.verify only")

    @property
    def time(self) -> VerifiedTime | None:
        """The earliest verified time at which the signature existed; None when none was proven."""
        return self.times[0] if self.times else None


@dataclass(frozen=True)
class Trust:
    """The signers that the caller trusts."""

    anchors: tuple[Anchor, ...]
    """a signature that any of them proves counts"""

    @classmethod
    def in_keys(cls, keys: Iterable[PublicKey]) -> Self:
        """Trust these keys; raises `TrustNotSaidError` for none."""
        from weightmark.attestations.trust.keys import KeyAnchor

        return cls.in_anchors(
            KeyAnchor(key) for key in {key.fingerprint: key for key in keys}.values()
        )

    @classmethod
    def in_anchors(cls, anchors: Iterable[Anchor]) -> Self:
        """Trust these anchors; raises `TrustNotSaidError` for none."""
        trusted = tuple(anchors)
        if not trusted:
            raise TrustNotSaidError(
                "whom to trust was not said",
                why="a signature by nobody in particular proves nothing",
                fix="name the signer's public key with `--key release.pub`, or its identity with `--identity` and `--issuer`",
            )
        return cls(trusted)

    def allowing_legacy(self) -> Self:
        """Return the same trust that also believes signatures by the weaker encoding of model-signing 0.2."""
        return type(self)(tuple(anchor.allowing_legacy() for anchor in self.anchors))

    @property
    def names(self) -> tuple[str, ...]:
        """How the anchors are named in output, each once."""
        return tuple(dict.fromkeys(one.name for one in self.anchors if not isinstance(one, Veto)))

    def verify(self, bundle: Bundle, *, now: datetime | None = None) -> VerifiedBundle:
        """Verify the signature, then parse what was signed; `now` is the present unless given.

        Raises `WrongSignerError` when no trusted signer made it, `TamperedError` when the bundle
        names one but was not made by it, `RevokedError`, `UncheckedError` when it can't be told,
        `MalformedError` for a bad statement.
        """
        envelope = bundle.envelope
        proof = self._prove(bundle, now or datetime.now(UTC))
        return VerifiedBundle(
            Statement.parse(envelope.payload_type, envelope.payload),
            proof.signer,
            envelope.claim_id,
            bundle,
            _SEAL,
            proof.times,
            proof.certificate,
            proof.notices,
        )

    def _prove(self, bundle: Bundle, at: datetime) -> Proof:
        """Ask every anchor; what one of them knows to be revoked counts for none of them."""
        proofs: list[Proof] = []
        refusals: list[WeightmarkError] = []
        for anchor in self.anchors:
            try:
                proofs.append(anchor.prove(bundle, at))
            except RevokedError:
                raise
            except WeightmarkError as error:
                refusals.append(error)
        if not proofs:
            raise _worst(refusals)
        require_no_veto(self.anchors, bundle, proofs[0], at)
        return proofs[0]


def _worst(refusals: Sequence[WeightmarkError]) -> WeightmarkError:
    """Choose the refusal that says most: what is bad, then what can't be told, then mere strangers."""
    others = [one for one in refusals if not isinstance(one, WrongSignerError)]
    if others:
        return min(others, key=lambda error: isinstance(error, UncheckedError))
    return _stranger(refusals)


def _stranger(refusals: Sequence[WeightmarkError]) -> WrongSignerError:
    """Say of a signer whom no anchor knows what each of them says; out of time is nearer than unknown."""
    late = [one for one in refusals if isinstance(one, OutOfTimeError)]
    if late:
        return late[0]
    said = dict.fromkeys(refusal.why or refusal.what for refusal in refusals)
    if len(said) == 1 and isinstance(refusals[0], WrongSignerError):
        return refusals[0]
    shown = list(said)[:_REASONS_SHOWN]
    more = [f"and {len(said) - len(shown)} more"] if len(said) > len(shown) else []
    return WrongSignerError(
        "signed by somebody else than you trust",
        why="; ".join([*shown, *more]),
        fix=next((one.fix for one in refusals if one.fix), ""),
    )
