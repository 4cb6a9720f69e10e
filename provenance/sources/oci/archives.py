"""Archives in layers: tar streams, plain or compressed, whose every member is a plain file or a folder.

One reading only: a stream in which two programs could see two trees is refused. Refused are links,
devices, sparse files, names that lead out, names that come twice, a header whose sum is wrong, and
anything after the end. POSIX.1-1988 (ustar), POSIX.1-2001 (pax: `path` and `size`) and GNU long names
are read. Sizes, counts and the ratio of compression are bounded.
"""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from weightmark.errors import ArtifactRefusedError, ExtraMissingError, LimitError, MalformedError
from weightmark.provenance.names import escape_path
from weightmark.provenance.sources.interface import MAX_PARTS, MAX_SIZE, Member, require_path

__all__ = ["FORMS", "unpack"]

FORMS = ("tar", "tar+gzip", "tar+zstd")
"""how an archive may be packed"""
_BLOCK = 512
_PIECE = 1024 * 1024
_MAX_EXTENSION = 256 * 1024
_FREE = 256 * 1024 * 1024
_MAX_RATIO = 200
"""times that content may be larger than its archive, beyond the first 256 MiB"""
_FILE, _FOLDER, _PAX, _GLOBAL, _LONG_NAME = b"05xgL"
_EXTENSIONS = (_PAX, _GLOBAL, _LONG_NAME)
_KINDS = {
    ord("1"): "a hard link",
    ord("2"): "a link",
    ord("3"): "a device",
    ord("4"): "a device",
    ord("6"): "a FIFO",
    ord("S"): "a sparse file",
}
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n]{1,100})=")
_NUMBERS = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (329, 337), (337, 345))
"""mode, owner, group, size, time, device"""
_GNU_END, _USTAR_END = b"ustar  \0", b"ustar\0" + b"00"


def unpack(archive: BinaryIO, form: str, where: str) -> Iterator[Member]:
    """Yield the files of an archive of one of `FORMS`; each is to be read before the next.

    `where` names the archive in errors. Raises `ArtifactRefusedError`, `MalformedError`,
    `LimitError`, and `ExtraMissingError` for zstandard without its library.
    """
    return _Tar(_Stream(_OPENERS[form](archive, where), where), where).members()


class _Stream:
    """Content, piece by piece, of which an exact count can be asked."""

    def __init__(self, pieces: Iterator[bytes], where: str) -> None:
        self._pieces = pieces
        self._where = where
        self._held = b""

    def take(self, count: int) -> bytes:
        """Return exactly so many bytes; raises `MalformedError` at the end."""
        parts, left = [], count
        while left:
            block = self.some(left)
            if not block:
                raise MalformedError(f"{self._where} is cut off")
            parts.append(block)
            left -= len(block)
        return b"".join(parts)

    def some(self, most: int) -> bytes:
        """Return at least one and at most so many bytes, none at the end."""
        if not self._held:
            self._held = next((piece for piece in self._pieces if piece), b"")
        block, self._held = self._held[:most], self._held[most:]
        return block


