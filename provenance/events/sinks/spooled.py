"""A receiver on the network with a spool before it: what it does not take now is sent by a later run."""

from collections.abc import Sequence

from weightmark.errors import WeightmarkError
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import Fate, Sink, UndeliveredError, remaining
from weightmark.provenance.events.spool import Spool, Stored

__all__ = ["SpooledSink"]

_MOST_LEFT_OVERS = 100
"""files of earlier runs that one run sends"""


class SpooledSink:
    """Stores, sends, forgets; then sends what earlier runs left, while there is time."""

    is_remote = True

    def __init__(self, sink: Sink, spool: Spool, *, offline: bool = False) -> None:
        """Put `spool` before `sink`; `offline` only stores."""
        self.name = sink.name
        self._sink = sink
        self._spool = spool
        self._offline = offline
        self._stored: set[str] = set()

    def has_kept(self, messages: Sequence[Message]) -> bool:
        """Tell whether messages that are being sent are stored."""
        return all(message.uid in self._stored for message in messages)

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Send `messages`, which may be none, and what waits.

        Raises `UndeliveredError`, which says what becomes of them, also for earlier ones that will never be sent.
        """
        uids = {message.uid for message in messages}
        try:
            if messages:
                self._send_new(messages, deadline)
            if not self._offline:
                self._send_waiting(deadline)
        finally:
            self._stored -= uids

    def _send_new(self, messages: Sequence[Message], deadline: float) -> None:
        try:
            with self._spool.stored(messages) as stored:
                self._stored |= {message.uid for message in messages}
                self._send_stored(stored, deadline)
        except WeightmarkError as error:
            self._send_without_spool(messages, deadline, error)

    def _send_stored(self, stored: Sequence[Stored], deadline: float) -> None:
        """Send file by file; what is refused for ever keeps no other back."""
        if self._offline:
            raise UndeliveredError("`--offline` uses no network", fate=Fate.KEPT)
        refused = None
        for one in stored:
            try:
                self._sink.send(one.messages, deadline)
            except UndeliveredError as error:
                if error.again:
                    raise UndeliveredError(error.what, fate=Fate.KEPT) from error
                self._spool.set_aside(one)
                refused = error
            else:
                self._spool.remove(one)
        if refused is not None:
            raise UndeliveredError(refused.what, again=False, fate=Fate.ASIDE) from refused

    def _send_without_spool(
        self, messages: Sequence[Message], deadline: float, error: WeightmarkError
    ) -> None:
        """Send what could not be stored: that is better than nothing."""
        if self._offline:
            raise UndeliveredError(f"`--offline` uses no network, and {error.what}") from error
        try:
            self._sink.send(messages, deadline)
        except UndeliveredError as lost:
            raise UndeliveredError(f"{lost.what}, and {error.what}", again=lost.again) from lost

    def _send_waiting(self, deadline: float) -> None:
        """Send what earlier runs left; the first that is not taken ends it, and the next run tries again."""
        aside: list[str] = []
        try:
            for number, stored in enumerate(self._spool.waiting()):
                if number == _MOST_LEFT_OVERS:
                    break
                remaining(deadline)
                problem = stored.problem or self._left_over(stored, deadline)
                if problem:
                    self._spool.set_aside(stored)
                    aside.append(problem)
        except UndeliveredError:
            # there is no time left, or the receiver takes no more: all of it still waits
            pass
        except WeightmarkError as error:
            self._require_empty(error)
        if aside:
            raise UndeliveredError(
                f"{_files(len(aside))}: {aside[0]}", again=False, fate=Fate.ASIDE
            )

    def _left_over(self, stored: Stored, deadline: float) -> str:
        """Send one file of an earlier run; returns why it is refused for ever, nothing when it was taken."""
        try:
            self._sink.send(stored.messages, deadline)
        except UndeliveredError as error:
            if error.again:
                raise
            return error.what
        self._spool.remove(stored)
        return ""

    def _require_empty(self, error: WeightmarkError) -> None:
        """Say what hides earlier events, if there are any."""
        waiting = self._spool.count()
        if waiting:
            raise UndeliveredError(
                f"{_files(waiting)}: {error.what}", again=False, fate=Fate.STUCK
            ) from error


def _files(number: int) -> str:
    return f"{number} files of earlier events" if number > 1 else "a file of earlier events"
