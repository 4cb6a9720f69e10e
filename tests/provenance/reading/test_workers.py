"""Worker processes: the same digests, no process left behind, and no file that slips through."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.engine import Reading, read_artifact
from weightmark.provenance.reading.files import FileReader
from weightmark.provenance.reading.small import WORTH_WORKERS, SmallFiles

pytestmark = pytest.mark.needs("forked_workers")

COUNT = WORTH_WORKERS + 300


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of more small files than one process reads."""
    root = tmp_path_factory.mktemp("crowd")
    for number in range(COUNT):
        folder = root / f"part-{number // 500}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_bytes(b"x" * (number % 70) + str(number).encode())
    (root / "large.bin").write_bytes(bytes(range(256)) * 8192)
    return root


def run(code: str, *args: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run code in a process of one thread: only such a one forks."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


READ = """
import sys
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading import crew
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.engine import read_artifact

started = []
start = crew.Crew.__init__
def note(self, workers, *rest):
    started.append(workers)
    start(self, workers, *rest)
crew.Crew.__init__ = note
"""


def test_workers_find_the_same_digests(crowd: Path) -> None:
    code = (
        READ
        + """
reading = read_artifact(open_artifact(sys.argv[1]), columns=Column, jobs=2)
print(started, reading.manifest().identity)
print("".join(f.sha256 + f.blake2b for f in reading.files))
"""
    )
    ran = run(code, crowd)
    here: Reading[None] = read_artifact(open_artifact(crowd), columns=Column, jobs=1)
    assert ran.stdout.splitlines() == [
        f"[2] {here.manifest().identity}",
        "".join(file.sha256 + file.blake2b for file in here.files),
    ]


def test_one_job_starts_no_process(crowd: Path) -> None:
    code = READ + "\nread_artifact(open_artifact(sys.argv[1]), jobs=1); print(started)"
    assert run(code, crowd).stdout == "[]\n"


def test_a_process_with_threads_forks_nothing(crowd: Path) -> None:
    code = (
        READ
        + """
import threading, time
threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
read_artifact(open_artifact(sys.argv[1]), jobs=2); print(started)
"""
    )
    assert run(code, crowd).stdout == "[]\n"


def test_what_a_dead_worker_had_taken_is_read_here(crowd: Path) -> None:
    code = (
        READ
        + """
import os, signal
from weightmark.provenance.reading.small import SmallFiles
honest, me = SmallFiles._work, os.getpid()
def dies(self, batch):
    if batch == 3 and os.getpid() != me:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(self, batch)
SmallFiles._work = dies
print(read_artifact(open_artifact(sys.argv[1]), jobs=2).manifest().identity)
"""
    )
    here: Reading[None] = read_artifact(open_artifact(crowd), jobs=1)
    assert run(code, crowd).stdout.split() == [here.manifest().identity]


def test_a_file_that_was_swapped_after_it_was_listed_is_named(crowd: Path, tmp_path: Path) -> None:
    code = (
        READ
        + """
import os
from pathlib import Path
artifact = open_artifact(sys.argv[1])
victim = Path(sys.argv[1], "part-2", "1234.txt")
content = victim.read_bytes()
Path(sys.argv[2]).write_bytes(b"other")
os.replace(victim, sys.argv[2] + ".kept")
os.symlink(sys.argv[2], victim)
try:
    read_artifact(artifact, jobs=2)
except Exception as error:
    print(type(error).__name__, "1234.txt" in str(error), started)
finally:
    os.replace(sys.argv[2] + ".kept", victim)
"""
    )
    assert run(code, crowd, tmp_path / "other").stdout == "ReadError True [2]\n"


def test_an_interrupt_leaves_no_process(crowd: Path) -> None:
    code = (
        READ
        + """
import time
from weightmark.provenance.reading.small import SmallFiles
def slow(self, batch):
    time.sleep(600)
    return b""
SmallFiles._work = slow
artifact = open_artifact(sys.argv[1])
print("reading", flush=True)
read_artifact(artifact, jobs=2)
"""
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(crowd)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.5)
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(20) != 0
    child.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_batches_cover_every_file_once(crowd: Path) -> None:
    entries = open_artifact(crowd).entries
    here: SmallFiles[None] = SmallFiles(entries, FileReader((Column.BLAKE3,)))
    assert sorted(number for number, _ in here.results()) == list(range(len(entries)))


def test_workers_scan_as_this_process_does(crowd: Path) -> None:
    evil = crowd / "part-3" / "weights.pkl"
    evil.write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R.")
    code = """
    import sys
    from weightmark.scanners.tree import scan_tree
    for jobs in (1, 2):
        scan = scan_tree(sys.argv[1], identify=True, jobs=jobs)
        print(scan.identity, [f.rule for f in scan.report.findings], hash(scan.report))
    """
    try:
        first, second = run(code, crowd).stdout.splitlines()
    finally:
        evil.unlink()
    assert first == second
    assert "PKL" in first
