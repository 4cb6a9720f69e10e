"""Regular expressions in pickles: whether one may take exponential time on the data it is given."""

import re
from collections.abc import Callable, Iterable
from warnings import catch_warnings, simplefilter

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.pickles.values import Value

__all__ = ["is_pattern", "runs_away"]

_MANY_TIMES = 64
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
    """Tell an expression that repeats without end what already repeats so, as `(a+)+` does.

    What Python refuses counts as well. Alternatives that overlap are not compared.
    """
    from re import _parser

    try:
        with catch_warnings():
            simplefilter("ignore")
            return _repeats_repeats(_parser.parse(pattern, flags))
    except (re.error, ValueError, OverflowError, RecursionError):
        return True


def _repeats_repeats(items: Iterable[tuple[object, object]]) -> bool:
    for operation, value in items:
        inner = list(_bodies(value))
        greedy = str(operation) in ("MAX_REPEAT", "MIN_REPEAT") and _is_long(value)
        if greedy and any(map(_is_ambiguous, inner)):
            return True
        if any(map(_repeats_repeats, inner)):
            return True
    return False


def _is_long(value: object) -> bool:
    """Tell the limits of a repetition that may go on for ever, or very often."""
    return isinstance(value, tuple) and value[1] > _MANY_TIMES


def _bodies(value: object) -> Iterable[list[tuple[object, object]]]:
    """Yield the sequences inside an item: of a group, a repetition, each alternative."""
    from re._parser import SubPattern  # type: ignore[import-not-found]  # untyped as well

    if isinstance(value, SubPattern):
        yield list(value)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _bodies(part)


def _is_ambiguous(items: list[tuple[object, object]]) -> bool:
    """Tell a sequence with a repetition without end beside which nothing has to match."""
    needed = [item for item in items if not _is_optional(item)]
    return any(needed in ([], [item]) for item in items if _goes_on(item))


def _goes_on(item: tuple[object, object]) -> bool:
    """Tell a repetition without end, by itself or alone inside a group."""
    operation, value = str(item[0]), item[1]
    if operation.endswith("_REPEAT") and _is_long(value):
        return True
    grouped = operation in ("SUBPATTERN", "BRANCH") or operation.endswith("_REPEAT")
    return grouped and any(map(_is_ambiguous, _bodies(value)))


def _is_optional(item: tuple[object, object]) -> bool:
    operation, value = item
    return str(operation).endswith("_REPEAT") and isinstance(value, tuple) and value[0] == 0
