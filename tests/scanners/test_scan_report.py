"""The report: exit codes, order, counts; and the façade's promises."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightmark
from tests.attacks.scan_builders import EVIL, STATE_DICT, Member, archive, scan, torch_zip
from weightmark.errors import CallError, Exit, ReadError
from weightmark.scanners.findings import FileScan, Finding
from weightmark.scanners.rules import catalogue
from weightmark.scanners.scan import Outcome, ScanReport, Severity, rules_digest, scan_file

CLEAN = scan(STATE_DICT, name="clean.pkl")
BAD = scan(EVIL, name="bad.pkl")
CUT = scan(STATE_DICT[:-1], name="cut.pkl")
TEXT = scan(b"text\n", name="README.md")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([CLEAN], Exit.GOOD), ([BAD], Exit.BAD), ([CUT], Exit.UNCHECKED), ([TEXT], Exit.NOTHING),
        ([], Exit.NOTHING), ([CLEAN, TEXT], Exit.GOOD), ([CLEAN, CUT, TEXT], Exit.UNCHECKED),
        ([CUT, TEXT], Exit.UNCHECKED), ([BAD, CUT, CLEAN, TEXT], Exit.BAD), ([BAD, TEXT], Exit.BAD),
    ],
)  # fmt: skip
def test_exit_code_bad_over_unchecked_over_nothing(files: list[FileScan], code: Exit) -> None:
    for order in itertools.permutations(files):
        assert ScanReport.of(order).exit(Severity.HIGH) is code


def test_threshold_decides() -> None:
    report = ScanReport.of([scan(b"\x80\x02cmodule\nName\n.")])
    assert report.exit(Severity.HIGH) is Exit.GOOD
    assert report.exit(Severity.MEDIUM) is Exit.BAD


def test_findings_are_sorted_and_counted() -> None:
    report = ScanReport.of([scan(EVIL, name="b"), scan(EVIL + EVIL, name="a")])
    places = [(finding.path, finding.member, finding.offset or 0) for finding in report.findings]
    assert places == sorted(places)
    assert report.worst is Severity.CRITICAL
    assert report.counts[Severity.CRITICAL] == len(report.findings)
    assert report.counts[Severity.LOW] == 0
    assert ScanReport.of([CLEAN]).worst is None


def test_every_run_gives_the_same() -> None:
    data = torch_zip(EVIL, Member(b"archive/x.pkl", EVIL))
    assert scan(data) == scan(data)


def test_severity_words() -> None:
    assert [Severity.parse(severity.word) for severity in Severity] == list(Severity)
    with pytest.raises(CallError, match="`awful` is no severity"):
        Severity.parse("awful")


def test_reading_failure_is_a_problem_and_no_exception() -> None:
    class Broken:
        size = 100

        def read_at(self, offset: int, length: int) -> bytes:
            del offset, length
            raise ReadError("cannot read `x`")

    found = scan_file("x", Broken())
    assert found.outcome is Outcome.UNCHECKED
    assert found.problems == ("cannot read `x`",)


def test_rules_are_complete_and_their_digest_is_stable() -> None:
    for key, rule in catalogue().items():
        assert (rule.id, len(key)) == (key, 6)
        assert rule.help
        assert not rule.title.endswith(".")
    assert list(catalogue()) == sorted(catalogue())
    assert len(rules_digest()) == 64
    assert rules_digest() == rules_digest()


def test_a_finding_says_what_the_catalogue_says() -> None:
    finding: Finding = BAD.findings[0]
    rule = catalogue()[finding.rule]
    assert (finding.severity, finding.message, finding.help) == (
        rule.severity,
        rule.title,
        rule.help,
    )


def test_no_heavy_or_unpickling_module_is_imported() -> None:
    code = (
        "import sys\n"
        "from weightmark.provenance.reading.views import MemoryView\n"
        "from weightmark.scanners.scan import scan_file\n"
        "scan_file('x', MemoryView(b'cos\\nsystem\\n(S\"x\"\\ntR.'))\n"
        "heavy = {'pickle', '_pickle', 'numpy', 'torch', 'cryptography', 'sqlite3', 'hashlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


SEEDS = [
    EVIL,
    STATE_DICT,
    torch_zip(EVIL),
    archive(Member(b"a", EVIL, method=8), Member(b"b", torch_zip())),
    b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O', }" + EVIL,
    b"\x0f\0\0\0\0\0\0\0" + b'{"a":{"shape":[' + bytes(9),
]


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 40),
)
def test_mutated_files_never_raise_and_never_lose_a_finding_to_clean(
    seed: bytes, edits: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for at, value in edits:
        data[at % len(data)] = value
    found = scan(bytes(data[: len(data) - cut]))
    assert (found.outcome is Outcome.CLEAN) <= (not found.problems)
    assert (found.outcome is Outcome.FINDINGS) <= bool(found.findings)


@given(data=st.binary(max_size=600))
def test_any_bytes_never_raise(data: bytes) -> None:
    scan(data)


@given(data=st.binary(max_size=200))
def test_any_bytes_behind_a_magic_number_never_raise(data: bytes) -> None:
    for magic in (b"PK\x03\x04", b"\x93NUMPY", b"\x20\0\0\0\0\0\0\0{", b"\x08\x07", b"\x80\x04"):
        scan(magic + data)
    scan(data + b"PK\x05\x06" + bytes(18))


def test_digest_of_the_rules_covers_every_list_that_a_verdict_follows(tmp_path: Path) -> None:
    """Changed beside the code, as an attacker or another version would."""
    package = Path(weightmark.__file__).parent
    copy = tmp_path / "weightmark"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    program = "from weightmark.scanners.scan import rules_digest; print(rules_digest())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def digest() -> str:
        command = [sys.executable, "-P", "-c", program]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        return done.stdout.strip()

    seen = {digest()}
    lists = sorted((copy / "scanners").rglob("*.json"))
    assert {"dangerous.json", "tensorflow.json", "torch.json"} <= {file.name for file in lists}
    for file in lists:
        file.write_text(file.read_text("utf-8") + "\n", "utf-8")
        seen.add(digest())
    assert len(seen) == 1 + len(lists)
