"""The machine against CPython's own opcode walker, and its bounds."""

import io
import pickle
import pickletools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, scan
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.formats.interface import Dialect, Examination, Place
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.pickles import opcodes
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.run import Run, run

ROOT = Path(__file__).parents[2]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner)
        | st.frozensets(st.integers() | st.text())
    ),
    max_leaves=30,
)


def execute(data: bytes) -> tuple[Run, Judge]:
    examination = Examination("x", Limits.default(), lambda _place, _examination: False)
    place = Place(MemoryView(data), dialect=Dialect())
    judge = Judge(place, examination)
    return run(place.view, 0, judge, Budget(Limits.default())), judge


@given(value=PLAIN, protocol=st.integers(0, 5))
def test_counts_and_ends_where_genops_does(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    walked = list(pickletools.genops(io.BytesIO(data + b"rest")))
    ended, _ = execute(data + b"rest")
    assert (ended.error, ended.end, ended.opcodes) == ("", len(data), len(walked))


@given(
    value=st.lists(st.sampled_from([print, len, dict, re.compile, Path])),
    protocol=st.integers(0, 5),
)
def test_imports_what_genops_names(value: list[object], protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    seen = {(found.module, found.name) for found in execute(data)[1].globals}
    walked = list(pickletools.genops(data))
    if protocol < 4:
        named = {str(arg).replace(" ", ".") for op, arg, _ in walked if op.name == "GLOBAL"}
        plain = {f"{module}.{name}" for module, name in seen}
        assert {name.replace("__builtin__", "builtins") for name in named} == plain
    else:
        texts = {arg for op, arg, _ in walked if op.name == "SHORT_BINUNICODE"}
        assert {text for pair in seen for text in pair} == texts


@given(data=st.binary(max_size=300))
def test_never_raises_on_any_bytes(data: bytes) -> None:
    ended, judge = execute(data)
    assert 0 <= ended.end <= max(1, len(data)) + 16
    judge.report()


@given(
    data=st.lists(st.sampled_from(sorted(opcodes.OPCODES)), max_size=60),
    tail=st.binary(max_size=10),
)
def test_never_raises_on_any_opcodes(data: list[int], tail: bytes) -> None:
    scan(b"\x80\x04" + bytes(data) + tail + b".")


def test_every_opcode_of_the_standard_library_is_known() -> None:
    codes = {ord(op.code) for op in pickletools.opcodes}
    assert codes == opcodes.OPCODES
    for op in pickletools.opcodes:
        assert getattr(opcodes, op.name) == ord(op.code)
    assert pickle.HIGHEST_PROTOCOL == opcodes.HIGHEST_PROTOCOL


def test_windows_do_not_cut_opcodes() -> None:
    """Every alignment of a call against the 4 KiB and 256 KiB windows is seen."""
    for size in (*range(3400, 4200, 7), *range(262_000, 262_800, 31)):
        data = b"\x80\x02" + b"N0" * (size // 2) + b"N" * (size % 2) + EVIL
        assert any(finding.rule == "PKL001" for finding in scan(data).findings), size


def test_breaks_off_like_a_loader() -> None:
    for data in (
        b"\x80\x06N.",
        b"\x80\x02h\x05.",
        b"(.",
        b"\x80\x02t.",
        b"\x80\x020.",
        b"\x80\x02Iabc\n.",
    ):
        ended, _ = execute(data)
        assert ended.error, data


PEAK = r"""
import re
def peak():
    "KiB at most in memory; getrusage would count the process that started this one"
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""
MEASURE = (
    PEAK
    + """
from weightmark.scanners.scan import scan_file
class Big:
    size = 4 << 30
    head = b"\\x80\\x04]("
    def read_at(self, offset, length):
        length = min(length, self.size - offset)
        if offset == 0:
            return (self.head + b"\\x8e" + (self.size - 13 - 2 - 6).to_bytes(8, "little")).ljust(length, b"\\0")[:length]
        if offset + length > self.size - 2:
            return bytes(max(0, self.size - 2 - offset)) + b"e."[max(0, offset - self.size + 2):]
        return bytes(length)
before = peak()
scan_file("x", Big())
print(peak() - before)
"""
)


MEASURE_ANY = (
    PEAK
    + """
import os, sys
from weightmark.provenance.reading.views import DescriptorView
from weightmark.scanners.scan import scan_file
file = os.open(sys.argv[1], os.O_RDONLY)
view = DescriptorView(file, os.fstat(file).st_size, "many")
before = peak()
scan_file("x", view)
print(peak() - before)
"""
)
MEASURE_FILE = (
    PEAK
    + """
import pathlib, sys
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.scan import scan_file
data = pathlib.Path(sys.argv[1]).read_bytes()
before = peak()
assert scan_file("x", MemoryView(data)).outcome.value == "clean"
print(peak() - before)
"""
)


def test_four_gigabytes_of_payload_cost_no_memory() -> None:
    assert _grown(MEASURE) < 20_000, "KiB"


def test_hundreds_of_thousands_of_small_texts_stay_bounded(tmp_path: Path) -> None:
    words = [f"word {number}" for number in range(400_000)]
    (tmp_path / "words").write_bytes(pickle.dumps(words, 4))
    assert 1_000 < _grown(MEASURE_FILE, str(tmp_path / "words")) < 100_000, "KiB"


def _grown(code: str, *args: str) -> int:
    """Run a script in a process of its own; return the KiB of memory that it says it took."""
    done = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        (b"]\x94", 2_000_000),
        (b"}", 2_000_000),
        (b"\x85", 5_000_000),
        (b"]\x86", 1_000_000),
        (b"\x8a\xff" + b"\x7f" * 255, 300_000),
        (b"Q", 3_000_000),
    ],
    ids=["memoized lists", "dicts on the stack", "tuples", "pairs", "large numbers", "identifiers"],
)
def test_many_small_values_stay_bounded(tmp_path: Path, pattern: bytes, count: int) -> None:
    (tmp_path / "many").write_bytes(b"\x80\x04N" + pattern * count + b".")
    assert _grown(MEASURE_ANY, str(tmp_path / "many")) < 120_000, "KiB"
