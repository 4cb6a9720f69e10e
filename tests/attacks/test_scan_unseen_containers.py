"""Containers that were built against the scanner as it stood: other readings, other names, code in packages."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib

import lz4.frame  # type: ignore[import-untyped]  # it has no types
import pytest
import zstandard

from tests.attacks.scan_builders import EVIL, STATE_DICT, Member, archive, scan, torch_zip
from tests.attacks.test_scan_container_tar import EMPTY, header, honest, member, pax
from weightmark.errors import Exit
from weightmark.scanners.scan import ScanReport, Severity

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
SOURCE = b"import os\nos.system('echo x')\n"
DATA = b"archive/data.pkl"


def streamed(content: bytes) -> bytes:
    """An archive whose local header leaves the sizes to a descriptor behind the data."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = packed.compress(content) + packed.flush()
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 8, 8, 0, 0, 0, 0, 0, len(DATA), 0)
    data = local + DATA + raw
    data += struct.pack("<4sIII", b"PK\x07\x08", zlib.crc32(content), len(raw), len(content))
    start = len(data)
    central = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 8, 8, 0, 0, zlib.crc32(content), len(raw),
        len(content), len(DATA), 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    central += DATA
    return data + central + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central), start, 0)  # fmt: skip


def zip64(content: bytes) -> bytes:
    """An archive whose sizes and directory stand in the 64 bit records only."""
    extra = struct.pack("<HHQQ", 1, 16, len(content), len(content))
    huge = 0xFFFFFFFF
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 45, 0, 0, 0, 0, zlib.crc32(content), huge, huge, len(DATA), len(extra))  # fmt: skip
    data = local + DATA + extra + content
    start = len(data)
    central = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 45, 45, 0, 0, 0, 0, zlib.crc32(content), huge, huge,
        len(DATA), len(extra), 0, 0, 0, 0, 0,
    )  # fmt: skip
    central += DATA + extra
    at = start + len(central)
    end = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(central), start)
    end += struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    return data + central + end + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, huge, huge, 0)  # fmt: skip


def tar_of(name: str, content: bytes, kind: bytes = b"0") -> bytes:
    return member(name, content, kind) + EMPTY


def gnu_tar_long_link(target: str) -> bytes:
    return (
        member("././@LongLink", target.encode() + b"\0", b"K")
        + member("link", b"", b"2", link="x")
        + EMPTY
    )


def prefixed(prefix: str, name: str, content: bytes) -> bytes:
    block = bytearray(header(name, len(content)))
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(prefix)] = prefix.encode()
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content.ljust(512, b"\0") + EMPTY


def tar_with_hard_link() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        entry = tarfile.TarInfo("weights.bin")
        entry.type, entry.linkname = tarfile.LNKTYPE, "../../../../etc/passwd"
        made.addfile(entry)
    return out.getvalue()


def package(*members: Member) -> bytes:
    """What `torch.package` writes: pickles and the source of modules, which importing it runs."""
    return archive(
        Member(b"pkg/.data/extern_modules", b"torch\n"),
        Member(b"pkg/.data/version", b"6\n"),
        Member(b"pkg/.data/python_version", b"3.11.0\n"),
        *members,
    )


