"""Predicate `verification_summary/v1` (SLSA VSA v1, spec v1.2): what a verifier decided by which policy.

Fields that begin with `weightmark_` are extensions, as the specification asks of producers.
"""

from dataclasses import field
from datetime import datetime
from typing import Any, Self

from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.ledger.event import format_time, parse_time
from weightmark.values import dataclass

__all__ = ["CLAIM_MEDIA_TYPE", "VSA_PREDICATE", "VerificationSummary"]

VSA_PREDICATE = "https://slsa.dev/verification_summary/v1"
CLAIM_MEDIA_TYPE = "application/vnd.weightmark.claim.v1"
"""the digest beside it is a claim id: SHA-256 of the PAE that the claim's signature covers"""
_PASSED, _FAILED = "PASSED", "FAILED"
_KNOWN = {
    "verifier",
    "timeVerified",
    "resourceUri",
    "policy",
    "inputAttestations",
    "verificationResult",
    "verifiedLevels",
}


@dataclass(frozen=True)
class VerificationSummary:
    """One decision, in the form that other tools read."""

    verifier: str
    """URI of who decided"""
    time: datetime
    """when; aware"""
    resource: str
    """URI of what was judged"""
    policy_uri: str
    """which policy"""
    policy_sha256: str
    """of the policy's text, lowercase hex"""
    inputs: tuple[str, ...]
    """claim ids that the decision rests on, lowercase hex"""
    passed: bool
    """`PASSED` or `FAILED`; what could not be checked has failed"""
    levels: tuple[str, ...]
    """what was verified; `FAILED` alone when it did not pass"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`. Unknown fields are kept."""
        fields = statement.predicate
        result = _text(fields, "verificationResult")
        if statement.predicate_type != VSA_PREDICATE or result not in (_PASSED, _FAILED):
            raise MalformedError("the statement is not a verification summary with a result")
        policy = _object(fields.get("policy"), "the policy")
        levels = fields.get("verifiedLevels")
        if not isinstance(levels, list) or not all(isinstance(level, str) for level in levels):
            raise MalformedError("the verified levels of the summary are not a list of strings")
        return cls(
            verifier=_text(_object(fields.get("verifier"), "the verifier"), "id"),
            time=parse_time(_text(fields, "timeVerified")),
            resource=_text(fields, "resourceUri"),
            policy_uri=_text(policy, "uri"),
            policy_sha256=_sha256(policy),
            inputs=_inputs(fields.get("inputAttestations", [])),
            passed=result == _PASSED,
            levels=tuple(levels),
            extensions={name: value for name, value in fields.items() if name not in _KNOWN},
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.extensions,
            "verifier": {"id": self.verifier},
            "timeVerified": format_time(self.time),
            "resourceUri": self.resource,
            "policy": {"uri": self.policy_uri, "digest": {"sha256": self.policy_sha256}},
            "inputAttestations": [
                {"mediaType": CLAIM_MEDIA_TYPE, "digest": {"sha256": claim}}
                for claim in self.inputs
            ],
            "verificationResult": _PASSED if self.passed else _FAILED,
            "verifiedLevels": list(self.levels),
        }


def _inputs(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise MalformedError("the input attestations of the summary are not a list")
    return tuple(_sha256(_object(item, "an input attestation")) for item in value)


def _sha256(descriptor: dict[str, Any]) -> str:
    digest = _text(_object(descriptor.get("digest"), "a digest"), "sha256")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):  # noqa: PLR2004 - hex digits of a SHA-256
        raise MalformedError("a SHA-256 of the summary is not 64 lowercase hex digits")
    return digest


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} of the summary is not a JSON object")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"the summary lacks `{name}`")
    return value
