"""Signing with a key that a certificate names; whoever verifies needs the authority at the chain's end."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.keys import PublicKey, SigningKey
from weightmark.attestations.keys.certificates import (
    issued_itself,
    parse_certificates,
    why_no_authority,
    why_not_for_code,
)
from weightmark.attestations.keys.files import is_private
from weightmark.attestations.signers.key import reference_notices, sign_envelope
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.errors import (
    CallError,
    CertificateRefusedError,
    ExpiredError,
    UncheckedError,
)
from weightmark.provenance.sidecars import read_named
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CertificateSigner"]

_MAX_FILE = 1024 * 1024
_MAX_CHAIN = 15


@dataclass(frozen=True)
class CertificateSigner:
    """Signs with a key, and puts its certificate and the authorities below the root into each bundle."""

    key: SigningKey
    """the private key"""
    chain: "tuple[Certificate, ...]"
    """what is published: the signer's certificate, then each one's issuer, and never the root"""
    authority: "Certificate"
    """the last certificate that the caller named: under it the own output is verified"""
    timestamped: bool = False
    """whether its signatures get timestamps, so that they outlive the certificates"""

    @classmethod
    def load(
        cls,
        key: SigningKey,
        certificate: str | os.PathLike[str],
        chain: Sequence[str | os.PathLike[str]] = (),
        *,
        timestamped: bool = False,
        now: datetime | None = None,
    ) -> Self:
        """Read the certificates from PEM files; `certificate` may hold the chain behind its leaf.

        A root at the end is used to check what is signed, and left out of it: only whoever verifies
        can name a root, and verifiers of keyless signatures refuse a bundle that brings one.

        Raises `CallError` when they are not those of `key` or out of order, `ExpiredError`,
        `CertificateRefusedError` when the leaf may not sign or an authority may not issue, and
        `TrustMissingError`.
        """
        certificates = _without_repeats(
            one for path in (certificate, *chain) for one in _read_certificates(Path(path))
        )
        leaf = certificates[0]
        _require_pair(key, leaf, str(certificate))
        _require_chain(certificates)
        for one in certificates:
            _require_time(one, now or datetime.now(UTC))
        _require_use(leaf)
        for one in certificates[1:]:
            _require_authority(one)
        last = certificates[-1]
        published = certificates[:-1] if issued_itself(last) else certificates
        return cls(key, published or certificates, last, timestamped)

    @property
    def identity(self) -> SignerIdentity:
        """Who signs: the holder of the certificate."""
        leaf = self.chain[0]
        subject = leaf.subject.rfc4514_string()
        return SignerIdentity(
            SignerKind.CERTIFICATE,
            self.key.public.fingerprint,
            subject,
            leaf.issuer.rfc4514_string(),
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """Whether the reference verifier knows the key's type, and how long the certificate is good."""
        ends = min(one.not_valid_after_utc for one in (*self.chain, self.authority))
        said = f"the certificates are valid until {ends:%Y-%m-%d}"
        hint = "a timestamp (`--tsa-url`) keeps signatures good after that"
        return (
            *reference_notices(self.key.public),
            said if self.timestamped else f"{said}; {hint}",
        )

    def own_trust(self) -> Trust:
        """Return the trust in this very certificate under the last one of the chain."""
        rule = CertificateRule.parse(fingerprint=_fingerprint(self.chain[0]))
        return Trust.in_anchors([CertificateAnchor((self.authority,), rule)])

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement."""
        return Bundle(
            CertificateChain(tuple(_der(one) for one in self.chain), single=False),
            sign_envelope(self.key, payload),
        )


def _read_certificates(path: Path) -> "tuple[Certificate, ...]":
    data = read_named(path, "certificate", limit=_MAX_FILE)
    if is_private(data):
        raise CallError(
            f"`{path}` holds a private key, and certificates are published with each signature",
            fix="name a file that holds certificates only",
        )
    return parse_certificates(data, f"`{path}`")


def _without_repeats(certificates: "Iterable[Certificate]") -> "tuple[Certificate, ...]":
    found = tuple({_der(one): one for one in certificates}.values())
    if len(found) > _MAX_CHAIN + 1:
        raise CallError(
            f"the certificate chain holds {len(found)} certificates",
            why=f"a chain of more than {_MAX_CHAIN} authorities is not verified",
            fix="name only the authorities between the certificate and its root",
        )
    return found


def _require_pair(key: SigningKey, leaf: "Certificate", name: str) -> None:
    in_leaf = PublicKey.of(leaf.public_key(), f"`{name}`", in_certificate=True)
    if in_leaf.fingerprint != key.public.fingerprint:
        raise CallError(
            f"the certificate `{name}` is not that of the key",
            why=f"it names the {in_leaf.kind} key {in_leaf.fingerprint}, and the key is the {key.public.kind} key {key.public.fingerprint}",
            fix="name the certificate that was issued for this key first in `--signing-cert`",
        )


def _require_chain(certificates: "Sequence[Certificate]") -> None:
    if len(certificates) == 1 and not issued_itself(certificates[0]):
        raise CallError(
            "the certificate stands alone",
            why="whoever verifies trusts an authority, and the way from there to the certificate is missing",
            fix="name the authorities with `--cert-chain FILE`, the issuer of the certificate first",
        )
    for one, issuer in pairwise(certificates):
        try:
            one.verify_directly_issued_by(issuer)
        except Exception as error:
            raise CallError(
                "the certificates are no chain",
                why=f"`{issuer.subject.rfc4514_string()}` did not issue `{one.subject.rfc4514_string()}`",
                fix="name the issuer of the certificate first, then the issuer's issuer",
            ) from error


def _require_time(one: "Certificate", now: datetime) -> None:
    name = one.subject.rfc4514_string()
    if now > one.not_valid_after_utc:
        raise ExpiredError(
            f"the certificate of `{name}` is past its time",
            why=f"it was valid until {one.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            fix="have a new one issued",
        )
    if now < one.not_valid_before_utc:
        raise UncheckedError(
            f"the certificate of `{name}` is not valid yet",
            why=f"its time begins at {one.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            fix="check the clock of this machine",
        )


def _require_use(leaf: "Certificate") -> None:
    reason = why_not_for_code(leaf)
    if reason:
        raise CertificateRefusedError(
            "the certificate may not sign models",
            why=reason,
            fix="have one issued with key usage digitalSignature and extended key usage codeSigning",
        )


def _require_authority(one: "Certificate") -> None:
    reason = why_no_authority(one)
    if reason:
        raise CertificateRefusedError(
            f"`{one.subject.rfc4514_string()}` may not issue certificates",
            why=reason,
            fix="have the authority issued anew, with basicConstraints CA:TRUE and key usage keyCertSign, both critical",
        )


def _der(certificate: "Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _fingerprint(certificate: "Certificate") -> str:
    return hashlib.sha256(_der(certificate)).hexdigest()
