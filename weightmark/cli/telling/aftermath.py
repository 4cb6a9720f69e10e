"""What comes after the answer of a command and before its end: events are told, and responses are made."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightmark.cli.render.interface import CheckLine, Document
from weightmark.cli.streams import say
from weightmark.cli.telling.events import Teller
from weightmark.errors import Exit, NetworkError, WeightmarkError
from weightmark.values import dataclass
from weightmark.visible import visible

if TYPE_CHECKING:
    from weightmark.cli.telling.responses import Responder
    from weightmark.provenance.events.delivery import Delivery, Problem
    from weightmark.provenance.events.event import Event

__all__ = ["Aftermath"]


@dataclass(slots=True)
class Aftermath:
    """Tells and responds to the answer of one call; neither changes a verdict unless the caller requires it."""

    teller: Teller
    """makes events"""
    delivery: "Delivery | None"
    """hands them over; None when nobody is to be told"""
    required: bool
    """whether undelivered events count as not checked"""
    responder: "Responder | None"
    """acts on them; None when nothing is to be done"""
    subject: str
    """what the call is about, for a call that fails"""
    quiet: bool = False
    """whether the answer leaves out what did not fail: what was done is said all the same"""
    answered: bool = False
    """whether an answer was told: what fails after it is no other decision"""

    def of(self, document: Document) -> Document:
        """Respond to an answer and tell of it, once; returns it with what was done.

        Raises `NetworkError` when events that are required were not delivered, unless the answer is as
        bad or worse: nobody may take it for good.
        """
        if self.answered:
            return document
        lines, problems = self.follow(lambda: self.teller.told(document))
        self.answered = True
        if problems and self.required and _is_better(document.exit):
            raise _undelivered(document.headline or document.verdict, problems)
        said = [f"{line.name}: {line.summary}" for line in lines if not line.code]
        return replace(
            document,
            checks=(*document.checks, *lines),
            lines=(*document.lines, *said) if self.quiet else document.lines,
        )

    def before(self, path: str) -> None:
        """Note that `path` is about to be judged once more."""
        if self.responder:
            self.responder.mark(path)

    def of_failure(self, error: WeightmarkError) -> WeightmarkError:
        """Respond to a call without an answer and tell of it; returns the error with which it ends."""
        if self.answered:
            return error
        lines, problems = self.follow(lambda: self.teller.failed(error, self.subject))
        for line in lines:
            say(f"{line.name}: {visible(line.summary)}\n")
        if problems and self.required and _is_better(error.exit):
            return _undelivered(error.what, problems)
        return error

    def follow(
        self, make: "Callable[[], Sequence[Event]]"
    ) -> "tuple[tuple[CheckLine, ...], tuple[Problem, ...]]":
        """Respond to the events that `make` gives, and tell of them and of what was done.

        Returns a line an act, and who was not told. Raises nothing: a fault here is no verdict.
        """
        from weightmark.provenance.events.delivery import Problem
        from weightmark.provenance.events.sinks.interface import Fate

        lines: tuple[CheckLine, ...] = ()
        try:
            events = make()
            responded = self.responder.respond(events) if self.responder else ()
            acted = [event for one in responded for event in one.events()]
            lines = _numbered([line for one in responded for line in one.lines()])
            told = (*events, *acted)
            problems = self.delivery.deliver(told) if self.delivery and told else ()
        except Exception as error:  # noqa: BLE001 - what was decided stays so, whatever comes after it
            problems = (Problem("anybody", f"{type(error).__name__}, which is a bug", Fate.LOST),)
        for problem in problems:
            say(f"{visible(problem.words)}\n")
        return lines, problems


def _is_better(code: Exit) -> bool:
    """Tell whether an exit code says something better than that it could not be checked."""
    return Exit.worst([code, Exit.UNCHECKED]) is not code


def _undelivered(answer: str, problems: "Sequence[Problem]") -> NetworkError:
    return NetworkError(
        f"events were not delivered, and `--events-required` demands it; without that: {answer}",
        why="; ".join(problem.words for problem in problems),
        fix="mend the receiver and call again, or leave `--events-required` out",
    )


def _numbered(lines: "list[CheckLine]") -> "tuple[CheckLine, ...]":
    """Give every line a name of its own, as no two checks of an answer have the same."""
    if len({line.name for line in lines}) == len(lines):
        return tuple(lines)
    return tuple(
        replace(line, name=f"{line.name} ({number})") for number, line in enumerate(lines, start=1)
    )
