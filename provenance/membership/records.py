"""Records: the rows of a JSON-lines file and the samples of a WebDataset shard, as rows of a tree.

A line is known by its bytes, so where it stands says nothing; a sample by its key, the name of its
members up to the first dot, as WebDataset groups them.
"""

import codecs
import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from enum import StrEnum

from weightmark.errors import CallError, LimitError, MalformedError, UnsupportedError
from weightmark.provenance.membership.tally import DigestTally, TallyKeys, TallyRows
from weightmark.provenance.membership.tree import SortedTree
from weightmark.provenance.names import escape_path, unescape_path
from weightmark.provenance.reading.interface import ByteView

__all__ = [
    "MAX_MEMBERS",
    "MAX_RECORDS",
    "RecordKind",
    "near_records",
    "record_key",
    "record_tree",
    "row_key",
]

MAX_RECORDS = 5_000_000
"""records of one file"""
MAX_MEMBERS = 5_000_000
"""members of one tar file, of any type"""
MAX_LINE = 64 * 1024 * 1024
"""bytes of one line"""
_BLOCK = 1024 * 1024
_TAR_BLOCK = 512
_TAR_MAGIC = slice(257, 262)
_TAR_CHECKSUM = slice(148, 156)
_LARGEST_TAR_READ = 16 * 1024 * 1024
_LONGEST_MEMBER_NAME = 4096
_SPARSE = "GNU.sparse."


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

    Raises `CallError` for a file that is neither a tar nor text, `MalformedError` for a damaged tar,
    `UnsupportedError` for one with sparse members, `LimitError` for too many records or too long a line.
    """
    if _is_tar(view.read_at(0, _TAR_BLOCK)):
        return RecordKind.WEBDATASET, SortedTree.of(_samples(view))
    return RecordKind.JSONL, _line_tree(view)


def record_key(kind: RecordKind, record: bytes) -> bytes:
    """Return the key of a record: a line's SHA-256, or the key of a sample.

    Raises `CallError` for what is no UTF-8, and for the name of a sample's member, because absence is
    told of whole samples.
    """
    try:
        record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CallError(
            "the record is not UTF-8, and no record of a dataset is called so"
        ) from error
    if kind is RecordKind.JSONL:
        return hashlib.sha256(record).hexdigest().encode()
    if b"." in record.rpartition(b"/")[2]:
        raise CallError(
            f"`{record.decode(errors='replace')}` is no key of a WebDataset sample",
            fix="name the sample without its extension, as `000123`",
        )
    return record


def near_records(kind: RecordKind, record: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return what a reader may take for the same record and the tree does not, with words for it."""
    if kind is RecordKind.JSONL:
        if record.endswith(b"\r"):
            return (("without the carriage return at its end", record[:-1]),)
        return (("with a carriage return at its end", record + b"\r"),)
    if record.startswith(b"./"):
        return (("without `./` before it", record[2:]),)
    return (("with `./` before it", b"./" + record),)


def row_key(kind: RecordKind, row: bytes) -> bytes:
    """Return the key of a row of the tree; raises `MalformedError`."""
    match = _ROWS[kind].fullmatch(row)
    if match is None:
        raise MalformedError("a row of the proof is not of its kind")
    return match[1] if kind is RecordKind.JSONL else unescape_path(match[1].decode()).encode()


def _is_tar(head: bytes) -> bool:
    """Tell the magic of POSIX, or else a header with a good checksum, as the oldest tars have it."""
    if head[_TAR_MAGIC] == b"ustar":
        return True
    if len(head) < _TAR_BLOCK or not head.strip(b"\0"):
        return False
    start, end = _TAR_CHECKSUM.start, _TAR_CHECKSUM.stop
    stated = head[_TAR_CHECKSUM].strip(b" \0")
    summed = sum(head[:start]) + sum(head[end:]) + (end - start) * ord(" ")
    return bool(re.fullmatch(rb"[0-7]+", stated)) and int(stated, 8) == summed


def _line_tree(view: ByteView) -> SortedTree:
    tally = DigestTally()
    for line in _split(view):
        if tally.add(hashlib.sha256(line).digest()) > MAX_RECORDS:
            raise _too_many()
    count = tally.finish()
    if count > MAX_RECORDS:
        raise _too_many()
    return SortedTree(TallyKeys(tally, count), TallyRows(tally, count))


def _split(view: ByteView) -> Iterator[bytes]:
    """Yield each line without its line feed; the last one may lack it."""
    rest: list[bytes] = []
    length = 0
    text = codecs.getincrementaldecoder("utf-8")()
    for offset in range(0, view.size, _BLOCK):
        block = view.read_at(offset, _BLOCK)
        _require_text(text, block, last=offset + _BLOCK >= view.size)
        first, *others = block.split(b"\n")
        if others:
            yield b"".join([*rest, first])
            yield from others[:-1]
            rest, length = [], 0
            first = others[-1]
        rest.append(first)
        length += len(first)
        if length > MAX_LINE:
            raise LimitError(f"a line is over {MAX_LINE} bytes", fix="prove the file instead")
    if length:
        yield b"".join(rest)


def _require_text(decoder: codecs.IncrementalDecoder, block: bytes, *, last: bool) -> None:
    """Refuse what is no text: records inside of it would be taken for absent."""
    try:
        decoder.decode(block, final=last)
        is_text = b"\0" not in block
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        raise CallError(
            "the file is neither lines of text nor a tar file: records inside are not looked at",
            why="it is compressed, an archive, or a table of another format",
            fix="prove the file itself, or a file that holds its rows as lines in UTF-8",
        )


def _samples(view: ByteView) -> Iterator[tuple[bytes, bytes]]:
    """Yield one row a sample: a digest over its members, how many they are, and its key."""
    members: dict[str, list[str]] = {}
    try:
        with tarfile.open(fileobj=_ViewFile(view), mode="r:") as tar:
            for info in _members(tar):
                if info.isreg():
                    folder, slash, name = info.name.rpartition("/")
                    key = folder + slash + name.partition(".")[0]
                    members.setdefault(key, []).append(_member_line(tar, info))
            _require_nothing_behind(view, tar.offset)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, LookupError) as error:
        raise MalformedError(f"the shard is no sound tar file: {error}") from error
    for key, lines in members.items():
        digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
        raw = key.encode("utf-8", "surrogateescape")
        yield raw, f"{digest} {len(lines)} {escape_path(_text(raw))}\n".encode()


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield every member, and keep none; raises `LimitError`, and `UnsupportedError` for a sparse one."""
    for _ in range(MAX_MEMBERS):
        info = tar.next()
        if info is None:
            return
        vars(tar)["members"].clear()
        if info.issparse() or any(key.startswith(_SPARSE) for key in info.pax_headers):
            raise UnsupportedError(
                "the shard has a sparse member, which is not looked at",
                fix="make the tar again without `--sparse`, or prove the file itself",
            )
        if len(info.name) > _LONGEST_MEMBER_NAME:
            raise LimitError(f"a name in the shard has over {_LONGEST_MEMBER_NAME} characters")
        yield info
    raise LimitError(f"the shard has over {MAX_MEMBERS} members", fix="prove the file instead")


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

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; a header that asks for more than it can need is refused."""
        left = max(0, self._view.size - self._offset)
        wanted = left if size < 0 else min(size, left)
        if wanted > _LARGEST_TAR_READ:
            raise LimitError(f"a header in the shard is over {_LARGEST_TAR_READ} bytes")
        data = self._view.read_at(self._offset, wanted)
        self._offset += len(data)
        return data
