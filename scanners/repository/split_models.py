"""Models in several files: whether the parts that lie in one folder are one whole set.

Source: llama.cpp `llama-model-loader.cpp`: the first part says how many there are, and the names of the others
follow from its own (`llama_split_path`); each part says its number and the tensors of all parts.
"""

import re
from collections.abc import Iterator, Sequence

from weightmark.patterns import lazy_pattern
from weightmark.scanners.findings import FileScan, Finding
from weightmark.values import dataclass

__all__ = ["PART_RULE", "describe_part", "judge_parts"]

PART_RULE = "GGF005"
"""the finding that says of which set a file is a part"""
_SET_RULE = "GGF006"
_DETAIL = lazy_pattern(r"part (\d+) of (\d+), (\d+) of (\d+) tensors")
_NAME = lazy_pattern(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
_MOST, _LISTED = 99_999, 8
"""the highest number that a name can hold, and how many are named"""


@dataclass(frozen=True, slots=True)
class _Part:
    path: str
    number: int
    count: int
    here: int
    tensors: int

    @property
    def set_name(self) -> str:
        """Return what the names of all parts begin with; the whole path where it names no part."""
        found = _NAME.fullmatch(self.path)
        return found[1] if found else self.path


def describe_part(number: int, count: int, here: int, tensors: int) -> str:
    """Return the detail of the finding for a part; `number` counts from 0 as in the file."""
    return f"part {number + 1} of {count}, {here} of {tensors} tensors"


def judge_parts(files: Sequence[FileScan]) -> Iterator[tuple[str, str]]:
    """Yield path and reason for each part that does not fit the others of its set."""
    sets: dict[str, list[_Part]] = {}
    for part in filter(None, (_part_of(file) for file in files)):
        sets.setdefault(part.set_name, []).append(part)
    for _, parts in sorted(sets.items()):
        yield from _judge(sorted(parts, key=lambda one: one.path))


def _part_of(file: FileScan) -> _Part | None:
    found = (_DETAIL.fullmatch(one.detail) for one in _said(file.findings))
    told = next(filter(None, found), None)
    return _Part(file.path, *map(int, told.groups())) if told else None


def _said(findings: Sequence[Finding]) -> Iterator[Finding]:
    return (one for one in findings if one.rule == PART_RULE and not one.member)


def _judge(parts: Sequence[_Part]) -> Iterator[tuple[str, str]]:
    first = parts[0]
    for part in parts:
        named = _NAME.fullmatch(part.path)
        if named and (int(named[2]), int(named[3])) != (part.number, part.count):
            yield part.path, f"the name says part {int(named[2])} of {int(named[3])}"
        if (part.count, part.tensors) != (first.count, first.tensors):
            said = f"{first.count} parts and {first.tensors} tensors"
            yield part.path, f"`{first.path[-80:]}` says that there are {said}"
    numbers = [part.number for part in parts]
    for number in sorted({one for one in numbers if numbers.count(one) > 1}):
        yield first.path, f"part {number} is there {numbers.count(number)} times"
    missing = sorted({*range(1, min(first.count, _MOST) + 1)} - {*numbers})
    if missing:
        listed = ", ".join(map(str, missing[:_LISTED]))
        yield first.path, f"{len(missing)} of {first.count} parts are missing: {listed}"
    elif (total := sum(part.here for part in parts)) != first.tensors:
        yield first.path, f"the parts hold {total} tensors, and say that there are {first.tensors}"
