"""The certificate authority (Fulcio), and what its certificates say about their owner."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.signers.keyless.services import BoundedSession
from weightmark.attestations.signers.keyless.tokens import IdentityToken
from weightmark.errors import NetworkError, WeightmarkError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CertificateClient", "identity_in", "require_same_person"]

_SKEW = timedelta(seconds=60)


class CertificateClient:
    """sigstore's client of the authority, with bounds; keeps the certificate that it got."""

    def __init__(self, inner: Any, session: BoundedSession) -> None:
        """Take sigstore's own client and the session that its calls shall use."""
        inner.session = session
        self._inner = inner
        self._issued: Certificate | None = None

    @property
    def signing_cert(self) -> "CertificateClient":
        """What sigstore asks for a certificate."""
        return self

    @property
    def issued(self) -> "Certificate":
        """The newest certificate."""
        if self._issued is None:
            raise NetworkError("no certificate came from the certificate authority")
        return self._issued

    def post(self, request: Any, identity: Any) -> Any:
        """Ask for a certificate; raises `NetworkError` when it is for another key."""
        answer = self._inner.signing_cert.post(request, identity)
        if answer.cert.public_key() != request.public_key():
            raise NetworkError(
                "the certificate authority sent a certificate for another key",
                why="its public key is not the one that was sent in",
            )
        _require_current(answer.cert)
        self._issued = answer.cert
        return answer


def _require_current(certificate: "Certificate") -> None:
    now = datetime.now(UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin - _SKEW <= now <= end:
        raise NetworkError(
            "the certificate authority sent a certificate that is not good now",
            why=f"it is good from {begin:%Y-%m-%dT%H:%M:%SZ} until {end:%Y-%m-%dT%H:%M:%SZ}",
            fix="check the clock of this machine",
        )


def identity_in(certificate: "Certificate") -> SignerIdentity:
    """Return whom a certificate of Fulcio names; raises `NetworkError` when it can't be told."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from weightmark.attestations.sigstore.leaf import Leaf

    try:
        leaf = Leaf.parse(certificate.public_bytes(Encoding.DER))
        subject, issuer = leaf.facts.subject, leaf.facts.extensions.issuer
        fingerprint = leaf.key.fingerprint
    except WeightmarkError as error:
        raise NetworkError(
            "the certificate authority sent a certificate that can't be used",
            why=error.what,
            fix="check that this is the right instance",
        ) from error
    if not issuer:
        raise NetworkError("the certificate authority sent a certificate without an issuer")
    return SignerIdentity(SignerKind.SIGSTORE, fingerprint, subject, issuer)


def require_same_person(certificate: "Certificate", token: IdentityToken) -> None:
    """Refuse a certificate that names another person than the token, as far as the token tells."""
    named = identity_in(certificate).subject
    if token.email and "@" in named and "://" not in named and named != token.email:
        raise NetworkError(
            f"the certificate authority named somebody else: `{named[:200]}`",
            why=f"the identity token is about `{token.email[:200]}`",
        )
