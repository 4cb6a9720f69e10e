"""A transparency log in the manner of Rekor v2: `hashedrekord` and `dsse` 0.0.2, C2SP checkpoints by Ed25519."""

import base64
import hashlib
import json
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from tests.sim.faults import Faults
from tests.sim.merkle import MerkleTree
from tests.sim.web import Answer, Request

__all__ = ["RekorV2"]


class RekorV2:
    """Takes signatures that verify; it knows no time of its own."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.origin = "log2026.rekor.loopback.example"
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.tree = MerkleTree()
        for filler in range(3):
            self.tree.append(b"filler %d" % filler)

    @property
    def spki(self) -> bytes:
        """Return the log's key as DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def log_id(self) -> bytes:
        """Return the log's id: the C2SP key id, all 32 bytes of it."""
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return hashlib.sha256(self.origin.encode() + b"\n\x01" + raw).digest()

    def handle(self, request: Request) -> Answer:
        """Answer `POST /api/v2/log/entries`."""
        try:
            body = rfc8785.dumps(_body(request.json()))
        except (KeyError, ValueError, TypeError, InvalidSignature) as error:
            return Answer.of({"code": 3, "message": f"invalid request: {error!r}"}, 400)
        if self._faults.lies("rekor", "wrong entry"):
            head, mark, value = body.partition(b'"digest":"')
            body = head + mark + (b"BBBB" if value.startswith(b"AAAA") else b"AAAA") + value[4:]
        return Answer.of(self.entry(body), 201)

    def entry(self, body: bytes) -> dict[str, Any]:
        """Log a body and return a `TransparencyLogEntry`."""
        index = self.tree.append(body)
        root = self.tree.root()
        if self._faults.lies("rekor", "wrong root"):
            root = hashlib.sha256(b"another tree").digest()
        proof = {
            "logIndex": str(index),
            "rootHash": _b64(root),
            "treeSize": str(len(self.tree.leaves)),
            "hashes": [_b64(node) for node in self.tree.proof(index)],
            "checkpoint": {"envelope": self.checkpoint(root)},
        }
        return {
            "logIndex": str(index),
            "logId": {"keyId": _b64(self.log_id)},
            "kindVersion": {"kind": json.loads(body)["kind"], "version": "0.0.2"},
            "inclusionProof": proof,
            "canonicalizedBody": _b64(body),
        }

    def checkpoint(self, root: bytes) -> str:
        """Return a signed note over the tree as it is now."""
        note = f"{self.origin}\n{len(self.tree.leaves)}\n{_b64(root)}\n"
        signed = (
            b"something else" if self._faults.lies("rekor", "wrong checkpoint") else note.encode()
        )
        return f"{note}\n— {self.origin} {_b64(self.log_id[:4] + self.key.sign(signed))}\n"


def _body(asked: Any) -> dict[str, Any]:
    if "dsseRequestV002" in asked:
        return _dsse(asked["dsseRequestV002"])
    record = asked["hashedRekordRequestV002"]
    signature = record["signature"]
    key, verifier = _verifier(signature["verifier"])
    key.verify(
        base64.b64decode(signature["content"]),
        base64.b64decode(record["digest"]),
        ec.ECDSA(Prehashed(hashes.SHA256())),
    )
    data = {"algorithm": "SHA2_256", "digest": record["digest"]}
    spec = {"data": data, "signature": {"content": signature["content"], "verifier": verifier}}
    return {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": spec},
    }


def _dsse(asked: Any) -> dict[str, Any]:
    """Take an envelope, as the first releases of Rekor v2 did and some clients still expect."""
    envelope = asked["envelope"]
    (signature,), (verifier,) = envelope["signatures"], asked["verifiers"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key, said = _verifier(verifier)
    key.verify(base64.b64decode(signature["sig"]), pae, ec.ECDSA(hashes.SHA256()))
    digest = {"algorithm": "SHA2_256", "digest": _b64(hashlib.sha256(payload).digest())}
    spec = {"payloadHash": digest, "signatures": [{"content": signature["sig"], "verifier": said}]}
    return {"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": spec}}


def _verifier(asked: Any) -> tuple[ec.EllipticCurvePublicKey, dict[str, Any]]:
    name = "x509Certificate" if "x509Certificate" in asked else "publicKey"
    raw = base64.b64decode(asked[name]["rawBytes"])
    key: object = (
        load_der_public_key(raw)
        if name == "publicKey"
        else x509.load_der_x509_certificate(raw).public_key()
    )
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("only elliptic curves")
    return key, {"keyDetails": asked["keyDetails"], name: {"rawBytes": asked[name]["rawBytes"]}}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
