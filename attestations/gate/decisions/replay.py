"""Replaying a decision: the recorded inputs are judged again, and nothing else is looked at."""

from collections.abc import Iterator
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check
from weightmark.attestations.gate.decision import Judgement, Verdict, judge
from weightmark.attestations.gate.decisions.record import (
    DECISION_SCHEMA,
    MAX_RECORD,
    DecisionRecord,
    this_tool,
)
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.errors import MalformedError, TamperedError, UnsupportedError
from weightmark.provenance.sidecars import read_named
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["INPUTS", "Kept", "Replay", "read_decision", "record_of_summary", "replay"]

INPUTS = "weightmark_inputs"
"""field of a signed summary that holds the decision document"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as it was kept, and who signed it."""

    record: DecisionRecord
    """what was decided, on what"""
    signed: VerifiedBundle | None
    """the signed summary that holds it, once it was verified; None for a document that nobody signed, or when nobody is trusted"""
    is_signed: bool
    """whether it stands in a signed summary, verified or not"""


@dataclass(frozen=True, slots=True)
class Replay:
    """What comes of the recorded inputs now."""

    record: DecisionRecord
    """what was recorded"""
    judgement: Judgement
    """what follows from it"""
    differences: tuple[str, ...]
    """how that differs from what was recorded, one line each"""

    @property
    def is_reproduced(self) -> bool:
        """Whether the recorded decision follows from the recorded inputs."""
        return not self.differences


def read_decision(path: Path, trust: Trust | None) -> Kept:
    """Read a decision document, or a signed summary that holds one.

    With `trust` it has to be signed, and by one of them. Raises `CallError` for a missing file,
    `MalformedError`, `TamperedError`, `UnsupportedError` for a summary that holds no document, and
    what verifying raises.
    """
    data = read_named(path, "decision", limit=MAX_RECORD)
    try:
        fields = parse_object(data, what=f"`{path.name}`", max_size=MAX_RECORD)
    except MalformedError as error:
        error.fix = error.fix or "name what `gate --decision FILE` or `gate --vsa FILE` wrote"
        raise
    if fields.get("schema") == DECISION_SCHEMA:
        if trust is not None:
            raise UnsupportedError(
                "the decision document is signed by nobody",
                why="it was asked who decided",
                fix="replay the signed decision that `weightmark gate --vsa FILE` writes, or name no key",
            )
        return Kept(DecisionRecord.from_json(fields), None, is_signed=False)
    bundle = Bundle.from_json(fields, what=f"`{path.name}`")
    if trust is None:
        envelope = bundle.envelope
        statement = Statement.parse(envelope.payload_type, envelope.payload)
        return Kept(_required(statement), None, is_signed=True)
    verified = trust.verify(bundle)
    return Kept(_required(verified.statement), verified, is_signed=True)


def record_of_summary(statement: Statement) -> DecisionRecord | None:
    """Return the decision document that a verified summary holds; None when it holds none.

    Raises `MalformedError` and `TamperedError`: also for a document about something else than the
    summary says.
    """
    if statement.predicate_type != VSA_PREDICATE:
        raise MalformedError("the statement is no verification summary")
    summary = VerificationSummary.from_statement(statement)
    held = summary.extensions.get(INPUTS)
    if held is None:
        return None
    if not isinstance(held, dict):
        raise MalformedError(f"`{INPUTS}` of the summary is no object")
    record = DecisionRecord.from_json(held)
    said = (statement.subject.identity, summary.policy_sha256, summary.passed)
    holds = (record.evidence.identity, record.policy.sha256, record.verdict is Verdict.ALLOW)
    if said != holds:
        raise TamperedError(
            "the summary says something else than the decision that it holds",
            why=f"it is about {said[0]}, and the decision about {holds[0]}",
        )
    return record


def replay(record: DecisionRecord) -> Replay:
    """Judge the recorded evidence by the recorded policy, at the recorded time; raises `PolicyError`. Pure."""
    judgement = judge(record.policy.policy(), record.evidence)
    return Replay(record, judgement, tuple(_differences(record, judgement)))


def _differences(record: DecisionRecord, found: Judgement) -> Iterator[str]:
    if record.verdict is not found.verdict:
        yield f"recorded is `{record.verdict.value}`, and `{found.verdict.value}` follows"
    before = {one.name: one for one in record.checks}
    after = {one.name: one for one in found.checks}
    same_words = record.tool == this_tool()
    for name in dict.fromkeys([*before, *after]):
        said, follows = (_outcome(checks.get(name)) for checks in (before, after))
        if said != follows:
            yield f"`{name}`: recorded is {said}, and {follows} follows"
        elif same_words and before[name] != after[name]:
            yield f"`{name}`: {follows}, as recorded, and for another reason"


def _outcome(check: Check | None) -> str:
    return check.outcome.value if check else "nothing"


def _required(statement: Statement) -> DecisionRecord:
    record = record_of_summary(statement)
    if record is None:
        raise UnsupportedError(
            "the signed decision does not hold what it rests on",
            why="another verifier made it, or it was too large",
            fix="replay the document that `weightmark gate --decision FILE` writes",
        )
    return record
