"""Faults at system calls of a served ledger that takes `POST /add`: kill, I/O error, full disk.

After each: what was acknowledged is there, the ledger passes its audit, and a retry gives each submission
one place. By default a few calls fail; with `WEIGHTMARK_FAULTS=all` every one fails in every way.
"""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.attestations.ledger.makers import ALICE, ORIGIN, admitted, make_ledger, release
from tests.conftest import ENVIRONMENT
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.service.wire import encode_submission

pytestmark = pytest.mark.needs("strace")

STRACE = shutil.which("strace") or "strace"
ROOT = Path(__file__).parents[2]
CALLS = "fsync,fdatasync,linkat,rename,unlink,pwrite64,write,ftruncate,openat"
EFFECTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
EVERYTHING = ENVIRONMENT.get("WEIGHTMARK_FAULTS") == "all"
ENTRIES = 255
FAULTS = 6


@dataclass(frozen=True)
class Fault:
    """What happens at the call of this number in a thread; each thread counts its own."""

    call: str
    number: int
    effect: str


@pytest.fixture(scope="module")
def submissions() -> list[Submission]:
    """Good for half a day: all faults together take longer than the ten minutes that a request usually has."""
    claims = [release(ALICE, f"new {number}") for number in range(3)]
    later = datetime.now(UTC) + timedelta(hours=12)
    return [make_submission(one.to_bytes(), ORIGIN, ALICE, now=later) for one in claims]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose next entries fill a tile and begin another."""
    place = tmp_path_factory.mktemp("prepared")
    with make_ledger(place / "ledger", [admitted(ALICE)]) as ledger:
        claims = [release(ALICE, str(number)) for number in range(ENTRIES - 1)]
        items = [make_submission(one.to_bytes(), ORIGIN, ALICE) for one in claims]
        ledger.append(items, BundleVerifier())
    shutil.rmtree(place / "state")
    return place


@contextmanager
def traced(place: Path, *strace: str) -> Iterator[str]:
    """Serve below strace; gives the address, empty when the service did not come up."""
    serve = ("-m", "weightmark", "ledger", "serve", "--ledger", str(place / "ledger"))
    process = subprocess.Popen(
        [
            *(STRACE, "-f", "-qq", "-y", "-e", f"trace={CALLS}", "-o", str(place / "trace")),
            *(*strace, sys.executable, *serve, "--port", "0", "--isolated", "--jobs", "1"),
            *("--access-log", str(place / "decisions")),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(place / "operator")},
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        url = ""
        while not url and (line := process.stderr.readline()):
            found = re.search(r"listening on (\S+)", line)
            url = found[1] if found else ""
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()


def send(url: str, submissions: list[Submission]) -> dict[int, bytes]:
    """Send one after the other; returns the receipts that came."""
    receipts: dict[int, bytes] = {}
    parts = urlsplit(url)
    for number, one in enumerate(submissions if url else []):
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/add", encode_submission(one))
            reply = connection.getresponse()
            text = reply.read()
            if reply.status == 200:
                receipts[number] = text
        connection.close()
    return receipts


def wrong(place: Path, submissions: list[Submission], receipts: dict[int, bytes]) -> str:
    """Say what is not as it must be; empty when all is."""
    memory = CheckpointMemory(place / "operator" / "weightmark" / "ledgers")
    with Ledger.open(place / "ledger", memory=memory) as ledger:
        told = {n: verify_receipt(text, ledger.verifier) for n, text in receipts.items()}
        audit = ledger.verify(BundleVerifier())
        if audit.problems or not ENTRIES + len(told) <= audit.head.size <= ENTRIES + 3:
            return f"{audit.head.size} entries, {len(told)} acknowledged: {audit.problems}"
        places = [one.index for one in ledger.append(submissions, BundleVerifier())]
        if sorted(places) != [ENTRIES, ENTRIES + 1, ENTRIES + 2]:
            return f"a retry gave {places}"
        if any(places[number] != one.index for number, one in told.items()):
            return f"{told} was acknowledged, and a retry gave {places}"
        audit = ledger.verify(BundleVerifier())
        return "" if (audit.problems, audit.published) == ((), ENTRIES + 3) else f"{audit}"


@pytest.fixture(scope="module")
def faults(
    prepared: Path, submissions: list[Submission], tmp_path_factory: pytest.TempPathFactory
) -> list[Fault]:
    """Count, thread by thread, what a good run does with the ledger's files; choose among it."""
    place = tmp_path_factory.mktemp("counted")
    shutil.copytree(prepared, place, dirs_exist_ok=True)
    with traced(place) as url:
        assert len(send(url, submissions)) == 3
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], None] = {}
    lines = (place / "trace").read_text(errors="replace").splitlines()
    main = lines[0].split()[0]
    for line in lines:
        match = re.match(r"(\d+)\s+(\w+)\(", line)
        if match is None:
            continue
        seen[match[1], match[2]] += 1
        if match[1] != main and str(place / "ledger") in line:
            found[match[2], seen[match[1], match[2]]] = None
    assert {call for call, _ in found} >= {"fsync", "write", "pwrite64", "openat", "linkat"}
    if EVERYTHING:
        return [Fault(*one, effect) for one in found for effect in EFFECTS]
    step = len(found) / FAULTS
    picked = [list(found)[int(number * step)] for number in range(FAULTS)]
    return [Fault(*one, EFFECTS[number % 3]) for number, one in enumerate(picked)]


def test_a_fault_at_any_call_loses_nothing_that_was_acknowledged(
    prepared: Path, submissions: list[Submission], faults: list[Fault], tmp_path: Path
) -> None:
    def suffer(number: int) -> str:
        fault, place = faults[number], tmp_path / str(number)
        shutil.copytree(prepared, place)
        injected = f"inject={fault.call}:{fault.effect}:when={fault.number}"
        with traced(place, "-e", injected) as url:
            receipts = send(url, submissions)
        said = wrong(place, submissions, receipts)
        hit = "INJECTED" in (place / "trace").read_text(errors="replace") or len(receipts) < 3
        shutil.rmtree(place)
        return f"{fault}: {said or 'it hit nothing'}" if said or not hit else ""

    with ThreadPoolExecutor(2) as workers:
        ended = list(workers.map(suffer, range(len(faults))))
    assert [one for one in ended if one] == []
