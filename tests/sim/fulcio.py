"""A certificate authority in the manner of Fulcio v2, with a certificate transparency log of its own (RFC 6962)."""

import base64
import hashlib
import struct
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.sim.authority import Authority, key_usage
from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.fulcio_extensions import extensions_of
from tests.sim.oidc import OidcProvider
from tests.sim.web import Answer, Request

__all__ = ["Fulcio"]

_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_LIFE = timedelta(minutes=10)


class Fulcio:
    """Turns a verified token into a certificate for ten minutes."""

    def __init__(self, clock: SimClock, oidc: OidcProvider, faults: Faults) -> None:
        self._clock = clock
        self._oidc = oidc
        self._faults = faults
        self.root = Authority("loopback root", clock.now())
        self.issuer = Authority("loopback intermediate", clock.now(), self.root)
        self.ct_key = ec.generate_private_key(ec.SECP256R1())
        self.issued: list[x509.Certificate] = []

    def handle(self, request: Request) -> Answer:
        """Answer `POST /api/v2/signingCert`."""
        try:
            asked: Any = request.json()
            claims = self._oidc.read(_token(request, asked))
            key = _by_challenge(asked, claims) if "publicKeyRequest" in asked else _by_csr(asked)
        except jwt.InvalidTokenError as error:
            return Answer.refusal(401, f"error processing the identity token: {error}")
        except (KeyError, ValueError, TypeError, InvalidSignature) as error:
            return Answer.refusal(400, f"the request cannot be read: {error!r}")
        return self._answer(key, claims)

    def _answer(self, key: object, claims: dict[str, object]) -> Answer:
        leaf = self.issue(key, claims)
        chain = [leaf, *self.issuer.chain]
        pems = [certificate.public_bytes(Encoding.PEM).decode() for certificate in chain]
        return Answer.of({"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}})

    def issue(self, key: object, claims: dict[str, object]) -> x509.Certificate:
        """Return a certificate with a signed certificate timestamp inside."""
        now = self._clock.now()
        if self._faults.lies("fulcio", "another key"):
            key = ec.generate_private_key(ec.SECP256R1()).public_key()
        if self._faults.lies("fulcio", "expired certificate"):
            now -= timedelta(days=1)
        if self._faults.lies("fulcio", "another identity"):
            claims = {**claims, "email": "mallory@example.com"}
        builder = self._builder(key, claims, now)
        bare = builder.sign(self.issuer.key, hashes.SHA256())
        if self._faults.lies("fulcio", "no SCT"):
            return bare
        sct = self._sct(bare.tbs_certificate_bytes, now)
        extension = x509.UnrecognizedExtension(_SCT_LIST, sct)
        leaf = builder.add_extension(extension, critical=False).sign(
            self.issuer.key, hashes.SHA256()
        )
        self.issued.append(leaf)
        return leaf

    def _builder(
        self, key: object, claims: dict[str, object], now: datetime
    ) -> x509.CertificateBuilder:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError("only elliptic curves")
        name, extensions = extensions_of(claims)
        public = self.issuer.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.issuer.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + _LIFE)
            .add_extension(key_usage(signing=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder

    def _sct(self, tbs: bytes, now: datetime) -> bytes:
        """Return a list of one timestamp as an extension value (RFC 6962 §3.2, §3.3)."""
        issuer_hash = hashlib.sha256(_spki(self.issuer.key.public_key())).digest()
        millis = int(now.timestamp() * 1000)
        signed = struct.pack("!BBQH", 0, 0, millis, 1) + issuer_hash
        signed += len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
        key = self.ct_key
        if self._faults.lies("fulcio", "wrong SCT"):
            key = ec.generate_private_key(ec.SECP256R1())
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
        sct = b"\0" + self.ct_id + struct.pack("!QH", millis, 0) + b"\4\3"
        sct += struct.pack("!H", len(signature)) + signature
        inner = struct.pack("!H", len(sct)) + sct
        listed = struct.pack("!H", len(inner)) + inner
        return _octet_string(listed)

    @property
    def ct_id(self) -> bytes:
        """Return the log's id: SHA-256 of its key."""
        return hashlib.sha256(_spki(self.ct_key.public_key())).digest()


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _token(request: Request, asked: Any) -> str:
    """Return the identity token: some clients send it as a header, others in the document."""
    if "authorization" in request.headers:
        return request.headers["authorization"].removeprefix("Bearer ")
    token: str = asked["credentials"]["oidcIdentityToken"]
    return token


def _by_csr(asked: Any) -> object:
    csr = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
    if not csr.is_signature_valid:
        raise ValueError("the signing request is not signed by its key")
    return csr.public_key()


def _by_challenge(asked: Any, claims: dict[str, object]) -> object:
    """Take a public key whose owner signed the subject of the token."""
    proof = asked["publicKeyRequest"]
    key = load_pem_public_key(proof["publicKey"]["content"].encode())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("only elliptic curves")
    challenge = str(claims["email"] if claims.get("email_verified") else claims["sub"])
    signature = base64.b64decode(proof["proofOfPossession"])
    key.verify(signature, challenge.encode(), ec.ECDSA(hashes.SHA256()))
    return key


def _octet_string(content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x81" + bytes([size])
    return b"\x04" + length + content
