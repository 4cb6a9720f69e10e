"""Frames, wrapped arrays, dtypes and zip records that two loaders read differently."""

import lzma
import struct
import zlib

import pytest

from tests.attacks.scan_builders import (
    EVIL,
    STATE_DICT,
    Member,
    archive,
    rules,
    scan,
    stack_global,
    text,
    torch_zip,
    worst,
)
from weightmark.scanners.scan import Limits, Outcome, Severity

P4 = b"\x80\x04"
MINUS = b"J\xff\xff\xff\xff"
DTYPE = stack_global("numpy", "dtype")
MAGIC = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
LARGE = 140_000
"""more than the 128 KiB that CPython's unpickler peeks at"""


def framed(length: int) -> bytes:
    return b"\x95" + struct.pack("<Q", length)


def made(descriptor: str, flags: int, *, new: bool = False) -> bytes:
    making = b"\x81" if new else b"R"
    state = b"(K\x03" + text("|") + b"NNN" + MINUS + MINUS + bytes([75, flags]) + b"tb"
    return DTYPE + text(descriptor) + b"\x89\x88\x87" + making + state


def record(descriptor: bytes, kind: bytes) -> bytes:
    """Return a dtype of 8 bytes with one field, and no flags for objects."""
    fields = text("a") + b"\x85}" + text("a") + kind + b"K\0\x86s"
    state = b"(K\x03" + text("|") + b"N" + fields + b"K\x08K\x01K\0tb"
    return DTYPE + descriptor + b"\x89\x88\x87R" + state


