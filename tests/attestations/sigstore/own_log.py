"""A transparency log of our own, with one entry: to write whatever a dishonest log or signer would."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from weightmark.attestations.bundles.bundle import Bundle, InclusionProof, KeyHint, LogEntry
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.sigstore.time_ranges import TimeRange
from weightmark.attestations.sigstore.trusted_root import LogKey, TrustedRoot
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.merkle import leaf_hash
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.strict_json import canonical_json

Json = dict[str, Any]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOST = "log.example"
WINDOW = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))
SIGNER = PrivateKey(ec.derive_private_key(1111, ec.SECP256R1()), "ecdsa-p256")
LOG_V1 = PrivateKey(ec.derive_private_key(2222, ec.SECP256R1()), "ecdsa-p256")
LOG_V2 = NoteSigner(HOST, bytes(range(1, 33)))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def spki(key: PrivateKey) -> bytes:
    return base64.b64decode("".join(key.public.pem.decode().splitlines()[1:-1]))


def envelope(by: PrivateKey = SIGNER, payload: bytes = b"{}") -> Envelope:
    unsigned = Envelope(IN_TOTO_PAYLOAD_TYPE, payload, b"")
    return replace(unsigned, signature=by.sign(unsigned.pae))


ID_V1 = hashlib.sha256(spki(LOG_V1)).digest()
_ED25519 = bytes.fromhex("302a300506032b6570032100")
RAW_V2 = LOG_V2.verifier.public_key
ID_V2 = hashlib.sha256(HOST.encode() + b"\n\x01" + RAW_V2).digest()


def root() -> TrustedRoot:
    """Return the root that knows both logs and nothing else."""
    url = f"https://{HOST}"
    return TrustedRoot(
        (
            LogKey(url, ID_V1, "PKIX_ECDSA_P256_SHA_256", spki(LOG_V1), WINDOW),
            LogKey(url, ID_V2, "PKIX_ED25519", _ED25519 + RAW_V2, WINDOW),
        ),
        (),
        (),
        (),
    )


def _sha256(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _v2(data: bytes) -> Json:
    return {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(data).digest())}


def _pem() -> str:
    return b64(SIGNER.public.pem)


def _verifier() -> Json:
    return {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": b64(spki(SIGNER))}}


def go_json(one: Envelope) -> bytes:
    """Write an envelope as Go programs do."""
    signatures = [{"keyid": "", "sig": b64(one.signature)}]
    fields = {"payloadType": one.payload_type, "payload": b64(one.payload)}
    return json.dumps({**fields, "signatures": signatures}, separators=(",", ":")).encode()


SPECS: dict[tuple[str, str], Callable[[Envelope], Json]] = {
    ("hashedrekord", "0.0.1"): lambda one: {
        "data": {"hash": _sha256(one.pae)},
        "signature": {"content": b64(one.signature), "publicKey": {"content": _pem()}},
    },
    ("dsse", "0.0.1"): lambda one: {
        "envelopeHash": _sha256(go_json(one)),
        "payloadHash": _sha256(one.payload),
        "signatures": [{"signature": b64(one.signature), "verifier": _pem()}],
    },
    ("intoto", "0.0.1"): lambda one: {
        "content": {"hash": _sha256(go_json(one)), "payloadHash": _sha256(one.payload)},
        "publicKey": _pem(),
    },
    ("intoto", "0.0.2"): lambda one: {
        "content": {
            "envelope": {
                "payloadType": one.payload_type,
                "signatures": [{"publicKey": _pem(), "sig": b64(b64(one.signature).encode())}],
            },
            "hash": _sha256(go_json(one)),
            "payloadHash": _sha256(one.payload),
        }
    },
    ("hashedrekord", "0.0.2"): lambda one: {
        "hashedRekordV002": {
            "data": _v2(one.pae),
            "signature": {"content": b64(one.signature), "verifier": _verifier()},
        }
    },
    ("dsse", "0.0.2"): lambda one: {
        "dsseV002": {
            "payloadHash": _v2(one.payload),
            "signatures": [{"content": b64(one.signature), "verifier": _verifier()}],
        }
    },
}
KINDS = tuple(SPECS)
V1 = tuple(kind for kind in KINDS if kind not in (("hashedrekord", "0.0.2"), ("dsse", "0.0.2")))
V2 = tuple(kind for kind in KINDS if kind not in V1)


@dataclass
class OwnLog:
    """Writes the entry of one envelope; each field can be set before."""

    kind: tuple[str, str]
    about: Envelope = field(default_factory=envelope)
    at: datetime = NOW
    spec: Json | None = None
    said_kind: tuple[str, str] | None = None
    cosign: Callable[[bytes], bytes] | None = None

    def body(self) -> bytes:
        spec = SPECS[self.kind](self.about) if self.spec is None else self.spec
        kind, version = self.said_kind or self.kind
        return canonical_json({"apiVersion": version, "kind": kind, "spec": spec})

    def entry(self) -> LogEntry:
        body = self.body()
        leaf = leaf_hash(body)
        first = self.kind in V1
        checkpoint = self._v1_note(leaf) if first else self._v2_note(leaf)
        entry = LogEntry(
            0,
            ID_V1 if first else ID_V2,
            *self.kind,
            int(self.at.timestamp()) if first else 0,
            b"",
            InclusionProof(0, leaf, 1, (), checkpoint.decode()),
            body,
        )
        return replace(entry, promise=self._promise(entry)) if first else entry

    def bundle(self) -> Bundle:
        return Bundle(KeyHint(SIGNER.public.hint), self.about, (self.entry(),))

    def _promise(self, entry: LogEntry) -> bytes:
        said = {
            "body": b64(entry.body),
            "integratedTime": entry.integrated_time,
            "logID": entry.log_id.hex(),
            "logIndex": entry.log_index,
        }
        return LOG_V1.sign(canonical_json(said))

    def _v1_note(self, leaf: bytes) -> bytes:
        text = Checkpoint(f"{HOST} - 42", 1, leaf).to_text()
        line = b64(ID_V1[:4] + LOG_V1.sign(text))
        return text + f"\n\u2014 {HOST} {line}\n".encode()

    def _v2_note(self, leaf: bytes) -> bytes:
        text = Checkpoint(HOST, 1, leaf).to_text()
        return LOG_V2.sign(text) + (self.cosign(text) if self.cosign else b"")
