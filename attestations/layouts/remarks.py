"""What a library logs, as values: it would otherwise write to stderr beside the answer."""

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["remarks_of"]

_LONGEST = 300
_MOST = 100


class _Collector(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message, cut to a length."""
        if len(self._into) < _MOST:
            self._into.append(" ".join(_message(record).split())[:_LONGEST])


def _message(record: logging.LogRecord) -> str:
    """Return the text with lists as a shell would write them."""
    if not isinstance(record.args, tuple):
        return record.getMessage()
    words = tuple(
        shlex.join(map(str, one)) if isinstance(one, list) else one for one in record.args
    )
    return record.msg % words


@contextmanager
def remarks_of(name: str, into: list[str]) -> Iterator[None]:
    """Collect the warnings of a library's logger, and let none of them out meanwhile."""
    logger, collector = logging.getLogger(name), _Collector(into)
    handlers, propagates = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [collector], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagates
