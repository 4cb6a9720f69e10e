"""A power cut at any moment of an append: what was not synced is gone, or there in part.

The power is cut before and after every call that makes something durable. Each time the ledger opens,
passes its audit, has what was acknowledged, and a retry gives the same indices.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.faults.power_loss import CALLS, SYNCS, Call, Disk, parse_trace
from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger

pytestmark = pytest.mark.needs("strace")

ROOT = Path(__file__).parents[2]
JUDGE = ClaimVerifierSim()
NAMES = ("x", "y", "z")
START = 255
CUTS = 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("power")
    alice = SubmitterSim()
    with Ledger.create(
        place / "disk/ledger",
        origin=ORIGIN,
        submitters=[alice.admitted],
        memory=CheckpointMemory(place / "disk/state"),
        clock=lambda: NOW,
    ) as ledger:
        ledger.append([alice.submit(str(number)) for number in range(START - 1)], JUDGE)
    return place


@pytest.fixture(scope="module")
def recorded(place: Path) -> tuple[Path, list[Call]]:
    """Append on a copy that lies where the original lay, and return what the copy was before."""
    disk, before = place / "disk", place / "before"
    shutil.copytree(disk, before)
    module = ["-m", "tests.provenance.ledger.ledger_child"]
    traced = ["-qq", "-xx", "-s", "2000000", "-e", f"trace={','.join(CALLS)}"]
    done = subprocess.run(
        [
            *("strace", *traced, "-o", str(place / "trace"), sys.executable, *module),
            *(str(disk / "ledger"), str(disk / "state"), "append", *NAMES),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("done\n")
    calls = list(parse_trace((place / "trace").read_text()))
    shutil.rmtree(disk)
    shutil.copytree(before, disk)
    return place, calls


def test_the_recorder_ends_where_the_process_ended(recorded: tuple[Path, list[Call]]) -> None:
    place, calls = recorded
    disk = Disk(place / "disk")
    for call in calls:
        disk.apply(call)
    assert disk.said == b"255\n256\n257\ndone\n"
    left = {path: bytes(file.seen) for path, file in disk.names.items()}
    assert check(place, left, acknowledged=True) == ""


def test_a_disk_that_syncs_nothing_would_be_noticed(recorded: tuple[Path, list[Call]]) -> None:
    """The check can fail: without the syncs of an append, what it acknowledged is lost."""
    place, calls = recorded
    disk = Disk(place / "disk")
    for call in calls:
        if call.name not in SYNCS:
            disk.apply(call)
    assert "acknowledged" in check(place, disk.survivors(None), acknowledged=True)


@pytest.mark.parametrize("part", range(2))
def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(
    recorded: tuple[Path, list[Call]], part: int
) -> None:
    place, calls = recorded
    moments = [at for at, call in enumerate(calls) if call.name in {*SYNCS, "linkat", "rename"}]
    cuts = sorted({cut for at in moments for cut in (at, at + 1)})
    step = max(1, -(-len(cuts) // CUTS))
    wrong = []
    mine = cuts[part * step :: 2 * step]
    disk = Disk(place / "disk")
    done = 0
    for number, cut in enumerate(mine):
        for call in calls[done:cut]:
            disk.apply(call)
        done = cut
        for random in (None, Random(number)):  # noqa: S311 - repeatable, no secret
            said = check(place, disk.survivors(random), acknowledged=b"257" in disk.said)
            if said:
                wrong.append(f"before call {cut} ({calls[min(cut, len(calls) - 1)].name}): {said}")
    assert wrong == []


def lay_out(path: Path, content: bytes, before: Path) -> None:
    """Write a file; a claim that never changed is linked, since there are hundreds."""
    if before.parent.name == "claims" and before.exists() and before.read_bytes() == content:
        path.hardlink_to(before)
    else:
        path.write_bytes(content)


def check(place: Path, left: dict[str, bytes], *, acknowledged: bool) -> str:
    """Lay the files out and use the ledger; returns what is wrong, empty when nothing is."""
    shutil.rmtree(place / "after", ignore_errors=True)
    for name, content in left.items():
        path = place / "after" / Path(name).relative_to(place / "disk")
        path.parent.mkdir(parents=True, exist_ok=True)
        lay_out(path, content, place / "before" / path.relative_to(place / "after"))
    memory = CheckpointMemory(place / "after/state")
    with Ledger.open(place / "after/ledger", memory=memory, clock=lambda: NOW) as ledger:
        audit = ledger.verify()
        size = audit.head.size
        if size not in {START, START + 3} or audit.problems:
            return f"{size} entries: {audit.problems}"
        if acknowledged and size == START:
            return "what was acknowledged is lost"
        alice = SubmitterSim()
        receipts = ledger.append([alice.submit(name) for name in NAMES], JUDGE)
        if [one.index for one in receipts] != [255, 256, 257]:
            return "the retry is spoiled"
    return ""
