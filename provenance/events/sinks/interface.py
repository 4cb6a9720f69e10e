"""The seam between rendered events and a receiver."""

import time
from collections.abc import Sequence
from typing import Protocol

from weightmark.provenance.events.message import Message

__all__ = ["Sink", "UndeliveredError", "remaining"]

_LEAST = 0.05


class UndeliveredError(Exception):
    """A receiver did not take events; it never says anything about an artifact."""

    def __init__(
        self, what: str, *, wait: float = 0.0, again: bool = True, kept: bool = False
    ) -> None:
        """Say `what` happened; the receiver asks to `wait` seconds.

        `again` is False when the same bytes would be refused for ever, `kept` True when the events
        are stored to be sent at a later run.
        """
        super().__init__(what)
        self.what = what
        self.wait = wait
        self.again = again
        self.kept = kept


class Sink(Protocol):
    """One receiver."""

    @property
    def name(self) -> str:
        """How it is called in messages: without paths, queries and logins of web addresses, which may be secrets."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether the network is needed."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether events are stored before they are sent, so that a later run sends what was not taken."""
        ...

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Hand over messages before `deadline` on the monotonic clock; raises `UndeliveredError`."""
        ...


def remaining(deadline: float) -> float:
    """Return the seconds that are left, never none; raises `UndeliveredError` when the time is over."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise UndeliveredError("there was no time left to send them")
    return max(_LEAST, left)
