"""Predicate `verification_summary/v1` (SLSA VSA v1, spec v1.2): what a verifier decided by which policy.

Fields that begin with `weightmark_` are extensions, as the specification asks of producers.
"""

from dataclasses import field
from datetime import datetime
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["CLAIM_MEDIA_TYPE", "VSA_PREDICATE", "VerificationSummary"]

VSA_PREDICATE = "https://slsa.dev/verification_summary/v1"
CLAIM_MEDIA_TYPE = "application/vnd.weightmark.claim.v1"
"""the digest beside it is a claim id: SHA-256 of the PAE that the claim's signature covers"""
_PASSED, _FAILED = "PASSED", "FAILED"


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
        if statement.predicate_type != VSA_PREDICATE:
            raise MalformedError("the statement is no verification summary")
        fields = Fields(statement.predicate, "the summary")
        policy = fields.part("policy")
        return cls(
            verifier=fields.part("verifier").text("id"),
            time=fields.moment("timeVerified"),
            resource=fields.text("resourceUri"),
            policy_uri=policy.text("uri"),
            policy_sha256=_sha256(policy),
            inputs=tuple(_sha256(one) for one in fields.optional_parts("inputAttestations")),
            passed=fields.choice("verificationResult", (_PASSED, _FAILED)) == _PASSED,
            levels=fields.texts("verifiedLevels"),
            extensions=fields.rest,
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


def _sha256(descriptor: Fields) -> str:
    digest = Descriptor.read(descriptor).digest.get("sha256")
    if not digest:
        raise MalformedError("a descriptor of the summary has no `sha256`")
    return digest
