"""Signed models for measurements: by certificate, and keyless over a loopback Sigstore that is gone when it is measured."""

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from measure import Command, run

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # the loopback Sigstore is the one of the tests


@dataclass(frozen=True, slots=True)
class KeylessModel:
    """A model signed by somebody who logged in, and what verifiers need to know."""

    path: Path
    """the model"""
    trust_config: Path
    """the instance, as all three verifiers take it"""
    person: str
    """who signed"""
    issuer: str
    """where that person logged in"""
    bundle: Path
    """the manifest claim alone"""
    subject: str
    """the SHA-256 that the claim is about, lowercase hex"""


def sign_keyless(weightmark: Path, model: Path, env: Mapping[str, str]) -> KeylessModel:
    """Sign `model` over a loopback Sigstore."""
    from tests.sim.loopback import LoopbackSigstore

    scratch = model.parent
    with LoopbackSigstore.running() as sim:
        config = sim.write(scratch)["trust_config"]
        token = scratch / "token"
        token.write_text(sim.oidc.token(), encoding="utf-8")
        call = ("sign", model, "--identity-token-file", token, "--trust-config", config)
        run(Command("sign", (str(weightmark), *map(str, call))), {**env, "NO_PROXY": "127.0.0.1"})
        person, issuer = sim.oidc.person, sim.oidc.url
    claim = (model / "model.claims").read_bytes().splitlines()[0]
    bundle = scratch / "claim.json"
    bundle.write_bytes(claim)
    payload = json.loads(base64.b64decode(json.loads(claim)["dsseEnvelope"]["payload"]))
    subject = payload["subject"][0]["digest"]["sha256"]
    return KeylessModel(model, config, person, issuer, bundle, subject)


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Write a key, its certificate for signing code, and the root above it; all PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    from tests.sim.authority import Authority, key_usage
    from tests.sim.clock import SimClock

    now = SimClock().now()
    root, key = Authority("bench root", now), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench signer")])
    public, above = key.public_key(), root.key.public_key()
    leaf = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(root.name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(key_usage(signing=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    paths = (folder / "signer.key", folder / "signer.pem", folder / "root.pem")
    contents = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        leaf.public_bytes(Encoding.PEM),
        root.certificate.public_bytes(Encoding.PEM),
    )
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths
