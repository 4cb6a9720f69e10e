"""Telling somebody in particular: a file, a syslog server, a web address."""

import time

from weightmark.attestations.responding.happening import Happening
from weightmark.errors import NetworkError
from weightmark.provenance.events.forms.interface import Form
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import Sink, UndeliveredError
from weightmark.values import dataclass

__all__ = ["Notice"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Sends the event to one receiver."""

    sink: Sink
    """who is told"""
    form: Form
    """in which form"""
    seconds: float
    """how long that may take"""

    def plan(self, happening: Happening) -> str:
        """Say who would be told."""
        return f"tell `{self.sink.name}` of the {happening.trigger.value}"

    def act(self, happening: Happening) -> str:
        """Send it; raises `NetworkError` when it is not taken."""
        from weightmark.provenance.bounded_time import within

        message = Message.of(happening.event, self.form)
        deadline = time.monotonic() + self.seconds
        try:
            within(self.seconds + 1, lambda: self.sink.send([message], deadline))
        except TimeoutError as error:
            raise NetworkError(f"`{self.sink.name}` did not answer in time") from error
        except UndeliveredError as error:
            said = f"`{self.sink.name}` was not told: {error.what}; {error.fate}"
            raise NetworkError(said) from error
        return f"told `{self.sink.name}`"
