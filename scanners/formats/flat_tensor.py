"""ExecuTorch's files of weights (`.ptd`): whether every tensor lies inside the file.

Layout: a FlatBuffer with the identifier `FT01`, then at byte 8 `FH01`, the length of this header, where
the FlatBuffer begins and how long it is, where segments begin and how long they are
(`extension/flat_tensor/serialize` of ExecuTorch).
"""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.trailing import look_behind
from weightmark.scanners.wire.flatbuffers import Table, root_table
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["FlatTensorReader"]

_IDENTIFIER, _HEADER = b"FT01", b"FH01"
_SEGMENTS, _NAMED = 1, 2
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class FlatTensorReader:
    """Reads the list of tensors; no weight is looked at."""

    name: Final[str] = "flat-tensor"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that every tensor lies inside the file; see `FormatReader.read`."""
        head = place.head
        if not head.startswith(_IDENTIFIER, 4) or not head.startswith(_HEADER, 8):
            return False
        base = int.from_bytes(head[32:40], "little")
        end = base + int.from_bytes(head[40:48], "little")
        if end > place.view.size:
            examination.find("ETX001", place, offset=8, detail="sizes")
            examination.problem("the ExecuTorch file ends before its parts do", place)
            return True
        window = Window(resident(place.view, examination.limits))
        with malformed_as("ETX001", place, examination):
            _check(root_table(window, examination.budget), end - base, place, examination)
        rest = place.view.size - end
        if rest:
            examination.find("ETX001", place, offset=end, detail=f"{rest} bytes at the end")
            look_behind(place, end, examination)
        return True


def _check(table: Table, size: int, place: Place, examination: Examination) -> None:
    """Report tensors outside of the segments, and segments that are outside or share bytes."""
    segments = sorted(
        (one.number(0, 8), one.number(0, 8) + one.number(1, 8)) for one in table.tables(_SEGMENTS)
    )
    at = 0
    for start, end in segments:
        if end > size or start < at:
            examination.find("ETX001", place, detail=f"a segment lies at {start}")
        at = max(at, end)
    for named in table.tables(_NAMED):
        if named.number(1, 4) >= len(segments):
            name = "".join(one if one.isprintable() else "\ufffd" for one in named.text(0)[:_SHOWN])
            examination.find("ETX001", place, detail=f"the data of `{name}` are not there")
