"""Faults at every kind of system call of a ledger's work: kill, I/O error, full disk.

After each: the ledger passes its audit, what was acknowledged is there, nothing else is, and a
retry gives the same result. By default each call that makes something durable fails once and the
others are sampled; with `WEIGHTMARK_FAULTS=all` every call fails in every way.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT
from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.backup import back_up
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.standing import Role

pytestmark = pytest.mark.needs("strace")

STRACE = shutil.which("strace") or "strace"
ROOT = Path(__file__).parents[2]
JUDGE = ClaimVerifierSim()
NAMES = ("x", "y", "z")
DURABLE = ("fsync", "fdatasync", "linkat", "rename", "unlink")
WRITES = ("pwrite64", "write", "ftruncate")
CALLS = (*DURABLE, *WRITES, "openat", "mkdir")
EFFECTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
EVERYTHING = ENVIRONMENT.get("WEIGHTMARK_FAULTS") == "all"
PARTS = 2


@dataclass(frozen=True)
class Fault:
    call: str
    number: int
    effect: str

    @property
    def injection(self) -> str:
        return f"inject={self.call}:{self.effect}:when={self.number}"


@dataclass(frozen=True)
class Operation:
    """Something that a ledger does, and what must be true after it failed."""

    name: str
    entries: int
    """of the ledger before"""
    faults: int
    """as many are tried by default"""
    judge: Callable[[Path, int, bool], str]
    """(place, entries, acknowledged) to what is wrong, empty when nothing is"""

    def arguments(self, place: Path) -> tuple[str, ...]:
        return NAMES if self.name == "append" else (str(place / "new"),)


def run(operation: Operation, place: Path, *strace: str) -> tuple[int, str]:
    module = [sys.executable, "-m", "tests.provenance.ledger.ledger_child"]
    command = [*module, str(place / "ledger"), str(place / "state"), operation.name]
    done = subprocess.run(
        [
            *(STRACE, "-qq", "-e", f"trace={','.join(CALLS)}"),
            *(*strace, *command, *operation.arguments(place)),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def opened(place: Path, name: str = "ledger") -> Ledger:
    memory = CheckpointMemory(place / "state")
    return Ledger.open(place / name, memory=memory, clock=lambda: NOW)


def grow(ledger: Ledger) -> list[int]:
    alice = SubmitterSim()
    return [one.index for one in ledger.append([alice.submit(name) for name in NAMES], JUDGE)]


# --- what must be true afterwards -----------------------------------------------------------------


def judge_append(place: Path, entries: int, acknowledged: bool) -> str:
    with opened(place) as ledger:
        audit = ledger.verify(JUDGE)
        size = audit.head.size
        if (
            audit.problems
            or size not in {entries, entries + 3}
            or (acknowledged and size == entries)
        ):
            return f"{size} entries: {audit.problems}"
    with opened(place) as ledger:
        indices = grow(ledger)
        audit = ledger.verify(JUDGE)
        if indices != [entries, entries + 1, entries + 2] or audit.problems:
            return f"the retry gave {indices}: {audit.problems}"
        return "" if audit.published == entries + 3 else "the view is behind"


def judge_publish(place: Path, entries: int, acknowledged: bool) -> str:
    with opened(place) as ledger:
        if (place / "new/checkpoint").exists():
            problems = view_problems(place, ledger)
            if problems:
                return f"a checkpoint stands over a broken view: {problems}"
        elif acknowledged:
            return "nothing was published"
        ledger.publish(view_of(place / "new"))
        return f"{view_problems(place, ledger) or ''}"


def view_problems(place: Path, ledger: Ledger) -> object:
    memory = CheckpointMemory(place / "reader")
    with Ledger.open(place / "new", vkey=ledger.vkey, memory=memory) as view:
        return view.verify(blobs=False).problems or view.refresh().size != ledger.refresh().size


def judge_migrate(place: Path, entries: int, acknowledged: bool) -> str:
    old, new = FolderHome(place / "ledger"), FolderHome(place / "new")
    moved = new.path.exists()
    if moved and (old.standing().role, new.standing().role) != (Role.MOVED, Role.LIVE):
        return f"two places stand as {old.standing()} and {new.standing()}"
    if acknowledged and not moved:
        return "the new place is missing"
    if not moved:
        with opened(place) as ledger:
            if ledger.verify(JUDGE).problems:
                return "the old place is damaged"
            migrate(ledger, place / "new")
    if list(place.glob(".new.*")):
        return "half a ledger was left, maybe with its key"
    with opened(place) as ledger:
        try:
            grow(ledger)
        except WeightmarkError:
            pass
        else:
            return "the old place still grows"
    return judge_grown(place, "new", entries)


def judge_backup(place: Path, entries: int, acknowledged: bool) -> str:
    made = (place / "new").exists()
    if acknowledged and not made:
        return "the backup is missing"
    with opened(place) as ledger:
        if not made:
            back_up(ledger, place / "new")
    with opened(place, "new") as backup:
        if backup.verify(JUDGE).problems or backup.refresh().size != entries:
            return "the backup is not whole"
        if backup.home.standing().role is not Role.BACKUP:
            return "the backup would grow"
    return judge_grown(place, "ledger", entries)


def judge_grown(place: Path, name: str, entries: int) -> str:
    with opened(place, name) as ledger:
        indices = grow(ledger)
        problems = ledger.verify(JUDGE).problems
        return "" if (indices[0], problems) == (entries, ()) else f"{indices}: {problems}"


OPERATIONS = (
    Operation("append", 255, 48, judge_append),
    Operation("publish", 258, 28, judge_publish),
    Operation("migrate", 4, 44, judge_migrate),
    Operation("backup", 4, 28, judge_backup),
)


# --- which faults ---------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=OPERATIONS, ids=lambda one: one.name)
def operation(request: pytest.FixtureRequest) -> Operation:
    found: Operation = request.param
    return found


@pytest.fixture(scope="module")
def prepared(operation: Operation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("prepared")
    alice = SubmitterSim()
    with Ledger.create(
        place / "ledger",
        origin=ORIGIN,
        submitters=[alice.admitted],
        memory=CheckpointMemory(place / "state"),
        clock=lambda: NOW,
    ) as ledger:
        batch = [alice.submit(str(number)) for number in range(operation.entries - 1)]
        ledger.append(batch, JUDGE)
    return place


@pytest.fixture(scope="module")
def faults(
    operation: Operation, prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Fault]:
    """Count the calls of a good run after it first touches the ledger; choose among them."""
    place = tmp_path_factory.mktemp("counted")
    shutil.copytree(prepared, place, dirs_exist_ok=True)
    code, output = run(operation, place, "-o", str(place / "trace"))
    assert (code, output.splitlines()[-1]) == (0, "done")
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
        names_a_file = match[1] in {"openat", "linkat", "rename", "mkdir", "unlink"}
        if touched and (str(place) in line or not names_a_file):
            found.append((match[1], seen[match[1]]))
    assert {call for call, _ in found} >= {"fsync", "write", "pwrite64", "openat", "linkat"}
    return every(found) if EVERYTHING else chosen(found, operation.faults)


def every(found: list[tuple[str, int]]) -> list[Fault]:
    return [Fault(call, number, effect) for call, number in found for effect in EFFECTS]


def chosen(found: list[tuple[str, int]], count: int) -> list[Fault]:
    """Take calls evenly, those that make something durable three times as often as the others."""
    weighty = [one for one in found if one[0] in DURABLE]
    light = [one for one in found if one[0] not in DURABLE]
    picked = evenly(weighty, 3 * count // 4) + evenly(light, count - 3 * count // 4)
    return [Fault(*one, EFFECTS[number % len(EFFECTS)]) for number, one in enumerate(picked)]


def evenly(some: list[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    if len(some) <= count:
        return some
    return [some[number * len(some) // count] for number in range(count)]


def suffer(operation: Operation, prepared: Path, place: Path, fault: Fault) -> tuple[int, str]:
    """Run the operation once with one fault; returns its exit and what is wrong afterwards."""
    shutil.copytree(prepared, place, dirs_exist_ok=True)
    code, output = run(operation, place, "-e", fault.injection, "-o", str(place / "trace"))
    if code not in {0, 4, -signal.SIGKILL}:
        return code, f"{fault} ended with exit {code}: {output}"
    wrong = operation.judge(place, operation.entries, "done" in output)
    shutil.rmtree(place)
    return code, f"{fault}: {wrong}" if wrong else ""


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_at_any_call_loses_nothing_and_invents_nothing(
    operation: Operation, prepared: Path, faults: list[Fault], tmp_path: Path, part: int
) -> None:
    mine = faults[part::PARTS]
    with ThreadPoolExecutor(2) as workers:
        places = [tmp_path / str(number) for number in range(len(mine))]
        pairs = zip(places, mine, strict=True)
        ended = list(workers.map(lambda pair: suffer(operation, prepared, *pair), pairs))
    assert [wrong for _, wrong in ended if wrong] == []
    assert {code for code, _ in ended} >= {4, -signal.SIGKILL}, "the faults hit nothing"
