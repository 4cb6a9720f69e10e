"""Every answer of the service as one JSON line, for the operator's own log."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from weightmark.attestations.gate.serving.questions import Answer
from weightmark.errors import WeightmarkError
from weightmark.values import dataclass

__all__ = ["Answered", "DecisionLog"]


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, and what was answered."""

    address: str
    """where it came from"""
    seconds: float
    """from its first byte to the answer"""
    allowed: bool
    """whether the caller may go on"""
    answers: tuple[Answer, ...] = ()
    """one an artifact"""
    subject: str = ""
    """the object of a cluster that it was about"""
    error: WeightmarkError | None = None
    """why nothing was judged"""
    refusal: str = ""
    """why the object was refused whatever its artifacts are"""

    @classmethod
    def of(
        cls, address: str, seconds: float, answers: Sequence[Answer], subject: str = ""
    ) -> "Answered":
        """Take the answers to one request."""
        allowed = bool(answers) and all(one.allowed for one in answers)
        return cls(address, seconds, allowed, tuple(answers), subject)

    def to_line(self, now: datetime | None = None) -> str:
        """Return one line of JSON, in ASCII, so that nothing in it can begin another line."""
        fields: dict[str, object] = {
            "time": (now or datetime.now(UTC)).isoformat(timespec="milliseconds"),
            "allowed": self.allowed,
            "address": self.address,
            "ms": round(self.seconds * 1000, 1),
            "artifacts": [_artifact(one) for one in self.answers],
        }
        if self.subject:
            fields["subject"] = self.subject
        if self.refusal:
            fields["refusal"] = self.refusal
        if self.error:
            fields |= {"code": self.error.code, "what": self.error.what, "why": self.error.why}
        return json.dumps(fields)


def _artifact(answer: Answer) -> dict[str, object]:
    decision = answer.decision
    return {
        "asked": answer.given,
        "identity": decision.evidence.identity if decision else None,
        "verdict": answer.verdict,
        "known": decision.evidence.known.value if decision else None,
        "reasons": [f"{one.name}: {one.summary}" for one in answer.reasons],
        "record": answer.record,
    }


DecisionLog = Callable[[Answered], None]
"""is told of every answer"""
