"""What a service decided about each submission: one JSON line, for the operator's own log."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.ledger.proof import Receipt
from weightmark.values import dataclass

__all__ = ["Decision", "DecisionLog", "Outcome"]


class Outcome(StrEnum):
    """What became of a submission."""

    ENTERED = "entered"
    """it has a receipt; it was entered now, or stood there before"""
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
    """of what was entered"""
    error: WeightmarkError | None = None
    """why it was not entered"""

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
                "submitter": event.submitter,
            }
        if self.error:
            fields |= {"code": self.error.code, "what": self.error.what, "why": self.error.why}
        return json.dumps(fields)


DecisionLog = Callable[[Decision], None]
"""is told of every decision"""
