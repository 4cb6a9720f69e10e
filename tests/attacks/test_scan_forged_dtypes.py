"""numpy believes the flags, sizes and offsets of a dtype in a pickle: forged ones are refused."""

import pytest

from tests.attacks.scan_builders import rules, scan, stack_global
from weightmark.scanners.scan import Outcome

DTYPE = stack_global("numpy", "dtype")


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def made(descriptor: str) -> bytes:
    return DTYPE + short(descriptor) + b"\x89\x88\x87R"


def number(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little", signed=True)


def built(
    descriptor: str,
    names: bytes,
    fields: bytes,
    size: int,
    flags: int,
    *,
    base: bytes = b"N",
    alignment: int | None = None,
) -> bytes:
    """Return a dtype with its state `(3, '|', base, names, fields, size, alignment, flags)`."""
    if alignment is None:
        alignment = 1 if descriptor[0] in "SUV" else -1
    state = (
        b"(K\x03"
        + short("|")
        + base
        + names
        + fields
        + number(size)
        + number(alignment)
        + number(flags)
        + b"t"
    )
    return made(descriptor) + state + b"b"


OBJECT = built("O8", b"N", b"N", -1, 63)
NAMES = short("a") + b"\x85"


def field(kind: bytes, offset: int) -> bytes:
    return b"}" + short("a") + kind + number(offset) + b"\x86s"


@pytest.mark.parametrize(
    "forged",
    [
        built("O8", b"N", b"N", -1, 0),
        built("f8", b"N", b"N", -1, 63),
        built("f8", b"N", b"N", 4096, 0),
        built("V8", NAMES, field(OBJECT, 0), 8, 0),
        built("V8", NAMES, field(made("O8"), 0), 8, 0),
        built("V8", NAMES, field(made("i4"), 0x40000000), 8, 0),
        built("V8", NAMES, field(made("i4"), -4), 8, 0),
        built("V8", NAMES, field(made("S250"), 0), 8, 0),
    ],
    ids=["object", "number", "size", "field", "bare field", "offset", "negative", "larger"],
)
def test_a_forged_dtype_is_no_plain_state(forged: bytes) -> None:
    assert "PKL008" in rules(b"\x80\x04" + forged + b".")


def wide(last: bytes, *, offset: int = 80, size: int = 88, flags: int = 0) -> bytes:
    """Return a dtype of 21 fields, of which `last` is the last one."""
    fields = b"}(" + b"".join(
        short(f"f{n}") + made("i4") + number(4 * n) + b"\x86" for n in range(20)
    )
    fields += short("x") + last + number(offset) + b"\x86u"
    names = b"(" + b"".join(short(f"f{n}") for n in range(20)) + short("x") + b"t"
    return b"\x80\x04" + built("V88", names, fields, size, flags) + b"."


@pytest.mark.parametrize(
    "forged",
    [
        wide(OBJECT),
        wide(made("O8")),
        wide(made("f8"), offset=81),
        wide(made("f8"), offset=-8),
        wide(made("f8"), size=84),
        wide(built("V8", NAMES, field(OBJECT, 0), 8, 27)),
        wide(made("f8"), flags=27),
        wide(OBJECT, flags=27, offset=1 << 30),
    ],
)
def test_a_field_behind_many_others_is_checked_as_well(forged: bytes) -> None:
    assert "PKL008" in rules(forged)


def test_an_honest_dtype_of_many_fields_is_clean() -> None:
    assert scan(wide(OBJECT, flags=27)).outcome is Outcome.CLEAN
    assert scan(wide(made("f8"))).outcome is Outcome.CLEAN


def test_a_dtype_of_thousands_of_fields_is_refused() -> None:
    fields = b"}(" + b"".join(
        short(f"f{n}") + made("i1") + number(n) + b"\x86" for n in range(5000)
    )
    assert "PKL008" in rules(b"\x80\x04" + built("V5000", NAMES, fields + b"u", 5000, 0) + b".")


@pytest.mark.parametrize(
    "honest",
    [
        OBJECT,
        built("f8", b"N", b"N", -1, 0),
        built("U3", b"N", b"N", 12, 8),
        built("V8", NAMES, field(made("i4"), 4), 8, 16),
        built("V8", NAMES, field(OBJECT, 0), 8, 27),
    ],
    ids=["object", "number", "text", "field", "object field"],
)
def test_a_dtype_as_numpy_writes_it_is_clean(honest: bytes) -> None:
    assert scan(b"\x80\x04" + honest + b".").outcome is Outcome.CLEAN


def wrapped(dtype: bytes) -> bytes:
    """Return an array of joblib with one number of this type."""
    state = (
        b"}(" + short("subclass") + stack_global("numpy", "ndarray") + short("shape") + b"K\x01\x85"
    )
    state += short("order") + short("C") + short("dtype") + dtype + short("allow_mmap") + b"\x89u"
    return (
        b"\x80\x04"
        + stack_global("joblib.numpy_pickle", "NumpyArrayWrapper")
        + b")\x81"
        + state
        + b"b"
    )


def test_types_that_share_their_parts_again_and_again_cost_little() -> None:
    names = b"(" + b"".join(short(f"f{n}") for n in range(9)) + b"t"
    kind = made("i4") + b"\x940"
    for level in range(14):
        part = b"h" + bytes([level])
        fields = b"}(" + b"".join(short(f"f{n}") + part + number(0) + b"\x86" for n in range(9))
        kind += built("V1048576", names, fields + b"u", 1 << 20, 16) + b"\x940"
    data = b"\x80\x04" + kind + wrapped(b"h\x0e")[2:] + bytes(1 << 20) + b"."
    assert scan(data).outcome is Outcome.CLEAN


def titled(names: bytes, title: str) -> bytes:
    """Return a record of one field `a` of objects, and of a second key for it."""
    row = OBJECT + b"\x94" + number(0) + short("T") + b"\x87"
    fields = (
        b"}(" + short("a") + row + short(title) + b"h\x00" + number(0) + short("T") + b"\x87" + b"u"
    )
    return built("V8", names, fields, 8, 27)


def elements(kind: bytes, *sides: int) -> bytes:
    """Return `(dtype, shape)` of a sub-array."""
    return kind + b"(" + b"".join(map(number, sides)) + b"t\x86"


def two(first: bytes, second: bytes, at: int, flags: int = 0) -> bytes:
    """Return a record of 8 bytes with a field at 0 and one at `at`."""
    names = short("a") + short("b") + b"\x86"
    fields = b"}(" + short("a") + first + number(0) + b"\x86"
    fields += short("b") + second + number(at) + b"\x86u"
    return built("V8", names, fields, 8, flags)


INTEGER = made("i8")


@pytest.mark.parametrize(
    "forged",
    [
        built("V8", b"N", b"N", 8, 27, base=elements(OBJECT, 4)),
        built("V8", b"N", b"N", 8, 27, base=elements(OBJECT, 100_000)),
        built("V8", b"N", b"N", 8, 0, base=elements(INTEGER, 100_000)),
        built("V8", b"N", b"N", 8, 0, base=elements(INTEGER, -1)),
        built("V8", b"N", b"N", 8, 0, base=INTEGER + b"N\x86"),
        built(
            "V8", NAMES, field(built("V8", b"N", b"N", 8, 0, base=elements(INTEGER, 9)), 0), 8, 0
        ),
    ],
    ids=["objects", "heap overflow", "over-read", "negative", "no shape", "inside a field"],
)
def test_a_sub_array_is_as_large_as_its_shape(forged: bytes) -> None:
    assert "PKL008" in rules(b"\x80\x04" + forged + b".")


@pytest.mark.parametrize(
    "forged",
    [
        two(OBJECT, INTEGER, 0, 27),
        two(OBJECT, made("i4"), 4, 27),
        two(OBJECT, OBJECT, 0, 27),
        titled(NAMES, "x"),
        titled(short("a") + short("T") + b"\x86", "T"),
    ],
    ids=[
        "a number as a pointer",
        "half a pointer",
        "one object twice",
        "no title",
        "title as name",
    ],
)
def test_nothing_overlaps_a_field_of_objects(forged: bytes) -> None:
    assert "PKL008" in rules(b"\x80\x04" + forged + b".")


@pytest.mark.parametrize(
    "forged",
    [
        built("V8", short("a") + short("z") + b"\x86", field(INTEGER, 0), 8, 0),
        built("V8", b")", field(INTEGER, 0), 8, 0),
        built("V8", NAMES, b"N", 8, 0),
        built("S8", b"N", b"N", -8, 0),
        built("S8", b"N", b"N", 0, 0),
        built("U8", b"N", b"N", 5, 0),
        built("S8", b"N", b"N", 8, 0, alignment=0),
        built("V8", NAMES, field(INTEGER, 0), 8, 0, alignment=-1),
    ],
    ids=["more names", "no names", "no fields", "negative", "zero", "half", "unaligned", "record"],
)
def test_names_sizes_and_alignment_are_those_that_numpy_writes(forged: bytes) -> None:
    assert "PKL008" in rules(b"\x80\x04" + forged + b".")


@pytest.mark.parametrize(
    "honest",
    [
        two(INTEGER, INTEGER, 0),
        two(INTEGER, made("i4"), 4),
        titled(NAMES, "T"),
        built("V24", b"N", b"N", 24, 0, base=elements(made("i4"), 2, 3)),
        built("V16", b"N", b"N", 16, 27, base=elements(OBJECT, 2)),
        built("V0", b")", b"}", 0, 16),
    ],
    ids=["union", "part of a union", "title", "sub-array", "sub-array of objects", "empty"],
)
def test_unions_titles_and_sub_arrays_of_numpy_are_clean(honest: bytes) -> None:
    assert scan(b"\x80\x04" + honest + b".").outcome is Outcome.CLEAN


@pytest.mark.parametrize(
    ("position", "refused"), [(0, False), (624, False), (-1, True), (1 << 30, True)]
)
def test_the_position_of_a_generator_lies_inside_its_key(position: int, *, refused: bool) -> None:
    made_ = (
        stack_global("numpy.random._pickle", "__bit_generator_ctor") + short("MT19937") + b"\x85R"
    )
    inner = b"}(" + short("key") + b"N" + short("pos") + number(position) + b"u"
    state = b"}(" + short("bit_generator") + short("MT19937") + short("state") + inner + b"u"
    assert ("PKL008" in rules(b"\x80\x04" + made_ + state + b"b.")) is refused


@pytest.mark.parametrize(("position", "refused"), [(3, False), (9, True)])
def test_the_position_of_a_generator_of_old_lies_inside_its_key(
    position: int, *, refused: bool
) -> None:
    made_ = stack_global("numpy.random._pickle", "__randomstate_ctor") + short("MT19937") + b"\x85R"
    state = b"(" + short("MT19937") + b"N" + number(position * 100) + b"K\x00Nt"
    assert ("PKL008" in rules(b"\x80\x04" + made_ + state + b"b.")) is refused
