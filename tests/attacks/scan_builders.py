"""Hostile and honest files, assembled as bytes; the payloads only echo, and nothing loads them."""

import json
import struct
import zlib
from dataclasses import dataclass

from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.scan import FileScan, Limits, Severity, scan_file

SYSTEM = b"cos\nsystem\n"
ECHO = b"(S'echo x'\ntR"
EVIL = SYSTEM + ECHO + b"."
"""protocol 0: os.system('echo x')"""
STATE_DICT = b"\x80\x02ccollections\nOrderedDict\n)R."
"""an honest empty state dict"""


def scan(data: bytes, limits: Limits | None = None, name: str = "model.bin") -> FileScan:
    return scan_file(name, MemoryView(data), limits)


def rules(data: bytes) -> set[str]:
    return {finding.rule for finding in scan(data).findings}


def worst(data: bytes) -> Severity:
    return max((finding.severity for finding in scan(data).findings), default=Severity.INFO)


def text(value: str) -> bytes:
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


@dataclass
class Member:
    """One zip member; what is None follows from the content."""

    name: bytes
    content: bytes
    method: int = 0
    flags: int = 0
    version: int = 20
    local_name: bytes | None = None
    local_flags: int | None = None
    crc: int | None = None
    local_crc: int | None = None
    listed: bool = True
    mode: int = 0
    local_method: int | None = None

    def stored(self) -> bytes:
        if self.method != 8:
            return self.content
        engine = zlib.compressobj(9, zlib.DEFLATED, -15)
        return engine.compress(self.content) + engine.flush()


def archive(
    *members: Member, prefix: bytes = b"", suffix: bytes = b"", count: int | None = None
) -> bytes:
    out, central = bytearray(prefix), bytearray()
    listed = 0
    for member in members:
        data, crc = member.stored(), zlib.crc32(member.content)
        offset = len(out)
        local_name = member.name if member.local_name is None else member.local_name
        local_flags = member.flags if member.local_flags is None else member.local_flags
        local_method = member.method if member.local_method is None else member.local_method
        local_crc = member.local_crc if member.local_crc is not None else member.crc
        sizes = (len(data), len(member.content))
        out += struct.pack(
            "<4sHHHHHIIIHH", b"PK\x03\x04", member.version, local_flags, local_method, 0, 0,
            crc if local_crc is None else local_crc, *sizes, len(local_name), 0,
        )  # fmt: skip
        out += local_name + data
        if member.listed:
            listed += 1
            central += struct.pack(
                "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 0x0314, member.version, member.flags,
                member.method, 0, 0, crc if member.crc is None else member.crc, *sizes,
                len(member.name), 0, 0, 0, 0, member.mode << 16, offset - len(prefix),
            )  # fmt: skip
            central += member.name
    start = len(out) - len(prefix)
    declared = listed if count is None else count
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, declared, declared, len(central), start, 0)
    return bytes(out + central + end + suffix)


def torch_zip(
    data: bytes = STATE_DICT, *more: Member, prefix: bytes = b"", suffix: bytes = b""
) -> bytes:
    members = (Member(b"archive/data.pkl", data), Member(b"archive/version", b"3\n"), *more)
    return archive(*members, prefix=prefix, suffix=suffix)


def safetensors(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data
