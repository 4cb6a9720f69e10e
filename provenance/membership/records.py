"""Records: the rows of a JSON-lines file and the samples of a WebDataset shard, as rows of a tree.

A line is known by its bytes, so where it stands says nothing; a sample by its key, the name of its
members up to the first dot, as WebDataset groups them.
"""

import hashlib
import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

from weightmark.errors import CallError, LimitError, MalformedError
from weightmark.provenance.membership.tree import SortedTree
from weightmark.provenance.names import escape_path, unescape_path
from weightmark.provenance.reading.interface import ByteView

__all__ = ["MAX_RECORDS", "RecordKind", "record_key", "record_tree", "row_key"]

MAX_RECORDS = 5_000_000
"""records of one file"""
MAX_LINE = 64 * 1024 * 1024
"""bytes of one line"""
_BLOCK = 1024 * 1024
_TAR_MAGIC = 257


class RecordKind(StrEnum):
    """What the records of a file are."""

    JSONL = "jsonl"
    """lines"""
    WEBDATASET = "webdataset"
    """samples of a tar file"""


_ROWS = {
    RecordKind.JSONL: re.compile(rb"([0-9a-f]{64}) [1-9][0-9]*\n"),
    RecordKind.WEBDATASET: re.compile(rb"[0-9a-f]{64} [1-9][0-9]* ([^\n]*)\n"),
}


def record_tree(view: ByteView) -> tuple[RecordKind, SortedTree]:
    """Read a file's records; what it is, its content says.

    Raises `MalformedError` for a damaged tar, `LimitError` for too many records or too long a line.
    """
    if view.read_at(_TAR_MAGIC, 5) == b"ustar":
        return RecordKind.WEBDATASET, SortedTree.of(_samples(view))
    return RecordKind.JSONL, SortedTree.of(_lines(view))


def record_key(kind: RecordKind, record: bytes) -> bytes:
    """Return the key of a record: a line's SHA-256, or the key of a sample.

    Raises `CallError` for the name of a sample's member, because absence is told of whole samples.
    """
    if kind is RecordKind.JSONL:
        return hashlib.sha256(record).hexdigest().encode()
    if b"." in record.rpartition(b"/")[2]:
        raise CallError(
            f"`{record.decode(errors='replace')}` is no key of a WebDataset sample",
            fix="name the sample without its extension, as `000123`",
        )
    return record


def row_key(kind: RecordKind, row: bytes) -> bytes:
    """Return the key of a row of the tree; raises `MalformedError`."""
    match = _ROWS[kind].fullmatch(row)
    if match is None:
        raise MalformedError("a row of the proof is not of its kind")
    return match[1] if kind is RecordKind.JSONL else unescape_path(match[1].decode()).encode()


def _lines(view: ByteView) -> Iterator[tuple[bytes, bytes]]:
    counts: Counter[str] = Counter()
    for line in _split(view):
        counts[hashlib.sha256(line).hexdigest()] += 1
        if len(counts) > MAX_RECORDS:
            raise _too_many()
    for digest, count in counts.items():
        yield digest.encode(), f"{digest} {count}\n".encode()


def _split(view: ByteView) -> Iterator[bytes]:
    """Yield each line without its line feed; the last one may lack it."""
    rest = b""
    for offset in range(0, view.size, _BLOCK):
        *lines, rest = (rest + view.read_at(offset, _BLOCK)).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE:
            raise LimitError(f"a line is over {MAX_LINE} bytes", fix="prove the file instead")
    if rest:
        yield rest


def _samples(view: ByteView) -> Iterator[tuple[bytes, bytes]]:
    """Yield one row a sample: a digest over its members, how many they are, and its key."""
    members: dict[str, list[str]] = {}
    try:
        with tarfile.open(fileobj=io.BufferedReader(_ViewFile(view)), mode="r:") as tar:
            for info in tar:
                if info.isreg():
                    folder, slash, name = info.name.rpartition("/")
                    key = folder + slash + name.partition(".")[0]
                    members.setdefault(key, []).append(_member_line(tar, info))
                if len(members) > MAX_RECORDS:
                    raise _too_many()
            _require_nothing_behind(view, tar.offset)
    except (tarfile.TarError, EOFError) as error:
        raise MalformedError(f"the shard is no sound tar file: {error}") from error
    for key, lines in members.items():
        digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
        raw = key.encode("utf-8", "surrogateescape")
        yield raw, f"{digest} {len(lines)} {escape_path(_text(raw))}\n".encode()


def _require_nothing_behind(view: ByteView, end: int) -> None:
    """Refuse a shard with anything but zeros behind its last member: another reader could go on there."""
    for offset in range(end, view.size, _BLOCK):
        if view.read_at(offset, _BLOCK).strip(b"\0"):
            raise MalformedError("the shard goes on behind the end of its tar file")


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("a member of the shard has a name that is not UTF-8") from error


def _member_line(tar: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    source = tar.extractfile(info)
    if source is None:
        raise MalformedError("a member of the shard cannot be read")
    digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type] # it is a binary file
    return f"{digest} {info.size} {escape_path(info.name)}\n"


def _too_many() -> LimitError:
    return LimitError(f"there are over {MAX_RECORDS} records", fix="prove the file instead")


class _ViewFile(io.RawIOBase):
    """The bytes of a view as a file, for the standard library's tar reader."""

    def __init__(self, view: ByteView) -> None:
        super().__init__()
        self._view = view
        self._offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._view.size}[whence]
        self._offset = max(0, start + offset)
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override] # io hands in a buffer
        data = self._view.read_at(self._offset, len(buffer))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)
