"""The seam between rendered events and a receiver."""

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from weightmark.provenance.events.message import Message

__all__ = ["Fate", "Sink", "UndeliveredError", "Unkept", "remaining"]

_LEAST = 0.05


class Fate(StrEnum):
    """What becomes of events that a receiver did not take, in words that follow on `;`."""

    LOST = "they are lost"
    """nobody will send them"""
    PARTLY = "those are lost"
    """the words before say which; all others were sent"""
    KEPT = "they are kept and sent by the next run"
    """they are stored"""
    ASIDE = "they are set aside as `*.refused` in the spool, and sent no more"
    """a person may look at them"""
    STUCK = "they stay there until a person has looked"
    """they are stored where nobody may send them from"""


class UndeliveredError(Exception):
    """A receiver did not take events; it never says anything about an artifact."""

    def __init__(
        self, what: str, *, wait: float = 0.0, again: bool = True, fate: Fate = Fate.LOST
    ) -> None:
        """Say `what` happened; the receiver asks to `wait` seconds.

        `again` is False when the same bytes would be refused for ever; `fate` is what becomes of the events.
        """
        super().__init__(what)
        self.what = what
        self.wait = wait
        self.again = again
        self.fate = fate


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

    def has_kept(self, messages: Sequence[Message]) -> bool:
        """Tell whether messages that are being sent are stored, so that a later run sends what is not taken."""
        ...

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Hand over messages before `deadline` on the monotonic clock; raises `UndeliveredError`."""
        ...


class Unkept:
    """What receivers have in common that store nothing."""

    def has_kept(self, messages: Sequence[Message]) -> bool:  # noqa: ARG002 - the answer is the same for all
        """Return False."""
        return False


def remaining(deadline: float) -> float:
    """Return the seconds that are left, never none; raises `UndeliveredError` when the time is over."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise UndeliveredError("there was no time left to send them")
    return max(_LEAST, left)
