"""The two streams: stdout delivers or fails, stderr never changes an exit code."""

import contextlib
import os
import sys
from typing import TextIO

from weightmark.errors import read_failure

__all__ = [
    "discard_stdout",
    "flush_stdout",
    "say",
    "settle_streams",
    "shows_unicode",
    "stdout_is_broken",
    "write_stdout",
]


def say(text: str) -> None:
    """Write text to stderr; that nobody can read it changes no exit code."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        _discard(sys.stderr)


def write_stdout(text: str) -> None:
    """Write text to stdout and flush it; a reader that went away is no error.

    Raises `ReadError` when the text could not be delivered, as on a full disk.
    """
    try:
        sys.stdout.write(_encodable(text, sys.stdout))
    except BrokenPipeError:
        discard_stdout()
    except OSError as error:
        discard_stdout()
        raise read_failure("stdout", error) from error
    flush_stdout()


def flush_stdout() -> None:
    """Deliver what was written to stdout; as `write_stdout`."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
    except OSError as error:
        discard_stdout()
        raise read_failure("stdout", error) from error


def discard_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush cannot fail."""
    _discard(sys.stdout)


def stdout_is_broken() -> bool:
    """Return whether what waits in the buffer of stdout cannot be delivered."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return True
    return False


def settle_streams() -> None:
    """Flush both streams, and send nowhere what nobody takes: the exit code is settled by now."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(stream)


def _discard(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        target = stream.fileno()
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, target)
        os.close(descriptor)


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def shows_unicode(stream: TextIO) -> bool:
    """Return whether the stream can show the marks of the text form."""
    try:
        "✓✗".encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
