"""What stands behind the part of a file that its loader reads.

Some loader seeks there: past padding, past a header of its own, to the next pickle of a row. So it
is offered to every reader, and pickles are looked for wherever one could begin.
"""

import re
from collections.abc import Iterator

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.findings import Severity
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.scanners.pickles.hidden import counts
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.opcodes import SHORT_BINUNICODE
from weightmark.scanners.pickles.openings import HEAD, begins_pickle
from weightmark.scanners.pickles.run import run

__all__ = ["look_at_rest", "search_numbers", "search_pickles", "skip_zeros"]

_TWICE = "trailing!trailing"
_BLOCK = MEBIBYTE
_OPENINGS = tuple(
    re.compile(opening)
    for opening in (
        rb"\x80[\x00-\x05][(-)0-2F-NP-TVX\]a-eg-jl-u}\x80-\x98]",
        rb"\x8c[\x01-\x7f][A-Za-z_][\w.]",
        rb"c[A-Za-z_][\w.]{0,99}\n[A-Za-z_][\w.]{0,99}\n",
        rb"i[A-Za-z_][\w.]{0,99}\n[A-Za-z_][\w.]{0,99}\n",
    )
)
"""one a first byte, since a first byte that is fixed is found four times as fast as one of several"""


def look_at_rest(rest: Place, examination: Examination) -> None:
    """Offer what stands behind a loader's part to every reader, and search it for pickles.

    What stands behind a rest that was looked at is searched alone, so that a long row costs no more.
    Raises `LimitError` when it is longer than what is searched (limit `gaps`).
    """
    before = _bad(examination)
    if not rest.member.endswith(_TWICE):
        examination.look(rest)
    if _bad(examination) == before:
        search_pickles(rest, examination)


def search_numbers(place: Place, examination: Examination) -> None:
    """Search a file of raw numbers for pickles; of a long one the end, where they hide best.

    Nothing is known about such a file anyway, so that the length that is searched is no promise.
    """
    size = min(place.view.size, max(0, examination.budget.gaps))
    end = place.view
    if size < end.size:
        end = Slice(place.view, end.size - size, size)
    search_pickles(place.inside("numbers", end), examination)


def skip_zeros(view: ByteView, start: int, examination: Examination) -> int:
    """Return where the first byte that is not zero stands, or the end."""
    at = start
    while at < view.size:
        block = view.read_at(at, _BLOCK)
        rest = block.lstrip(b"\0")
        if rest or not block:
            return at + len(block) - len(rest)
        at += len(block)
        examination.budget.check_time()
    return at


def search_pickles(place: Place, examination: Examination) -> None:
    """Report every pickle that begins anywhere in a place, and that more than chance has made.

    Raises `LimitError` when the place is longer than what is searched (limit `gaps`).
    """
    view, budget = place.view, examination.budget
    end = min(view.size, max(0, budget.gaps))
    budget.gaps -= end
    at = base = 0
    while base < end:
        block = view.read_at(base, _BLOCK + HEAD)
        for start in _openings(block):
            if base + start >= at and start < _BLOCK:
                at = max(at, _judge_at(base + start, place, examination))
        base += _BLOCK
        budget.check_time()
    if end < view.size:
        raise over_limit("gaps", f"{view.size} bytes are too many to be searched for pickles")


def _openings(block: bytes) -> Iterator[int]:
    """Yield where a pickle could begin, from left to right; none begins inside the opening of another."""
    ahead = [opening.search(block) for opening in _OPENINGS]
    while any(ahead):
        first = min((found for found in ahead if found), key=lambda found: found.start())
        yield first.start()
        ahead = [
            opening.search(block, first.end()) if found and found.start() < first.end() else found
            for opening, found in zip(_OPENINGS, ahead, strict=True)
        ]


def _judge_at(at: int, place: Place, examination: Examination) -> int:
    """Report the pickle that begins at `at`; return where it ends, or `at` if there is none."""
    head = place.view.read_at(at, HEAD)
    if not begins_pickle(head) or _is_no_text(head):
        return at
    judge = Judge(place, examination)
    ended = run(place.view, at, judge, examination.budget)
    if not counts(place.view, at, judge, ended):
        return at
    judge.report()
    return max(at, ended.end)


def _is_no_text(head: bytes) -> bool:
    """Tell a short text that no pickle can begin with: a loader fails there, and has done nothing yet."""
    if head[0] != SHORT_BINUNICODE:
        return False
    end = 2 + head[1]
    try:
        head[2:end].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return end <= len(head)
    return False


def _bad(examination: Examination) -> int:
    """Count the findings that nobody would pass over."""
    return sum(finding.severity >= Severity.MEDIUM for finding in examination.findings)
