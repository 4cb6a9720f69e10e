"""Protocol Buffers without a schema: the fields of a message, in the order of the bytes.

Source: protobuf.dev, "Encoding". As in the real parsers, a message whose field is repeated is
merged, unknown fields are passed over, and numbers may be encoded longer than they need to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.wire.window import Window, resident

__all__ = ["Field", "Message", "Probe", "may_be_message", "probe"]

_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = 0, 1, 2, 3, 4, 5
_LONGEST_VARINT = 10
_LARGEST_KEY = (1 << 32) - 1
_DEEPEST = 100
_LONGEST_TEXT = 1 << 16
_PROBED = 100_000
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
        at, open_groups = self.start, 0
        while at < self.end:
            self.budget.spend_fields(1)
            key, after = self._varint(at)
            if not key >> 3 or key > _LARGEST_KEY:
                raise MalformedError(f"no protobuf field begins at byte {at}")
            field = self._field(key, after)
            at = field.start + field.size
            if at > self.end:
                raise MalformedError(f"the protobuf field at byte {field.start} is cut off")
            if field.wire == _GROUP:
                open_groups += 1
                if open_groups > _DEEPEST:
                    raise MalformedError(
                        f"protobuf groups are nested deeper than {_DEEPEST} levels"
                    )
            elif field.wire == _GROUP_END:
                open_groups -= 1
                if open_groups < 0:
                    raise MalformedError(f"a protobuf group ends at byte {at} that never began")
            elif not open_groups:
                yield field
        if open_groups:
            raise MalformedError("a protobuf group does not end")

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

    def data(self, field: Field, limit: int) -> bytes:
        """Return the bytes of a field; raises `LimitError` when there are more than `limit`."""
        if field.size > limit:
            raise LimitError(f"a field is over {limit} bytes")
        return self.window.take(field.start, field.size)

    def _field(self, key: int, at: int) -> Field:
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, after = self._varint(at)
            return Field(number, wire, value, after, 0)
        if wire == _BYTES:
            size, after = self._varint(at)
            return Field(number, wire, 0, after, size)
        if wire in (_GROUP, _GROUP_END):
            return Field(number, wire, 0, at, 0)
        if wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
            return Field(number, wire, 0, at, size)
        raise MalformedError(f"no protobuf wire type {wire} exists (byte {at})")

    def _varint(self, at: int) -> tuple[int, int]:
        data = self.window.peek(at, min(_LONGEST_VARINT, self.end - at))
        value = 0
        for index, byte in enumerate(data):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit of a varint
                return value & 0xFFFFFFFFFFFFFFFF, at + index + 1
        raise MalformedError(f"a protobuf number at byte {at} does not end")


def may_be_message(head: bytes) -> bool:
    """Tell whether the first byte can begin a message: a cheap first look."""
    return len(head) > 1 and head[0] >> 3 > 0 and head[0] & 7 <= _FIXED32


def probe(view: ByteView, start: int = 0, end: int | None = None) -> Probe:
    """Read the fields of one level, so that formats can be told apart; never raises."""
    stop = view.size if end is None else end
    message = Message(Window(view), Budget(Limits(fields=_PROBED)), start, stop)
    found: dict[tuple[int, int], list[Field]] = {}
    sound = True
    try:
        for field in message.fields():
            same = found.setdefault((field.number, field.wire), [])
            if len(same) < _KEPT:
                same.append(field)
    except MalformedError:
        sound = False
    except LimitError:
        return Probe(view, found, sound=True, whole=False)
    return Probe(view, found, sound=sound)
