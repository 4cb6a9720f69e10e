"""Certificate chains of the simulated certificate and timestamp authorities."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "der", "key_usage"]

_LIFE = timedelta(days=3650)


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def key_usage(*, signing: bool = False, certificates: bool = False) -> x509.KeyUsage:
    """Return the key usage of a signer or of an authority."""
    return x509.KeyUsage(
        digital_signature=signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A key with a certificate, under a parent or under itself."""

    def __init__(
        self,
        name: str,
        now: datetime,
        parent: "Authority | None" = None,
        *,
        timestamping: bool = False,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "loopback"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        self.parent = parent
        self.certificate = self._issue(now, timestamping)

    @property
    def chain(self) -> list[x509.Certificate]:
        """Return the certificates from this one up to the root."""
        return [self.certificate, *(self.parent.chain if self.parent else [])]

    def _issue(self, now: datetime, timestamping: bool) -> x509.Certificate:
        issuer = self.parent or self
        public = self.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _LIFE)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(not timestamping, None), critical=True)
            .add_extension(
                key_usage(signing=timestamping, certificates=not timestamping), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
                critical=False,
            )
        )
        if timestamping:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(issuer.key, hashes.SHA256())
