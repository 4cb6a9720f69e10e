"""Progress on stderr: only on a terminal, only when it takes long, erased at the end."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from weightmark.provenance.sizes import human_bytes

__all__ = ["Progress"]

_SHOW_AFTER = 0.5
_REDRAW_AFTER = 0.1
_ERASE_LINE = "\r\x1b[2K"


class Progress:
    """A line of bytes done and rate; a context manager that erases the line at its end."""

    def __init__(
        self,
        stream: TextIO,
        total: int | None,
        *,
        enabled: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count towards `total` bytes (None: not known); silent unless `enabled`."""
        self._stream = stream
        self._total = total
        self._enabled = enabled
        self._clock = clock
        self._lock = threading.Lock()
        self._done = 0
        self._started = clock()
        self._drawn: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def done(self) -> int:
        """Bytes counted so far."""
        return self._done

    def advance(self, size: int, /) -> None:
        """Add `size` bytes and redraw at most ten times a second."""
        with self._lock:
            self._done += size
            if self._enabled and self._is_due():
                self._draw()

    def close(self) -> None:
        """Erase the line if there is one."""
        with self._lock:
            if self._drawn is not None:
                self._stream.write(_ERASE_LINE)
                self._stream.flush()
                self._drawn = None

    def _is_due(self) -> bool:
        now = self._clock()
        since = now - (self._started if self._drawn is None else self._drawn)
        return since >= (_SHOW_AFTER if self._drawn is None else _REDRAW_AFTER)

    def _draw(self) -> None:
        now = self._clock()
        self._drawn = now
        rate = self._done / max(now - self._started, 1e-9)
        of_total = f" of {human_bytes(self._total)}" if self._total is not None else ""
        line = f"{human_bytes(self._done)}{of_total}, {human_bytes(int(rate))}/s"
        self._stream.write(f"{_ERASE_LINE}{line}")
        self._stream.flush()