def wrapper(kind: bytes, count: int) -> bytes:
    state = (
        text("subclass") + stack_global("numpy", "ndarray") + text("shape") + bytes([75, count])
        + b"\x85" + text("order") + text("C") + text("dtype") + kind + text("allow_mmap") + b"\x89"
    )  # fmt: skip
    made_ = stack_global("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81"
    return made_ + b"}(" + state + b"ub"


def array(kind: bytes) -> bytes:
    """Return an array of 8 bytes that numpy would read by this dtype."""
    empty = stack_global("numpy._core.multiarray", "_reconstruct") + stack_global(
        "numpy", "ndarray"
    )
    return empty + b"K\0\x85C\x01b\x87R(K\x01K\x01\x85" + kind + b"\x89C\x08" + b"A" * 8 + b"tb"


def swallowed(inside: bytes, after: bytes, end: bytes) -> bytes:
    """Return a pickle whose frame ends behind its `STOP`, where bytes that look long hide `after`."""
    header = b"B" + struct.pack("<I", LARGE + len(after))
    frame = framed(len(inside) + len(header) + LARGE)
    return P4 + frame + inside + header + bytes(LARGE) + after + end


def array_inside_a_frame() -> bytes:
    body, rest = wrapper(made("u1", 0), 5), b"N0N0]"
    numbers = b"B" + struct.pack("<I", len(EVIL))
    return P4 + framed(len(body) + len(rest)) + body + rest + numbers + EVIL + b"."


def nested_frame() -> bytes:
    nested = swallowed(array(made("O8", 63)) + b".", EVIL, b".")
    return P4 + wrapper(made("O8", 63), 1) + nested


def legacy_frame() -> bytes:
    protocol = b"\x80\x02M\xe9\x03."
    info = b"\x80\x02}(X\x10\0\0\0protocol_versionM\xe9\x03X\x0d\0\0\0little_endian\x88u."
    hidden = protocol + info + EVIL + b"\x80\x02]."
    inside = MAGIC + b"." + protocol + info + b"\x80\x02}" + text("k")
    return swallowed(inside, hidden, b"s.\x80\x02].")


FRAMES = {
    "an array inside a frame": array_inside_a_frame(),
    "a nested pickle that ends inside its frame": nested_frame(),
    "torch's magic number inside a frame": legacy_frame(),
    "a pickle that ends inside its frame": swallowed(b"N.", EVIL, b"."),
    "a frame inside a frame": P4 + framed(12) + framed(3) + b"NN0.",
    "a frame over the end": P4 + framed(1 << 62) + b"N.",
}


@pytest.mark.parametrize("data", FRAMES.values(), ids=FRAMES)
def test_frames_that_loaders_leave_at_different_places_are_reported(data: bytes) -> None:
    assert "PKL021" in rules(data)
    assert worst(data) >= Severity.HIGH


def test_what_a_frame_hides_behind_its_end_is_looked_at() -> None:
    for data in (nested_frame(), legacy_frame(), FRAMES["a pickle that ends inside its frame"]):
        assert "PKL001" in rules(data)


def test_frames_as_picklers_write_them_are_clean() -> None:
    body = wrapper(made("u1", 0), 5)
    joblib = P4 + b"]" + framed(len(body)) + body + b"\1" * 5 + framed(4) + b"aN0."
    several = P4 + framed(4) + b"]N0N" + framed(4) + b"0K\x01a" + b"."
    for data in (joblib, several, (P4 + framed(4) + b"NN0.") * 2):
        assert rules(data) <= {"PKL013"}
        assert scan(data).outcome is Outcome.CLEAN


COMPUTED = (
    P4 + stack_global("builtins", "str") + text("os") + b"\x85R\x94"
    + stack_global("builtins", "str") + text("system") + b"\x85R\x94"
    + text("echo x") + b"\x85\x94000"
)  # fmt: skip


def test_numbers_that_import_computed_names_from_the_memo_are_reported() -> None:
    """`pickle.load` reads on where joblib reads numbers; no name stands among them."""
    numbers = b"h\0h\1\x93h\2R.".ljust(32, b"\0")
    assert rules(COMPUTED + wrapper(made("u1", 0), 32) + numbers + b".") >= {"PKL006", "PKL007"}


def test_an_array_of_objects_that_computes_names_by_the_outer_memo_is_reported() -> None:
    """In the pickle's own memo stand harmless names."""
    nested = P4 + text("collections") + b"\x94" + text("OrderedDict") + b"\x94)\x94000"
    data = COMPUTED + wrapper(made("O8", 63), 1) + nested + b"h\0h\1\x93h\2R." + b"."
    assert rules(data) >= {"PKL006", "PKL007"}


def test_numbers_that_begin_with_an_opcode_are_clean() -> None:
    for first in b"b Rase u0\x93\x81\x94.]}(":
        data = P4 + b"}" + text("o") + wrapper(made("u1", 0), 20) + bytes([first]) * 20 + b"s."
        assert scan(data).outcome is Outcome.CLEAN, bytes([first])


def test_wrappers_left_on_the_stack_come_to_an_end() -> None:
    one = wrapper(made("u1", 0), 2) + b"N."
    limits = Limits(opcodes=1_000_000)
    assert scan(P4 + b"(" + one * 2_000 + b"t.", limits).outcome is Outcome.UNCHECKED


I1 = DTYPE + text("i1") + b"\x89\x88\x87R"
NINE = b"".join(text(f"f{at}") + I1 + bytes([75, at]) + b"\x86" for at in range(9))
FORGED = {
    "objects with fields": record(text("O8"), I1),
    "a class of objects with fields": record(stack_global("builtins", "object"), I1),
    "a dtype by its constructor": made("O8", 0, new=True),
    "a field that a class made": record(text("V8"), stack_global("numpy.dtypes", "ObjectDType") + b")R"),
    "a field that is bytes": record(text("V8"), b"C\x08" + b"A" * 8),
    "a field that is bytes behind many": DTYPE + text("V8") + b"\x89\x88\x87R(K\x03" + text("|")
    + b"N" + text("a") + b"\x85}(" + NINE + text("a") + b"C\x08AAAAAAAAK\0\x86uK\x10K\x01K\0tb",
}  # fmt: skip


@pytest.mark.parametrize("kind", FORGED.values(), ids=FORGED)
def test_a_dtype_that_makes_numbers_into_pointers_is_refused(kind: bytes) -> None:
    assert "PKL008" in rules(P4 + array(kind) + b".")


def test_a_field_that_numpys_own_class_made_is_clean() -> None:
    kind = record(text("V8"), stack_global("numpy.dtypes", "Float64DType") + b")R")
    assert scan(P4 + array(kind) + b".").outcome is Outcome.CLEAN


NAMES = (b"archive/data.pkl", b"archive/byteorder", b"archive/version", b"archive/data/0")


def listed(name: bytes, content: bytes, offset: int) -> bytes:
    sizes = (zlib.crc32(content), len(content), len(content), len(name))
    head = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 33, *sizes, 0, 0, 0, 0, 0, offset)  # fmt: skip
    return head + name


