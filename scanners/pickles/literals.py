"""Values that are written as lines of text, mostly in protocol 0."""

from codecs import escape_decode
from warnings import catch_warnings, simplefilter

from weightmark.scanners.pickles.opcodes import FLOAT, INT, STRING, UNICODE
from weightmark.scanners.pickles.values import Value

__all__ = ["line_value", "memo_index"]


def line_value(op: int, line: bytes) -> Value:
    """Return the value of a line; raises `ValueError` where every unpickler would."""
    if op == INT:
        return line == b"01" if line in (b"00", b"01") else _integer(line)
    if op == UNICODE:
        return line.decode("raw-unicode-escape")
    if op == FLOAT:
        return float(_until_zero(line))
    return _quoted(line) if op == STRING else _integer(line.removesuffix(b"L"))


def memo_index(line: bytes) -> int:
    """Return the number of a memo entry; raises `ValueError` where every unpickler would."""
    return int(_until_zero(line))


def _until_zero(line: bytes) -> bytes:
    """Return what C's unpickler reads of a number: it takes a zero byte for the end of the line."""
    return line.partition(b"\0")[0]


def _integer(line: bytes) -> int:
    """Read a number as any unpickler would: C takes prefixes and leading zeros for other bases, Python does not.

    Where the two differ in the number, no rule depends on it; what matters is that neither stops.
    """
    if line.startswith(b"\0"):
        return 0
    line = _until_zero(line).removesuffix(b"L")
    try:
        return int(line, 0)
    except ValueError:
        text = line.strip().lstrip(b"+-")
        if text.startswith(b"0") and text.isdigit() and set(text) <= set(b"01234567"):
            return int(text, 8) * (-1 if line.strip().startswith(b"-") else 1)
        return int(line)


def _quoted(line: bytes) -> Value:
    line = line.rstrip()
    if len(line) < len("''") or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string has no quotes")
    if b"\\" not in line:
        return line[1:-1].decode("latin-1")
    with catch_warnings():
        simplefilter("ignore")
        return escape_decode(line[1:-1])[0].decode("latin-1")
