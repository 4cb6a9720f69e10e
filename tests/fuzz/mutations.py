"""Small damage to sound bytes: cut, flip, repeat, splice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

__all__ = ["TOKENS", "Edit", "damaged", "random_edits"]

TOKENS = (
    b"\x00", b"\n", b"\n\n", b'"', b"{", b"[", b"}", b"]", b",", b":", b"\\", b"\\u0000", b"\\ud800",
    b"\xff", b"\xc0\x80", b"\xef\xbb\xbf", b"\xe2\x80\x94 ", b"-1", b"0", b"1e999", b"NaN", b"null",
    b"9" * 20, b"9" * 5000, b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"cos\nsystem\n", b"R.", b"(",
    b"tR", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"__metadata__",
    b"0000-01-01T00:00:00Z", b"0999-01-01T00:00:00Z", b"../", b"a = 1\n", b"[a]\n", b"tool = 1\n",
)  # fmt: skip
"""what parsers are known to stumble over"""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change at one place; numbers are taken modulo what fits."""

    kind: str
    """`cut`, `drop`, `flip`, `insert`, `repeat` or `splice`"""
    at: int
    """where"""
    length: int
    """how many bytes, for those that take a range"""
    token: int
    """which token, bit or other example"""


KINDS = ("cut", "drop", "flip", "insert", "repeat", "splice")


def damaged(data: bytes, edits: Iterable[Edit], others: Sequence[bytes]) -> bytes:
    """Return `data` after all edits; `others` are examples from which pieces are taken."""
    for edit in edits:
        data = _edited(data, edit, others)
    return data


def random_edits(random: Random, most: int = 4) -> list[Edit]:
    """Return one to `most` edits."""
    return [
        Edit(
            random.choice(KINDS),
            random.randrange(1 << 16),
            random.randrange(1, 64),
            random.randrange(1 << 16),
        )
        for _ in range(random.randint(1, most))
    ]


def _edited(data: bytes, edit: Edit, others: Sequence[bytes]) -> bytes:
    at = edit.at % (len(data) + 1)
    before, after = data[:at], data[at:]
    if edit.kind == "cut":
        return before
    if edit.kind == "drop":
        return before + after[edit.length :]
    if edit.kind == "repeat":
        return before + after[: edit.length] + after
    if edit.kind == "splice":
        return before + others[edit.token % len(others)][at : at + edit.length] + after
    if edit.kind == "insert":
        return before + TOKENS[edit.token % len(TOKENS)] + after
    flipped = bytes([after[0] ^ (1 << edit.token % 8)]) if after else b""
    return before + flipped + after[1:]
