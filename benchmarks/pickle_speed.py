"""Measure the pickle machine beside `pickletools.genops`, which only walks the same bytes.

Usage: ``python benchmarks/pickle_speed.py [--rounds N] [--entries N] [--strict]``.

Both run in this process in turns; the figure is the median of the ratios of neighbouring runs, so that
a slow phase of the machine cancels out. The goal is 1, and 1.3 for protocol 0.
"""

import argparse
import pickletools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.scan import Outcome, scan_file

GOAL, GOAL_OF_PROTOCOL_0 = 1.0, 1.3
PROTOCOLS = (0, 2, 4, 5)
VALUES = {
    "vocabulary": "{f'token {i}': i for i in range(n)}",
    "whole numbers": "list(range(2 * n))",
    "floats": "[i / 7 for i in range(2 * n)]",
    "records": "[{'id': i, 'values': [i, 0.5], 'pair': (i, None)} for i in range(n // 5)]",
}
"""expressions of the values"""


def workloads(entries: int) -> Iterator[tuple[str, int, bytes]]:
    """Yield name, protocol and bytes of pickles with many opcodes, written by another process."""
    for name, value in VALUES.items():
        for protocol in PROTOCOLS:
            code = f"import pickle, sys; n = {entries}; sys.stdout.buffer.write(pickle.dumps({value}, {protocol}))"
            made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            yield name, protocol, made.stdout
    yield "no-ops", 2, b"\x80\x02" + b"N0" * (2 * entries) + b"N."


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def scan(data: bytes) -> None:
    """Scan a pickle, which has to be clean for the measurement to mean anything."""
    if scan_file("model.pkl", MemoryView(data)).outcome is not Outcome.CLEAN:
        sys.exit("error: the pickle is not clean")


def walk(data: bytes) -> None:
    """Walk the opcodes as the standard library does."""
    for _ in pickletools.genops(data):
        pass


def main() -> None:
    """Print one line a workload."""
    parser = argparse.ArgumentParser(description="measure the pickle machine beside genops")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--entries", type=int, default=60_000)
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    asked = parser.parse_args()
    missed = False
    for name, protocol, data in workloads(asked.entries):
        pairs = [
            (seconds(lambda: scan(data)), seconds(lambda: walk(data)))  # noqa: B023 - called at once
            for _ in range(asked.rounds)
        ]
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        goal = GOAL if protocol else GOAL_OF_PROTOCOL_0
        missed = missed or ratio > goal
        ours, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
        met = "met" if ratio <= goal else "MISSED"
        print(
            f"{name:14} protocol {protocol} {ours:7.1f} ms / {theirs:7.1f} ms = {ratio:.2f}  {met}"
        )
    sys.exit(asked.strict and missed)


if __name__ == "__main__":
    main()