UNSEEN: dict[str, dict[str, bytes]] = {
    "model.pt": {
        "sizes behind the data": streamed(EVIL),
        "sizes and directory of 64 bits": zip64(EVIL),
        "a directory of 64 bits behind an honest archive": torch_zip() + zip64(EVIL),
        "executable code of a package": package(Member(b"pkg/model/__init__.py", SOURCE)),
        "pickle of a package": package(Member(b"pkg/model/model.pkl", EVIL)),
        "a compiled library in an export": archive(
            Member(b"m/archive_format", b"pt2"),
            Member(b"m/data/aotinductor/model/c.wrapper.so", ELF),
        ),
        "pickle in the byte order": torch_zip(STATE_DICT, Member(b"archive/byteorder", EVIL)),
        "pickle in the version": archive(Member(DATA, STATE_DICT), Member(b"archive/version", EVIL)),
        "pickle in the serialization id": torch_zip(STATE_DICT, Member(b"archive/.data/serialization_id", EVIL)),
        "attributes of a mobile module": archive(Member(b"m/bytecode.pkl", b"\x80\x02)."), Member(b"m/data.pkl", EVIL)),
        "script reads a file": archive(
            Member(b"m/constants.pkl", b"\x80\x02)."), Member(b"m/data.pkl", STATE_DICT),
            Member(b"m/code/__torch__.py", b"def f(x):\n  return torch.from_file('/etc/passwd', True, 9)\n"),
        ),
        "script saves a file": archive(
            Member(b"m/constants.pkl", b"\x80\x02)."), Member(b"m/data.pkl", STATE_DICT),
            Member(b"m/code/__torch__.py", b"def f(x):\n  ops.aten.save(x, 'out')\n"),
        ),
        "script writes an image": archive(
            Member(b"m/constants.pkl", b"\x80\x02)."), Member(b"m/data.pkl", STATE_DICT),
            Member(b"m/code/__torch__.py", b"def f(x):\n  ops.image.write_file('/tmp/x', x)\n"),
        ),
        "script saves audio": archive(
            Member(b"m/constants.pkl", b"\x80\x02)."), Member(b"m/data.pkl", STATE_DICT),
            Member(b"m/code/__torch__.py", b"def f(x):\n  ops.torchaudio.sox_io_save_audio_file('/tmp/x', x)\n"),
        ),
    },
    "model.zip": {
        "a second name that leaves": archive(Member(b"weights\\..\\..\\..\\evil.bin", STATE_DICT)),
        "a name of a drive": archive(Member(b"C:evil.bin", STATE_DICT)),
        "a name with a stream": archive(Member(b"..\\model.bin:evil", STATE_DICT)),
        "link to a folder outside": archive(Member(b"d", b"../../..", mode=0o120755), Member(b"d/x", b"x")),
        "tar in gzip in zip": archive(Member(b"a.tgz", gzip.compress(honest(model=EVIL)), method=8)),
        "bzip2 in xz in zip": archive(Member(b"a.xz", lzma.compress(bz2.compress(EVIL)))),
        "npz whose member says text": archive(Member(b"notes.txt", EVIL, method=8)),
        "archive behind a picture": b"\x89PNG\r\n\x1a\n" + bytes(64) + archive(Member(b"data.pkl", EVIL)),
    },
    "model.tar": {
        "name in two parts that leaves": prefixed("../../etc", "cron.d", b"x"),
        "long target of a link": gnu_tar_long_link("../" * 40 + "etc/passwd"),
        "target of a link in an extended header": pax({"linkpath": "/etc/passwd"}) + member("l", b"", b"2", link="x") + EMPTY,
        "name of a sparse file in an extended header": pax({"GNU.sparse.name": "../../evil", "GNU.sparse.major": "1", "GNU.sparse.minor": "0"}) + member("a", b"0\n".ljust(512, b"\0")) + EMPTY,
        "hard link to a file outside": tar_with_hard_link(),
        "global name that leaves": pax({"path": "../../evil"}, b"g") + member("a", b"x") + EMPTY,
        "volume header, then evil": member("label", b"", b"V") + tar_of("a", EVIL),
        "dump of a folder": member("d", EVIL, b"D") + EMPTY,
    },
    "model.pkl": {
        "lz4 of two frames": lz4.frame.compress(STATE_DICT) + lz4.frame.compress(EVIL),
        "zstd frame with its content in blocks": zstandard.ZstdCompressor(write_content_size=False).compress(EVIL),
        "zstd frame that is skipped, then evil": b"\x51\x2a\x4d\x18\x02\0\0\0xx" + zstandard.ZstdCompressor().compress(EVIL),
        "bzip2 of two streams": bz2.compress(STATE_DICT) + bz2.compress(EVIL),
        "xz with padding between streams": lzma.compress(STATE_DICT) + bytes(8) + lzma.compress(EVIL),
        "gzip of four compressions": gzip.compress(bz2.compress(lzma.compress(zlib.compress(EVIL)))),
        "lzma of unknown length": lzma.compress(EVIL, lzma.FORMAT_ALONE),
    },
}  # fmt: skip
CASES = [(name, title) for name, table in UNSEEN.items() for title in table]


@pytest.mark.parametrize(("name", "title"), CASES)
def test_container_that_no_other_test_has_is_refused(name: str, title: str) -> None:
    found = scan(UNSEEN[name][title], name=name)
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found
