"""Each test forges a column of Arrow that would read memory which is not its own."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
NONE = b"N"
EMPTY = b"]"


def call(name: str, *arguments: bytes) -> bytes:
    return stack_global("pyarrow.lib", name) + b"(" + b"".join(arguments) + b"tR"


def number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def items(*values: bytes) -> bytes:
    return b"](" + b"".join(values) + b"e"


def buffer(data: bytes) -> bytes:
    return call("py_buffer", b"B" + struct.pack("<I", len(data)) + data)


def ints(code: str, *values: int) -> bytes:
    return buffer(struct.pack(f"<{len(values)}{code}", *values))


def alias(name: str) -> bytes:
    return call("type_for_alias", text(name))


def field(kind: bytes) -> bytes:
    return call("field", text("f"), kind, b"\x88", NONE)


def column(
    kind: bytes,
    length: int,
    buffers: bytes,
    inside: bytes = EMPTY,
    *,
    dictionary: bytes = NONE,
    first: int = 0,
) -> bytes:
    return (
        b"("
        + kind
        + number(length)
        + number(0)
        + number(first)
        + buffers
        + inside
        + dictionary
        + b"t"
    )


def restored(parts: bytes) -> bytes:
    return P4 + stack_global("pyarrow.lib", "_restore_array") + parts + b"\x85R."


INT8 = alias("int8")
INT64 = alias("int64")
LIST = call("list_", field(INT64))
BIG_LIST = call("large_list", field(INT64))
FIXED = call("list_", field(INT64), number(4))
STRUCT = call("struct", items(field(INT64), field(INT8)))
MAP = call("map_", field(INT64), field(INT8))
DICTIONARY = call("dictionary", INT8, INT64, b"\x89")
VIEW = alias("string_view")
LIST_VIEW = call("list_view", field(INT64))
DECIMAL = call("decimal128", number(5), number(2))
BINARY = call("binary", number(100))
TWO = column(INT64, 2, items(NONE, ints("q", 1, 2)))
TWO_SMALL = column(INT8, 2, items(NONE, ints("b", 1, 2)))
PAIR = call("struct", items(field(INT64), field(INT8)))
LONG_VIEW = struct.pack("<i4sii", 40, b"aaaa", 0, 0)

HONEST = {
    "list": column(LIST, 2, items(NONE, ints("i", 0, 1, 2)), items(TWO)),
    "large list": column(BIG_LIST, 2, items(NONE, ints("q", 0, 1, 2)), items(TWO)),
    "list of fixed length": column(FIXED, 0, items(NONE), items(TWO)),
    "struct": column(STRUCT, 2, items(NONE), items(TWO, TWO_SMALL)),
    "map": column(
        MAP,
        1,
        items(NONE, ints("i", 0, 2)),
        items(column(PAIR, 2, items(NONE), items(TWO, TWO_SMALL))),
    ),
    "dictionary": column(DICTIONARY, 2, items(NONE, ints("b", 0, 1)), dictionary=TWO),
    "dictionary with a null out of it": column(
        DICTIONARY, 2, items(buffer(b"\x02"), ints("b", -1, 1)), dictionary=TWO
    ),
    "view": column(VIEW, 1, items(NONE, buffer(LONG_VIEW), buffer(bytes(40)))),
    "list view": column(LIST_VIEW, 1, items(NONE, ints("i", 1), ints("i", 1)), items(TWO)),
    "decimal": column(DECIMAL, 1, items(NONE, buffer(bytes(16)))),
    "binary of fixed length": column(BINARY, 1, items(NONE, buffer(bytes(100)))),
}
FORGED = {
    "list beyond the column inside": column(LIST, 2, items(NONE, ints("i", 0, 1, 3)), items(TWO)),
    "list before the column inside": column(LIST, 1, items(NONE, ints("i", -1, 1)), items(TWO)),
    "list with too few offsets": column(LIST, 2, items(NONE, ints("i", 0, 1)), items(TWO)),
    "list of another type": column(LIST, 2, items(NONE, ints("i", 0, 1, 2)), items(TWO_SMALL)),
    "list without a column inside": column(LIST, 2, items(NONE, ints("i", 0, 0, 0))),
    "list of two columns": column(LIST, 1, items(NONE, ints("i", 0, 1)), items(TWO, TWO)),
    "large list with narrow offsets": column(
        BIG_LIST, 2, items(NONE, ints("i", 0, 1, 2)), items(TWO)
    ),
    "list whose inside lies": column(
        LIST, 1, items(NONE, ints("i", 0, 9)), items(column(INT64, 9, items(NONE, ints("q", 1))))
    ),
    "fixed list beyond the column inside": column(FIXED, 1, items(NONE), items(TWO)),
    "fixed list after a first one beyond": column(FIXED, 0, items(NONE), items(TWO), first=1 << 40),
    "struct with a short column": column(STRUCT, 3, items(NONE), items(TWO, TWO_SMALL)),
    "struct with a column too few": column(STRUCT, 2, items(NONE), items(TWO)),
    "struct with columns in another order": column(STRUCT, 2, items(NONE), items(TWO_SMALL, TWO)),
    "struct with a short bitmap": column(STRUCT, 2, items(NONE), items(TWO, TWO_SMALL), first=1),
    "map of no struct": column(MAP, 1, items(NONE, ints("i", 0, 2)), items(TWO)),
    "number outside the dictionary": column(
        DICTIONARY, 2, items(NONE, ints("b", 0, 2)), dictionary=TWO
    ),
    "number before the dictionary": column(
        DICTIONARY, 2, items(NONE, ints("b", 0, -1)), dictionary=TWO
    ),
    "number that is not null outside": column(
        DICTIONARY, 2, items(buffer(b"\x01"), ints("b", 7, 1)), dictionary=TWO
    ),
    "dictionary of another type": column(
        DICTIONARY, 2, items(NONE, ints("b", 0, 1)), dictionary=TWO_SMALL
    ),
    "dictionary that lies": column(
        DICTIONARY,
        1,
        items(NONE, ints("b", 9)),
        dictionary=column(INT64, 99, items(NONE, ints("q", 1))),
    ),
    "no dictionary": column(DICTIONARY, 1, items(NONE, ints("b", 0))),
    "dictionary of a plain column": column(INT8, 1, items(NONE, ints("b", 0)), dictionary=TWO),
    "dictionary of texts as numbers": column(
        call("dictionary", alias("string"), INT64, b"\x89"),
        1,
        items(NONE, ints("b", 0)),
        dictionary=TWO,
    ),
    "view beyond its buffer": column(VIEW, 1, items(NONE, buffer(LONG_VIEW), buffer(bytes(39)))),
    "view of a buffer that is not there": column(VIEW, 1, items(NONE, buffer(LONG_VIEW))),
    "view before its buffer": column(
        VIEW, 1, items(NONE, buffer(struct.pack("<i4sii", 40, b"", 0, -8)), buffer(bytes(99)))
    ),
    "view of negative length": column(
        VIEW, 1, items(NONE, buffer(struct.pack("<i4sii", -1, b"", 0, 0)), buffer(bytes(99)))
    ),
    "too few views": column(VIEW, 2, items(NONE, buffer(bytes(16)))),
    "no views": column(VIEW, 0, items(NONE)),
    "list view beyond": column(LIST_VIEW, 1, items(NONE, ints("i", 1), ints("i", 2)), items(TWO)),
    "list view before": column(LIST_VIEW, 1, items(NONE, ints("i", -1), ints("i", 1)), items(TWO)),
    "list view with too few sizes": column(
        LIST_VIEW, 1, items(NONE, ints("i", 0), buffer(b"")), items(TWO)
    ),
    "decimal beyond": column(DECIMAL, 2, items(NONE, buffer(bytes(16)))),
    "wide decimal in narrow bytes": column(
        call("decimal256", number(50), number(2)), 1, items(NONE, buffer(bytes(16)))
    ),
    "binary beyond": column(BINARY, 1, items(NONE, buffer(bytes(99)))),
    "binary of negative length": column(call("binary", number(-1)), 1, items(NONE, buffer(b"a"))),
    "field as a type": column(field(INT8), 1, items(NONE, buffer(b"a"))),
    "union": column(call("union", items(field(INT8)), text("sparse")), 0, items(NONE), items(TWO)),
    "column inside that is no column": column(LIST, 0, items(NONE, ints("i", 0)), items(NONE)),
    "columns that are no list": column(LIST, 0, items(NONE, ints("i", 0)), NONE),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_twin_is_quiet(name: str) -> None:
    assert scan(restored(HONEST[name])).outcome is Outcome.CLEAN


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_column_is_refused(name: str) -> None:
    assert worst(restored(FORGED[name])) >= Severity.HIGH


def test_fields_that_are_added_to_a_struct_later_are_refused() -> None:
    kinds = b"](" + field(INT64) + b"e\x940"
    kind = call("struct", b"h\x00")
    late = b"h\x00" + field(INT64) + b"a0"
    assert worst(P4 + kinds + kind + b"0" + late + b"N.") >= Severity.HIGH


def test_a_list_that_holds_itself_ends() -> None:
    data = P4 + b"]\x940" + stack_global("pyarrow.lib", "_restore_array")
    parts = LIST + number(0) + number(0) + number(0) + items(NONE, ints("i", 0)) + b"h\x00" + NONE
    loop = b"(" + parts + b"t\x940" + b"h\x00h\x01a0" + b"h\x01\x85R."
    assert worst(data + loop) >= Severity.HIGH


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_never_raises(place: int, value: int) -> None:
    data = bytearray(restored(HONEST["map"]))
    data[place % len(data)] = value
    assert scan(bytes(data)).outcome in Outcome
