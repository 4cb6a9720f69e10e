"""A simulated submitter and the verifier that knows its formats: real signatures, tiny documents."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from weightmark.errors import SubmissionRefusedError
from weightmark.provenance.ledger.admission import (
    SUBMITTED_KINDS,
    RegistrationPolicy,
    Submission,
    Submitter,
    VerifiedClaim,
    VerifiedRequest,
)
from weightmark.provenance.ledger.event import Kind, format_time, parse_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.ruling import Silence

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ORIGIN = "example.com/models"


def subject_of(name: str) -> str:
    return f"wm1:{hashlib.sha256(name.encode()).hexdigest()}"


@dataclass
class ClaimVerifierSim:
    """Implements `ClaimVerifier` for the documents of `SubmitterSim`."""

    revoked: dict[str, Silence] = field(default_factory=dict)
    """who may not write any more"""

    def verify_request(self, request: bytes, policy: RegistrationPolicy) -> VerifiedRequest:
        outer = json.loads(request)
        payload = outer["payload"].encode()
        for fingerprint, pem in policy.keys.items():
            key = load_pem_public_key(pem)
            assert isinstance(key, Ed25519PublicKey)
            try:
                key.verify(bytes.fromhex(outer["signature"]), payload)
            except InvalidSignature:
                continue
            fields = json.loads(payload)
            not_after = parse_time(fields.pop("not_after"))
            return VerifiedRequest(**fields, not_after=not_after, submitter=fingerprint)
        raise SubmissionRefusedError("no admitted submitter signed the request")

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
        fields = json.loads(claim)
        return VerifiedClaim(
            claim_id=claim_id_of(claim),
            kind=fields["kind"] if fields["signer"] in policy.keys else Kind.OBSERVED,
            subject=fields["subject"],
            signer=fields["signer"],
        )

    def silenced(self, ledger: "Ledger") -> Mapping[str, Silence]:  # noqa: ARG002 - the protocol's signature
        return self.revoked

    def written_in_silence(self, ledger: "Ledger") -> Mapping[int, str]:  # noqa: ARG002 - the protocol's signature
        return {}


def claim_id_of(claim: bytes) -> str:
    """The identity leaves the field `envelope` out, as a PAE leaves out the signature."""
    fields = json.loads(claim)
    fields.pop("envelope", None)
    return hashlib.sha256(b"PAE" + json.dumps(fields, sort_keys=True).encode()).hexdigest()


@dataclass
class SubmitterSim:
    """Somebody with a key who submits claims; change an attribute to make it misbehave."""

    seed: int = 1
    origin: str = ORIGIN
    now: datetime = NOW
    kinds: frozenset[Kind] = SUBMITTED_KINDS
    overrides: dict[str, str] = field(default_factory=dict)
    """fields of the next requests"""

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes([self.seed]) * 32)

    @property
    def admitted(self) -> Submitter:
        spki = PublicFormat.SubjectPublicKeyInfo
        return Submitter.from_pem(
            self._key.public_key().public_bytes(Encoding.PEM, spki), self.kinds
        )

    def but(self, **changes: Any) -> "SubmitterSim":
        return replace(self, **changes)

    def claim(self, name: str, kind: str = "release", envelope: str = "1") -> bytes:
        fields = {
            "envelope": envelope,
            "kind": kind,
            "name": name,
            "signer": self.admitted.fingerprint,
            "subject": subject_of(name),
        }
        return json.dumps(fields).encode()

    def submit(
        self, name: str, kind: str = "release", *, event_id: str = "", claim: bytes = b""
    ) -> Submission:
        claim = claim or self.claim(name, kind)
        fields = {
            "origin": self.origin,
            "kind": kind,
            "claim_id": claim_id_of(claim),
            "claim_sha256": hashlib.sha256(claim).hexdigest(),
            "event_id": event_id or f"event-{self.seed}-{name}-{kind}",
            "not_after": format_time(self.now + timedelta(minutes=10)),
            **self.overrides,
        }
        payload = json.dumps(fields, sort_keys=True)
        signature = self._key.sign(payload.encode()).hex()
        return Submission(claim, json.dumps({"payload": payload, "signature": signature}).encode())
