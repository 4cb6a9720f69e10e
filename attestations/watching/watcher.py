"""The watcher: looks when something changed and when it is time, and hands on what it saw."""

import time
from collections.abc import Callable, Iterator
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.inventory.state import fingerprint
from weightmark.attestations.watching.events import Event, EventKind, Look, compare
from weightmark.errors import CallError, WeightmarkError
from weightmark.values import dataclass

__all__ = ["Watcher", "look_of"]

_KINDS = {Verdict.ALLOW: EventKind.CHECKED, Verdict.DENY: EventKind.REFUSED}


@dataclass(slots=True)
class Watcher:
    """Remembers the last look at one artifact."""

    path: Path
    """the artifact"""
    decide: Callable[[], Decision]
    """judges it, reading every byte"""
    last: Look | None = None
    """the look before; None for none yet"""
    print_: str = ""
    """how files and times were when it was judged; empty when that tells nothing"""
    judged_at: float = field(default=0.0)
    """when it was judged, by the clock of `follow`"""

    def look(self) -> Event:
        """Judge it now, and say what is new."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        before = self.last.allowed if self.last else ""
        self.print_ = fingerprint(str(self.path))
        now = self._seen()
        kind, self.last = compare(self.last, now)
        return Event(kind, at, str(self.path), self.last, before)

    def follow(
        self,
        *,
        every: float,
        again: float,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Event]:
        """Look now, and for ever again: `every` so many seconds for changes, and all `again` seconds whatever."""
        while True:
            changed = not self.print_ or fingerprint(str(self.path)) != self.print_
            due = self.last is None or changed or clock() - self.judged_at >= again
            if due and not self._is_still_gone():
                self.judged_at = clock()
                yield self.look()
            sleep(every)

    def _is_still_gone(self) -> bool:
        known = self.last is not None and self.last.verdict == Look.gone().verdict
        return known and not self.path.exists()

    def _seen(self) -> Look:
        if not self.path.exists():
            return Look.gone()
        try:
            return look_of(self.decide())
        except CallError as error:
            # between two looks the path can vanish, and its policy can become none
            return Look.gone() if not self.path.exists() else _unseen(error)
        except WeightmarkError as error:
            return _unseen(error)


def look_of(decision: Decision) -> Look:
    """Return what a decision shows."""
    reasons = {
        check.code or check.name
        for check in decision.checks
        if check.outcome not in {Outcome.PASS, Outcome.INFO}
    }
    kind = _KINDS.get(decision.verdict, EventKind.UNCHECKED)
    return Look(
        decision.word,
        kind,
        decision.exit,
        decision.evidence.identity,
        tuple(sorted(reasons)),
    )


def _unseen(error: WeightmarkError) -> Look:
    return Look("could not be checked", EventKind.UNCHECKED, error.exit, "", (error.code,))
