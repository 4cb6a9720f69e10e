"""What a service decided about each submission: one JSON line, for the operator's own log."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.ledger.proof import Receipt
from weightmark.provenance.ledger.service.sequencer import Answer
from weightmark.values import dataclass

__all__ = ["Decision", "DecisionLog", "Outcome"]


class Outcome(StrEnum):
    """What became of a submission."""

    ENTERED = "entered"
    """it made an entry, and has its receipt"""
    KNOWN = "known"
    """its claim stood there already, and it has the receipt of that entry"""
    REFUSED = "refused"
    """it was judged, and is not admitted"""
    FAILED = "failed"
    """it was not judged to the end; sent again, it may be entered"""
    LIMITED = "limited"
    """it was over a limit of the service"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision."""

    outcome: Outcome
    """what became of the submission"""
    address: str
    """where it came from"""
    seconds: float
    """from the first byte to the answer"""
    receipt: Receipt | None = None
    """of what was entered, or stood there already"""
    submitter: str = ""
    """who submitted it, `key:<hex>` or `salted:<hex>`; empty when nobody could be told"""
    error: WeightmarkError | None = None
    """why it was not entered"""

    @classmethod
    def of_answer(cls, answer: Answer, address: str, seconds: float) -> "Decision":
        """Say what was entered, or stood there already."""
        outcome = Outcome.ENTERED if answer.is_new else Outcome.KNOWN
        return cls(outcome, address, seconds, receipt=answer.receipt, submitter=answer.submitter)

    @classmethod
    def of_error(cls, error: WeightmarkError, address: str, seconds: float) -> "Decision":
        """Say why nothing was entered."""
        outcome = Outcome.REFUSED if error.exit is Exit.BAD else Outcome.FAILED
        return cls(outcome, address, seconds, error=error)

    def to_line(self, now: datetime | None = None) -> str:
        """Return one line of JSON, in ASCII, so that nothing in it can begin another line."""
        fields: dict[str, object] = {
            "time": (now or datetime.now(UTC)).isoformat(timespec="milliseconds"),
            "outcome": self.outcome,
            "address": self.address,
            "ms": round(self.seconds * 1000),
        }
        if self.receipt:
            event = self.receipt.event
            fields |= {
                "index": self.receipt.index,
                "kind": event.kind,
                "subject": event.subject,
                "submitter": self.submitter,
            }
        if self.error:
            fields |= {"code": self.error.code, "what": self.error.what, "why": self.error.why}
        return json.dumps(fields)


DecisionLog = Callable[[Decision], None]
"""is told of every decision"""
