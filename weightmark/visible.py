"""Make untrusted text harmless to a terminal and to the eye."""

__all__ = ["visible", "without_surrogates"]

_SURROGATES = range(0xD800, 0xE000)
_RAW_BYTES = range(0xDC80, 0xDD00)
_ONE_BYTE = range(0x100)
_TWO_BYTES = range(0x10000)


def visible(text: str) -> str:
    r"""Return `text` with everything that a terminal could obey or hide written as an escape.

    Control characters, terminal escape sequences, bidirectional overrides, zero-width and
    private characters, line separators and every space but U+0020 become `\xHH`, `\uHHHH` or
    `\UHHHHHHHH`. Bytes of a name that is not UTF-8 become `\xHH`.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def without_surrogates(text: str) -> str:
    r"""Return `text` with the bytes of a name that is not UTF-8 written as `\xHH`."""
    if text.isascii():
        return text
    return "".join(_escape(char) if ord(char) in _SURROGATES else char for char in text)


def _escape(char: str) -> str:
    point = ord(char)
    if point in _RAW_BYTES:
        return f"\\x{point - 0xDC00:02x}"
    if point in _ONE_BYTE:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point in _TWO_BYTES else f"\\U{point:08x}"
