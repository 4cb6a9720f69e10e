"""Text that somebody else wrote, made fit for a line of a log: nothing to obey in it, and not too long."""

__all__ = ["ELLIPSIS", "is_cut", "plain"]

ELLIPSIS = "…"
"""ends what was cut"""
_RAW_BYTES = range(0xDC80, 0xDD00)
_BYTE = 0x100
_PLANE = 0x10000


def plain(text: str, most: int = 500) -> str:
    r"""Return at most `most` characters of `text`, each printable: all others become `\xHH`, `\uHHHH` or `\UHHHHHHHH`.

    A byte of a name that is not UTF-8 becomes `\xHH`. Line ends, terminal escapes, bidirectional overrides and halves of surrogate pairs are among those.
    """
    head = _escaped(text[: most + 1])
    return head if len(head) <= most else head[: most - 1] + ELLIPSIS


def is_cut(text: str, most: int) -> bool:
    """Tell whether `plain` leaves out something of `text`."""
    return len(_escaped(text[: most + 1])) > most


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(one: str) -> str:
    point = ord(one)
    if point in _RAW_BYTES:
        point -= 0xDC00
    if point < _BYTE:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < _PLANE else f"\\U{point:08x}"
