"""Deciding for many askers: by one policy, in threads, with a bound on what waits, and closed when in doubt."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.serving.decision_log import Answered, DecisionLog
from weightmark.attestations.gate.serving.metrics import Metrics
from weightmark.attestations.gate.serving.questions import Answer, Question
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.policy.model import Policy
from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.values import dataclass

__all__ = ["Bounds", "GateService", "Keep"]

Keep = Callable[[Decision], tuple[tuple[Check, ...], dict[str, Any] | None]]
"""keeps a decision; returns what could not be kept, and the entry of a ledger"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the service takes on."""

    waiting: int = 64
    """questions that may wait or be judged at the same time"""
    seconds: float = 9.0
    """within which a question is answered; Kubernetes asks for ten seconds by default"""
    rate: float = 200.0
    """requests of one address a second; 0 is no bound"""
    body_seconds: float = 5.0
    """within which a request must be there"""


class GateService:
    """Answers questions by one policy; use it as a context manager."""

    def __init__(
        self,
        policy: Policy,
        sources: Sources,
        *,
        roots: Sequence[Path] = (),
        keep: Keep | None = None,
        tell: DecisionLog = lambda _answered: None,
        bounds: Bounds | None = None,
        workers: int = 2,
    ) -> None:
        """Decide by `policy` on files beneath `roots`, and by identity on what `sources` hold."""
        self.policy = policy
        self.roots = tuple(roots)
        self.bounds = bounds or Bounds()
        self.metrics = Metrics()
        self._sources = sources
        self._keep = keep
        self._tell = tell
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="gate")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="keep")
        self._open = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop what waits, and wait for what is being judged."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True)

    @property
    def is_busy(self) -> bool:
        """Whether a further question has to be turned away."""
        return self._open >= self.bounds.waiting

    async def answer(self, question: Question, *, keep: bool = True) -> Answer:
        """Decide about one artifact; whatever goes wrong is an answer that allows nothing."""
        self._open += 1
        loop = asyncio.get_running_loop()
        end = loop.time() + self.bounds.seconds
        try:
            judged = loop.run_in_executor(self._pool, self._decide, question)
            judged.add_done_callback(self._closed)
        except RuntimeError:
            self._open -= 1
            return Answer.of_error(question.given, UncheckedError("the service is stopping"))
        try:
            answer = await asyncio.wait_for(asyncio.shield(judged), self.bounds.seconds)
        except TimeoutError:
            judged.cancel()
            late = UncheckedError(
                f"not judged within {self.bounds.seconds:g} s",
                fix="ask again, or gate it beforehand",
            )
            return Answer.of_error(question.given, late)
        if self._keep is None or not keep or answer.decision is None:
            return answer
        return await self._kept_until(end, answer, self._keep)

    async def _kept_until(self, end: float, answer: Answer, keep: Keep) -> Answer:
        """Keep a decision; one that is not kept by `end`, a moment of the loop's clock, allows nothing."""
        loop = asyncio.get_running_loop()
        self._open += 1
        try:
            kept = loop.run_in_executor(self._writer, self._kept, answer, keep)
            kept.add_done_callback(self._closed)
        except RuntimeError:
            self._open -= 1
            return Answer.of_error(answer.given, UncheckedError("the service is stopping"))
        try:
            return await asyncio.wait_for(asyncio.shield(kept), max(end - loop.time(), 0))
        except TimeoutError:
            kept.cancel()
            late = UncheckedError(
                f"the decision was not kept within {self.bounds.seconds:g} s",
                fix="ask again, or look whether somebody else holds the ledger",
            )
            return Answer.of_error(answer.given, late)

    def told(self, answered: Answered) -> None:
        """Count and log a request."""
        self.metrics.told(answered)
        self._tell(answered)

    def _closed(self, _judged: object) -> None:
        self._open -= 1

    def _decide(self, question: Question) -> Answer:
        try:
            decision = gate(question.text, self.policy, self._sources, jobs=1, earlier=True)
        except WeightmarkError as error:
            return replace(Answer.of_error(question.given, error), place=question.text)
        except Exception as error:  # noqa: BLE001 - our bug must not be taken for a yes, nor end the connection
            unknown = UncheckedError(f"{type(error).__name__}: {error}")
            return Answer.of_error(question.given, unknown)
        place = "" if question.text == question.given else question.text
        return Answer(question.given, decision, place=place)

    def _kept(self, answer: Answer, keep: Keep) -> Answer:
        if answer.decision is None:
            return answer
        try:
            failed, record = keep(answer.decision)
        except Exception as error:  # noqa: BLE001 - what was not kept as told allows nothing
            lost = UncheckedError(f"{type(error).__name__}: {error}")
            failed, record = (Check.from_error("record", lost),), None
        return replace(answer, record=record, kept=failed)
