"""Pickles: one or more, one after the other, and the legacy format of torch."""

from dataclasses import dataclass, replace
from typing import Final

from weightmark.errors import LimitError, UncheckedError
from weightmark.scanners.allow.names import Grade
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.opcodes import OPCODES, PROTO
from weightmark.scanners.pickles.run import Run, run

__all__ = ["PickleReader"]

_ENOUGH_OPCODES = 5
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_HEADER_STREAMS = 4


@dataclass(frozen=True, slots=True)
class PickleReader:
    """Reads whatever `pickle.load` or torch's legacy loader would start to run."""

    name: Final[str] = "pickle"

    def read(self, place: Place, examination: Examination) -> bool:
        """Run every pickle; see `FormatReader.read`."""
        first = _try(place, examination, 0)
        if first is None:
            return False
        if first.result == _TORCH_MAGIC and type(first.result) is int and not first.error:
            _torch_legacy(place, examination, first)
        else:
            _following(place, examination, first)
        return True


def _torch_legacy(place: Place, examination: Examination, first: Run) -> None:
    """Run the four pickles after the magic number; raw storages fill the rest."""
    place = replace(place, dialect=replace(place.dialect, torch=True))
    examination.also_read_as("torch-legacy", place)
    latest = first
    for _ in range(_TORCH_HEADER_STREAMS):
        latest = _run(place, examination, latest.end)
        if latest.error:
            return


def _following(place: Place, examination: Examination, latest: Run) -> None:
    streams = 1
    while not latest.error and latest.end < place.view.size:
        streams += 1
        if streams > examination.limits.streams:
            raise LimitError(f"more than {examination.limits.streams} pickles in a row")
        following = _try(place, examination, latest.end)
        if following is None:
            rest = place.view.size - latest.end
            if rest > 1 or place.view.read_at(latest.end, 1) != b"\n":
                examination.find("PKL013", place, offset=latest.end, detail=f"{rest} bytes")
            return
        latest = following


def _try(place: Place, examination: Examination, start: int) -> Run | None:
    """Run the pickle at `start` if there is one; report nothing if there is none."""
    first = place.view.read_at(start, 1)
    if not first or first[0] not in OPCODES:
        return None
    judge = Judge(place, examination)
    try:
        ended = run(place.view, start, judge, examination.budget)
    except UncheckedError:
        judge.report()
        raise
    if not _is_pickle(place, start, judge, ended):
        return None
    _report(place, examination, judge, ended)
    return ended


def _run(place: Place, examination: Examination, start: int) -> Run:
    judge = Judge(place, examination)
    try:
        ended = run(place.view, start, judge, examination.budget)
    except UncheckedError:
        judge.report()
        raise
    _report(place, examination, judge, ended)
    return ended


def _report(place: Place, examination: Examination, judge: Judge, ended: Run) -> None:
    judge.report()
    if ended.error:
        examination.find("PKL012", place, offset=ended.end, detail=ended.error)
        examination.problem(f"the pickle breaks off at byte {ended.end}: {ended.error}", place)


def _is_pickle(place: Place, start: int, judge: Judge, ended: Run) -> bool:
    """Tell a pickle from raw weights or text that happen to begin with an opcode."""
    announced = place.view.read_at(start, 1)[0] == PROTO
    if not ended.error:
        return announced or bool(judge.globals) or judge.acted or ended.end == place.view.size
    if announced:
        return ended.opcodes >= _ENOUGH_OPCODES or bool(judge.globals)
    if not judge.globals:
        return False
    dangerous = any(found.permission.grade is Grade.DANGEROUS for found in judge.globals)
    return judge.acted or dangerous or not is_text(place.head)
