"""Every opcode of the language is one of the machine's, and no other byte is."""

import pickletools

import pytest

from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.formats.interface import Dialect, Examination, Place
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.run import Run, run

OPCODES = {ord(row.code): row.name for row in pickletools.opcodes}
STACK = b"\x80\x04(" + b"N" * 8
"""values and a mark for whatever takes some"""


def executed(data: bytes) -> Run:
    limits = Limits.default()
    examination = Examination("x", limits, lambda _place, _examination: False)
    place = Place(MemoryView(data), dialect=Dialect())
    return run(place.view, 0, Judge(place, examination), Budget(limits))


@pytest.mark.parametrize("op", range(256))
def test_a_byte_is_an_opcode_where_python_says_so(op: int) -> None:
    found = executed(STACK + bytes([op]) + b"0\n" * 12)
    assert found.error.startswith(f"0x{op:02x} is no opcode") is (op not in OPCODES)
