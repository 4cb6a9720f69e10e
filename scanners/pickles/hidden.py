"""Pickles in bytes and texts that nobody opens here: a second stage, carried inside plain data.

Most values that begin like a pickle are numbers by chance. So one counts where every name in it
could be imported, and where it makes something and runs to its end, or does harm before.
"""

from typing import TYPE_CHECKING

from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.opcodes import PROTO, STRING
from weightmark.scanners.pickles.openings import (
    HEAD,
    LEAST_TEXT,
    begins_archive,
    begins_pickle,
    begins_text,
    decoded,
)

if TYPE_CHECKING:
    from weightmark.scanners.pickles.judge import Judge
    from weightmark.scanners.pickles.run import Run

__all__ = ["counts", "look_into_carried", "look_into_payload", "look_into_text"]

_NAME = lazy_pattern(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_MOST_STREAMS = 1000


def look_into_carried(judge: "Judge", place: Place, examination: Examination) -> None:
    """Look into the values of a pickle that begin like a pickle themselves.

    Raises `LimitError` for more of them than are remembered, or for a text over the limit `nested`.
    """
    limit = examination.limits.nested
    for offset, length, encoding in judge.carried:
        if not encoding:
            look_into_payload(offset, length, place, examination)
        elif length > limit:
            raise over_limit("nested", f"a text that may be a pickle is over {limit} bytes")
        else:
            raw = place.view.read_at(offset, length)
            look_into_text(_decode(raw, encoding), f"text at {offset}", place, examination)
    if judge.carries_more:
        examination.problem("more values begin like a pickle than are looked into", place)


def _decode(raw: bytes, encoding: str) -> str:
    """Return a text of a pickle; `string-line` is a line of protocol 0 with quotes and escapes."""
    if encoding == "string-line":
        from weightmark.scanners.pickles.literals import line_value

        return str(line_value(STRING, raw))
    return raw.decode(encoding, "replace")


def look_into_payload(offset: int, length: int, place: Place, examination: Examination) -> None:
    """Look into the bytes of a tensor, an array or a value if they are a pickle or an archive."""
    payload = Slice(place.view, offset, length)
    head = payload.read_at(0, HEAD)
    if begins_archive(head):
        unknown = examination.unknown_members
        examination.look(place.inside(f"bytes at {offset}", payload))
        examination.unknown_members = unknown  # data that no reader knows are data to the loader
    elif begins_pickle(head):
        _look_if_pickle(place.inside(f"bytes at {offset}", payload), examination)


def look_into_text(text: str, name: str, place: Place, examination: Examination) -> None:
    """Look into a text that is a pickle: as it stands, in base64, or in hexadecimal digits.

    `name` tells where it stands in `place`.
    """
    if len(text) < LEAST_TEXT or not begins_text(text[:HEAD].encode("utf-8", "replace")):
        return
    raw = text.encode("latin-1", "replace")
    for data in (raw, *decoded(raw)):
        if begins_pickle(data[:HEAD]):
            _look_if_pickle(place.inside(name, MemoryView(data)), examination)


def _look_if_pickle(inner: Place, examination: Examination) -> None:
    if inner.depth > examination.limits.depth or _holds_pickle(inner, examination):
        examination.look(inner)


def _holds_pickle(inner: Place, examination: Examination) -> bool:
    """Tell whether one of the pickles that stand here in a row counts."""
    # what runs pickles is imported where something begins like one
    from weightmark.scanners.pickles.judge import Judge
    from weightmark.scanners.pickles.run import run

    at = 0
    for _ in range(_MOST_STREAMS):
        if not begins_pickle(inner.view.read_at(at, HEAD)):
            return False
        judge = Judge(inner, examination)
        ended = run(inner.view, at, judge, examination.budget)
        if counts(inner.view, at, judge, ended) or ended.result == _TORCH_MAGIC:
            return True
        if ended.error:
            return False
        if judge.carried:
            return True
        at = ended.end
    return True


_MORE_THAN_CHANCE = 16
"""opcodes in a row, without an import, that 64 MiB of random numbers do not hold"""


def counts(view: ByteView, start: int, judge: "Judge", ended: "Run") -> bool:
    """Tell a pickle from numbers or text that run for a while by chance."""
    from weightmark.scanners.allow.names import Grade

    found = judge.globals
    if not all(_NAME.fullmatch(one.module) and _NAME.fullmatch(one.name) for one in found):
        return False
    dangerous = any(one.permission.grade is Grade.DANGEROUS for one in found)
    if ended.error:
        return dangerous and judge.acted
    if not found:
        long = ended.opcodes >= _MORE_THAN_CHANCE
        return long and judge.acted and view.read_at(start, 1)[0] == PROTO
    return judge.acted or dangerous
