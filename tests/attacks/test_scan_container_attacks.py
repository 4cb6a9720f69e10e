"""Pickles behind compression, and compression that is there to stop the scanner."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lz4.frame  # type: ignore[import-untyped]  # it has no types
import py7zr
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import (
    EVIL,
    STATE_DICT,
    Member,
    archive,
    rules,
    scan,
    torch_zip,
    worst,
)
from tests.attacks.test_scan_container_tar import honest as tar
from weightmark.errors import UnsupportedError
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.streams import Unpacked, unpack
from weightmark.scanners.limits import Budget
from weightmark.scanners.scan import Limits, Outcome, Severity


def _zf(data: bytes) -> bytes:
    return b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data)


def _seven_zip(data: bytes, name: str = "model", **options: object) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", **options) as made:  # type: ignore[arg-type]  # options by name
        made.writestr(data, name)
    return out.getvalue()


STREAMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    **STREAMS,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "joblib-zf": _zf,
    "7z": _seven_zip,
}


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_pickle_behind_compression_is_found(kind: str) -> None:
    pack = COMPRESSIONS[kind]
    for data in (EVIL, torch_zip(EVIL), pack(EVIL), gzip.compress(EVIL), tar(model=EVIL)):
        found = scan(pack(data))
        assert "PKL001" in {finding.rule for finding in found.findings}, found
        assert kind in found.formats
    assert scan(pack(STATE_DICT)).outcome is Outcome.CLEAN
    assert scan(pack(b"text\n")).outcome is Outcome.CLEAN
    assert scan(pack(b"\x01\xfe\x03" * 100)).outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_cut_compression_is_never_clean(kind: str) -> None:
    pack = COMPRESSIONS[kind]
    assert scan(pack(STATE_DICT * 9)[:-5]).outcome is not Outcome.CLEAN


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_bomb_hits_a_limit_that_is_named(kind: str) -> None:
    bomb = COMPRESSIONS[kind](bytes(9_000_000))
    found = scan(bomb, Limits(decompressed=1_000_000))
    assert any("bytes after decompression" in problem for problem in found.problems), found
    assert any("took more than" in text for text in scan(bomb, Limits(seconds=0)).problems)
    if kind != "7z":
        assert any(
            "grows more than 3 times" in text for text in scan(bomb, Limits(ratio=3)).problems
        )


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_content_too_large_to_hold_is_read_all_the_same(kind: str) -> None:
    if kind == "7z":
        found = scan(_seven_zip(bytes(100_000)), Limits(unpacked=9000))
        assert any("member of the 7z is over" in problem for problem in found.problems)
        return
    payload = pickle.dumps([bytes(range(256)) * 4000], 4)[:-1] + b"0" + EVIL
    found = scan(COMPRESSIONS[kind](payload), Limits(unpacked=9000))
    assert {finding.rule for finding in found.findings} == {"PKL001"}, found
    assert not found.problems
    inner = archive(Member(b"a", STATE_DICT), Member(b"b", bytes(70_000)), Member(b"c", EVIL))
    found = scan(COMPRESSIONS[kind](inner), Limits(unpacked=9000))
    assert {finding.rule for finding in found.findings} == {"PKL001"}, found


@pytest.mark.parametrize("kind", STREAMS)
def test_second_stream_and_what_follows_are_found(kind: str) -> None:
    pack = STREAMS[kind]
    assert "PKL001" in rules(pack(STATE_DICT) + pack(EVIL))
    assert {"CMP001", "PKL001"} <= rules(pack(STATE_DICT) + EVIL)


@pytest.mark.parametrize("kind", ["lzma", "zlib", "joblib-zf"])
def test_what_follows_the_only_stream_is_found(kind: str) -> None:
    pack = COMPRESSIONS[kind]
    assert {"CMP001", "PKL001"} <= rules(pack(STATE_DICT) + pack(EVIL))
    assert {"CMP001", "PKL001"} <= rules(pack(STATE_DICT) + EVIL)


def _raw_zlib(data: bytes, bits: int, level: int) -> bytes:
    engine = zlib.compressobj(level, zlib.DEFLATED, bits)
    return engine.compress(data) + engine.flush()


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("level", [0, 1, 5, 9])
def test_zlib_of_every_window_and_level_is_opened(bits: int, level: int) -> None:
    assert "PKL001" in rules(_raw_zlib(EVIL, bits, level))


def test_stream_without_content_before_the_evil_one() -> None:
    assert "PKL001" in rules(gzip.compress(b"") + gzip.compress(EVIL))
    assert "PKL001" in rules(b"\x50\x2a\x4d\x18\x04\0\0\0skip" + STREAMS["zstd"](EVIL))
    assert "PKL001" in rules(STREAMS["zstd"](STATE_DICT) + b"\x5f\x2a\x4d\x18\0\0\0\0" + STREAMS["zstd"](EVIL))  # fmt: skip


def test_gzip_whose_header_has_every_field() -> None:
    raw = _raw_zlib(EVIL, -15, 9)
    fields = b"\x1f\x8b\x08\x1e" + bytes(6) + struct.pack("<H", 3) + b"abc" + b"name\0comment\0"
    head = fields + struct.pack("<H", zlib.crc32(fields) & 0xFFFF)
    data = head + raw + struct.pack("<II", zlib.crc32(EVIL), len(EVIL))
    assert "PKL001" in rules(data)


@pytest.mark.parametrize("damage", [-1, -5, -9])
def test_wrong_checksum_does_not_hide_what_was_read(damage: int) -> None:
    data = bytearray(gzip.compress(EVIL))
    data[damage] ^= 0xFF
    found = scan(bytes(data))
    assert "PKL001" in {finding.rule for finding in found.findings} or found.problems
    assert found.outcome is not Outcome.CLEAN


@pytest.mark.parametrize("size", [0, 5, 1 << 30])
def test_joblib_length_that_lies_changes_nothing(size: int) -> None:
    assert "PKL001" in rules(b"ZF" + hex(size).encode().ljust(19) + zlib.compress(EVIL))


def test_compression_nested_too_deeply_is_unchecked() -> None:
    for pack in (gzip.compress, lambda data: archive(Member(b"x", data)), lambda data: tar(x=data)):
        data = EVIL
        for _ in range(12):
            data = pack(data)
        assert any("nested deeper" in problem for problem in scan(data).problems)


def test_containers_in_containers_share_one_budget() -> None:
    inner = archive(*(Member(b"%d" % i, STATE_DICT) for i in range(10)))
    outer = tar(**{f"m{n}": gzip.compress(inner) for n in range(10)})
    assert scan(outer).outcome is Outcome.CLEAN
    assert any("container members" in text for text in scan(outer, Limits(members=60)).problems)


def test_members_that_decompress_again_and_again_spend_the_budget() -> None:
    """A zip at the end of a large stream makes readers go back; each time counts."""
    data = gzip.compress(archive(*(Member(b"%d" % i, bytes(100_000)) for i in range(30))))
    found = scan(data, Limits(unpacked=1000, decompressed=4_000_000))
    assert any("bytes after decompression" in text for text in found.problems)


@pytest.mark.parametrize(
    ("method", "pack"),
    [
        (12, bz2.compress),
        (14, lambda data: b"\x09\x04" + struct.pack("<H", 5) + _lzma_member(data)),
        (93, zstandard.ZstdCompressor().compress),
        (95, lzma.compress),
    ],
)
def test_zip_member_of_rare_compression_is_opened(
    method: int, pack: Callable[[bytes], bytes]
) -> None:
    data = bytearray(archive(Member(b"data.pkl", pack(EVIL), method=method)))
    central = data.index(b"PK\x01\x02")
    data[22:26] = data[central + 24 : central + 28] = struct.pack("<I", len(EVIL))
    assert worst(bytes(data)) == Severity.CRITICAL
    assert "ZIP005" in rules(bytes(data))


def _lzma_member(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    return bytes([3 + 9 * (0 + 5 * 2)]) + struct.pack("<I", 1 << 16) + packed


@pytest.mark.parametrize("name", ["../x", "/etc/x"])
def test_7z_member_that_leaves_the_folder(name: str) -> None:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as made:
        made.encoded_header_mode = False
        made.writestr(STATE_DICT, "a" * len(name))
    good = out.getvalue()
    raw = good.replace(("a" * len(name)).encode("utf-16le"), name.encode("utf-16le"))
    header = raw[32 + int.from_bytes(raw[12:20], "little") :]
    start = raw[12:28] + struct.pack("<I", zlib.crc32(header))
    raw = raw[:8] + struct.pack("<I", zlib.crc32(start)) + start + raw[32:]
    assert "ZIP008" in rules(raw), scan(raw)


def test_7z_encrypted_is_unchecked() -> None:
    assert scan(_seven_zip(EVIL, password="x" * 9)).outcome is Outcome.UNCHECKED


def test_7z_with_a_hundred_members_and_folders() -> None:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as made:
        for number in range(100):
            made.writestr(STATE_DICT if number != 57 else EVIL, f"d/{number}.pkl")
    found = scan(out.getvalue())
    assert [finding.member for finding in found.findings] == ["d/57.pkl"]


def test_7z_header_that_says_to_grow_without_end_is_refused() -> None:
    packed = bytes([0x17, 6, 0, 1, 9, 10, 0, 7, 11, 1, 0, 1, 0x23, 3, 1, 1, 5]) + bytes(5)
    packed += bytes([12]) + b"\xf0" + struct.pack("<I", 1 << 31) + bytes([0, 0])
    start = struct.pack("<QQI", 10, len(packed), zlib.crc32(packed))
    data = b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", zlib.crc32(start)) + start
    found = scan(data + bytes(10) + packed)
    assert any("7z header is over" in problem for problem in found.problems), found


@given(
    kind=st.sampled_from(sorted(COMPRESSIONS)),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 60),
)
def test_mutated_compression_never_raises(
    kind: str, edits: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(COMPRESSIONS[kind](EVIL))
    for at, value in edits:
        data[at % len(data)] = value
    scan(bytes(data[: len(data) - cut]), Limits(decompressed=1 << 24))


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Behave as where the extra is not installed, with the interpreter's own means."""
    kept = {name: sys.modules.get(name) for name in modules}
    try:
        for name in modules:
            sys.modules[name] = None  # type: ignore[assignment]  # an import then fails
        yield
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@pytest.mark.parametrize(("kind", "module"), [("lz4", "lz4.frame"), ("zstd", "zstandard"), ("7z", "py7zr")])  # fmt: skip
def test_without_the_extra_it_could_not_be_checked(kind: str, module: str) -> None:
    with without(module):
        found = scan(COMPRESSIONS[kind](EVIL))
    assert found.outcome is Outcome.UNCHECKED
    assert any("extra `compress`" in problem for problem in found.problems)


