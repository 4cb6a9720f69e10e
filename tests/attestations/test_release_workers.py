"""Signing with worker processes: the same scan, tables and refusals as without."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, safetensors
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.release_files import ReleaseFile, release_luggage
from weightmark.attestations.making.tensor_tables import Seen
from weightmark.provenance.reading.small import WORTH_WORKERS
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity

pytestmark = pytest.mark.needs("forked_workers")

CODE = """
import hashlib, sys
from weightmark.attestations.making.release_files import read_release
from weightmark.attestations.predicates.oms import Serialization
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading import crew

started, start = [], crew.Crew.__init__
def note(self, workers, *rest):
    started.append(workers)
    start(self, workers, *rest)
crew.Crew.__init__ = note
for scan in (True, False):
    for jobs in (1, 2):
        artifact = open_artifact(sys.argv[1])
        try:
            reading = read_release(artifact, Serialization(), scan=scan, jobs=jobs)
        except Exception as error:
            print(type(error).__name__, error, started)
        else:
            said = "\\n".join([repr(reading.files), repr(reading.inspections)])
            print(hashlib.sha256(said.encode()).hexdigest(), said.count("Finding("), started)
        started.clear()
"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("crowd")
    for number in range(WORTH_WORKERS):
        folder = root / f"part-{number // 500}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_bytes(b"words %d" % number)
    (root / "part-1" / "odd \udcff name".encode("utf-8", "replace").decode()).write_bytes(b"x")
    (root / "part-1" / "a\nname.json").write_bytes(b"{}")
    (root / "part-2" / "weights.pkl").write_bytes(EVIL_PICKLE)
    (root / "part-3" / "model.safetensors").write_bytes(safetensors())
    return root


def run(crowd: Path) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(crowd)], capture_output=True, text=True, check=True
    )
    return ran.stdout.splitlines()


def test_workers_see_of_a_release_what_this_process_sees(crowd: Path) -> None:
    here, there, unscanned_here, unscanned_there = run(crowd)
    assert here.endswith(" 1 []")
    assert there == here.replace("[]", "[2]")
    assert unscanned_there == unscanned_here.replace("[]", "[2]")


def test_workers_find_a_private_key(crowd: Path) -> None:
    key = crowd / "part-2" / "notes.txt"
    key.write_bytes(PrivateKey.generate().to_pem(None))
    try:
        answers = run(crowd)
    finally:
        key.unlink()
    assert [answer.rpartition(" [")[0] for answer in answers] == [
        "ArtifactRefusedError `part-2/notes.txt` is a private key"
    ] * 4


FINDING = Finding("X1", Severity.LOW, "odd", "a/b", "m!n", 7, "\udcff", "look", "other")


@pytest.mark.parametrize(
    "scan",
    [
        None,
        FileScan("a/b", ("zip", "pickle"), Outcome.CLEAN, (), ()),
        FileScan("a/b", (), Outcome.UNSUPPORTED, (), ()),
        FileScan("elsewhere/a\nb", ("json",), Outcome.CLEAN, (), ()),
        FileScan("a/b", ("zip",), Outcome.FINDINGS, (FINDING, FINDING), ("cut",)),
    ],
)
def test_what_travels_arrives_as_it_left(scan: FileScan | None) -> None:
    luggage = release_luggage(scan=scan is not None)
    sent = ReleaseFile(Seen(scan, None), private_key=True)
    packed = luggage.pack("a/b", sent)
    assert packed is not None
    assert luggage.unpack("a/b", packed) == sent


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\xff\xff\xff\xff{}",
        b"\x00\x03\x00\x00\x00p,,",
        b"\x00\x05\x00\x00\x00f[[]]",
        b"\x00\xff\xff\xff\xffnull",
    ],
)
def test_a_damaged_receipt_of_a_scan_is_no_result(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        release_luggage(scan=True).unpack("a", data)