class _Tar:
    """Reads one tar stream once."""

    def __init__(self, stream: _Stream, where: str) -> None:
        self._stream = stream
        self._where = where
        self._seen: set[str] = set()
        self._left = 0

    def members(self) -> Iterator[Member]:
        while True:
            header = self._header()
            if header is None:
                return
            kind, name, size = header
            if kind == _FOLDER:
                self._folder(name, size)
                continue
            path = self._path(name)
            self._left = size
            yield Member(path, size, self._content())
            for _ in self._content():
                pass
            self._skip_padding(size)

    def _content(self) -> Iterator[bytes]:
        """Yield what is left of the present member; asked again, it goes on where it was."""
        while self._left:
            block = self._stream.some(min(self._left, _PIECE))
            if not block:
                raise MalformedError(f"{self._where} is cut off")
            self._left -= len(block)
            yield block

    def _header(self) -> tuple[int, bytes, int] | None:
        """Return kind, name and size of the next file or folder; None at the end."""
        name, size = b"", None
        while True:
            block = self._stream.take(_BLOCK)
            if not any(block):
                if name or size is not None:
                    raise MalformedError(f"{self._where} ends after the name of a file")
                self._require_end()
                return None
            _require_sum(block, self._where)
            kind, length = block[156] or _FILE, _number(block[124:136], self._where)
            if kind not in _EXTENSIONS:
                return self._described(block, kind, name, length if size is None else size)
            name, size = self._told(kind, self._extension(length), name, size)

    def _described(self, block: bytes, kind: int, name: bytes, size: int) -> tuple[int, bytes, int]:
        """Return what a header describes, with the `name` that stood before it, if any."""
        short = _short_name(block)
        if kind not in (_FILE, _FOLDER):
            self._refuse(kind, name or short)
        if kind == _FILE and short.endswith(b"/"):
            # ancient programs take a file with such a name for a folder
            raise MalformedError(f"{self._where} holds a file whose name ends in `/`")
        if size > MAX_SIZE:
            raise LimitError(f"a file in {self._where} is over {MAX_SIZE} bytes")
        return kind, name or short, size

    def _told(
        self, kind: int, content: bytes, name: bytes, size: int | None
    ) -> tuple[bytes, int | None]:
        """Take name and size of the next member out of a header of its own."""
        if kind != _GLOBAL and (name or size is not None):
            raise MalformedError(
                f"{self._where} names one file in two headers",
                why="programs differ in which they take",
            )
        if kind == _LONG_NAME:
            return _long_name(content, self._where), size
        if kind == _PAX:
            return _pax(content, name, size, self._where)
        _require_harmless(content, self._where)
        return name, size

    def _extension(self, length: int) -> bytes:
        if length > _MAX_EXTENSION:
            raise LimitError(f"a header in {self._where} is over {_MAX_EXTENSION} bytes")
        content = self._stream.take(length)
        self._skip_padding(length)
        return content

    def _folder(self, name: bytes, size: int) -> None:
        if size:
            raise MalformedError(f"{self._where} holds a folder with content")
        text = self._text(name).rstrip("/")
        if text not in ("", "."):
            require_path(text.removeprefix("./"), self._where)

    def _path(self, name: bytes) -> str:
        path = self._text(name).removeprefix("./")
        require_path(path, self._where)
        if path in self._seen:
            raise MalformedError(
                f"{self._where} holds `{escape_path(path)}` twice",
                why="some programs keep the first, others the last",
            )
        self._seen.add(path)
        if len(self._seen) > MAX_PARTS:
            raise LimitError(f"{self._where} holds over {MAX_PARTS} files")
        return path

    def _text(self, name: bytes) -> str:
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            raise ArtifactRefusedError(
                f"{self._where} holds a name that is not UTF-8",
                why="no identity can cover it",
            ) from None

    def _refuse(self, kind: int, name: bytes) -> None:
        what = _KINDS.get(kind, "something that is neither file nor folder")
        raise ArtifactRefusedError(
            f"{self._where} holds {what}, `{escape_path(name.decode('utf-8', 'replace')[:200])}`",
            why="an artifact from a registry holds plain files only: a link could lead out of the folder",
            fix="ask the publisher to push the files themselves",
        )

    def _skip_padding(self, size: int) -> None:
        self._stream.take(-size % _BLOCK)

    def _require_end(self) -> None:
        """Require a second empty block, and nothing but empty ones after it."""
        self._stream.take(_BLOCK)
        while block := self._stream.some(_PIECE):
            if any(block):
                raise MalformedError(
                    f"{self._where} goes on after its end", why="some programs would read on"
                )


def _require_sum(block: bytes, where: str) -> None:
    told = _number(block[148:156], where)
    if told != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise MalformedError(f"{where} is no tar archive, or damaged")
    magic = block[257:265]
    if (magic not in (_GNU_END, _USTAR_END) and any(magic)) or block[508:512] == b"tar\0":
        raise MalformedError(f"{where} holds a header of a form that is not known")
    if magic != _USTAR_END and any(block[345:500]):
        # some programs put it before the name, to others it is a time
        raise MalformedError(f"{where} holds a header that can be read in two ways")
    _require_numbers(block, where)


def _require_numbers(block: bytes, where: str) -> None:
    """Require every number to be one: a header with a bad one is the end of the archive to some programs."""
    for start, end in _NUMBERS:
        _number(block[start:end], where)


def _number(field: bytes, where: str) -> int:
    """Read octal digits, or GNU's binary form."""
    if field[0] == 0x80:  # noqa: PLR2004 - the mark of a positive binary number
        return int.from_bytes(field[1:], "big")
    digits = field.rstrip(b" \0").lstrip(b" ")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise MalformedError(f"{where} holds a number that is none")
    return int(digits or b"0", 8)


