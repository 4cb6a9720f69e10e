"""How bytes and texts look that may be a pickle, told from their first bytes alone."""

import re
from base64 import b64decode, urlsafe_b64decode

from weightmark.patterns import lazy_pattern
from weightmark.scanners.pickles.opcodes import HIGHEST_PROTOCOL, OPCODES, PROTO

__all__ = [
    "HEAD",
    "LEAST_BYTES",
    "LEAST_TEXT",
    "OPENINGS",
    "begins_archive",
    "begins_pickle",
    "begins_text",
    "decoded",
    "opens_text",
]

HEAD = 256
"""bytes that are looked at"""
LEAST_BYTES = 16
"""bytes of the shortest pickle that calls something by name"""
LEAST_TEXT = 20
"""characters of the shortest text that is such a pickle"""
OPENINGS = OPCODES | frozenset(b"PB\x1f\x28\xfd\x37\x04\x93")
"""first bytes of pickles and archives"""

_SHORT_TEXT = 0x8C
_IMPORT = lazy_pattern(rb"[ci][A-Za-z_][\w.]{0,99}\n[A-Za-z_][\w.]{0,99}\n")
_NAME = lazy_pattern(rb"\x8c.[A-Za-z_][\w.]*\W", re.DOTALL)
_ARCHIVES = (
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"BZh91AY&SY",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"\x04\x22\x4d\x18",
    b"\x93NUMPY",
)
_LATIN_PROTO = b"\xc2\x80"
"""the first opcode of a pickle, where its bytes became characters"""
_BASE64 = lazy_pattern(rb"[A-Za-z0-9+/_-]{28,}")
_HEXADECIMAL = lazy_pattern(rb"[0-9A-Fa-f]{32,}")
_FOUR = 4

opens_text = re.compile(rb"\xc2\x80|[A-Za-z0-9+/_-]{28}|[^\n]{0,255}\n").match
"""tells at once most texts that `begins_text` is not true for"""


def begins_pickle(head: bytes) -> bool:
    """Tell bytes that may be a pickle that imports something."""
    if len(head) < LEAST_BYTES or head[0] not in OPCODES:
        return False
    if head[0] == PROTO:
        return head[1] <= HIGHEST_PROTOCOL and head[2] in OPCODES
    if head[0] == _SHORT_TEXT:
        return _NAME.match(head) is not None
    return b"\n" in head and _IMPORT.search(head) is not None


def begins_archive(head: bytes) -> bool:
    """Tell bytes that may be an archive, a compressed file or an array in a file."""
    return head.startswith(_ARCHIVES)


def begins_text(head: bytes) -> bool:
    """Tell text that may be a pickle: character by character, in base64 or in hexadecimal digits."""
    if head.startswith(_LATIN_PROTO) or (b"\n" in head and begins_pickle(head)):
        return True
    return any(map(begins_pickle, decoded(head)))


def decoded(text: bytes) -> list[bytes]:
    """Return what a text stands for in base64, plain or for addresses, and in hexadecimal digits.

    Line ends between the letters do not count; an end that is no whole group of letters is left out.
    """
    if _BASE64.match(text) is None:
        return []
    letters = text.replace(b"\n", b"").replace(b"\r", b"").rstrip(b"=")
    found = _BASE64.match(letters)
    whole = letters[: found.end() if found else 0]
    padded = whole[: len(whole) - (len(whole) % _FOUR == 1)]
    padded += b"=" * (-len(padded) % _FOUR)
    read = [urlsafe_b64decode(padded) if b"-" in whole or b"_" in whole else b64decode(padded)]
    digits = _HEXADECIMAL.match(letters)
    if digits is not None:
        read.append(bytes.fromhex(digits[0][: len(digits[0]) & ~1].decode("ascii")))
    return read
