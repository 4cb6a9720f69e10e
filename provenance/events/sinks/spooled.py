"""A receiver on the network with a spool before it: what it does not take now is sent by a later run."""

from collections.abc import Sequence

from weightmark.errors import WeightmarkError
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import Sink, UndeliveredError, remaining
from weightmark.provenance.events.spool import Spool, Stored

__all__ = ["SpooledSink"]

_MOST_LEFT_OVERS = 100
"""files of earlier runs that one run sends"""


class SpooledSink:
    """Stores, sends, forgets; then sends what earlier runs left, while there is time."""

    keeps = True
    is_remote = True

    def __init__(self, sink: Sink, spool: Spool, *, offline: bool = False) -> None:
        """Put `spool` before `sink`; `offline` only stores."""
        self.name = sink.name
        self._sink = sink
        self._spool = spool
        self._offline = offline

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Send `messages`, which may be none, and what waits; raises `UndeliveredError`, which says whether they are kept."""
        if messages:
            self._send_new(messages, deadline)
        if not self._offline:
            self._send_waiting(deadline)

    def _send_new(self, messages: Sequence[Message], deadline: float) -> None:
        try:
            with self._spool.stored(messages) as stored:
                self._send_stored(stored, deadline)
        except WeightmarkError as error:
            self._send_without_spool(messages, deadline, error)

    def _send_stored(self, stored: Stored, deadline: float) -> None:
        if self._offline:
            raise UndeliveredError("`--offline` uses no network", kept=True)
        try:
            self._sink.send(stored.messages, deadline)
        except UndeliveredError as error:
            if not error.again:
                self._spool.set_aside(stored)
            raise UndeliveredError(error.what, again=error.again, kept=True) from error
        self._spool.remove(stored)

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
        try:
            for number, stored in enumerate(self._spool.waiting()):
                if number == _MOST_LEFT_OVERS:
                    return
                remaining(deadline)
                try:
                    self._sink.send(stored.messages, deadline)
                except UndeliveredError as error:
                    if error.again:
                        return
                    self._spool.set_aside(stored)
                else:
                    self._spool.remove(stored)
        except (UndeliveredError, WeightmarkError):
            return
