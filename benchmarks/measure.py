"""How a measurement is made: whole processes, paired and alternating, medians; peak memory of a child."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Command:
    """One program call to be measured."""

    label: str
    """how the table names it"""
    argv: tuple[str, ...]
    """the program and its arguments"""
    expected: tuple[int, ...] = (0,)
    """the exit codes without which the measurement means nothing"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two commands that were run in turns."""

    ours: float
    """median wall time in seconds"""
    theirs: float
    """median wall time in seconds"""
    ratio: float
    """median of the ratios ours / theirs of neighbouring runs, so that a slow phase of the machine cancels out"""


def environment(home: Path) -> dict[str, str]:
    """Return an environment without anybody's settings."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "LANG": "C.UTF-8"}


def run(command: Command, env: Mapping[str, str]) -> tuple[float, int]:
    """Run `command` once; return its wall time in seconds and its peak resident memory in bytes.

    The peak includes what the child mapped from files. It never reads lower than this process itself, about
    20 MB, because a forked child begins with its parent's memory.
    """
    begin = time.perf_counter()
    child = subprocess.Popen(
        command.argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None  # noqa: S101 - PIPE was asked for
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in command.expected:
        call = " ".join(command.argv)
        sys.exit(f"error: exit {child.returncode}: {call}\n{said.decode(errors='replace')}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit


def paired(ours: Command, theirs: Command, rounds: int, env: Mapping[str, str]) -> Pair:
    """Run both commands in turns, once unmeasured to warm the caches and then `rounds` times."""
    times: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        order: Sequence[Command] = (ours, theirs) if number % 2 else (theirs, ours)
        seconds = {command.label: run(command, env)[0] for command in order}
        times.append((seconds[ours.label], seconds[theirs.label]))
    measured = times[1:]
    return Pair(
        ours=statistics.median(mine for mine, _ in measured),
        theirs=statistics.median(other for _, other in measured),
        ratio=statistics.median(mine / other for mine, other in measured),
    )
