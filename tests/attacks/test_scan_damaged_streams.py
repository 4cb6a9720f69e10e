"""Compressed streams that break: loaders run what they were given before they notice, so it is judged."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, STATE_DICT, scan
from weightmark.errors import Exit
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.checked_deflate import gzip_stream
from weightmark.scanners.findings import Outcome
from weightmark.scanners.scan import FileScan, ScanReport, Severity

PADDED = EVIL[:-1] + b"0S'" + b"".join(b"%05d" % number for number in range(2000)) + b"'\n."
"""the payload first, then a long text"""


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


def zstd(data: bytes) -> bytes:
    import zstandard

    engine = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    first = engine.compress(data) + engine.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return first + engine.compress(bytes(range(256)) * 40) + engine.flush()


def lz4(data: bytes) -> bytes:
    from lz4.frame import compress  # type: ignore[import-untyped]  # it has no types

    packed: bytes = compress(data, content_checksum=True)
    return packed


def refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


DAMAGED: dict[str, bytes] = {
    "gzip with a wrong checksum": flipped(gzip.compress(PADDED), -6),
    "gzip with a wrong length": flipped(gzip.compress(PADDED), -1),
    "gzip without its end": gzip.compress(PADDED)[:-8],
    "gzip without its second half": gzip.compress(PADDED)[: len(gzip.compress(PADDED)) // 2],
    "gzip with a name, and a wrong checksum": flipped(
        gzip.compress(PADDED)[:3] + b"\x18" + gzip.compress(PADDED)[4:10] + b"a.pkl\0note\0"
        + gzip.compress(PADDED)[10:], -6
    ),
    "zlib with a wrong checksum": flipped(zlib.compress(PADDED), -1),
    "zlib without its checksum": zlib.compress(PADDED)[:-4],
    "bzip2 with a wrong checksum": flipped(bz2.compress(PADDED), -2),
    "bzip2 with a wrong checksum of the block": flipped(bz2.compress(PADDED), 11),
    "bzip2 without its end": bz2.compress(PADDED)[:-3],
    "xz with a wrong index": flipped(lzma.compress(PADDED), -14),
    "xz with a wrong checksum of the block": flipped(lzma.compress(PADDED), -34),
    "xz without its second half": lzma.compress(PADDED)[: len(lzma.compress(PADDED)) // 2],
    "lzma without its end": lzma.compress(PADDED, format=lzma.FORMAT_ALONE)[:-20],
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_what_comes_before_the_damage_is_judged(case: str) -> None:
    found = scan(DAMAGED[case])
    assert refused(found), found
    assert found.problems


@pytest.mark.parametrize("pack", [zstd, lz4])
@pytest.mark.parametrize(
    "spoil", [lambda data: flipped(data, -1), lambda data: data[:-6]], ids=["checksum", "cut"]
)
def test_what_comes_before_the_damage_of_other_compressions_is_judged(
    pack: Callable[[bytes], bytes], spoil: Callable[[bytes], bytes]
) -> None:
    found = scan(spoil(pack(PADDED)))
    assert refused(found), found
    assert found.problems


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_an_honest_file_that_is_damaged_is_unchecked_and_no_more(
    pack: Callable[[bytes], bytes],
) -> None:
    whole = pack(STATE_DICT)
    assert scan(whole).outcome is Outcome.CLEAN
    damaged = scan(flipped(whole, -1), name="model.pkl")
    assert damaged.outcome is Outcome.UNCHECKED, damaged
    cut = scan(whole[:-2], name="model.pkl")
    assert cut.outcome is Outcome.UNCHECKED, cut


def test_second_member_with_a_wrong_checksum_hides_nothing() -> None:
    data = gzip.compress(STATE_DICT) + flipped(gzip.compress(PADDED), -6)
    assert refused(scan(data))


def test_zeros_before_a_payload_are_no_padding() -> None:
    assert refused(scan(gzip.compress(STATE_DICT) + bytes(100_000) + EVIL))


def test_zip_member_is_judged_up_to_its_damage() -> None:
    """A member over one block of input, of which a late part is no deflate stream."""
    noise = b"".join(zlib.crc32(b"%d" % number).to_bytes(4, "big") for number in range(60_000))
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packer:
        packer.writestr("data.pkl", EVIL[:-1] + b"0B" + len(noise).to_bytes(4, "little") + noise)
    data = bytearray(raw.getvalue())
    data[200_000:200_300] = b"\xff" * 300
    assert refused(scan(bytes(data), name="x.npz"))


@given(content=st.binary(max_size=400), cut=st.integers(0, 40), at=st.integers(0, 500))
def test_a_damaged_stream_is_never_clean(content: bytes, cut: int, at: int) -> None:
    whole = gzip.compress(STATE_DICT + content)
    data = flipped(whole, at % len(whole))[: max(12, len(whole) - cut)]
    try:
        same = gzip.decompress(data) == STATE_DICT + content
    except (OSError, EOFError, zlib.error):
        same = False
    found = scan(data, name="model.pkl")
    assert same or found.outcome is not Outcome.CLEAN or not data.startswith(b"\x1f\x8b")


@given(data=st.binary(max_size=300))
def test_gzip_reader_gives_what_python_gives(data: bytes) -> None:
    packed = gzip.compress(data)
    engine, start = gzip_stream(MemoryView(packed))
    content = engine.decompress(packed[start:], 1 << 20)
    engine.decompress(engine.unconsumed_tail, 1)
    assert (content, engine.eof, engine.unused_data) == (data, True, b"")
