"""A file that grows by one line an event; several processes may write to it."""

import os
from collections.abc import Sequence

from weightmark.provenance.events.locks import lock_soon
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import UndeliveredError

__all__ = ["FileSink"]

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class FileSink:
    """Appends lines to a file, which only its owner can read when it is made here; FIFOs and devices serve as well."""

    keeps = False
    is_remote = False

    def __init__(self, path: str) -> None:
        """Name the file; nothing is opened yet."""
        self.path = path
        self.name = path

    def send(self, messages: Sequence[Message], deadline: float) -> None:  # noqa: ARG002 - a local file is not waited for
        """Append all lines in one piece; raises `UndeliveredError`."""
        data = b"".join(message.body + b"\n" for message in messages)
        try:
            descriptor = os.open(self.path, _FLAGS, 0o600)
            try:
                lock_soon(descriptor)
                _write_all(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UndeliveredError((error.strerror or str(error)).lower()) from error


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