def _short_name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:265] == _USTAR_END else b""
    return prefix + b"/" + name if prefix else name


def _long_name(content: bytes, where: str) -> bytes:
    """Return a name that ends in its only NUL: without one, programs read on in what follows."""
    name = content[:-1]
    if not name or content[-1:] != b"\0" or b"\0" in name:
        raise MalformedError(f"{where} holds a long name that does not end where it says")
    return name


def _pax(content: bytes, name: bytes, size: int | None, where: str) -> tuple[bytes, int | None]:
    """Take path and size out of a pax header; other words say nothing about content."""
    for key, value in _records(content, where):
        if key == b"path" and value:
            name = value
        elif key == b"path":
            raise MalformedError(f"{where} holds an empty name")
        elif key == b"size":
            if not re.fullmatch(rb"[0-9]{1,19}", value):
                raise MalformedError(f"{where} holds a size that is none")
            size = int(value)
        elif key.startswith(b"GNU.sparse"):
            raise ArtifactRefusedError(
                f"{where} holds a sparse file", why="only plain files are read"
            )
    return name, size


def _require_harmless(content: bytes, where: str) -> None:
    """Refuse a global header that would change names or sizes of whatever follows."""
    for key, _ in _records(content, where):
        if key in (b"path", b"size") or key.startswith(b"GNU.sparse"):
            raise MalformedError(f"{where} sets one name or size for all its files")


def _records(content: bytes, where: str) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    seen: set[bytes] = set()
    while place < len(content):
        found = _RECORD.match(content, place)
        end = place + int(found[1]) if found else 0
        if not found or end > len(content) or content[end - 1 : end] != b"\n" or end <= found.end():
            raise MalformedError(f"{where} holds a pax header that can't be read")
        if found[2] in seen:
            raise MalformedError(f"{where} holds a pax header with one word twice")
        seen.add(found[2])
        yield found[2], content[found.end() : end - 1]
        place = end


def _plain(archive: BinaryIO, where: str) -> Iterator[bytes]:  # noqa: ARG001 - as the other openers
    while block := archive.read(_PIECE):
        yield block


def _gzip(archive: BinaryIO, where: str) -> Iterator[bytes]:
    """Decompress members of gzip one after the other; what follows the last must be one again."""
    import zlib

    budget = _Budget(where)
    machine = zlib.decompressobj(wbits=31)
    begun = False
    try:
        while block := archive.read(_PIECE):
            budget.paid += len(block)
            while block:
                begun = True
                piece = machine.decompress(block, _PIECE)
                yield budget.spend(piece)
                block = machine.unconsumed_tail
                if machine.eof:
                    block = machine.unused_data
                    machine, begun = zlib.decompressobj(wbits=31), False
        while begun and (piece := machine.decompress(b"", _PIECE)):
            yield budget.spend(piece)
    except zlib.error:
        raise MalformedError(f"{where} is no gzip, or damaged") from None
    if begun and not machine.eof:
        raise MalformedError(f"{where} is cut off")


def _zstd(archive: BinaryIO, where: str) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise ExtraMissingError(
            f"{where} is compressed with zstandard, whose library is not installed",
            fix="run `pip install 'weightmark[compress]'`",
        ) from error
    budget = _Budget(where)
    machine = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        with machine.stream_reader(archive, read_across_frames=True) as reader:
            while piece := reader.read(_PIECE):
                budget.paid = archive.tell()
                yield budget.spend(piece)
    except zstandard.ZstdError:
        raise MalformedError(f"{where} is no zstandard, or damaged") from None


class _Budget:
    """How much content an archive may give for its size."""

    def __init__(self, where: str) -> None:
        self.paid = 0
        self._spent = 0
        self._where = where

    def spend(self, piece: bytes) -> bytes:
        self._spent += len(piece)
        if self._spent > _FREE + self.paid * _MAX_RATIO:
            raise LimitError(
                f"{self._where} unpacks to over {_MAX_RATIO} times its size",
                why="such an archive is made to fill disks",
            )
        return piece


_OPENERS: dict[str, Callable[[BinaryIO, str], Iterator[bytes]]] = {
    "tar": _plain,
    "tar+gzip": _gzip,
    "tar+zstd": _zstd,
}
