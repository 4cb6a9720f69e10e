"""R's serialized data (`.rds`, `.RData`), walked without R (R Internals, "Serialization Formats").

Items are walked with a stack of our own, so that nesting costs no recursion; numbers are skipped
where they stand. R writes them in three forms: XDR, native bytes, and text.
"""

import re
from dataclasses import field
from typing import Final, Literal

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE
from weightmark.values import dataclass

__all__ = ["RDataReader"]

_MAGIC = re.compile(rb"(?:RD[XAB][23]\n)?([XAB])\n")
_VERSIONS = (2, 3)
_PLAUSIBLE_R = range(0x010000, 0x0A0000)
_MOST_ITEMS = 20_000_000
_MOST_WAITING = 5_000_000
_LONGEST_WORD = 16 * MEBIBYTE
_WHOLE = re.compile(rb"-?\d{1,10}")
_LONG_VECTOR = 0xFFFFFFFF
_BLOCK = 256 * 1024
_HAS_ATTRIBUTES, _HAS_TAG = 0x200, 0x400

_SYMBOL, _PAIRS, _CLOSURE, _ENVIRONMENT, _PROMISE, _LANGUAGE = 1, 2, 3, 4, 5, 6
_SPECIAL, _BUILTIN, _TEXT, _LOGICALS, _INTEGERS, _REALS = 7, 8, 9, 10, 13, 14
_COMPLEX, _TEXTS, _DOTS, _LIST, _EXPRESSIONS, _BYTECODE = 15, 16, 17, 19, 20, 21
_POINTER, _WEAK, _RAW, _S4 = 22, 23, 24, 25
_ALTERNATIVE, _ATTRIBUTE_PAIRS, _ATTRIBUTE_LANGUAGE = 238, 239, 240
_PERSISTENT, _PACKAGE, _NAMESPACE, _REFERENCE = 247, 248, 249, 255
_EMPTY = frozenset({0, 241, 242, 250, 251, 252, 253, 254})
_TOKENS: Final = {_COMPLEX: 2}
_ITEM_SIZES: Final = {_LOGICALS: 4, _INTEGERS: 4, _REALS: 8, _COMPLEX: 16, _RAW: 1}
_PAIRED = frozenset({_PAIRS, _LANGUAGE, _CLOSURE, _PROMISE, _DOTS})
_PAIRED_WITH_ATTRIBUTES = frozenset({_ATTRIBUTE_PAIRS, _ATTRIBUTE_LANGUAGE})
_DEFINED, _REPEATED = 244, 243
_NODES = frozenset({_LANGUAGE, _PAIRS, _ATTRIBUTE_LANGUAGE, _ATTRIBUTE_PAIRS})

_ITEM, _CODE, _CONSTANTS, _CONSTANT, _NODE = range(5)
"""what can come next: an item; compiled code; its constants; one of them; a part of one"""


class _BrokenError(Exception):
    """The file breaks its format."""


@dataclass(frozen=True, slots=True)
class RDataReader:
    """Reads what `readRDS` and `load` would build."""

    name: Final[str] = "r-data"

    def read(self, place: Place, examination: Examination) -> bool:
        """Look for promises and functions; see `FormatReader.read`."""
        found = _MAGIC.match(place.head)
        if found is None:
            return False
        source = _SOURCES[found[1]](place.view, found.end())
        try:
            plausible = source.number() in _VERSIONS and source.number() in _PLAUSIBLE_R
        except _BrokenError:
            return False
        if not plausible:
            return False
        walker = _Walker(_SOURCES[found[1]](place.view, found.end()))
        try:
            walker.walk()
        except _BrokenError as error:
            examination.find("RDS003", place, offset=min(walker.source.at, place.view.size))
            examination.problem(f"the R file is malformed: {error}", place)
        finally:
            for rule, (offset, detail) in walker.seen.items():
                examination.find(rule, place, offset=offset, detail=detail)
        return True


class _Binary:
    """Numbers as bytes, big-endian (XDR)."""

    order: Literal["big", "little"] = "big"

    def __init__(self, view: ByteView, at: int) -> None:
        self.at = at
        self._view = view
        self._block = b""
        self._base = 0

    def number(self) -> int:
        """Return four bytes as a number without sign."""
        inside = self.at - self._base
        if not 0 <= inside <= len(self._block) - 4:
            self._base, inside = self.at, 0
            self._block = self._view.read_at(self.at, _BLOCK)
            if len(self._block) < 4:  # noqa: PLR2004 - bytes of a number
                raise _BrokenError("the bytes end early")
        self.at += 4
        return int.from_bytes(self._block[inside : inside + 4], self.order)

    def skip_items(self, kind: int, count: int) -> None:
        """Leave out the items of a vector."""
        self._skip(count * _ITEM_SIZES[kind])

    def skip_text(self, length: int) -> None:
        """Leave out a text of so many bytes."""
        self._skip(length)

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > self._view.size:
            raise _BrokenError("the bytes end early")


class _Native(_Binary):
    """Numbers as the machine has them, little-endian on all that are left."""

    order = "little"


