"""Values that are written as lines of text, mostly in protocol 0."""

from codecs import escape_decode
from warnings import catch_warnings, simplefilter

from weightmark.scanners.pickles.opcodes import FLOAT, INT, LONG, STRING, UNICODE
from weightmark.scanners.pickles.values import Value

__all__ = ["line_value"]


def line_value(op: int, line: bytes) -> Value:
    """Return the value of a line; raises `ValueError` where an unpickler would."""
    if op == STRING:
        return _quoted(line)
    if op == UNICODE:
        return line.decode("raw-unicode-escape")
    if op == FLOAT:
        return float(line)
    if op == INT and line in (b"00", b"01"):
        return line == b"01"
    return int(line.removesuffix(b"L") if op == LONG else line, 0 if op == INT else 10)


def _quoted(line: bytes) -> Value:
    line = line.rstrip()
    if len(line) < len("''") or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string has no quotes")
    if b"\\" not in line:
        return line[1:-1].decode("latin-1")
    with catch_warnings():
        simplefilter("ignore")
        return escape_decode(line[1:-1])[0].decode("latin-1")
