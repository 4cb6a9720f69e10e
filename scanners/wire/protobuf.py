"""Protocol Buffers without a schema: the fields of a message, in the order of the bytes.

Source: protobuf.dev, "Encoding". As in the real parsers, a message whose field is repeated is
merged, unknown fields are passed over, and numbers may be encoded longer than they need to be.
"""

import re
from collections.abc import Container, Iterator
from itertools import islice

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["Field", "Message", "Probe", "may_be_message", "may_hold_fields", "probe"]

_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = 0, 1, 2, 3, 4, 5
_SIZES = {_VARINT: 0, _GROUP: 0, _GROUP_END: 0, _FIXED32: 4, _FIXED64: 8}
_OPENED = {_GROUP: 1, _GROUP_END: -1}
_BLOCK = 64 * 1024
_LAST_BYTE = 0x7F
_LONGEST_VARINT = 10
_FIELD_3 = 3 << 3
_SMALLEST_KEY, _LARGEST_KEY = 8, (1 << 32) - 1
_LARGEST_NUMBER = (1 << 64) - 1
_DEEPEST = 100
_LONGEST_TEXT = 1 << 16
_PROBED = 500_000
_SPENT_AT_ONCE = 64
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the bytes."""

    number: int
    """the field number"""
    wire: int
    """the wire type, 0 to 5"""
    value: int
    """a number; 0 for bytes"""
    start: int
    """where its bytes begin, counted from the start of the file"""
    size: int
    """how many bytes there are"""


@dataclass(frozen=True, slots=True)
class Probe:
    """The fields of one level of what may be a message."""

    view: ByteView
    """the file"""
    found: dict[tuple[int, int], list[Field]]
    """the first fields of each number and wire type"""
    sound: bool
    """the bytes read as a message as far as they were read"""
    whole: bool = True
    """they were read to their end, or to where they make no sense"""

    def has(self, number: int, wire: int = _BYTES) -> bool:
        """Tell whether there is a field of a number and a wire type."""
        return (number, wire) in self.found

    def below(self, number: int) -> Iterator["Probe"]:
        """Yield what stands under a field number, each read as a message."""
        for field in self.found.get((number, _BYTES), ()):
            yield probe(self.view, field.start, field.start + field.size)

    def text(self, number: int, limit: int) -> str:
        """Return the last text of a field number, empty when there is none or it is too long."""
        fields = self.found.get((number, _BYTES), [])
        if not fields or fields[-1].size > limit:
            return ""
        return self.view.read_at(fields[-1].start, fields[-1].size).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Message:
    """A span of a file that is read as a message."""

    window: Window
    """the file"""
    budget: Budget
    """what may still be read"""
    start: int
    """first byte"""
    end: int
    """the byte after the last"""
    depth: int = 0
    """how many messages stand around it"""

    @classmethod
    def whole(cls, view: ByteView, budget: Budget) -> "Message":
        """Return the message that fills a view."""
        view = resident(view, budget.limits)
        return cls(Window(view), budget, 0, view.size)

    def fields(self) -> Iterator[Field]:
        """Yield every field; groups are passed over.

        Raises `MalformedError` where a parser would stop and `LimitError` when the budget ends.
        """
        spent = 0
        for key, value, start, size in _records(self.window, self.start, self.end):
            spent += 1
            if spent >= _SPENT_AT_ONCE:
                self.budget.spend_fields(spent)
                spent = 0
            if key:
                yield _field(key, value, start, size)
        self.budget.spend_fields(spent)

    def below(self, field: Field) -> "Message":
        """Read the bytes of a field as a message; raises `LimitError` where it is too deep."""
        if self.depth >= _DEEPEST:
            raise LimitError(f"protobuf messages are nested deeper than {_DEEPEST} levels")
        end = field.start + field.size
        return Message(self.window, self.budget, field.start, end, self.depth + 1)

    def messages(self, *numbers: int) -> Iterator["Message"]:
        """Yield the messages that stand under field numbers."""
        for field in self.fields():
            if field.wire == _BYTES and field.number in numbers:
                yield self.below(field)

    def texts(self, number: int) -> Iterator[str]:
        """Yield the texts that stand under a field number."""
        for field in self.fields():
            if field.wire == _BYTES and field.number == number:
                yield self.text(field)

    def last_text(self, number: int) -> str:
        """Return the text of a field as parsers see it: the last one, or an empty text."""
        found = ""
        for text in self.texts(number):
            found = text
        return found

    def last_number(self, number: int) -> int:
        """Return the number of a field as parsers see it: the last one, or zero."""
        found = 0
        for field in self.fields():
            if field.wire == _VARINT and field.number == number:
                found = field.value
        return found

    def text(self, field: Field) -> str:
        """Return the text of a field, invalid UTF-8 replaced; raises `LimitError` when it is long."""
        if field.size > _LONGEST_TEXT:
            raise LimitError(f"a name is over {_LONGEST_TEXT} bytes")
        return self.window.take(field.start, field.size).decode("utf-8", "replace")

    def numbers(self, field: Field) -> Iterator[int]:
        """Yield the packed numbers that the bytes of a field hold, each as 64 bits without a sign."""
        at, end = field.start, field.start + field.size
        while at < end:
            self.budget.spend_fields(1)
            value, at = _varint(self.window.peek(at, min(_LONGEST_VARINT, end - at)), at, at)
            yield value

    def data(self, field: Field, limit: int) -> bytes:
        """Return the bytes of a field; raises `LimitError` when there are more than `limit`."""
        if field.size > limit:
            raise LimitError(f"a field is over {limit} bytes")
        return self.window.take(field.start, field.size)


def may_be_message(head: bytes) -> bool:
    """Tell whether the first byte can begin a message: a cheap first look."""
    return len(head) > 1 and head[0] >> 3 > 0 and head[0] & 7 <= _FIXED32


def may_hold_fields(head: bytes, size: int) -> bool:
    """Tell whether `size` bytes that begin so may be a message with a field 1 or 2, as every model has one.

    False only where `probe` would find a record that cannot be, before any such field.
    """
    if not may_be_message(head):
        return False
    at = groups = 0
    try:
        while at + 2 * _LONGEST_VARINT <= len(head):
            key, at = _varint(head, 0, at)
            wire, value = key & 7, 0
            groups += _OPENED.get(wire, 0)
            if key < _FIELD_3 and not groups:
                return key >= _SMALLEST_KEY
            if wire in (_VARINT, _BYTES):
                value, at = _varint(head, 0, at)
            at += value if wire == _BYTES else _SIZES.get(wire, size + 1)
            if not (
                _SMALLEST_KEY <= key <= _LARGEST_KEY and 0 <= groups <= _DEEPEST and at <= size
            ):
                return False
    except MalformedError:
        return False
    return True


def probe(view: ByteView, start: int = 0, end: int | None = None) -> Probe:
    """Read the fields of one level, so that formats can be told apart; never raises."""
    stop = view.size if end is None else end
    found: dict[tuple[int, int], list[Field]] = {}
    known: set[int] = set()
    records = _records(Window(view), start, stop, known)
    try:
        for key, value, at, size in islice(records, _PROBED):
            if not key:
                continue  # in a group
            same = found.setdefault((key >> 3, key & 7), [])
            if len(same) < _KEPT:
                same.append(_field(key, value, at, size))
            else:
                known.add(key)
        whole = next(records, None) is None
    except MalformedError:
        return Probe(view, found, sound=False)
    return Probe(view, found, sound=True, whole=whole)


def _field(key: int, value: int, start: int, size: int) -> Field:
    wire = key & 7
    return Field(key >> 3, wire, 0 if wire == _BYTES else value, start, size)


def _records(
    window: Window, at: int, end: int, known: Container[int] = ()
) -> Iterator[tuple[int, int, int, int]]:
    """Yield key, number, start and size of each record; the key is 0 for what stands in a group.

    Numbers one after the other under a key that is `known` count as one record. Raises
    `MalformedError` where a parser would stop.
    """
    block, base, limit, groups = b"", at, at, 0
    while at < end:
        if at >= limit:
            block, base = window.take(at, min(_BLOCK, end - at)), at
            limit = end if len(block) < _BLOCK else at + _BLOCK - 2 * _LONGEST_VARINT
        key = block[at - base]
        at += 1
        if key > _LAST_BYTE:
            key, at = _varint(block, base, at - 1)
        wire, value = key & 7, 0
        if wire in (_VARINT, _BYTES):
            value, at = _varint(block, base, at)
        else:
            groups += _OPENED.get(wire, 0)
        if not _SMALLEST_KEY <= key <= _LARGEST_KEY or not 0 <= groups <= _DEEPEST:
            raise MalformedError(f"no protobuf field ends at byte {at}")
        size = value if wire == _BYTES else _SIZES.get(wire, -1)
        start = at
        at += size
        if not start <= at <= end:
            raise MalformedError(f"the protobuf field at byte {start} is cut off")
        yield (0 if groups or wire == _GROUP_END else key), value, start, size
        if wire == _VARINT and key in known:
            at = base + _run(key, block, at - base)
    if groups:
        raise MalformedError("a protobuf group does not end")


def _varint(block: bytes, base: int, at: int) -> tuple[int, int]:
    """Return the number at an offset of the file, and the offset after it."""
    value = shift = 0
    for byte in block[at - base : at - base + _LONGEST_VARINT]:
        at += 1
        if byte <= _LAST_BYTE:
            return (value | byte << shift) & _LARGEST_NUMBER, at
        value |= (byte & _LAST_BYTE) << shift
        shift += 7
    raise MalformedError(f"the protobuf number before byte {at} does not end")


def _run(key: int, block: bytes, here: int) -> int:
    """Return where the numbers under a key of one byte end that stand one after the other."""
    if key > _LAST_BYTE:
        return here
    run = re.compile(rb"(?:%b[\x80-\xff]{0,9}[\x00-\x7f])*" % re.escape(bytes([key])), re.DOTALL)
    found = run.match(block, here)
    return found.end() if found else here
