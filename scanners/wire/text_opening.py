"""Where the text of a model begins behind spaces and comments, however long these are."""

import re

from weightmark.provenance.reading.interface import ByteView

__all__ = ["skip_blank"]

_BLOCK = 1 << 16
_BLANK = re.compile(rb"[\s\0]*+")
_MARK = b"\xef\xbb\xbf"
_COMMENT = ord("#")


def skip_blank(view: ByteView, start: int, end: int) -> int:
    """Return the offset from `start` behind spaces and comments to the end of a line; at most `end`."""
    at, commented = start, False
    if at == 0 and view.read_at(0, len(_MARK)) == _MARK:
        at = len(_MARK)
    while at < end and (block := view.read_at(at, _BLOCK)):
        if commented:
            line = block.find(b"\n")
            at += len(block) if line < 0 else line + 1
            commented = line < 0
            continue
        found = _BLANK.match(block)
        used = found.end() if found else 0
        at += used
        if used < len(block):
            if block[used] != _COMMENT:
                return at
            commented = True
    return min(at, end)
