"""Lines about what a service decided, for its operator: into a file, or onto stderr."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from weightmark.errors import read_failure

__all__ = ["decision_lines"]


@contextmanager
def decision_lines(path: str | None) -> Iterator[Callable[[str], None]]:
    """Give a function that adds one line to `path`, or to stderr; threads may share it."""
    if path is None:
        yield _writer(sys.stderr)
        return
    try:
        file = Path(path).open("a", encoding="ascii")  # noqa: SIM115 - closed below; the error is of opening only
    except OSError as error:
        raise read_failure(path, error) from error
    with file:
        yield _writer(file)


def _writer(stream: TextIO) -> Callable[[str], None]:
    lock = threading.Lock()

    def write(line: str) -> None:
        with lock:
            stream.write(f"{line}\n")
            stream.flush()

    return write
