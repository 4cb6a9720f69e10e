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


def test_a_hidden_object_field_is_not_denied_by_flags() -> None:
    fields = b"}(" + b"".join(
        short(f"f{n}") + made("i4") + number(4 * n) + b"\x86" for n in range(20)
    )
    fields += short("x") + OBJECT + number(80) + b"\x86u"
    assert "PKL008" in rules(b"\x80\x04" + built("V88", NAMES, fields, 88, 0) + b".")


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
