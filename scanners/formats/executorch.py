"""ExecuTorch programs: whether the header tells the truth about the file.

The program is data for an interpreter that reaches nothing but the kernels and backends that its
application links (`schema/program.fbs`).
Layout: a FlatBuffer with the identifier `ET12`, then at byte 8 `eh00`, the length of this header, the
size of the program, where segments begin, and in newer files how long they are
(`schema/extended_header.cpp` of ExecuTorch).
"""

from typing import Final

from weightmark.scanners.formats.executorch_program import program_faults
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.trailing import look_behind
from weightmark.scanners.wire.flatbuffers import root_table
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["ExecutorchReader"]

_IDENTIFIER, _IDENTIFIER_AT = b"ET12", 4
_EXTENDED, _EXTENDED_AT = b"eh00", 8
_WITH_SEGMENT_SIZE = 32
_PLANS, _OPERATORS, _DELEGATES = 1, 6, 7
_SHOWN = 120
_LIBRARIES = frozenset(
    [
        "aten",
        "cadence",
        "cortex_m",
        "dim_order_ops",
        "et_copy",
        "et_vk",
        "executorch_prim",
        "llama",
        "quantized_decomposed",
        "torchao",
    ]
)
"""namespaces of operators whose kernels come with ExecuTorch"""
_BACKENDS = frozenset(
    [
        "CoreMLBackend",
        "EthosUBackend",
        "MPSBackend",
        "NeuropilotBackend",
        "NXPBackend",
        "OpenvinoBackend",
        "QnnBackend",
        "SamsungBackend",
        "VgfBackend",
        "VulkanBackend",
        "XnnpackBackend",
    ]
)
"""backends that come with ExecuTorch"""


@dataclass(frozen=True, slots=True)
class ExecutorchReader:
    """Reads the header and what lies behind the program."""

    name: Final[str] = "executorch"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check the sizes that the header tells; see `FormatReader.read`."""
        head = place.head
        if not head.startswith(_IDENTIFIER, _IDENTIFIER_AT):
            return False
        examination.find("ETX002", place)
        size = place.view.size
        program, end, segments = size, size, 0
        if head.startswith(_EXTENDED, _EXTENDED_AT):
            length = int.from_bytes(head[12:16], "little")
            program = int.from_bytes(head[16:24], "little")
            segments = int.from_bytes(head[24:32], "little")
            if length >= _WITH_SEGMENT_SIZE:
                end = segments + int.from_bytes(head[32:40], "little") if segments else program
            if program > size or segments > size or end > size or 0 < segments < program:
                examination.find("ETX001", place, offset=_EXTENDED_AT, detail="sizes")
                examination.problem("the ExecuTorch file ends before its parts do", place)
                return True
        root = int.from_bytes(head[:4], "little")
        if not _EXTENDED_AT <= root < program:
            examination.find("ETX001", place, offset=0, detail="root")
        else:
            _judge_program(segments, place, examination)
        _look_behind(end, place, examination)
        return True


def _judge_program(segments: int, place: Place, examination: Examination) -> None:
    """Report what an application must provide: operators by their library, backends by their name."""
    window = Window(resident(place.view, examination.limits))
    with malformed_as("ETX001", place, examination):
        root = root_table(window, examination.budget)
        for fault in program_faults(root, segments, place.view.size):
            examination.find("ETX001", place, detail=fault)
        for plan in root.tables(_PLANS):
            for operator in plan.tables(_OPERATORS):
                name = operator.text(0)
                if name.partition("::")[0] not in _LIBRARIES:
                    _report(f"operator `{name}`", operator.start, place, examination)
            for delegate in plan.tables(_DELEGATES):
                name = delegate.text(0)
                if name not in _BACKENDS:
                    _report(f"backend `{name}`", delegate.start, place, examination)


def _report(what: str, offset: int, place: Place, examination: Examination) -> None:
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in what[:_SHOWN])
    examination.find("ETX003", place, offset=offset, detail=shown)


def _look_behind(end: int, place: Place, examination: Examination) -> None:
    if look_behind(place, end, examination):
        detail = f"{place.view.size - end} bytes at the end"
        examination.find("ETX001", place, offset=end, detail=detail)
