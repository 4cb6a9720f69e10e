"""What signers meet: tokens, certificate authorities, time-stamping authorities."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.sim.authority import key_usage
from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.tsa import TimestampAuthority
from tests.sim.web import LoopbackServer
from weightmark.attestations.keys import PrivateKey

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "1234"


@dataclass
class Token:
    """A folder of SoftHSM tokens."""

    place: Path

    def init(self, label: str) -> None:
        """Make a token."""
        self._tool("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "56789")

    def put(self, key: PrivateKey, label: str, key_id: str = "01") -> None:
        """Import a private key with its public half."""
        file = self.place / "import.pem"
        file.write_bytes(key.to_pem(None))
        self._tool(
            *("--import", str(file), "--force", "--token", "wm", "--pin", PIN),
            *("--label", label, "--id", key_id),
        )

    def uri(self, label: str = "release", *, pin: str = PIN) -> str:
        """Name a key in a token."""
        return f"pkcs11:token=wm;object={label}?module-path={SOFTHSM}&pin-value={pin}"

    def _tool(self, *args: str) -> None:
        tool = shutil.which("softhsm2-util") or "softhsm2-util"
        done = subprocess.run([tool, *args], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class LoopbackTsa:
    """A time-stamping authority that can be told to fail: `faults["tsa"] = Fault…`."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.clock = SimClock()
        self.authority = TimestampAuthority(self.clock, self.faults)
        self.server = LoopbackServer(self.faults)
        self.server.route("tsa", "/tsa", self.authority.handle)

    @property
    def url(self) -> str:
        return f"{self.server.url}/tsa"


@dataclass
class Chain:
    """A root, an intermediate and leaves for code signing."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP384R1())
        self.middle_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._authority("root", self.root_key, "root", self.root_key)
        self.middle = self._authority("middle", self.middle_key, "root", self.root_key)

    def leaf(
        self,
        key: PrivateKey,
        *,
        days: tuple[int, int] = (-1, 30),
        usage: x509.KeyUsage | None = key_usage(signing=True),  # noqa: B008 - a constant
        extended: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.CODE_SIGNING,),
    ) -> x509.Certificate:
        """Issue a certificate for `key`, valid from and until so many days from now."""
        start, end = (self.now + timedelta(days=day) for day in days)
        builder = (
            self._builder("release@example.com", key.key.public_key(), "middle")
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.RFC822Name("release@example.com")]),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.middle_key.public_key()),
                critical=False,
            )
        )
        if usage is not None:
            builder = builder.add_extension(usage, critical=True)
        if extended is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        return builder.sign(self.middle_key, hashes.SHA256())

    def _authority(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: str,
        issuer_key: ec.EllipticCurvePrivateKey,
    ) -> x509.Certificate:
        builder = (
            self._builder(name, key.public_key(), issuer)
            .not_valid_before(self.now - timedelta(days=100))
            .not_valid_after(self.now + timedelta(days=1000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                critical=False,
            )
        )
        return builder.sign(issuer_key, hashes.SHA256())

    def _builder(self, name: str, public: object, issuer: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public)  # type: ignore[arg-type] # any key that certificates can hold
            .serial_number(x509.random_serial_number())
        )


def write_pem(path: Path, *certificates: x509.Certificate) -> Path:
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    return path
