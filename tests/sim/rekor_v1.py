"""A transparency log in the manner of Rekor v1: `hashedrekord` and `dsse` 0.0.1, SETs and checkpoints."""

import base64
import hashlib
import json
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.merkle import MerkleTree
from tests.sim.web import Answer, Request

__all__ = ["RekorV1"]

_TREE_ID = 3904496407287907110
_FIRST = 1000
"""entries of earlier shards: the global index differs from the index in the tree"""


class RekorV1:
    """Takes signatures that verify, and proves that it did."""

    def __init__(self, clock: SimClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self.origin = "rekor.loopback.example"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.tree = MerkleTree()
        self._bodies: list[bytes] = []
        for filler in range(5):
            self._append(json.dumps({"kind": "filler", "n": filler}).encode())

    @property
    def spki(self) -> bytes:
        """Return the log's key as DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def log_id(self) -> bytes:
        """Return the log's id: SHA-256 of its key."""
        return hashlib.sha256(self.spki).digest()

    def handle(self, request: Request) -> Answer:
        """Answer `POST /api/v1/log/entries`."""
        try:
            document = request.json()
            build = {"dsse": _dsse_body, "hashedrekord": _hashedrekord_body}[str(document["kind"])]
            body = rfc8785.dumps(build(document["spec"]))
        except (KeyError, ValueError, TypeError, InvalidSignature) as error:
            return Answer.of({"code": 400, "message": f"error processing entry: {error!r}"}, 400)
        if self._faults.lies("rekor", "wrong entry"):
            body = _about_something_else(body)
        return Answer.of(self.entry(body), 201)

    def entry(self, body: bytes) -> dict[str, Any]:
        """Log a body and return what the service says about it."""
        index = self._append(body)
        said = {
            "body": base64.b64encode(body).decode(),
            "integratedTime": int(self._clock.now().timestamp()),
            "logID": self.log_id.hex(),
            "logIndex": _FIRST + index,
        }
        root = self.tree.root()
        if self._faults.lies("rekor", "wrong root"):
            root = hashlib.sha256(b"another tree").digest()
        proof = {
            "checkpoint": self.checkpoint(root),
            "hashes": [node.hex() for node in self.tree.proof(index)],
            "logIndex": index,
            "rootHash": root.hex(),
            "treeSize": len(self.tree.leaves),
        }
        promise = self._sign(rfc8785.dumps(said))  # type: ignore[arg-type]  # it is JSON
        if self._faults.lies("rekor", "wrong SET"):
            promise = self._sign(b"something else")
        verification = {
            "inclusionProof": proof,
            "signedEntryTimestamp": base64.b64encode(promise).decode(),
        }
        return {f"{_TREE_ID:016x}{'0' * 64}": {**said, "verification": verification}}

    def checkpoint(self, root: bytes) -> str:
        """Return a signed note over the tree as it is now."""
        size, encoded = len(self.tree.leaves), base64.b64encode(root).decode()
        note = f"{self.origin} - {_TREE_ID}\n{size}\n{encoded}\n"
        signature = self._sign(note.encode())
        if self._faults.lies("rekor", "wrong checkpoint"):
            signature = self._sign(b"something else")
        signed = base64.b64encode(self.log_id[:4] + signature).decode()
        return f"{note}\n— {self.origin} {signed}\n"

    def _append(self, body: bytes) -> int:
        self._bodies.append(body)
        return self.tree.append(body)

    def _sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def _about_something_else(body: bytes) -> bytes:
    head, mark, value = body.rpartition(b'"value":"')
    return head + mark + (b"11" if value.startswith(b"00") else b"00") + value[2:]


def _verifier(pem: bytes) -> ec.EllipticCurvePublicKey:
    if b"CERTIFICATE" in pem:
        key: object = x509.load_pem_x509_certificate(pem).public_key()
    else:
        key = load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("only elliptic curves")
    return key


def _dsse_body(spec: Any) -> dict[str, Any]:
    proposed = spec["proposedContent"]
    envelope = json.loads(proposed["envelope"])
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    (signature,), (verifier,) = envelope["signatures"], proposed["verifiers"]
    _verifier(base64.b64decode(verifier)).verify(
        base64.b64decode(signature["sig"]), pae, ec.ECDSA(hashes.SHA256())
    )
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": _sha256(proposed["envelope"].encode()),
            "payloadHash": _sha256(payload),
            "signatures": [{"signature": signature["sig"], "verifier": verifier}],
        },
    }


def _hashedrekord_body(spec: Any) -> dict[str, Any]:
    digest = spec["data"]["hash"]
    signature = spec["signature"]
    verifier = _verifier(base64.b64decode(signature["publicKey"]["content"]))
    verifier.verify(
        base64.b64decode(signature["content"]),
        bytes.fromhex(digest["value"]),
        ec.ECDSA(Prehashed(hashes.SHA256())),
    )
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": digest["algorithm"], "value": digest["value"]}},
            "signature": {
                "content": signature["content"],
                "publicKey": {"content": signature["publicKey"]["content"]},
            },
        },
    }


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
