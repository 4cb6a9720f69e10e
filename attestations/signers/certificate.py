"""Signing with a key that a certificate names; whoever verifies needs the authority at the chain's end."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.keys import PublicKey, SigningKey
from weightmark.attestations.keys.files import is_private
from weightmark.attestations.signers.key import reference_notices, sign_envelope
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.errors import (
    CallError,
    CertificateRefusedError,
    ExpiredError,
    TrustMissingError,
    UncheckedError,
)
from weightmark.provenance.sidecars import read_named

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CertificateSigner"]

_MAX_FILE = 1024 * 1024
_MAX_CHAIN = 15


@dataclass(frozen=True)
class CertificateSigner:
    """Signs with a key, and puts its certificate and the chain into each bundle."""

    key: SigningKey
    """the private key"""
    chain: "tuple[Certificate, ...]"
    """the signer's certificate, then each one's issuer"""

    @classmethod
    def load(
        cls,
        key: SigningKey,
        certificate: str | os.PathLike[str],
        chain: Sequence[str | os.PathLike[str]] = (),
        *,
        now: datetime | None = None,
    ) -> Self:
        """Read the certificates from PEM files; `certificate` may hold the chain behind its leaf.

        Raises `CallError` when they are not those of `key` or out of order, `ExpiredError`,
        `CertificateRefusedError` when the leaf may not sign, and `TrustMissingError`.
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
        return cls(key, certificates)

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
        ends = min(one.not_valid_after_utc for one in self.chain)
        return (
            *reference_notices(self.key.public),
            f"the certificates are valid until {ends:%Y-%m-%d}; a timestamp (`--tsa-url`) keeps signatures good after that",
        )

    def own_trust(self) -> Trust:
        """Return the trust in this very certificate under the last one of the chain."""
        rule = CertificateRule.parse(fingerprint=_fingerprint(self.chain[0]))
        return Trust.in_anchors([CertificateAnchor((self.chain[-1],), rule)])

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement."""
        return Bundle(
            CertificateChain(tuple(_der(one) for one in self.chain), single=False),
            sign_envelope(self.key, payload),
        )


def _read_certificates(path: Path) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates

    data = read_named(path, "certificate", limit=_MAX_FILE)
    if is_private(data):
        raise CallError(
            f"`{path}` holds a private key, and certificates are published with each signature",
            fix="name a file that holds certificates only",
        )
    try:
        found = load_pem_x509_certificates(data)
    except Exception as error:
        raise TrustMissingError(
            f"`{path}` holds no certificate in PEM form",
            fix="convert it with `openssl x509 -inform DER -in FILE -out FILE.pem`",
        ) from error
    return list(found)


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


def _is_self_signed(certificate: "Certificate") -> bool:
    """Tell whether the certificate is its own authority, so that whoever trusts it needs no other."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it did not issue itself
        return False
    return True


def _require_chain(certificates: "Sequence[Certificate]") -> None:
    if len(certificates) == 1 and not _is_self_signed(certificates[0]):
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
    """Demand what verifiers demand of a certificate that signs code (OMS 1.0 §6)."""
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    def value_of(kind: type) -> object:
        try:
            return leaf.extensions.get_extension_for_class(kind).value
        except ExtensionNotFound:
            return None
        except ValueError as error:
            raise CertificateRefusedError(
                "the certificate has an extension that can't be read", why=str(error)
            ) from error

    usage, extended = value_of(KeyUsage), value_of(ExtendedKeyUsage)
    reason = ""
    if usage is None and extended is None:
        reason = "it does not say what it may be used for"
    elif isinstance(usage, KeyUsage) and not usage.digital_signature:
        reason = "its key usage lacks digitalSignature"
    elif (
        isinstance(extended, ExtendedKeyUsage) and ExtendedKeyUsageOID.CODE_SIGNING not in extended
    ):
        reason = "its extended key usage lacks codeSigning"
    if reason:
        raise CertificateRefusedError(
            "the certificate may not sign models",
            why=reason,
            fix="have one issued with key usage digitalSignature and extended key usage codeSigning",
        )


def _der(certificate: "Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _fingerprint(certificate: "Certificate") -> str:
    return hashlib.sha256(_der(certificate)).hexdigest()
