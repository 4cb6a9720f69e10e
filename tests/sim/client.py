"""A client without a clock of its own: makes bundles at whatever time the simulated services have.

Real clients compare tokens and certificates with the clock of the machine; this one signs last year.
"""

import base64
import hashlib
import json
import ssl
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.sim.authority import der
from tests.sim.loopback import LoopbackSigstore
from tests.sim.web import Request

__all__ = ["sign_statement"]

_KIND = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def sign_statement(
    sim: LoopbackSigstore,
    payload: bytes,
    *,
    claims: dict[str, str] | None = None,
    version: int = 2,
    timestamps: int = 1,
) -> bytes:
    """Return a bundle v0.3 around a signed statement, made at the simulated time."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = der(sim.fulcio.issue(key.public_key(), sim.oidc.read(sim.oidc.token(claims))))
    pae = b"DSSEv1 %d %s %d %s" % (len(_KIND), _KIND.encode(), len(payload), payload)
    signature = key.sign(pae, ec.ECDSA(hashes.SHA256()))
    envelope = {
        "payload": _b64(payload),
        "payloadType": _KIND,
        "signatures": [{"sig": _b64(signature)}],
    }
    digest = hashlib.sha256(signature).digest()
    stamps = [sim.tsa.reply(digest) for _ in range(timestamps)]
    log = _log_v1 if version == 1 else _log_v2
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "certificate": {"rawBytes": _b64(certificate)},
            "tlogEntries": [log(sim, envelope, certificate, hashlib.sha256(pae).digest())],
            "timestampVerificationData": {
                "rfc3161Timestamps": [{"signedTimestamp": _b64(stamp)} for stamp in stamps]
            },
        },
        "dsseEnvelope": envelope,
    }
    return json.dumps(bundle).encode()


def _log_v2(
    sim: LoopbackSigstore, envelope: dict[str, Any], certificate: bytes, digest: bytes
) -> dict[str, Any]:
    verifier = {
        "x509Certificate": {"rawBytes": _b64(certificate)},
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
    }
    signature = {"content": envelope["signatures"][0]["sig"], "verifier": verifier}
    asked = {"hashedRekordRequestV002": {"digest": _b64(digest), "signature": signature}}
    entry: dict[str, Any] = json.loads(sim.rekor_v2.handle(_request(asked)).body)
    return entry


def _log_v1(
    sim: LoopbackSigstore, envelope: dict[str, Any], certificate: bytes, _: bytes
) -> dict[str, Any]:
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    proposed = {"envelope": json.dumps(envelope), "verifiers": [_b64(pem.encode())]}
    asked = {"kind": "dsse", "apiVersion": "0.0.1", "spec": {"proposedContent": proposed}}
    ((_, entry),) = json.loads(sim.rekor_v1.handle(_request(asked)).body).items()
    proof, promise = entry["verification"]["inclusionProof"], entry["verification"]
    return {
        "logIndex": str(entry["logIndex"]),
        "logId": {"keyId": _b64(bytes.fromhex(entry["logID"]))},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(entry["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": promise["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": _b64(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [_b64(bytes.fromhex(node)) for node in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    }


def _request(document: dict[str, Any]) -> Request:
    return Request("POST", "/", {}, {}, json.dumps(document).encode())


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