def local(name: bytes, content: bytes) -> bytes:
    sizes = (zlib.crc32(content), len(content), len(content), len(name), 0)
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 33, *sizes) + name + content


def written(contents: tuple[bytes, ...], base: int) -> tuple[bytes, bytes]:
    """Return members as they stand from `base` on, and their directory."""
    body = directory = b""
    for name, content in zip(NAMES, contents, strict=False):
        directory += listed(name, content, base + len(body))
        body += local(name, content)
    return body, directory


def end64(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)


def end(count: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    fields = (0, 0, count, count, size, offset, len(comment))
    return struct.pack("<4sHHHHIIH", b"PK\5\6", *fields) + comment


HONEST, HOSTILE = (STATE_DICT, b"little", b"3\n"), (EVIL, b"little", b"3\n")
BASE = len(written(HONEST, 0)[0]) + 30 + len(NAMES[3])
"""where the content of the last member begins"""


def zip64_record_inside_a_tensor() -> bytes:
    """Python takes the record before the locator, miniz the one that the locator names."""
    hidden, lines = written(HOSTILE, BASE)
    at = BASE + len(hidden)
    hidden += lines + end64(3, len(lines), at)
    body, directory = written((*HONEST, hidden), 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at + len(lines), 1)
    record64 = end64(4, len(directory), len(body))
    return body + directory + record64 + locator + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def directory_inside_the_comment() -> bytes:
    """Miniz wants a directory inside of the file, and not before the end record."""
    hidden, lines = written((*HOSTILE, b"1234"), BASE)
    body, directory = written((*HONEST, hidden), 0)
    behind = len(body) + len(directory) + 22
    shift = behind - len(body)
    moved = b"".join(
        listed(name, content, at + shift)
        for name, content, at in zip(
            NAMES, (*HONEST, hidden), _offsets((*HONEST, hidden)), strict=True
        )
    )
    return body + moved + end(4, len(moved), behind, lines)


def _offsets(contents: tuple[bytes, ...]) -> list[int]:
    return [len(written(contents[:count], 0)[0]) for count in range(len(contents))]


@pytest.mark.parametrize("data", [zip64_record_inside_a_tensor(), directory_inside_the_comment()])
def test_a_second_directory_that_only_torch_reads_is_read(data: bytes) -> None:
    assert rules(data) >= {"PKL001", "ZIP007", "ZIP009"}


def test_a_zip64_archive_as_torch_writes_it_is_clean() -> None:
    body, directory = written((*HONEST, b"1234"), 0)
    record64 = end64(4, len(directory), len(body))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(body) + len(directory), 1)
    for last in (end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), end(4, len(directory), len(body))):
        assert scan(body + directory + record64 + locator + last).outcome is Outcome.CLEAN


def test_an_archive_inside_an_archive_is_still_one_member() -> None:
    inner = archive(Member(b"a.txt", b"text"))
    assert scan(archive(Member(b"inner.zip", inner))).outcome is Outcome.CLEAN
    assert "ZIP009" not in rules(torch_zip())


COMPRESSED = {
    "lzma with a small dictionary": lzma.compress(
        EVIL, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 4096}]
    ),
    "lzma with an odd dictionary": lzma.compress(
        EVIL, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 6144}]
    ),
    "ZF without 0x": b"ZF" + b"%019x" % len(EVIL) + zlib.compress(EVIL),
    "ZF with 0X": b"ZF" + (b"0X%x" % len(EVIL)).ljust(19) + zlib.compress(EVIL),
}


@pytest.mark.parametrize("data", COMPRESSED.values(), ids=COMPRESSED)
def test_what_joblib_takes_for_compressed_is_opened(data: bytes) -> None:
    assert "PKL001" in rules(data)


def test_a_dictionary_too_large_to_hold_is_not_clean() -> None:
    data = bytearray(lzma.compress(EVIL, lzma.FORMAT_ALONE))
    data[1:5] = (1 << 30).to_bytes(4, "little")
    assert scan(bytes(data)).outcome is Outcome.UNCHECKED
