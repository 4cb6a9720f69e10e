"""Arrow's columns: whether the buffers that a pickle holds are as long as the column needs.

`pyarrow.lib._restore_array` takes lengths and offsets from the pickle without a check, so that a
forged column reads memory that is not its own (`pyarrow/array.pxi`; Arrow's format, "Physical Memory
Layout"). Unions, run-end encoded columns and extension types are refused.
"""

from collections.abc import Callable, Sequence

from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.pickles.arrow_buffers import fit_views, indexes, lies_within, rises
from weightmark.scanners.pickles.arrow_types import is_same_type
from weightmark.scanners.pickles.values import ArrowType, Call, PlainList, Value
from weightmark.values import dataclass

__all__ = ["is_sound"]

_UNITS = ("s", "ms", "us", "ns")
_BITS = {
    "bool": 1,
    "date32[day]": 32,
    "date64[ms]": 64,
    "double": 64,
    "float": 32,
    "halffloat": 16,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "int8": 8,
    "month_day_nano_interval": 128,
    "time32[ms]": 32,
    "time32[s]": 32,
    "time64[ns]": 64,
    "time64[us]": 64,
    "uint16": 16,
    "uint32": 32,
    "uint64": 64,
    "uint8": 8,
    **{f"{kind}[{unit}]": 64 for kind in ("duration", "timestamp") for unit in _UNITS},
}
"""bits of an item in columns of one buffer"""
_OFFSETS = {
    "binary": "i",
    "large_binary": "q",
    "large_list": "q",
    "large_string": "q",
    "list": "i",
    "map": "i",
    "string": "i",
}
"""type of the offsets in columns of texts, bytes and lists"""
_VIEWS = frozenset({"binary_view", "string_view"})
_LIST_VIEWS = {"large_list_view": "q", "list_view": "i"}
_FEWEST = dict.fromkeys(_VIEWS, len(("valid", "views")))
_SIZED = frozenset({"decimal", "fixed_size_binary"})
_PARTS = 7
_LARGEST = 1 << 48
_MOST_COLUMNS = 1000
_DEEPEST = 16
View = Callable[[Value], ByteView | None]
_NOTHING = MemoryView(b"")
"""what a column leaves out"""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: `(type, length, nulls, first, buffers, columns inside, dictionary)`."""

    kind: ArrowType
    """its type"""
    count: int
    """items in its buffers that it may read, those before its first one included"""
    length: int
    """items"""
    buffers: Sequence[ByteView]
    """validity first"""
    inside: "Sequence[_Column]"
    """the columns inside it"""
    dictionary: "_Column | None"
    """what its numbers stand for"""


def is_sound(arguments: tuple[Value, ...], view: View) -> bool:
    """Tell the arguments of a column that stays inside its buffers; `view` opens bytes of the pickle."""
    column = _Reader(view).read(arguments[0]) if len(arguments) == 1 else None
    return column is not None and _fits(column)


class _Reader:
    """Reads one column and those inside it, a bounded number of them."""

    __slots__ = ("_left", "_view")

    def __init__(self, view: View) -> None:
        self._view = view
        self._left = _MOST_COLUMNS

    def read(self, parts: Value, depth: int = 0) -> _Column | None:
        """Return a column, or None if it is not understood."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return None
        match parts:
            case (ArrowType() as kind, int() as length, int(), int() as first, *rest) if (
                len(parts) == _PARTS and min(length, first) >= 0 and first + length <= _LARGEST
            ):
                return self._read_parts(kind, (length, first), rest, depth)
        return None

    def _read_parts(
        self, kind: ArrowType, extent: tuple[int, int], parts: list[Value], depth: int
    ) -> _Column | None:
        """Read `[buffers, columns inside, dictionary]`."""
        buffers, inside, dictionary = parts
        opened = [_open(item, self._view) for item in _items(buffers)]
        columns = [self.read(item, depth + 1) for item in _items(inside)]
        meant = None if dictionary is None else self.read(dictionary, depth + 1)
        known = [found for found in opened if found is not None]
        whole = [found for found in columns if found is not None]
        complete = len(known) == len(opened) and len(whole) == len(columns)
        if not complete or (meant is None) != (dictionary is None):
            return None
        length, first = extent
        return _Column(kind, first + length, length, known, whole, meant)


