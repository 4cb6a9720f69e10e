"""MessagePack with arrays: Flax and Orbax checkpoints, and those of `msgpack-numpy`.

Source: `flax.serialization` (extensions 1 to 3), msgpack-numpy's README. Only the latter unpickles.
"""

import re
from typing import Final

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.pickled import PickleReader
from weightmark.scanners.formats.trailing import report_program_behind
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.wire.msgpack import Value, values
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["MessagePackReader"]

_MAPS = frozenset([*range(0x81, 0x90), 0xDE, 0xDF])
_LISTS = frozenset([*range(0x91, 0xA0), 0xDC, 0xDD])
_KEYS = frozenset(bytes([tag]) for tag in (*range(0xA0, 0xC0), 0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB))
_ENDINGS = (".msgpack", ".mpk", ".msgpk")
_FLAX = frozenset({1, 2, 3})
_TIMESTAMP = 0xFF
_PROTOCOL = tuple(b"\x80" + bytes([number]) for number in range(6))
_OBJECT = re.compile(rb"object|[|<>=]O")
_SHORT = 64
_MANY = 4


@dataclass(frozen=True, slots=True)
class MessagePackReader:
    """Walks every value, and looks for arrays of objects and for pickles in byte strings."""

    name: Final[str] = "msgpack"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge extensions and byte strings; see `FormatReader.read`."""
        if not place.head or place.head[0] not in _MAPS | _LISTS:
            return False
        named = (place.member or examination.path).lower().endswith(_ENDINGS)
        if not named and not _begins(place):
            return False
        view = resident(place.view, examination.limits)
        _Walk(Window(view), place, examination).run()
        return True


def _begins(place: Place) -> bool:
    """Tell whether the first values make sense, and a text or bytes stand among them.

    Numbers alone look like anything; texts that are no UTF-8 count only as the old format's bytes.
    """
    skip = {0xDC: 3, 0xDD: 5, 0xDE: 3, 0xDF: 5}.get(place.head[0], 1)
    keyed = place.head[0] in _MAPS and place.head[skip : skip + 1] in _KEYS
    window = Window(place.view)
    budget = Budget(Limits(fields=_SHORT))
    names = 0
    try:
        for value in values(window, budget, 0, place.view.size):
            if value.kind == "text" and not _is_name(window, value):
                return False
            names += value.kind in ("bin", "text") and 0 < value.size < place.view.size
            if value.kind == "end":
                return value.start == place.view.size and names > 0
    except LimitError:
        return keyed or names >= _MANY
    except MalformedError:
        return False
    return True


def _is_name(window: Window, value: Value) -> bool:
    """Tell a text in UTF-8, or a pickle: the old format keeps bytes as texts."""
    start = window.take(value.start, min(value.size, _SHORT))
    if start.startswith(_PROTOCOL):
        return True
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


@dataclass(slots=True)
class _Walk:
    window: Window
    place: Place
    examination: Examination

    def run(self) -> None:
        """Look at each value; what follows the document is not read by anybody."""
        budget, size = self.examination.budget, self.window.size
        key = b""
        try:
            for value in values(self.window, budget, 0, size):
                content = self._short(value)
                self._value(value, key, content)
                key = content if value.kind in ("text", "bin") else b""
                if value.kind == "end" and value.start < size:
                    rest = f"{size - value.start} bytes"
                    self.examination.find("PKL013", self.place, offset=value.start, detail=rest)
                    report_program_behind(self.place, value.start, self.examination)
        except MalformedError as error:
            self.examination.problem(error.what, self.place)

    def _value(self, value: Value, key: bytes, content: bytes) -> None:
        if key in (b"kind", b"type") and content[:1] in (b"O", b"|") and content[-1:] == b"O":
            self.examination.find("MSG001", self.place, offset=value.start)
        if value.kind == "ext" and value.code not in _FLAX | {_TIMESTAMP}:
            detail = f"type {value.code}"
            self.examination.find("MSG002", self.place, offset=value.start, detail=detail)
        if (
            value.kind == "ext"
            and value.code == 1
            and _OBJECT.search(self.window.peek(value.start, _SHORT))
        ):
            self.examination.find("MSG001", self.place, offset=value.start)
        if value.kind in ("bin", "ext", "text") and value.size > 1:
            view = Slice(self.place.view, value.start, value.size)
            inner = self.place.inside(f"{key[:_SHORT].decode('utf-8', 'replace')}", view)
            PickleReader().read(inner, self.examination)

    def _short(self, value: Value) -> bytes:
        if value.kind not in ("bin", "text") or value.size > _SHORT:
            return b""
        return self.window.take(value.start, value.size)
