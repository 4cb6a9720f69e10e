"""Faults at every kind of system call of an append: kill, I/O error, full disk.

After each: the ledger passes its audit, what was acknowledged is there, nothing else is, and a
retry gives the same indices. The entries cross a full tile, so bundles, tiles of two levels and
the checkpoint are all written. This does not model power loss.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.memory import CheckpointMemory

pytestmark = pytest.mark.needs("strace")

STRACE = shutil.which("strace") or "strace"
ROOT = Path(__file__).parents[2]
JUDGE = ClaimVerifierSim()
NAMES = ("x", "y", "z")
START = 255
CALLS = (
    "openat",
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "mkdir",
    "ftruncate",
    "unlink",
)
FAULTS = 48
BATCHES = 4


@dataclass(frozen=True)
class Fault:
    call: str
    number: int
    effect: str

    @property
    def injection(self) -> str:
        return f"inject={self.call}:{self.effect}:when={self.number}"


def run(place: Path, *strace: str) -> tuple[int, str]:
    module = [sys.executable, "-m", "tests.provenance.ledger.ledger_child"]
    command = [*module, str(place / "ledger"), str(place / "state"), "append", *NAMES]
    done = subprocess.run(
        [STRACE, "-qq", "-e", f"trace={','.join(CALLS)}", *strace, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def opened(place: Path) -> Ledger:
    memory = CheckpointMemory(place / "state")
    return Ledger.open(place / "ledger", memory=memory, clock=lambda: NOW)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("prepared")
    alice = SubmitterSim()
    with Ledger.create(
        place / "ledger",
        origin=ORIGIN,
        submitters=[alice.admitted],
        memory=CheckpointMemory(place / "state"),
        clock=lambda: NOW,
    ) as ledger:
        ledger.append([alice.submit(str(number)) for number in range(START - 1)], JUDGE)
    return place


@pytest.fixture(scope="module")
def faults(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Fault]:
    """Count the calls of a good run after it first touches the ledger; spread the faults over them."""
    place = tmp_path_factory.mktemp("counted")
    shutil.copytree(prepared, place, dirs_exist_ok=True)
    code, output = run(place, "-o", str(place / "trace"))
    assert (code, output) == (0, "255\n256\n257\ndone\n")
    seen: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    touched = False
    for line in (place / "trace").read_text().splitlines():
        match = re.match(r"(\w+)\(", line)
        if match is None:
            continue
        seen[match[1]] += 1
        touched = touched or str(place / "ledger") in line
        if line.startswith("write(1,"):
            continue  # the answer on stdout is not the ledger's
        names_a_file = match[1] in {"openat", "rename", "mkdir", "unlink"}
        if touched and (str(place) in line or not names_a_file):
            found.append((match[1], seen[match[1]]))
    effects = ("signal=KILL", "error=EIO", "error=ENOSPC")
    every = [Fault(call, number, effect) for call, number in found for effect in effects]
    assert {call for call, _ in found} >= set(CALLS) - {"ftruncate", "unlink"}
    step = len(every) / FAULTS
    return [every[int(number * step)] for number in range(FAULTS)]


def suffer(prepared: Path, place: Path, fault: Fault) -> str:
    """Run one append with one fault; returns what is wrong afterwards, empty when nothing is."""
    shutil.copytree(prepared, place, dirs_exist_ok=True)
    code, output = run(place, "-e", fault.injection, "-o", "/dev/null")
    acknowledged = "257" in output
    with opened(place) as ledger:
        audit = ledger.verify(JUDGE)
        size = audit.head.size
        if audit.problems or size not in {START, START + 3} or (acknowledged and size == START):
            return f"{fault} left {size} entries after exit {code}: {audit.problems}"
        if code not in {0, 4, -signal.SIGKILL}:
            return f"{fault} ended with exit {code}: {output}"
    with opened(place) as ledger:
        alice = SubmitterSim()
        receipts = ledger.append([alice.submit(name) for name in NAMES], JUDGE)
        audit = ledger.verify(JUDGE)
        if [one.index for one in receipts] != [255, 256, 257] or audit.problems:
            return f"{fault} spoiled the retry: {audit.problems}"
        if audit.published != START + 3:
            return f"{fault} left the view behind"
    shutil.rmtree(place)
    return ""


@pytest.mark.parametrize("part", range(BATCHES))
def test_a_fault_at_any_call_loses_nothing_and_invents_nothing(
    prepared: Path, faults: list[Fault], tmp_path: Path, part: int
) -> None:
    mine = faults[part::BATCHES]
    with ThreadPoolExecutor(2) as workers:
        places = [tmp_path / str(number) for number in range(len(mine))]
        wrong = workers.map(lambda pair: suffer(prepared, *pair), zip(places, mine, strict=True))
        assert [one for one in wrong if one] == []
