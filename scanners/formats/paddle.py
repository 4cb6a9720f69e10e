"""PaddlePaddle's `ProgramDesc`: blocks of operators, some of which call Python or touch files.

Source: Paddle `framework.proto`.
"""

from typing import Final

from weightmark.patterns import lazy_pattern
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.wire.protobuf import Message, Probe, may_be_message
from weightmark.scanners.wire.window import resident
from weightmark.values import dataclass

__all__ = ["PaddleReader"]

_BLOCK, _VARIABLE, _OPERATOR, _OPERATOR_TYPE = 1, 3, 4, 3
_REACHING = frozenset(
    [
        "checkpoint_notify",
        "create_custom_reader",
        "distributed_lookup_table",
        "fetch_barrier",
        "heter_listen_and_serv",
        "listen_and_serv",
        "load",
        "load_combine",
        "open_files",
        "py_func",
        "py_layer",
        "read_file",
        "recv_save",
        "save",
        "save_combine",
        "send_and_recv",
    ]
)
"""operators that call Python, open files or sockets"""
_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_.]*")
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class PaddleReader:
    """Judges every operator of every block."""

    name: Final[str] = "paddle"

    def read(self, place: Place, examination: Examination) -> bool:
        """Walk the program; see `FormatReader.read`."""
        if not may_be_message(place.head) or not _is_program(examination.probe(place)):
            return False
        view = resident(place.view, examination.limits)
        with malformed_as("PDL002", place, examination):
            for block in Message.whole(view, examination.budget).messages(_BLOCK):
                for operator in block.messages(_OPERATOR):
                    kind = operator.last_text(_OPERATOR_TYPE)
                    if kind in _REACHING:
                        examination.find("PDL001", place, offset=operator.start, detail=kind)
        return True


def _is_program(found: Probe) -> bool:
    """Tell whether the first block has its two numbers and an operator or variable with a name."""
    for block in found.below(_BLOCK):
        if not block.has(1, 0) or not block.has(2, 0):
            return False
        for operator in block.below(_OPERATOR):
            return bool(_NAME.fullmatch(operator.text(_OPERATOR_TYPE, _LONGEST_NAME)))
        return any(_NAME.match(one.text(1, _LONGEST_NAME)) for one in block.below(_VARIABLE))
    return False
