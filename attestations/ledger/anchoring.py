"""Anchoring: a checkpoint's digest goes into a public log, so that its operator cannot show two histories.

An anchor file is JSON lines. The first holds the checkpoint and a Sigstore bundle over its bytes; each
further one is a timestamp (RFC 3161) over every byte before it, made while what it covers could still be
believed. Only a digest leaves the house.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from weightmark.attestations.bundles.bundle import Bundle, KeyHint, LogEntry, MessageSignature
from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.keys import PublicKey, SigningKey
from weightmark.attestations.making.timestamping import TimestampClient
from weightmark.attestations.sigstore.signed_content import SignedFile
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.timestamps import verify_timestamp
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import verify_key_bundle_times
from weightmark.errors import CallError, MalformedError, NetworkError, TrustMissingError
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.note import NoteVerifier, decode_base64
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.signers.keyless.instance import SigstoreInstance

__all__ = ["VerifiedAnchor", "make_anchor", "renew_anchor", "verify_anchor"]

_VERSION = 1
_MAX_ANCHOR = 16 * 1024 * 1024
_MAX_RENEWALS = 1000
_SEAL = object()
_DETAILS = "PKIX_ECDSA_P256_SHA_256"


@dataclass(frozen=True, slots=True)
class VerifiedAnchor:
    """That a checkpoint stood in a public log; only `verify_anchor` makes it."""

    checkpoint: VerifiedCheckpoint
    """what was anchored"""
    logs: tuple[str, ...]
    """origins of the logs that hold its digest"""
    times: tuple[VerifiedTime, ...]
    """when it existed already: by timestamps of the anchor, then by its renewals"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("a VerifiedAnchor is made by verify_anchor only")


def make_anchor(
    checkpoint: VerifiedCheckpoint,
    key: SigningKey,
    instance: "SigstoreInstance",
    *,
    tsa: TimestampClient | None = None,
) -> bytes:
    """Sign a checkpoint, enter its digest into the instance's Rekor v2, and return the anchor file.

    `key` must be ECDSA P-256: Rekor v2 takes no pure Ed25519. Raises `CallError` for another key or
    an instance without Rekor v2, and `NetworkError` when a service did not answer, or not usably.
    """
    if key.public.kind != "ecdsa-p256":
        raise CallError(
            f"the key that anchors is of the kind `{key.public.kind}`",
            why="the public log takes ECDSA P-256 over SHA-256",
            fix="make one with `weightmark key generate -o anchor.key`",
        )
    digest = hashlib.sha256(checkpoint.note).digest()
    signature = key.sign(checkpoint.note)
    entry = _log(_rekor_url(instance), digest, signature, key.public)
    stamps = tsa.stamp(signature) if tsa else ()
    content = MessageSignature(signature, "SHA2_256", digest)
    bundle = Bundle(KeyHint(key.public.hint), content, (entry,), stamps)
    fields = {
        "bundle": json.loads(bundle.to_bytes()),
        "checkpoint": checkpoint.note.decode(),
        "v": _VERSION,
    }
    return canonical_json(fields) + b"\n"


def renew_anchor(anchor: bytes, tsa: TimestampClient) -> bytes:
    """Add a timestamp over the whole anchor, before the last clock of it stops being believed."""
    (stamp, *_) = tsa.stamp(anchor)
    line = canonical_json({"renewal": base64.b64encode(stamp).decode(), "v": _VERSION})
    return anchor + line + b"\n"


def verify_anchor(
    anchor: bytes, log: NoteVerifier, key: PublicKey, root: TrustedRoot, now: datetime
) -> VerifiedAnchor:
    """Check the log's signature, the anchor's, the public log's entry and every timestamp.

    Raises `MalformedError`, `TamperedError`, `WrongSignerError`, `ProofRefusedError`, and
    `UncheckedError` for what cannot be told.
    """
    first, *renewals = _lines(anchor)
    fields = _fields(first, {"bundle": dict, "checkpoint": str})
    checkpoint = verify_checkpoint(fields["checkpoint"].encode(), log)
    bundle = Bundle.parse(canonical_json(fields["bundle"]), what="the bundle of the anchor")
    asked = Thresholds(log_entries=1, certificate_promises=0, times=0)
    file = SignedFile.of(checkpoint.note)
    proof = verify_key_bundle_times(bundle, key, root, now=now, thresholds=asked, file=file)
    times = [*proof.times]
    covered = first + b"\n"
    for line in renewals:
        token = decode_base64(_fields(line, {"renewal": str})["renewal"], "a renewal of the anchor")
        times.append(verify_timestamp(token, covered, root.timestamp_authorities))
        covered += line + b"\n"
    return VerifiedAnchor(
        checkpoint, tuple(entry.log for entry in proof.entries), tuple(times), _SEAL
    )


def _lines(anchor: bytes) -> Sequence[bytes]:
    if len(anchor) > _MAX_ANCHOR or not anchor.endswith(b"\n"):
        raise MalformedError("the anchor is no anchor file, or is cut short")
    lines = anchor[:-1].split(b"\n")
    if len(lines) > 1 + _MAX_RENEWALS:
        raise MalformedError(f"the anchor has over {_MAX_RENEWALS} renewals")
    return lines


def _fields(line: bytes, shape: dict[str, type]) -> dict[str, Any]:
    fields = parse_object(line, what="a line of the anchor", max_size=_MAX_ANCHOR)
    wrong = fields.keys() != {*shape, "v"} or fields["v"] != _VERSION
    if wrong or any(type(fields[name]) is not kind for name, kind in shape.items()):
        raise MalformedError("a line of the anchor is not what weightmark writes")
    return fields


def _rekor_url(instance: "SigstoreInstance") -> str:
    config = parse_object(instance.signing_config, what="the signing config")
    logs = config.get("rekorTlogUrls")
    found = [
        one["url"]
        for one in (logs if isinstance(logs, list) else [])
        if isinstance(one, dict)
        and one.get("majorApiVersion") == 2  # noqa: PLR2004 - the version that takes digests alone
        and isinstance(one.get("url"), str)
    ]
    if not found:
        raise TrustMissingError(
            f"`{instance.name}` names no Rekor v2",
            why="a digest alone is entered into logs of that version only",
            fix="name another instance with `--trust-config`",
        )
    return str(found[0])


def _log(url: str, digest: bytes, signature: bytes, key: PublicKey) -> LogEntry:
    import requests
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from weightmark.attestations.signers.keyless.services import BoundedSession

    spki = key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    verifier = {"keyDetails": _DETAILS, "publicKey": {"rawBytes": _b64(spki)}}
    asked = {
        "hashedRekordRequestV002": {
            "digest": _b64(digest),
            "signature": {"content": _b64(signature), "verifier": verifier},
        }
    }
    session = BoundedSession(requests.Session(), "transparency log")
    try:
        answer = session.post(f"{url.rstrip('/')}/api/v2/log/entries", json=asked)
    finally:
        session.close()
    try:
        return LogEntry.from_json(parse_object(answer.content, what="the answer of the log"), 1)
    except MalformedError as error:
        raise NetworkError(
            "the transparency log did not answer with an entry",
            why=error.what,
            fix="check the address of the log",
        ) from error


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
