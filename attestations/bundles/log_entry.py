"""Entries of a transparency log as bundles carry them (protobuf-specs `TransparencyLogEntry`).

Reading one proves nothing: see `weightmark.attestations.sigstore`.
"""

import base64
from typing import Any

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.bundles.proto_json import (
    read_base64,
    read_int64,
    read_list,
    read_text,
)
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["InclusionProof", "LogEntry"]

_MAX_BODY = 24 * 1024 * 1024
_MAX_CHECKPOINT = 256 * 1024
_MAX_HASHES = 64
_MAX_WORD = 4096
_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The way from an entry to the root of its log."""

    log_index: int
    """place of the entry in its tree"""
    root_hash: bytes
    """32 bytes"""
    tree_size: int
    """entries in the tree"""
    hashes: tuple[bytes, ...]
    """32 bytes each, the leaf's sibling first"""
    checkpoint: str
    """the signed note that the log made for this root; empty when absent"""

    @classmethod
    def from_json(cls, value: object) -> "InclusionProof":
        """Read the JSON form; raises `MalformedError` or `LimitError`."""
        what = "the inclusion proof"
        names = {"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"}
        fields = require_fields(value, what, set(), optional=names)
        hashes = read_list(fields, "hashes", what, limit=_MAX_HASHES)
        steps = tuple(
            read_base64({"hashes": one}, "hashes", what, limit=_MAX_WORD) for one in hashes
        )
        root = read_base64(fields, "rootHash", what, limit=_MAX_WORD)
        if any(len(one) != _HASH_SIZE for one in (root, *steps)):
            raise MalformedError(f"a hash of {what} is not {_HASH_SIZE} bytes")
        note = fields.get("checkpoint", {})
        signed = require_fields(note, f"the checkpoint of {what}", set(), optional={"envelope"})
        return cls(
            read_int64(fields, "logIndex", what),
            root,
            read_int64(fields, "treeSize", what),
            steps,
            read_text(signed, "envelope", f"the checkpoint of {what}", limit=_MAX_CHECKPOINT),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "logIndex": str(self.log_index),
            "rootHash": _encoded(self.root_hash),
            "treeSize": str(self.tree_size),
            "hashes": [_encoded(one) for one in self.hashes],
            "checkpoint": {"envelope": self.checkpoint},
        }


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of Rekor, with what the log promised or proved of it."""

    log_index: int
    """place in the log, over all its trees"""
    log_id: bytes
    """which log; for Rekor v1 SHA-256 of its DER public key"""
    kind: str
    """`hashedrekord`, `dsse` or `intoto`"""
    version: str
    """of the kind, for example `0.0.1`"""
    integrated_time: int
    """seconds since 1970 by the log's clock; 0 when the log says none"""
    promise: bytes
    """signed entry timestamp, by which the log vouches for body, place and time; empty when absent"""
    proof: InclusionProof | None
    """None when absent"""
    body: bytes
    """the canonical bytes that the log hashed"""

    @classmethod
    def from_json(cls, value: object, number: int) -> "LogEntry":
        """Read the JSON form of the entry with this `number`; raises `MalformedError` or `LimitError`."""
        what = f"log entry {number}"
        names = {"logIndex", "integratedTime", "inclusionPromise", "inclusionProof"}
        fields = require_fields(
            value, what, {"logId", "kindVersion", "canonicalizedBody"}, optional=names
        )
        kind = require_fields(fields["kindVersion"], f"the kind of {what}", {"kind", "version"})
        log_id = require_fields(fields["logId"], f"the log id of {what}", {"keyId"})
        promise = require_fields(
            fields.get("inclusionPromise", {}),
            f"the promise of {what}",
            set(),
            optional={"signedEntryTimestamp"},
        )
        proof = fields.get("inclusionProof")
        if proof is None and "inclusionProof" in fields:
            raise MalformedError(f"the inclusion proof of {what} is empty")
        return cls(
            read_int64(fields, "logIndex", what),
            read_base64(log_id, "keyId", f"the log id of {what}", limit=_MAX_WORD),
            read_text(kind, "kind", f"the kind of {what}", limit=_MAX_WORD),
            read_text(kind, "version", f"the kind of {what}", limit=_MAX_WORD),
            read_int64(fields, "integratedTime", what),
            read_base64(promise, "signedEntryTimestamp", f"the promise of {what}", limit=_MAX_WORD),
            InclusionProof.from_json(proof) if proof is not None else None,
            read_base64(fields, "canonicalizedBody", what, limit=_MAX_BODY),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields: dict[str, Any] = {
            "logIndex": str(self.log_index),
            "logId": {"keyId": _encoded(self.log_id)},
            "kindVersion": {"kind": self.kind, "version": self.version},
        }
        if self.integrated_time:
            fields["integratedTime"] = str(self.integrated_time)
        if self.promise:
            fields["inclusionPromise"] = {"signedEntryTimestamp": _encoded(self.promise)}
        if self.proof:
            fields["inclusionProof"] = self.proof.to_json()
        return {**fields, "canonicalizedBody": _encoded(self.body)}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
