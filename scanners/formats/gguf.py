"""GGUF, the format of llama.cpp: what its header claims, and the chat templates in it."""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.programs import report_leading_program
from weightmark.scanners.formats.trailing import look_behind
from weightmark.scanners.pickles.hidden import look_into_payload
from weightmark.scanners.repository.split_models import PART_RULE, describe_part
from weightmark.scanners.repository.templates import report_template
from weightmark.scanners.wire.gguf import GGUF_LEAST, GGUF_MAGIC, GgufHeader, GgufKey, GgufTensor
from weightmark.scanners.wire.window import resident
from weightmark.values import dataclass

__all__ = ["GgufReader"]

_BYTES = "I8"
_LEAST_PADDING = 32
_IMPLAUSIBLE = 1 << 40
"""bytes that no file of this format has: a place behind them was never true"""
_BYTES_OF_A_LETTER = 4
_SHOWN = 80
_SPLIT_NUMBER, _SPLIT_COUNT, _SPLIT_TENSORS = "split.no", "split.count", "split.tensors.count"


@dataclass(frozen=True, slots=True)
class GgufReader:
    """Reads the header, judges the chat templates in it, and checks that the tensors fit."""

    name: Final[str] = "gguf"

    def read(self, place: Place, examination: Examination) -> bool:
        """Walk the header; see `FormatReader.read`."""
        if not place.head.startswith(GGUF_MAGIC) or len(place.head) < GGUF_LEAST:
            return False
        view = resident(place.view, examination.limits)
        with malformed_as("GGF001", place, examination):
            header = GgufHeader(view, examination.budget)
            _judge_keys(header, place, examination)
            _judge_tensors(header, list(header.tensors()), place, examination)
        return True


def _judge_keys(header: GgufHeader, place: Place, examination: Examination) -> None:
    seen: set[str] = set()
    split: dict[str, int | None] = {}
    for key in header.pairs():
        if key.name in seen:
            detail = f"`{key.name[:_SHOWN]}`"
            examination.find("GGF002", place, offset=key.start, detail=detail)
        seen.add(key.name)
        if "chat_template" in key.name:
            _judge_templates(header, key, place, examination)
        elif key.name in (_SPLIT_NUMBER, _SPLIT_COUNT, _SPLIT_TENSORS):
            split[key.name] = header.number(key)
    if split:
        _judge_part(split, header.tensor_count, place, examination)


def _judge_part(
    split: dict[str, int | None], here: int, place: Place, examination: Examination
) -> None:
    """Say of which set the file is a part; `repository.split_models` compares the parts."""
    number, count = split.get(_SPLIT_NUMBER, 0), split.get(_SPLIT_COUNT)
    if number is None or count is None or number >= max(count, 1):
        examination.find("GGF001", place, detail=f"part {number} of {count}")
    elif count > 1:
        total = split.get(_SPLIT_TENSORS) or 0
        examination.find(PART_RULE, place, detail=describe_part(number, count, here, total))


def _judge_templates(
    header: GgufHeader, key: GgufKey, place: Place, examination: Examination
) -> None:
    """Judge a template, or each of an array; `chat_templates` lists names of templates only."""
    if key.items >= 0 and "chat_templates" in key.name:
        return
    for text in header.templates(key, _BYTES_OF_A_LETTER * examination.limits.template):
        report_template(text, key.name, place, examination)


def _judge_tensors(
    header: GgufHeader, tensors: list[GgufTensor], place: Place, examination: Examination
) -> None:
    for kind in sorted({tensor.kind for tensor in tensors if tensor.type is None}):
        examination.problem(f"tensor type {kind} is not known here", place)
    known = [tensor for tensor in tensors if tensor.type is not None]
    _judge_places(known, header.alignment, len(known) == len(tensors), place, examination)
    at = max((tensor.start + tensor.size for tensor in known), default=0)
    if at >= _IMPLAUSIBLE:
        examination.find("GGF001", place, detail=f"the tensors end {at} bytes behind the header")
    _look_into_bytes(header.data_start, known, place, examination)
    end, size = header.data_start + at if known else header.end, place.view.size
    if end > size:
        examination.problem("the GGUF file ends before its tensors do", place)
    elif look_behind(place, end, examination) or size - end >= max(
        header.alignment, _LEAST_PADDING
    ):
        examination.find("GGF004", place, offset=end, detail=f"{size - end} bytes")


def _look_into_bytes(
    start: int, tensors: list[GgufTensor], place: Place, examination: Examination
) -> None:
    """Look for pickles, archives and programs where tensors are plain bytes."""
    for tensor in tensors:
        at = start + tensor.start
        size = min(tensor.size, place.view.size - at)
        if tensor.type is not None and tensor.type.name == _BYTES and size > 0:
            look_into_payload(at, size, place, examination)
            report_leading_program(at, size, place, examination)


def _judge_places(
    tensors: list[GgufTensor],
    alignment: int,
    are_all: bool,
    place: Place,
    examination: Examination,
) -> None:
    """Check that tensors follow one another, as `gguf_init_from_file` demands it."""
    end = 0
    for tensor in sorted(tensors, key=lambda one: (one.start, one.size)):
        name = f"`{tensor.name[:_SHOWN]}` at {tensor.start}"
        if tensor.start < end:
            examination.find("GGF003", place, detail=name)
        elif are_all and tensor.start > -(-end // alignment) * alignment:
            examination.find("GGF001", place, detail=f"no tensor has the bytes before {name}")
        end = max(end, tensor.start + tensor.size)
