"""A file that grows by one line an event; several processes may write to it."""

import os
import stat
from collections.abc import Sequence

from weightmark.provenance.events.appending import append_whole
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import UndeliveredError, Unkept

__all__ = ["FileSink"]

_FLAGS = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class FileSink(Unkept):
    """Appends lines to a file, which only its owner can read when it is made here; FIFOs and devices serve as well."""

    is_remote = False

    def __init__(self, path: str) -> None:
        """Name the file; nothing is opened yet."""
        self.path = path
        self.name = path

    def send(self, messages: Sequence[Message], deadline: float) -> None:  # noqa: ARG002 - a local file is not waited for
        """Append all lines in one piece; raises `UndeliveredError`."""
        data = b"".join(message.body + b"\n" for message in messages)
        try:
            descriptor = self._opened()
            try:
                append_whole(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UndeliveredError((error.strerror or str(error)).lower()) from error

    def _opened(self) -> int:
        """Open the file; a regular one for reading as well, so that half a line at its end is seen."""
        try:
            if stat.S_ISREG(os.stat(self.path).st_mode):  # noqa: PTH116 - the name is a string, as it was given
                return os.open(self.path, os.O_RDWR | _FLAGS, 0o600)
        except OSError:
            # it is missing, or can be written and not read
            pass
        return os.open(self.path, os.O_WRONLY | _FLAGS, 0o600)
