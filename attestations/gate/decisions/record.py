"""A decision with everything that it rests on, as one document that can be judged again.

Format: docs/formats/policy.md, "Decision documents".
"""

import hashlib
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Self

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.decisions.encoding import decoded, encoded
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.policy.choices import Mode
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.parse import MAX_POLICY_SIZE, parse_recorded
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.errors import LimitError, MalformedError, TamperedError
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.scanners.findings import Severity
from weightmark.values import dataclass

__all__ = ["DECISION_SCHEMA", "MAX_RECORD", "DecisionRecord", "RecordedPolicy", "this_tool"]

DECISION_SCHEMA = "weightmark/decision/v1"
MAX_RECORD = 16 * 1024 * 1024
"""bytes of one document"""


@dataclass(frozen=True, slots=True)
class RecordedPolicy:
    """A policy as a decision used it: its text, and what the call added."""

    text: str
    """the whole text, with every environment"""
    source: str
    """`preset NAME`, or the name of the file; behind `#` the environment"""
    mode: Mode
    """what a refusal did"""
    fail_on: Severity
    """the severity from which a finding denied"""
    members: Mapping[str, tuple[str, ...]]
    """who counted for each role, by name"""
    files: Mapping[str, str] = field(default_factory=dict)
    """files that the policy names, with the SHA-256 of each: who counts under one name can change"""

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Take what judging needs of a policy; no path of this machine."""
        place = policy.source if policy.is_preset else policy.source.rpartition("/")[2]
        return cls(
            text=policy.text,
            source=place + (f"#{policy.environment}" if policy.environment else ""),
            mode=policy.mode,
            fail_on=policy.scan.fail_on,
            members={name: role.trusted for name, role in sorted(policy.roles.items())},
            files=dict(sorted(policy.files.items())),
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, lowercase hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def policy(self) -> Policy:
        """Return a policy that judges alike, and by which nobody verifies anything; raises `PolicyError`."""
        data = self.text.encode()
        if len(data) > MAX_POLICY_SIZE:
            raise LimitError("the recorded policy is too large")
        policy = parse_recorded(data, source=self.source, members=self.members)
        scan = replace(policy.scan, fail_on=self.fail_on)
        return replace(policy, mode=self.mode, scan=scan)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What was decided, by which rules, on what."""

    policy: RecordedPolicy
    """by which rules"""
    evidence: Evidence
    """on what, without any path of this machine"""
    verdict: Verdict
    """what the checks added up to"""
    checks: tuple[Check, ...]
    """every check"""
    tool: str
    """which weightmark decided, `weightmark 0.1.0`"""

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Take everything that a decision rests on."""
        evidence = decision.evidence
        clean = _Cleaner(evidence.path, evidence.name).text
        return cls(
            policy=RecordedPolicy.of(decision.policy),
            evidence=_without_place(evidence, clean),
            verdict=decision.verdict,
            checks=tuple(_cleaned(one, clean) for one in decision.checks),
            tool=this_tool(),
        )

    @property
    def inputs(self) -> dict[str, Any]:
        """The JSON form of what the decision rests on."""
        return {"policy": encoded(self.policy), "evidence": encoded(self.evidence)}

    @property
    def inputs_sha256(self) -> str:
        """SHA-256 of the canonical bytes of the inputs, lowercase hex."""
        return hashlib.sha256(canonical_json(self.inputs)).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        inputs = self.inputs
        return {
            "schema": DECISION_SCHEMA,
            "tool": self.tool,
            "policy_digest": f"sha256:{self.policy.sha256}",
            "inputs": inputs,
            "inputs_digest": f"sha256:{hashlib.sha256(canonical_json(inputs)).hexdigest()}",
            "decision": {"verdict": self.verdict.value, "checks": encoded(self.checks)},
        }

    def to_bytes(self) -> bytes:
        """Return the canonical bytes of the document; raises `LimitError` over `MAX_RECORD`."""
        data = canonical_json(self.to_json())
        if len(data) > MAX_RECORD:
            raise LimitError(
                f"the decision rests on more than {MAX_RECORD >> 20} MiB",
                fix="judge an artifact of fewer files",
            )
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a document; raises what `from_json` raises, and `LimitError`."""
        return cls.from_json(parse_object(data, what="the decision", max_size=MAX_RECORD))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read the JSON form of a document.

        Raises `MalformedError`, and `TamperedError` when its inputs or its policy are not those of
        which it holds the digests.
        """
        known = {"schema", "tool", "policy_digest", "inputs", "inputs_digest", "decision"}
        if fields.get("schema") != DECISION_SCHEMA or fields.keys() != known:
            raise MalformedError(
                "the document is no decision that can be replayed",
                why=f"it is not of the schema `{DECISION_SCHEMA}`",
                fix="write one with `weightmark gate PATH --decision FILE`",
            )
        inputs, decision = (_object(fields, name) for name in ("inputs", "decision"))
        _require_keys(inputs, {"policy", "evidence"}, "inputs")
        _require_keys(decision, {"verdict", "checks"}, "decision")
        policy = decoded(RecordedPolicy, inputs["policy"], "policy")
        _require_digest(fields, "inputs_digest", _digest(inputs), "its inputs")
        _require_digest(fields, "policy_digest", f"sha256:{policy.sha256}", "its policy")
        return cls(
            policy=policy,
            evidence=decoded(Evidence, inputs["evidence"], "evidence"),
            verdict=decoded(Verdict, decision["verdict"], "verdict"),
            checks=decoded(tuple[Check, ...], decision["checks"], "checks"),
            tool=decoded(str, fields["tool"], "tool"),
        )


def this_tool() -> str:
    """Return which weightmark this is, as decisions name it."""
    from weightmark import __version__

    return f"weightmark {__version__}"


class _Cleaner:
    """Takes the place of an artifact out of texts, so that a document says nothing about a machine."""

    def __init__(self, path: str, name: str) -> None:
        self._path = path if "/" in path and path.strip("./") else ""
        self._name = name

    def text(self, text: str) -> str:
        """Return a text with the name of the artifact instead of its path."""
        return text.replace(self._path, self._name) if self._path else text


def _without_place(evidence: Evidence, clean: Any) -> Evidence:
    """Return evidence that can travel: nothing verified, and no path."""
    ledger = evidence.ledger
    if ledger:
        ledger = replace(
            ledger,
            problem=_cleaned(ledger.problem, clean) if ledger.problem else None,
            revocation=_cleaned(ledger.revocation, clean) if ledger.revocation else None,
        )
    # an earlier answer is no input: what it rested on stands here itself
    return replace(
        evidence,
        checks=tuple(_cleaned(one, clean) for one in evidence.checks),
        signed=tuple(
            replace(one, predicate=_short(one.predicate))
            if isinstance(one.predicate, VerificationSummary)
            else one
            for one in evidence.signed
        ),
        verified=None,
        ledger=ledger,
        path="",
        claims_path=clean(evidence.claims_path),
    )


def _short(summary: VerificationSummary) -> VerificationSummary:
    return replace(summary, extensions={})


def _cleaned(check: Check, clean: Any) -> Check:
    return replace(
        check,
        summary=clean(check.summary),
        why=clean(check.why),
        fix=clean(check.fix),
        details=tuple(clean(one) for one in check.details),
    )


def _digest(inputs: dict[str, Any]) -> str:
    try:
        return f"sha256:{hashlib.sha256(canonical_json(inputs)).hexdigest()}"
    except TypeError as error:
        raise MalformedError("the inputs of the decision hold a number with a fraction") from error


def _require_digest(fields: dict[str, Any], name: str, found: str, what: str) -> None:
    if fields[name] != found:
        raise TamperedError(
            f"the decision was edited: {what} are not those that were recorded",
            why=f"`{name}` is {str(fields[name])[:80]}, and they are {found}",
            fix="get the document again from whoever decided, or the signed decision",
        )


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields[name]
    if not isinstance(value, dict):
        raise MalformedError(f"`{name}` of the decision is no object")
    return value


def _require_keys(value: dict[str, Any], keys: set[str], what: str) -> None:
    if value.keys() != keys:
        raise MalformedError(f"`{what}` of the decision has other fields than {sorted(keys)}")
