"""A stream that is open already: stdout, where nothing else is written to it."""

import sys
from collections.abc import Sequence

from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import UndeliveredError, Unkept

__all__ = ["StreamSink"]


class StreamSink(Unkept):
    """Writes lines to stdout."""

    is_remote = False
    name = "stdout"

    def send(self, messages: Sequence[Message], deadline: float) -> None:  # noqa: ARG002 - a stream is not waited for
        """Write and flush; raises `UndeliveredError`, also when nobody reads any more."""
        text = "".join(message.body.decode("utf-8") + "\n" for message in messages)
        encoding = sys.stdout.encoding or "utf-8"
        try:
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            raise UndeliveredError(f"it can't be written: {error}") from error
