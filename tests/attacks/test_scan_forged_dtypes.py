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


def built(descriptor: str, names: bytes, fields: bytes, size: int, flags: int) -> bytes:
    """Return a dtype with its state `(3, '|', None, names, fields, size, -1, flags)`."""
    state = (
        b"(K\x03"
        + short("|")
        + b"N"
        + names
        + fields
        + number(size)
        + number(-1)
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
    return b"\x80\x04" + built("V88", NAMES, fields, size, flags) + b"."


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
    kind = made("i4") + b"\x940"
    for level in range(14):
        part = b"h" + bytes([level])
        fields = b"}(" + b"".join(short(f"f{n}") + part + number(0) + b"\x86" for n in range(9))
        kind += built("V8", NAMES, fields + b"u", 1 << 20, 16) + b"\x940"
    data = b"\x80\x04" + kind + wrapped(b"h\x0e")[2:] + bytes(1 << 20) + b"."
    assert scan(data).outcome is Outcome.CLEAN
