"""7z archives, through the extra `compress`: every member, unpacked in memory up to a bound."""

import io
from dataclasses import field
from posixpath import normpath
from typing import IO, Any, Final, cast

from weightmark.errors import ExtraMissingError, LimitError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.seven_zip_headers import MAGIC, header_size
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.values import dataclass

__all__ = ["SevenZipReader"]

_LARGEST_HEADER = 16 * MEBIBYTE
_DICTIONARY = 256 * MEBIBYTE
_LZMA, _LZMA2, _PPMD = b"\x03\x01\x01", b"\x21", b"\x03\x04\x01"
_LARGEST_LZMA2 = 40
_SHOWN_NAME = 120


@dataclass(frozen=True, slots=True)
class SevenZipReader:
    """Opens an archive and has its members looked at."""

    name: Final[str] = "7z"

    def read(self, place: Place, examination: Examination) -> bool:
        """Unpack and look; see `FormatReader.read`."""
        if not place.head.startswith(MAGIC):
            return False
        examination.also_read_as(self.name, place)
        if header_size(place.view) > _LARGEST_HEADER:
            raise LimitError(f"the 7z header is over {_LARGEST_HEADER} bytes")
        try:
            _open(place, examination)
        except UncheckedError:
            raise
        except Exception as error:  # the library raises errors of many kinds
            raise UnsupportedError(f"the 7z is damaged or not supported: {error}"[:200]) from error
        return True


def _open(place: Place, examination: Examination) -> None:
    try:
        import py7zr
    except ImportError as error:
        raise ExtraMissingError(
            "what the 7z file holds is not looked into: the extra `compress` is not installed",
            fix="run `python -m pip install 'weightmark[compress]'`",
        ) from error

    file = cast("IO[bytes]", io.BufferedReader(_File(place.view)))
    with py7zr.SevenZipFile(file) as archive:
        if archive.needs_password():
            raise UnsupportedError("the 7z is encrypted")
        _check_dictionaries(archive)
        names = [entry.filename for entry in archive.files]
        for entry in archive.files:
            examination.budget.spend_member()
            if _leaves(entry.filename) or entry.is_symlink or entry.is_junction:
                examination.find("ZIP008", place, detail=f"`{_clean(entry.filename)}`")
        if len(names) > len(set(names)):
            examination.find("ZIP001", place)
        outside = {name for name in names if _leaves(name)}
        for name in sorted(outside):
            examination.problem(f"`{_clean(name)}` was not unpacked", place)
        sinks = _Sinks(place, examination)
        archive.extract(targets=[name for name in names if name not in outside], factory=sinks)


def _check_dictionaries(archive: Any) -> None:
    """Refuse what asks for more memory than honest archives do."""
    streams = archive.header.main_streams
    folders = streams.unpackinfo.folders if streams is not None else ()
    for coder in (coder for folder in folders for coder in folder.coders):
        method, properties = coder["method"], coder.get("properties") or b""
        size = 0
        if method in (_LZMA, _PPMD):
            size = int.from_bytes(properties[1:5], "little")
        elif method == _LZMA2 and properties:
            bits = min(properties[0], _LARGEST_LZMA2)
            size = (2 | bits & 1) << (bits // 2 + 11)
        if size > _DICTIONARY:
            raise LimitError(f"the 7z asks for over {_DICTIONARY} bytes of memory")


@dataclass(slots=True)
class _Sinks:
    """Makes what the library writes members to."""

    place: Place
    examination: Examination
    used: int = 0

    def create(self, filename: str) -> "_Sink":
        """Return the place for one member."""
        return _Sink(self, filename)


@dataclass(slots=True)
class _Sink:
    """One member: kept while it is written, looked at when it is closed."""

    sinks: _Sinks
    name: str
    content: bytearray = field(default_factory=bytearray)

    def write(self, block: bytes | bytearray) -> int:
        """Keep a block."""
        examination = self.sinks.examination
        examination.budget.spend_decompressed(len(block))
        if len(self.content) + len(block) > examination.limits.unpacked:
            raise over_limit(
                "unpacked", f"a member of the 7z is over {examination.limits.unpacked} bytes"
            )
        self.content += block
        return len(block)

    def close(self) -> None:
        """Look at the member, and forget it."""
        examination = self.sinks.examination
        content, self.content = MemoryView(bytes(self.content)), bytearray()
        if not examination.look(self.sinks.place.inside(_clean(self.name), content)):
            examination.unknown_members += 1

    def read(self, size: int | None = None) -> bytes:
        """Return nothing: the library reads only what it wants to check."""
        del size
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stay."""
        del offset, whence
        return 0

    def flush(self) -> None:
        """Do nothing."""

    def size(self) -> int:
        """Return the bytes written so far."""
        return len(self.content)


class _File(io.RawIOBase):
    """A view as the file that the library wants."""

    def __init__(self, view: ByteView) -> None:
        super().__init__()
        self._view = view
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._view.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._view.read_at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _leaves(name: str) -> bool:
    path = name.replace("\\", "/")
    return path.startswith("/") or path[1:2] == ":" or normpath(path).startswith("..")


def _clean(name: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:_SHOWN_NAME])
