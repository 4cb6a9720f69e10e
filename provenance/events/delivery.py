"""Events on their way: rendered once, handed to every receiver at the same time, within one bound."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from weightmark.provenance.events.event import Event
from weightmark.provenance.events.forms.interface import Form
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import Fate, Sink, UndeliveredError
from weightmark.values import dataclass

__all__ = ["SECONDS", "Background", "Delivery", "Problem"]

SECONDS = 10.0
"""within which all receivers are told; what takes longer is left to a later run"""
_GRACE = 0.5
"""seconds after the deadline in which a receiver may say what became of it"""
_MOST_WAITING, _MOST_AT_ONCE = 10_000, 500


@dataclass(frozen=True, slots=True)
class Problem:
    """A receiver that did not take events."""

    sink: str
    """how the receiver is called, without secrets"""
    what: str
    """what happened"""
    fate: Fate
    """what becomes of them"""

    @property
    def words(self) -> str:
        """One line for people."""
        return f"events did not reach `{self.sink}`: {self.what}; {self.fate}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where events of one process go, and in which form."""

    sinks: tuple[Sink, ...]
    """the receivers"""
    form: Form
    """in which they are written"""
    seconds: float = SECONDS
    """bound for all receivers together"""

    def deliver(self, events: Sequence[Event]) -> tuple[Problem, ...]:
        """Tell every receiver; returns what did not work, and never raises for a receiver."""
        messages = [Message.of(event, self.form) for event in events]
        deadline = time.monotonic() + self.seconds
        jobs = [_Job(sink, messages, deadline) for sink in self.sinks]
        for job in jobs:
            job.start()
        return tuple(problem for job in jobs if (problem := job.finish()))


class _Job:
    """One receiver being told, in a thread of its own: name look-ups and answers that drip have no other end."""

    def __init__(self, sink: Sink, messages: Sequence[Message], deadline: float) -> None:
        self._sink, self._messages, self._deadline = sink, messages, deadline
        self._problem: Problem | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; local receivers are told at once."""
        if not self._sink.is_remote:
            self._run()
            return
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> Problem | None:
        """Wait to the deadline and return what went wrong."""
        if self._thread is None:
            return self._problem
        self._thread.join(max(0.0, self._deadline - time.monotonic()) + _GRACE)
        fate = Fate.KEPT if self._sink.has_kept(self._messages) else Fate.LOST
        if self._thread.is_alive():
            return Problem(self._sink.name, "it did not answer in time", fate)
        return self._problem

    def _run(self) -> None:
        try:
            self._sink.send(self._messages, self._deadline)
        except UndeliveredError as error:
            self._problem = Problem(self._sink.name, error.what, error.fate)
        except Exception as error:  # noqa: BLE001 - a fault of a receiver changes no verdict
            self._problem = Problem(self._sink.name, type(error).__name__, Fate.LOST)


class Background:
    """Delivers from a thread of its own, for services that must not wait; use it as a context manager."""

    def __init__(self, delivery: Delivery, tell: Callable[[str], object]) -> None:
        """Deliver by `delivery`; `tell` gets one line a problem."""
        self._delivery = delivery
        self._tell = tell
        self._queue: queue.Queue[Event | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Deliver what waits, within the bound of a delivery."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=self._delivery.seconds)
        self._thread.join(self._delivery.seconds + 2 * _GRACE)

    def offer(self, events: Sequence[Event]) -> None:
        """Take events without waiting; says so when there are too many."""
        for number, event in enumerate(events):
            try:
                self._queue.put_nowait(event)
            except queue.Full:
                lost = len(events) - number
                self._tell(f"{lost} events are lost: receivers are slower than they come")
                return

    def _work(self) -> None:
        last = False
        while not last:
            batch = [self._queue.get()]
            while len(batch) < _MOST_AT_ONCE and not self._queue.empty():
                batch.append(self._queue.get())
            last = None in batch
            events = [event for event in batch if event is not None]
            if events:
                for problem in self._delivery.deliver(events):
                    self._tell(problem.words)
