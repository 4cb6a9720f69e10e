"""From the events of an answer to what is done about them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from weightmark.attestations.responding.acts import Act, Outcome
from weightmark.attestations.responding.happening import Happening, Mark, Trigger
from weightmark.attestations.responding.responder import respond
from weightmark.attestations.responding.rules import Responses
from weightmark.cli.failures import without_secrets
from weightmark.cli.render.interface import CheckLine
from weightmark.cli.render.interface import Outcome as Shown
from weightmark.provenance.events.event import Act as ActKind
from weightmark.provenance.events.event import Event, Kind, Severity, new_uid
from weightmark.values import dataclass

__all__ = ["Responded", "Responder"]

_VERBS = {
    Outcome.WOULD: "would ",
    Outcome.DONE: "",
    Outcome.BEGUN: "",
    Outcome.FAILED: "failed: ",
}
_DRIFTS = frozenset({"changed", "refused", "unchecked", "gone"})
_DENIED = frozenset({"deny", "refused"})
_BAD = 1
_IDENTITY = "wm1:"
_UNKNOWN = "which of the paths that were given this is about is not known"


@dataclass(frozen=True, slots=True)
class Responded:
    """What was done about one event."""

    happening: Happening
    """to what"""
    acts: tuple[Act, ...]
    """what was done"""

    def lines(self) -> tuple[CheckLine, ...]:
        """Return a line an act; none of them changes the verdict."""
        return tuple(
            CheckLine(
                Shown.UNCHECKED if act.outcome is Outcome.FAILED else Shown.INFO,
                f"response {act.rule}",
                f"{_VERBS[act.outcome]}{act.summary}",
                code="response-failed" if act.outcome is Outcome.FAILED else "",
            )
            for act in self.acts
        )

    def events(self) -> tuple[Event, ...]:
        """Return an event an act, to be told like the one that called for it."""
        return tuple(
            replace(
                self.happening.event,
                kind=Kind.ACTIVITY,
                command=f"respond {act.action}",
                verdict=act.outcome.value,
                exit=4 if act.outcome is Outcome.FAILED else 0,
                severity=Severity.HIGH if act.outcome is Outcome.FAILED else Severity.MEDIUM,
                message=without_secrets(f"{_VERBS[act.outcome]}{act.summary}"),
                uid=new_uid(),
                checks=(),
                policy=None,
                act=ActKind.UPDATE,
                labels={
                    "trigger": self.happening.trigger.value,
                    "because": self.happening.event.uid,
                },
            )
            for act in self.acts
        )


def _identity(name: str) -> str:
    """Return a name that is an identity, as revocations have it."""
    return name if name.startswith(_IDENTITY) else ""


def _is_elsewhere(name: str) -> bool:
    """Tell whether a word names something that lies nowhere here."""
    return "://" in name or name.startswith(_IDENTITY)


@dataclass(frozen=True, slots=True)
class Responder:
    """Responds to the events of one call."""

    command: str
    """the command that runs"""
    responses: Responses
    """the rules"""
    act: bool
    """whether rules that are not enabled act as well"""
    marks: dict[str, Mark | None]
    """which file or folder stood at each path, as `Path` spells it, before it was judged"""

    def mark(self, path: str) -> None:
        """Note what stands at `path`, which is about to be judged; addresses and identities lie nowhere here."""
        if os.path.lexists(path) or not _is_elsewhere(path):
            self.marks[str(Path(path))] = Mark.of(Path(path))

    def respond(self, events: Sequence[Event]) -> tuple[Responded, ...]:
        """Respond to every event that calls for it."""
        called = [happening for event in events if (happening := self._happening(event))]
        return tuple(Responded(one, respond(one, self.responses, act=self.act)) for one in called)

    def _happening(self, event: Event) -> Happening | None:
        trigger = self._trigger(event)
        if trigger is None:
            return None
        identity = event.subject.identity or _identity(event.subject.name)
        place, unplaced = self._place(event, identity)
        return Happening(
            trigger,
            event.verdict,
            event,
            Path(place) if place else None,
            self.marks.get(place),
            identity,
            unplaced,
        )

    def _place(self, event: Event, identity: str) -> tuple[str, str]:
        """Return where the artifact of an event lies, and why that is not known.

        Both are empty for what was only fetched, or lies nowhere here.
        """
        if self.command == "pull":
            return "", ""
        if self.command == "revoke":
            # the path that was named; a key file lies there as well, and is no artifact
            return (next(iter(self.marks), "") if identity else ""), ""
        place = str(Path(event.subject.place)) if event.subject.place else ""
        if place in self.marks:
            return place, ""
        return "", "" if _is_elsewhere(event.subject.place) else _UNKNOWN

    def _trigger(self, event: Event) -> Trigger | None:
        if self.command == "revoke":
            return Trigger.REVOKE if event.verdict == "revoked" else None
        if event.kind is not Kind.DECISION:
            return None
        if self.command == "watch":
            return Trigger.DRIFT if event.verdict in _DRIFTS else None
        return Trigger.DENY if event.exit == _BAD and event.verdict in _DENIED else None
