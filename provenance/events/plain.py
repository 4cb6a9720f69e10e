"""Text that somebody else wrote, made fit for a line of a log: nothing to obey in it, and not too long."""

__all__ = ["ELLIPSIS", "plain"]

ELLIPSIS = "…"
"""ends what was cut"""
_BYTE = 0x100
_PLANE = 0x10000


def plain(text: str, most: int = 500) -> str:
    r"""Return at most `most` characters of `text`, each printable: all others become `\xHH`, `\uHHHH` or `\UHHHHHHHH`.

    Line ends, terminal escapes, bidirectional overrides and halves of surrogate pairs are among those.
    """
    head = text[: most + 1]
    if not head.isprintable():
        head = "".join(one if one.isprintable() else _escape(one) for one in head)
    return head if len(head) <= most else head[: most - 1] + ELLIPSIS


def _escape(one: str) -> str:
    point = ord(one)
    if point < _BYTE:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < _PLANE else f"\\U{point:08x}"
