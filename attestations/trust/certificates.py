"""Trust in a certificate under a chain that the caller names, for the holder that the caller names.

Paths are built by `cryptography.x509.verification`; what a leaf must be, and who, is said here.
There are no default roots: neither the system's nor anybody's list of web authorities counts.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.legacy_encoding import has_signed
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.identities import SignerIdentity, SignerKind, VerifiedTime
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.keys.certificates import parse_certificates, why_not_for_code
from weightmark.attestations.trust.certificate_rule import CertificateRule
from weightmark.attestations.trust.clocks import NO_CLOCKS, Clocks
from weightmark.attestations.trust.interface import CertificateFacts, Proof
from weightmark.attestations.trust.paths import (
    authorities_between,
    why_no_issuer,
    why_no_path,
)
from weightmark.attestations.trust.validity import ALWAYS, Validity
from weightmark.errors import (
    CertificateRefusedError,
    ExpiredError,
    MalformedError,
    TamperedError,
    TrustMissingError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CertificateAnchor", "CertificateRule", "load_certificates"]

_MAX_ANCHORS = 100
_MAX_DEPTH = 8


@dataclass(frozen=True)
class CertificateAnchor:
    """Certificates under which a signer's certificate must stand, and who that signer is."""

    chain: "tuple[Certificate, ...]"
    """roots or intermediates; each one alone is trusted to issue"""
    rule: CertificateRule
    """which certificates below them count"""
    validity: Validity = ALWAYS
    """when signatures under them count"""
    clocks: Clocks = NO_CLOCKS
    """who may prove when a signature was made"""
    label: str = ""
    """its name in a trust file, for people"""
    allow_legacy: bool = False
    """whether the weaker encoding of model-signing 0.2 counts for the statements of that version"""

    @property
    def name(self) -> str:
        """The rule and the authorities in words."""
        issuers = " or ".join(f"`{_name(one.subject)}`" for one in self.chain[:3])
        more = f" and {len(self.chain) - 3} more" if len(self.chain) > 3 else ""  # noqa: PLR2004 - as many are shown
        return f"{self.rule.text} under {issuers}{more}"

    @property
    def expires(self) -> datetime | None:
        """The last moment of the shortest authority, or of the anchor's own time."""
        ends = [one.not_valid_after_utc for one in self.chain]
        return min([*ends, self.validity.not_after] if self.validity.not_after else ends)

    def allowing_legacy(self) -> "CertificateAnchor":
        """Return the same anchor that also believes the weaker encoding of model-signing 0.2."""
        return replace(self, allow_legacy=True)

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:
        """Tell whether the signer is meant: by fingerprint wherever the key stands, else by a name under the authorities.

        At whatever time; a key or certificate that a fingerprint names is the same without a
        certificate, and under any authority.
        """
        if self.rule.fingerprint and self.rule.fingerprint == proof.signer.fingerprint:
            return True
        if not isinstance(bundle.material, CertificateChain):
            return False
        leaf, *brought = _parse_chain(bundle.material)
        if self.rule.fingerprint:
            return self.rule.fingerprint in (_facts(leaf).fingerprint, _key_fingerprint(leaf))
        if self.rule.mismatch(_facts(leaf), _common_names(leaf), _key_fingerprint(leaf)):
            return False
        return authorities_between(leaf, brought, self.chain) is not None

    def prove(self, bundle: Bundle, now: datetime) -> Proof:
        """Verify chain, holder, use and signature, in this order; see `Anchor`."""
        if not isinstance(bundle.material, CertificateChain):
            raise WrongSignerError("signed with a bare key, and you trust a certificate")
        leaf, *brought = _parse_chain(bundle.material)
        facts = _facts(leaf)
        others = self._require_path(leaf, brought, now)
        reason = self.rule.mismatch(facts, _common_names(leaf), _key_fingerprint(leaf))
        if reason:
            raise WrongSignerError(
                "signed with another certificate than you trust",
                why=reason,
                fix="check with the publisher whose certificate signs",
            )
        _require_code_signing(leaf)
        key = _key_of(leaf)
        envelope = bundle.envelope
        if not has_signed(key, envelope, allow_legacy=self.allow_legacy):
            raise TamperedError(
                "the signature does not fit what it signs",
                why="the certificate is one that you trust, but its key did not make it",
            )
        times, notices = self.clocks.read(bundle, key, now)
        self._require_moment(leaf, others, times, now)
        self.validity.require(self.label or facts.subject, times, now)
        named = facts.names[0] if facts.names else facts.subject
        signer = SignerIdentity(SignerKind.CERTIFICATE, key.fingerprint, named, facts.issuer)
        return Proof(signer, times, facts, notices)

    def _require_path(
        self, leaf: "Certificate", brought: Sequence["Certificate"], now: datetime
    ) -> "tuple[Certificate, ...]":
        """Demand that the leaf stands under an anchor at any moment at all: time is judged last.

        Returns those certificates that lead there, of what the bundle brought.
        """
        others = authorities_between(leaf, brought, self.chain)
        if others is not None:
            moments = (now, *_moments_of((leaf, *others, *self.chain)))
            if any(self._has_path(leaf, others, at) for at in moments):
                return others
        if any(not _is_path_algorithm(one) for one in (*brought, *self.chain)):
            raise UnsupportedError(
                "the certificate chain has an authority with a key that is not supported",
                why="authorities with RSA and ECDSA keys on P-256, P-384 and P-521 are checked",
            )
        raise WrongSignerError(
            "signed with a certificate under another authority than you trust",
            why=self._missing_path(leaf, brought, others, now),
            fix="check which authority the publisher announces, and that the bundle holds the intermediates",
        )

    def _missing_path(
        self,
        leaf: "Certificate",
        brought: Sequence["Certificate"],
        found: "Sequence[Certificate] | None",
        now: datetime,
    ) -> str:
        """Say where the path from the leaf ends, or which authority on it may not issue.

        `found` leads to an authority by names and signatures; None where no way leads there.
        """
        below, known = leaf, [*self.chain, *brought]
        for _ in range(_MAX_DEPTH):
            above = next((one for one in known if one.subject == below.issuer), None)
            if above is None:
                return f"no path leads from `{_name(leaf.subject)}` to {self._authorities}: nobody holds the certificate of `{_name(below.issuer)}`"
            reason = why_no_issuer(above, named=above in self.chain)
            if reason:
                return (
                    f"the authority `{_name(above.subject)}` may not issue certificates: {reason}"
                )
            if above in self.chain or above.subject == above.issuer:
                break
            below = above
        said = f"no path leads from `{_name(leaf.subject)}` to {self._authorities}"
        reason = "" if found is None else why_no_path(leaf, found, self.chain, now)
        return f"{said}: {reason}" if reason else said

    @property
    def _authorities(self) -> str:
        return " or ".join(f"`{_name(one.subject)}`" for one in self.chain[:3])

    def _require_moment(
        self,
        leaf: "Certificate",
        others: Sequence["Certificate"],
        times: Sequence[VerifiedTime],
        now: datetime,
    ) -> None:
        moment = min((time.at for time in times), default=now)
        if self._has_path(leaf, others, moment):
            return
        if times:
            raise CertificateRefusedError(
                "signed outside of the certificate's time",
                why=f"it was signed at {moment:%Y-%m-%dT%H:%M:%SZ}, when the chain was not valid",
            )
        if now < leaf.not_valid_before_utc:
            raise CertificateRefusedError(
                "the certificate is not valid yet",
                why=f"its time begins at {leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            )
        raise ExpiredError(
            "the certificate or its chain is past its time, and nothing proves when it signed",
            why=f"the certificate was valid until {leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            fix="ask the publisher for a signature with a timestamp, and name its authority with `--tsa-chain FILE`",
        )

    def _has_path(self, leaf: "Certificate", others: Sequence["Certificate"], at: datetime) -> bool:
        return not why_no_path(leaf, others, self.chain, at)


def load_certificates(pem: bytes, what: str) -> "tuple[Certificate, ...]":
    """Read PEM certificates to trust; raises `TrustMissingError`."""
    found = parse_certificates(pem, what)
    if len(found) > _MAX_ANCHORS:
        raise TrustMissingError(
            f"{what} holds over {_MAX_ANCHORS} certificates",
            why="that is a list of web authorities, of which each could vouch for anybody",
            fix="name the authority that issues the publisher's certificates",
        )
    return found


def _parse_chain(material: CertificateChain) -> "list[Certificate]":
    from cryptography.x509 import load_der_x509_certificate

    try:
        chain = [load_der_x509_certificate(one) for one in material.certificates]
        whole = all(
            der[-len(one.signature) - 1] == 0
            for der, one in zip(material.certificates, chain, strict=True)
        )
    except Exception as error:
        raise MalformedError("a certificate of the bundle is not X.509") from error
    if not whole:
        raise MalformedError(
            "a certificate of the bundle is not DER",
            why="its signature is no whole number of bytes, so one certificate would have two fingerprints",
        )
    return chain


def _facts(leaf: "Certificate") -> CertificateFacts:
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return CertificateFacts(
            subject=_name(leaf.subject),
            issuer=_name(leaf.issuer),
            names=tuple(_alternative_names(leaf)),
            fingerprint=hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest(),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
        )
    except Exception as error:
        raise MalformedError(
            "the signer's certificate holds an extension that breaks its format"
        ) from error


def _name(name: object) -> str:
    text: str = name.rfc4514_string()  # type: ignore[attr-defined] # x509.Name, which is not imported at the top
    return text


def _common_names(leaf: "Certificate") -> list[str]:
    from cryptography.x509.oid import NameOID

    found = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [one.value for one in found if isinstance(one.value, str)]


def _alternative_names(leaf: "Certificate") -> Iterator[str]:
    from cryptography.x509 import (
        DNSName,
        ExtensionNotFound,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return
    for one in names:
        if isinstance(one, RFC822Name | UniformResourceIdentifier | DNSName):
            yield one.value


def _require_code_signing(leaf: "Certificate") -> None:
    reason = why_not_for_code(leaf)
    if reason:
        raise CertificateRefusedError(
            "the certificate may not sign models",
            why=reason,
            fix="ask the publisher for a signature with a certificate for code signing",
        )


def _key_fingerprint(leaf: "Certificate") -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo as it stands in the certificate, lowercase hex.

    It is by this digest that verified signers are named, whatever the kind of the key.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        spki = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 - a key that the library can't read is refused where it is used
        return ""
    return hashlib.sha256(spki).hexdigest()


def _key_of(leaf: "Certificate") -> PublicKey:
    try:
        return PublicKey.of(leaf.public_key(), "the certificate", in_certificate=True)
    except UnsupportedError as error:
        raise CertificateRefusedError(
            "the certificate has a key of a kind that signatures may not have",
            why=error.why or error.what,
            fix="ask the publisher for a certificate with a key on P-256, P-384 or P-521",
        ) from error
    except ValueError as error:
        raise MalformedError("the key of the signer's certificate is not valid") from error


def _moments_of(certificates: Sequence["Certificate"]) -> list[datetime]:
    """Return the moments at which a path can begin or end to be valid, newest first."""
    moments = {one.not_valid_after_utc for one in certificates}
    moments |= {one.not_valid_before_utc for one in certificates}
    return sorted((at.astimezone(UTC) for at in moments), reverse=True)


def _is_path_algorithm(certificate: "Certificate") -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        return isinstance(certificate.public_key(), ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    except Exception:  # noqa: BLE001 - a key that the library can't even read is one that it does not support
        return False
