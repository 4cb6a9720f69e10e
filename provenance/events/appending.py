"""Adding lines to a file that others add to as well: all of them or none, and never glued to half a line."""

import os
from contextlib import suppress

from weightmark.provenance.events.file_lock import lock_soon

__all__ = ["append_whole"]


def append_whole(descriptor: int, data: bytes) -> None:
    """Append lines to an open file; raises `OSError`, and then a regular file is as it was before.

    What a process that died left of a line is ended first. Where somebody else holds the lock for long, lines
    are added all the same, and what was half written is left.
    """
    locked = lock_soon(descriptor)
    status = os.fstat(descriptor)
    size = status.st_size
    start = b"\n" if locked and _is_open(descriptor, size) else b""
    try:
        _write_all(descriptor, start + data)
    except _CutOffError as cut:
        with suppress(OSError):
            # what somebody who asks for no lock has added meanwhile stays
            if locked and os.fstat(descriptor).st_size == size + cut.written:
                os.ftruncate(descriptor, size)
        raise cut.error from cut


def _is_open(descriptor: int, size: int) -> bool:
    """Tell whether the last line of a file has no end; a file that only takes is believed to have one."""
    if not size:
        return False
    try:
        return os.pread(descriptor, 1, size - 1) != b"\n"
    except OSError:
        return False


class _CutOffError(Exception):
    """A write that ended early."""

    def __init__(self, written: int, error: OSError) -> None:
        super().__init__(written)
        self.written = written
        self.error = error


def _write_all(descriptor: int, data: bytes) -> None:
    view, written = memoryview(data), 0
    try:
        while written < len(view):
            written += os.write(descriptor, view[written:])
    except OSError as error:
        raise _CutOffError(written, error) from error