class _Text:
    """Numbers and texts as words between white space; texts escape it."""

    def __init__(self, view: ByteView, at: int) -> None:
        self.at = at
        self._view = view
        self._words: list[bytes] = []
        self._rest = b""
        self._from = at

    def number(self) -> int:
        """Return the next word as a number without sign."""
        word = self._word()
        if word == b"NA":
            return 1 << 31
        if not _WHOLE.fullmatch(word):
            raise _BrokenError("a word is no number")
        return int(word) & _LONG_VECTOR

    def skip_items(self, kind: int, count: int) -> None:
        """Leave out the words of a vector."""
        for _ in range(count * _TOKENS.get(kind, 1)):
            self._word()

    def skip_text(self, length: int) -> None:
        """Leave out a text; an empty one is no word."""
        if length:
            self._word()

    def _word(self) -> bytes:
        while not self._words:
            block = self._view.read_at(self._from, _BLOCK)
            self._from += len(block)
            whole = self._rest + block
            if not block and not whole.strip():
                raise _BrokenError("the bytes end early")
            words = whole.split()
            ends = not block or whole[-1:].isspace()
            self._rest = b"" if ends else words.pop()
            if len(self._rest) > _LONGEST_WORD:
                raise LimitError(f"a text of the R file is over {_LONGEST_WORD} bytes")
            self._words = words[::-1]
        word = self._words.pop()
        self.at += len(word) + 1
        return word


_SOURCES: Final[dict[bytes, type[_Binary] | type[_Text]]] = {
    b"A": _Text,
    b"B": _Native,
    b"X": _Binary,
}


@dataclass(slots=True)
class _Walker:
    source: _Binary | _Text
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    waiting: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0

    def walk(self) -> None:
        version = self._number()
        self._number()
        self._number()
        if version == max(_VERSIONS):
            self.source.skip_text(self._length())
        self._expect(_ITEM)
        while self.waiting:
            kind, times = self.waiting.pop()
            if times > 1:
                self.waiting.append((kind, times - 1))
            self.count += 1
            if self.count > _MOST_ITEMS:
                raise LimitError(f"the R file has over {_MOST_ITEMS} items")
            self._step(kind)

    def _step(self, kind: int) -> None:
        if kind == _ITEM:
            self._item(self._number())
        elif kind == _CODE:
            self._expect(_CONSTANTS)
            self._expect(_ITEM)
        elif kind == _CONSTANTS:
            self._expect(_CONSTANT, self._length())
        else:
            said = self._number()
            if kind == _CONSTANT and said == _BYTECODE:
                self._expect(_CODE)
            else:
                self._node(said)

    def _node(self, kind: int) -> None:
        """Read a part of a language constant; whatever is no node is an item of its own."""
        if kind == _REPEATED:
            self._number()
            return
        if kind == _DEFINED:
            self._number()
            kind = self._number()
        if kind in _NODES:
            self._expect(_NODE, 2)
            self._expect(_ITEM, 2 if kind in _PAIRED_WITH_ATTRIBUTES else 1)
        else:
            self._expect(_ITEM)

    def _expect(self, kind: int, times: int = 1) -> None:
        """Note what comes next; what is noted last comes first."""
        if times:
            self.waiting.append((kind, times))
            if len(self.waiting) > _MOST_WAITING:
                raise LimitError("the R file is nested too deeply")

    def _item(self, flags: int) -> None:
        kind = flags & 0xFF
        start = self.source.at
        if kind == _PROMISE:
            self._see("RDS001", start, "")
        elif kind in (_CLOSURE, _BYTECODE):
            self._see("RDS002", start, "")
        if kind in _EMPTY:
            return
        if kind in _PAIRED or kind in _PAIRED_WITH_ATTRIBUTES:
            attributes = flags & _HAS_ATTRIBUTES or kind in _PAIRED_WITH_ATTRIBUTES
            self._expect(_ITEM, 2 + bool(attributes) + bool(flags & _HAS_TAG))
        elif kind == _REFERENCE:
            if not flags >> 8:
                self._number()
        elif kind in _ITEM_SIZES:
            self._attributes(flags)
            self.source.skip_items(kind, self._length())
        elif kind in (_TEXTS, _LIST, _EXPRESSIONS):
            self._attributes(flags)
            self._expect(_ITEM, self._length())
        else:
            self._other(kind, flags)

    def _other(self, kind: int, flags: int) -> None:
        if kind == _SYMBOL:
            self._expect(_ITEM)
        elif kind == _TEXT:
            length = self._number()
            self._attributes(flags)
            self.source.skip_text(0 if length == _LONG_VECTOR else length)
        elif kind == _ENVIRONMENT:
            self._number()
            self._expect(_ITEM, 4)
        elif kind in (_SPECIAL, _BUILTIN):
            self.source.skip_text(self._length())
        elif kind == _BYTECODE:
            self._attributes(flags)
            self._number()
            self._expect(_CODE)
        elif kind == _POINTER:
            self._attributes(flags)
            self._expect(_ITEM, 2)
        elif kind in (_S4, _WEAK):
            self._attributes(flags)
        elif kind == _ALTERNATIVE:
            self._expect(_ITEM, 3)
        elif kind in (_PERSISTENT, _PACKAGE, _NAMESPACE):
            self._number()
            self._expect(_ITEM, self._length())
        else:
            raise _BrokenError(f"{kind} is no kind of item")

    def _attributes(self, flags: int) -> None:
        """Expect the attributes, which stand behind the item."""
        if flags & _HAS_ATTRIBUTES:
            self._expect(_ITEM)

    def _see(self, rule: str, offset: int, detail: str) -> None:
        self.seen.setdefault(rule, (offset, detail))

    def _number(self) -> int:
        return self.source.number()

    def _length(self) -> int:
        """Return the length of a vector; one that does not fit four bytes takes eight more."""
        length = self._number()
        if length == _LONG_VECTOR:
            return self._number() << 32 | self._number()
        if length >= 1 << 31:
            raise _BrokenError("a length is negative")
        return length
