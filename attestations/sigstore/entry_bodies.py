"""Bodies of log entries: what Rekor says it logged, held against what the bundle signs.

Rekor v1: `hashedrekord` 0.0.1, `dsse` 0.0.1, `intoto` 0.0.1 and 0.0.2. Rekor v2: `hashedrekord`
0.0.2 (for statements over the PAE) and `dsse` 0.0.2 (its first releases).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from weightmark.attestations.bundles.dsse import Envelope, decode_base64
from weightmark.attestations.bundles.log_entry import LogEntry
from weightmark.attestations.sigstore.signed_content import Signed
from weightmark.errors import MalformedError, ProofRefusedError, UnsupportedError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["Logged", "check_body", "is_second_version"]

_MAX_BODY = 16 * 1024 * 1024
_HASHES = frozenset(["sha256", "sha384", "sha512"])
_V2_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """What an entry must be about."""

    signed: Signed
    """the signature, and what it covers"""
    verifier: bytes
    """DER of the signer's certificate, or of the key's SubjectPublicKeyInfo"""


def is_second_version(entry: LogEntry) -> bool:
    """Tell whether the entry is of Rekor v2: without a time and a promise of its own."""
    return (entry.kind, entry.version) in {("hashedrekord", "0.0.2"), ("dsse", "0.0.2")}


def check_body(entry: LogEntry, logged: Logged) -> None:
    """Raise `ProofRefusedError` unless the entry is about this signature, signer and content.

    Raises `MalformedError` for a body that is none, `UnsupportedError` for kinds that are not known.
    """
    check = _CHECKS.get((entry.kind, entry.version))
    if check is None:
        raise UnsupportedError(
            f"a log entry of the kind `{entry.kind[:80]}` {entry.version[:40]} is not supported"
        )
    body = parse_object(entry.body, what="the body of the log entry", max_size=_MAX_BODY)
    if (body.get("kind"), body.get("apiVersion")) != (entry.kind, entry.version):
        raise ProofRefusedError("the log entry is of another kind than the bundle says")
    try:
        check(body["spec"], logged)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise MalformedError(f"the body of the log entry is no `{entry.kind}`") from error


def _hashedrekord_v1(spec: Json, logged: Logged) -> None:
    said = spec["data"]["hash"]
    _same(bytes.fromhex(said["value"]), _digest(logged, said["algorithm"]), "content")
    _same(_decoded(spec["signature"]["content"]), logged.signed.signature, "signature")
    _same_verifier(spec["signature"]["publicKey"]["content"], logged)


def _dsse_v1(spec: Json, logged: Logged) -> None:
    envelope = _envelope(logged)
    _same_payload(spec["payloadHash"], envelope)
    signature = _only(spec["signatures"])
    _same(_decoded(signature["signature"]), envelope.signature, "signature")
    _same_verifier(signature["verifier"], logged)


def _intoto_v1(spec: Json, logged: Logged) -> None:
    """Check the first form, which names the signature by a hash over the whole envelope alone."""
    envelope = _envelope(logged)
    content = spec["content"]
    if "payloadHash" in content:
        _same_payload(content["payloadHash"], envelope)
    if content["hash"]["algorithm"] != "sha256":
        raise UnsupportedError("the log entry hashes its envelope in a way that is not supported")
    _same_verifier(spec["publicKey"], logged)
    if bytes.fromhex(content["hash"]["value"]) not in _envelope_hashes(envelope, logged):
        raise UnsupportedError(
            "the log entry names the signature in a way that can't be checked",
            why="it holds a hash over the envelope as its producer wrote it, in none of the usual forms",
        )


def _intoto_v2(spec: Json, logged: Logged) -> None:
    envelope, content = _envelope(logged), spec["content"]
    _same_payload(content["payloadHash"], envelope)
    if content["envelope"]["payloadType"] != envelope.payload_type:
        raise _about_another("kind of content")
    signature = _only(content["envelope"]["signatures"])
    # Clients send the base64 text of the signature as its bytes, so it is encoded twice.
    inner = _decoded(signature["sig"])
    if inner != envelope.signature:
        _same(inner, base64.b64encode(envelope.signature), "signature")
    _same_verifier(signature["publicKey"], logged)


def _hashedrekord_v2(spec: Json, logged: Logged) -> None:
    record = spec["hashedRekordV002"]
    algorithm = _V2_HASHES.get(record["data"]["algorithm"], "")
    _same(_decoded(record["data"]["digest"]), _digest(logged, algorithm), "content")
    _same(_decoded(record["signature"]["content"]), logged.signed.signature, "signature")
    _same_raw_verifier(record["signature"]["verifier"], logged)


def _dsse_v2(spec: Json, logged: Logged) -> None:
    envelope, record = _envelope(logged), spec["dsseV002"]
    algorithm = _V2_HASHES.get(record["payloadHash"]["algorithm"], "")
    said = {"algorithm": algorithm, "value": _decoded(record["payloadHash"]["digest"]).hex()}
    _same_payload(said, envelope)
    signature = _only(record["signatures"])
    _same(_decoded(signature["content"]), envelope.signature, "signature")
    _same_raw_verifier(signature["verifier"], logged)


_CHECKS: dict[tuple[str, str], Callable[[Json, Logged], None]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_v1,
    ("hashedrekord", "0.0.2"): _hashedrekord_v2,
    ("dsse", "0.0.1"): _dsse_v1,
    ("dsse", "0.0.2"): _dsse_v2,
    ("intoto", "0.0.1"): _intoto_v1,
    ("intoto", "0.0.2"): _intoto_v2,
}


def _about_another(what: str) -> ProofRefusedError:
    return ProofRefusedError(
        f"the log entry is about another {what}",
        why="the log did not see this signature",
        fix="get the bundle again from the publisher",
    )


def _same(logged: bytes, ours: bytes, what: str) -> None:
    if not hmac.compare_digest(logged, ours):
        raise _about_another(what)


def _only(items: Any) -> Json:
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        raise UnsupportedError("the log entry does not hold exactly one signature")
    return items[0]


def _decoded(value: object) -> bytes:
    return decode_base64(value, "body of the log entry")


def _envelope(logged: Logged) -> Envelope:
    if logged.signed.envelope is None:
        raise _about_another("kind of content")
    return logged.signed.envelope


def _digest(logged: Logged, algorithm: str) -> bytes:
    if algorithm not in _HASHES:
        raise UnsupportedError("the log entry uses a hash that is not supported")
    return logged.signed.message.digest(algorithm)


def _same_payload(said: Json, envelope: Envelope) -> None:
    if said["algorithm"] not in _HASHES:
        raise UnsupportedError("the log entry uses a hash that is not supported")
    own = hashlib.new(said["algorithm"], envelope.payload).digest()
    _same(bytes.fromhex(said["value"]), own, "content")


def _same_verifier(encoded: object, logged: Logged) -> None:
    """Compare the certificate or key, which Rekor v1 keeps as base64 of PEM."""
    lines = _decoded(encoded).decode("ascii").strip().splitlines()
    if lines[0] not in ("-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----"):
        raise UnsupportedError("the log entry names its signer in a way that is not supported")
    _same(base64.b64decode("".join(lines[1:-1]), validate=True), logged.verifier, "signer")


def _same_raw_verifier(said: Json, logged: Logged) -> None:
    if ("x509Certificate" in said) == ("publicKey" in said):
        raise MalformedError("the log entry does not name exactly one signer")
    holder = said["x509Certificate"] if "x509Certificate" in said else said["publicKey"]
    _same(_decoded(holder["rawBytes"]), logged.verifier, "signer")


def _envelope_hashes(envelope: Envelope, logged: Logged) -> set[bytes]:
    """Return SHA-256 of the envelope as the usual producers wrote it: Go, Python and JavaScript order."""
    payload = base64.b64encode(envelope.payload).decode()
    sig = base64.b64encode(envelope.signature).decode()
    pem = _pem(logged.verifier)
    signatures: list[Json] = [
        {"keyid": "", "sig": sig},
        {"sig": sig, "keyid": ""},
        {"sig": sig},
        {"keyid": "", "sig": sig, "publicKey": pem},
        {"keyid": "", "publicKey": pem, "sig": sig},
    ]
    hashes = set()
    for signature in signatures:
        fields = {
            "payload": payload,
            "payloadType": envelope.payload_type,
            "signatures": [signature],
        }
        for names in (("payloadType", "payload", "signatures"), tuple(fields)):
            document = {name: fields[name] for name in names}
            for separators in ((",", ":"), (", ", ": ")):
                text = json.dumps(document, separators=separators)
                hashes.add(hashlib.sha256(text.encode()).digest())
    return hashes


def _pem(der: bytes) -> str:
    encoded = base64.b64encode(der).decode()
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
