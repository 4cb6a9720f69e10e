"""Pickles: one or more, one after the other, and the legacy format of torch."""

from dataclasses import replace
from typing import Final

from weightmark.errors import UncheckedError
from weightmark.patterns import lazy_pattern
from weightmark.scanners.allow.names import Grade
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.formats.trailing import look_behind
from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.hidden import look_into_carried, look_into_payload
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.opcodes import OPCODES, PROTO
from weightmark.scanners.pickles.remainder import skip_zeros
from weightmark.scanners.pickles.run import Run, run
from weightmark.scanners.pickles.storages import item_size
from weightmark.values import dataclass

__all__ = ["PickleReader", "run_pickle"]

_ENOUGH_OPCODES = 5
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_HEADER_STREAMS = 4
_COUNT = 8
_NAMES = lazy_pattern(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
"""what Python can import; a word list or a program that begins like a pickle names something else"""


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
    storages: dict[str, tuple[str, int]] = {}
    latest = first
    for _ in range(_TORCH_HEADER_STREAMS):
        judge = Judge(place, examination)
        latest = _judged(place, examination, judge, latest.end)
        storages.update(judge.storages)
        if latest.error:
            return
    end = _storages_end(place, examination, latest.end, storages)
    if end < place.view.size:
        examination.find("PKL013", place, offset=end, detail=f"{place.view.size - end} bytes")
        look_behind(place, end, examination)


def _storages_end(
    place: Place, examination: Examination, at: int, storages: dict[str, tuple[str, int]]
) -> int:
    """Follow the numbers, which torch writes in the order of their keys; return where they end.

    Each storage is a count of numbers in eight bytes, then the numbers.
    """
    for key, (kind, count) in sorted(storages.items()):
        told = place.view.read_at(at, _COUNT)
        following = at + _COUNT + item_size(kind) * count
        if len(told) < _COUNT or following > place.view.size:
            examination.problem("torch's numbers are cut off", place)
            return place.view.size
        if int.from_bytes(told, "little") != count:
            detail = f"storage `{key[:40]}` is not followed by {count} numbers"
            examination.find("PKL020", place, offset=at, detail=detail)
            return place.view.size
        look_into_payload(at + _COUNT, following - at - _COUNT, place, examination)
        at = following
    return at


def _following(place: Place, examination: Examination, latest: Run) -> None:
    streams = 1
    while not latest.error and latest.end < place.view.size:
        streams += 1
        if streams > examination.limits.streams:
            raise over_limit("streams", f"more than {examination.limits.streams} pickles in a row")
        following = _try(place, examination, latest.end)
        if following is None:
            following = _behind_zeros(place, examination, latest.end)
        if following is None:
            return
        latest = following


def _behind_zeros(place: Place, examination: Examination, start: int) -> Run | None:
    """Run the pickle that stands behind zeros, or look at whatever else follows the last one."""
    rest = place.view.size - start
    if rest > 1 or place.view.read_at(start, 1) != b"\n":
        examination.find("PKL013", place, offset=start, detail=f"{rest} bytes")
    at = skip_zeros(place.view, start, examination)
    following = _try(place, examination, at) if at > start else None
    if following is None:
        look_behind(place, at, examination)
    return following


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
        look_into_carried(judge, place, examination)
        raise
    if not _is_pickle(place, start, judge, ended):
        return None
    _report(place, examination, judge, ended)
    if judge.storages:
        examination.storages.setdefault(place.member, {}).update(judge.storages)
    return ended


def run_pickle(place: Place, examination: Examination, start: int) -> Run:
    """Run the one pickle that begins at `start`, and report what it does."""
    return _judged(place, examination, Judge(place, examination), start)


def _judged(place: Place, examination: Examination, judge: Judge, start: int) -> Run:
    try:
        ended = run(place.view, start, judge, examination.budget)
    except UncheckedError:
        judge.report()
        look_into_carried(judge, place, examination)
        raise
    _report(place, examination, judge, ended)
    return ended


def _report(place: Place, examination: Examination, judge: Judge, ended: Run) -> None:
    judge.report()
    look_into_carried(judge, place, examination)
    for end in sorted(judge.frame_ends):
        if end < place.view.size:
            rest = Slice(place.view, end, place.view.size - end)
            examination.look(place.inside("after a frame", rest))
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
    if not is_text(place.head):
        return True
    dangerous = any(found.permission.grade is Grade.DANGEROUS for found in judge.globals)
    named = any(_NAMES.fullmatch(f"{found.module}.{found.name}") for found in judge.globals)
    return dangerous or (judge.acted and named)
