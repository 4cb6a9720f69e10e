"""Regular expressions in pickles: whether one may take exponential time on the data it is given."""

import re
from collections.abc import Callable
from warnings import catch_warnings, simplefilter

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.pickles.ambiguity import is_ambiguous
from weightmark.scanners.pickles.values import Value

__all__ = ["is_pattern", "runs_away"]

_LONGEST = 65_536
_MOST_ARGUMENTS = 2
_FLAGS = int(
    re.ASCII | re.IGNORECASE | re.LOCALE | re.MULTILINE | re.DOTALL | re.UNICODE | re.VERBOSE
)
"""flags that only change what matches; `re.DEBUG` prints"""


def is_pattern(
    arguments: tuple[Value, ...], read: Callable[[Value], ByteView | str | None]
) -> bool:
    """Allow a regular expression and flags; none that takes exponential time.

    `read` gives texts, and opens bytes of the pickle.
    """
    if not 1 <= len(arguments) <= _MOST_ARGUMENTS:
        return False
    pattern, flags = (*arguments, 0)[:2]
    if type(flags) is not int or flags & ~_FLAGS:
        return False
    opened = read(pattern)
    if opened is None or isinstance(opened, str):
        return opened is not None and not runs_away(opened, flags)
    return opened.size <= _LONGEST and not runs_away(opened.read_at(0, opened.size), flags)


def runs_away(pattern: str | bytes, flags: int) -> bool:
    """Tell an expression that may take exponential time, as `(a+)+` and `(a|aa)*` do.

    What Python refuses counts as well. Raises `LimitError` for one that is too long to tell.
    """
    from re import _parser  # type: ignore[attr-defined]  # private and untyped

    try:
        with catch_warnings():
            simplefilter("ignore")
            parsed = _parser.parse(pattern, flags)
            return is_ambiguous(parsed, flags | parsed.state.flags)
    except (re.error, ValueError, OverflowError, RecursionError):
        return True
