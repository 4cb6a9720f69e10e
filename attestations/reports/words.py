"""Text that others wrote, as reports hold it: bounded, and told apart from our own words."""

from collections.abc import Sequence

__all__ = ["LONGEST", "Cell", "Quoted", "bounded", "inert"]

LONGEST = 600
"""characters of one text of others that are shown"""
_RAW_BYTES = range(0xDC80, 0xDD00)
_ONE_BYTE = range(0x100)
_TWO_BYTES = range(0x10000)


class Quoted(str):
    """Text that others wrote: every form shows it as it stands, never as markup."""

    __slots__ = ()


Cell = str | Quoted | Sequence[str | Quoted]
"""what stands in one place of a report: our words, text of others, or several of both"""


def bounded(text: str) -> str:
    """Return the beginning of a text, with the number of characters that it has when it is cut off."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def inert(text: str) -> str:
    r"""Return `text` with everything that could be obeyed or hidden written as an escape: `\\xHH`, `\\uHHHH`.

    Control characters, escape sequences of terminals, bidirectional marks, zero-width characters, line
    separators, and lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(char: str) -> str:
    point = ord(char)
    if point in _RAW_BYTES:
        return f"\\x{point - 0xDC00:02x}"
    if point in _ONE_BYTE:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point in _TWO_BYTES else f"\\U{point:08x}"