def test_floats_that_begin_like_zlib_are_data() -> None:
    found = scan(b"\x78\x9c" + struct.pack("<200f", *(n / 7 for n in range(200))))
    assert found.outcome is Outcome.UNSUPPORTED


def test_damage_that_one_reader_met_is_not_the_end_for_the_next() -> None:
    view = Unpacked(lambda: unpack("gzip", MemoryView(gzip.compress(bytes(900_000))[:-400]), Budget(Limits())), 900_000)  # fmt: skip
    for _ in range(2):
        with pytest.raises(UnsupportedError):
            view.read_at(899_000, 1000)


@given(data=st.binary(min_size=20, max_size=400), flags=st.sampled_from(b"\x01\x5e\x9c\xda"))
def test_numbers_that_begin_like_zlib_leave_no_trace(data: bytes, flags: int) -> None:
    found = scan(b"\x78" + bytes([flags]) + data, name="m")
    assert found.outcome in {Outcome.UNSUPPORTED, Outcome.CLEAN} or "zlib" in found.formats


def test_honest_archive_of_many_members_is_read_in_one_go() -> None:
    """Members of up to a megabyte, more than is held: going back in one does not start all over."""
    members = {f"{n}.bin": bytes(700_000) for n in range(40)}
    data = gzip.compress(tar(**members, model=EVIL), 1)
    found = scan(data, Limits(unpacked=1_000_000, decompressed=100_000_000))
    assert {finding.rule for finding in found.findings} == {"PKL001"}
    assert not found.problems
