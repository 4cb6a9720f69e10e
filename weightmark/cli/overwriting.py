"""Files that a call is to write: none of them takes the place of what the same call reads."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.cli.options.common import FlagOption
from weightmark.errors import CallError, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.cli.command import WeightmarkCommand

__all__ = ["WhatIsRead", "require_apart", "what_is_read"]

_OUTPUTS = ("decision", "output", "report", "svr", "vsa")
"""flags that name a file in whose place an answer is written"""
_NO_FILES = frozenset({*_OUTPUTS, "out"})
_COMMAND = "words"
"""the argument with a command that is run, of which nothing is read"""


@dataclass(frozen=True, slots=True)
class WhatIsRead:
    """Files and ledgers that a call names as what it reads."""

    files: tuple[Path, ...]
    """keys, claims, policies and what these name, and single files that are judged"""
    ledgers: tuple[Path, ...]
    """folders of which everything counts"""

    def holds(self, place: Path) -> bool:
        """Tell whether a file is one of these, by whatever name."""
        found = Path(os.path.realpath(place))
        if any(found.is_relative_to(os.path.realpath(one)) for one in self.ledgers):
            return True
        return any(_is_same(place, one) for one in self.files)


def require_apart(command: "WeightmarkCommand", values: Mapping[str, Any]) -> None:
    """Refuse a call that would write an answer in the place of what it reads; raises `CallError`."""
    outputs = [
        (f"--{one.flag}", place)
        for one in command.flag_options()
        if one.flag in _OUTPUTS and not (one.flag == "output" and not one.common)
        for place in _places(one, values.get(one.name or ""))
    ]
    if not outputs:
        return
    read = what_is_read(command, values)
    for flag, place in outputs:
        if read.holds(place):
            raise CallError(
                f"`{flag}` names `{place}`, which this call reads",
                why="the answer would take its place, and a key, a policy or an entry of a ledger would be lost",
                fix="name another file",
            )


def what_is_read(command: "WeightmarkCommand", values: Mapping[str, Any]) -> WhatIsRead:
    """Return the files that the arguments and flags of a call name, as far as they exist."""
    files: list[Path] = []
    ledgers: list[Path] = []
    for param in command.params:
        flag = param.flag if isinstance(param, FlagOption) else ""
        if flag in _NO_FILES or param.name == _COMMAND:
            continue
        for word in _words(values.get(param.name or "")):
            if flag == "ledger" and "://" not in word:
                ledgers.append(Path(word))
            files += [Path(word), Path(word.partition("=")[2] or word)]
            if flag == "policy":
                files += _of_policy(word)
    return WhatIsRead(tuple(one for one in files if _is_file(one)), tuple(ledgers))


def _of_policy(word: str) -> Iterator[Path]:
    """Yield the signature of a policy file and what it names, as far as it can be read."""
    from weightmark.attestations.policy.load import is_policy_file, load_policy_file

    if not is_policy_file(word):
        return
    path = Path(word)
    yield path.with_name(f"{path.name}.sig")
    with suppress(WeightmarkError):
        for name in load_policy_file(path).files:
            first, _, nested = name.partition(": ")
            yield path.parent / first
            if nested:
                yield (path.parent / first).parent / nested


def _places(option: FlagOption, value: object) -> Iterator[Path]:
    for word in _words(value):
        place = word.partition("=")[2] if option.flag == "report" else word
        if place and place != "-":
            yield Path(place)


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_same(place: Path, other: Path) -> bool:
    try:
        return place.samefile(other)
    except (OSError, ValueError):
        return False
