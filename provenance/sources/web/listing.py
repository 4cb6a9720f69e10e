"""`SHA256SUMS` as coreutils writes it, parsed strictly: a digest, a blank, a blank or `*`, a name."""

import re
from urllib.parse import quote

from weightmark.errors import MalformedError
from weightmark.provenance.sources.interface import Part

__all__ = ["MAX_LIST", "read_sums"]

MAX_LIST = 64 * 1024 * 1024
"""bytes of one list"""
_LINE = re.compile(r"([0-9a-f]{64}) [ *](?:\./)?(.+)\Z", re.DOTALL)


def read_sums(data: bytes, where: str) -> list[Part]:
    """Return the files of a list; raises `MalformedError` for a line that is none."""
    try:
        lines = data.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError(f"`{where}` is not UTF-8") from error
    return [_part(line, number, where) for number, line in enumerate(lines, 1)]


def _part(line: str, number: int, where: str) -> Part:
    found = _LINE.match(line)
    if not found:
        raise MalformedError(
            f"line {number} of `{where}` is no digest and name",
            fix="the publisher writes the list with `sha256sum`",
        )
    return Part(found[2], None, {"sha256": found[1]}, location=quote(found[2], safe="/"))