def _items(value: Value) -> tuple[Value, ...]:
    """Return what a list holds; what is no list, or longer than is remembered, holds no column."""
    if not isinstance(value, PlainList) or value.more:
        return (value,)
    return tuple(value.items)


def _open(buffer: Value, view: View) -> ByteView | None:
    """Return the bytes of a buffer: `py_buffer(bytes)` or `py_buffer(bytearray(bytes))`."""
    if buffer is None:
        return _NOTHING
    if not isinstance(buffer, Call) or buffer.of is None or buffer.of.name != "py_buffer":
        return None
    inner = buffer.encoded
    if isinstance(inner, Call) and inner.of is not None and inner.of.name == "bytearray":
        inner = inner.encoded
        if inner is None:
            return _NOTHING
    return view(inner)


def _fits(column: _Column) -> bool:
    """Tell a column that reads nothing outside its buffers and the columns inside it."""
    buffers, name = column.buffers, column.kind.name
    if not buffers or (buffers[0].size and 8 * buffers[0].size < column.count):
        return False
    if name != "dictionary" and column.dictionary is not None:
        return False
    inside = _fits_inside(column) and all(map(_fits, column.inside))
    return inside and len(buffers) >= _FEWEST.get(name, 1) and _fits_buffers(column)


def _fits_buffers(column: _Column) -> bool:
    """Tell buffers after the one of validity that are long enough, and point to what is there."""
    buffers, name = column.buffers, column.kind.name
    if name in _BITS or name in _SIZED:
        bits = _BITS.get(name) or 8 * column.kind.size
        return (
            len(buffers) == len(("valid", "items")) and 8 * buffers[1].size >= column.count * bits
        )
    if name in _OFFSETS:
        return _fits_offsets(column)
    if name in _LIST_VIEWS:
        return len(buffers) == len(("valid", "starts", "sizes")) and lies_within(
            buffers, _LIST_VIEWS[name], column.count, column.inside[0].length
        )
    if name in _VIEWS:
        return fit_views(buffers, column.count)
    return _fits_dictionary(column) if name == "dictionary" else len(buffers) == len(("valid",))


def _fits_inside(column: _Column) -> bool:
    """Tell columns inside that have the types which the column's own type names, and enough items."""
    kind, inside = column.kind, column.inside
    match kind.name:
        case "struct":
            needed, kinds = column.count, kind.inner
        case "fixed_size_list":
            needed, kinds = column.count * kind.size, kind.inner
        case "list" | "large_list" | "list_view" | "large_list_view":
            needed, kinds = 0, kind.inner
        case "map":
            needed, kinds = 0, (ArrowType(kind.of, name="struct", inner=kind.inner),)
        case "" | "field":
            return False
        case "null":
            return not inside
        case name:
            known = name in _BITS or name in _SIZED or name in _OFFSETS or name in _VIEWS
            return (known or name == "dictionary") and not inside
    if len(kinds) != len(inside):
        return False
    pairs = zip(kinds, inside, strict=True)
    return all(is_same_type(own, other.kind) and other.length >= needed for own, other in pairs)


def _fits_offsets(column: _Column) -> bool:
    """Tell offsets that rise, up to the end of the bytes or of the column inside."""
    code, buffers = _OFFSETS[column.kind.name], column.buffers
    if column.inside:
        return len(buffers) == len(("valid", "offsets")) and rises(
            buffers[1], code, column.count, column.inside[0].length
        )
    return len(buffers) == len(("valid", "offsets", "bytes")) and rises(
        buffers[1], code, column.count, buffers[2].size
    )


def _fits_dictionary(column: _Column) -> bool:
    """Tell numbers that stand for something: each one where the column is not null."""
    kinds, meant = column.kind.inner, column.dictionary
    if meant is None or len(column.buffers) != len(("valid", "numbers")):
        return False
    if not is_same_type(kinds[1], meant.kind) or not _fits(meant):
        return False
    return indexes(column.buffers[0], column.buffers[1], kinds[0].name, column.count, meant.length)
