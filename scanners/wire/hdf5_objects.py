"""HDF5 files down to the messages of their objects.

Source: "HDF5 File Format Specification Version 3.0", sections II, III.F, IV.A. All numbers are
little-endian; an address counts from the base address, all ones mean undefined.
"""

from collections.abc import Iterator

from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget
from weightmark.scanners.wire.window import Window
from weightmark.values import dataclass

__all__ = ["SIGNATURE", "File", "Header", "Kind", "find_signature"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NEAR, _FAR = 512, 1 << 16
_WIDTHS = (2, 4, 8)
_CHUNK_MAGIC, _CONTINUED_MAGIC = b"OHDR", b"OCHK"
_SHARED = 0x2
_MOST_CHUNKS = 10_000


class Kind:
    """Types of messages in an object header."""

    LINK_INFO = 0x02
    DATATYPE = 0x03
    LINK = 0x06
    EXTERNAL = 0x07
    LAYOUT = 0x08
    FILTERS = 0x0B
    ATTRIBUTE = 0x0C
    CONTINUATION = 0x10
    SYMBOL_TABLE = 0x11
    ATTRIBUTE_INFO = 0x15


@dataclass(frozen=True, slots=True)
class Header:
    """One message of an object header."""

    kind: int
    """the message type, see `Kind`"""
    shared: bool
    """the content stands elsewhere"""
    start: int
    """where its data begin in the file"""
    data: bytes
    """the data"""


@dataclass(frozen=True, slots=True)
class File:
    """An HDF5 file whose superblock was read."""

    window: Window
    """the bytes"""
    budget: Budget
    """what may still be read"""
    base: int
    """where address zero lies"""
    offset_size: int
    """bytes of an address"""
    length_size: int
    """bytes of a length"""
    root: int
    """address of the root group's object header"""
    end: int
    """address of the end of the file, as the superblock says"""

    @classmethod
    def open(cls, view: ByteView, budget: Budget, start: int) -> "File":
        """Read the superblock at `start`.

        Raises `MalformedError`, and `UnsupportedError` for a version that is not known.
        """
        window = Window(view)
        version = window.number(start + 8, 1)
        if version in (0, 1):
            at, sizes = start + (24 if version == 0 else 28), start + 13
        elif version in (2, 3):
            at, sizes = start + 12, start + 9
        else:
            raise UnsupportedError(f"HDF5 superblock version {version} is not read here")
        offset_size, length_size = window.number(sizes, 1), window.number(sizes + 1, 1)
        if offset_size not in _WIDTHS or length_size not in _WIDTHS:
            raise MalformedError(f"HDF5 addresses of {offset_size} bytes do not exist")
        numbers = [window.number(at + index * offset_size, offset_size) for index in range(6)]
        old = version in (0, 1)
        base, end, root = numbers[0], numbers[2], numbers[5 if old else 3]
        return cls(window, budget, base or start, offset_size, length_size, root, end)

    @property
    def undefined(self) -> int:
        """The address that means none."""
        return (1 << (8 * self.offset_size)) - 1

    def at(self, address: int, length: int) -> bytes:
        """Return `length` bytes from an address."""
        if address == self.undefined:
            raise MalformedError("an undefined HDF5 address is used")
        return self.window.take(self.base + address, length)

    def number(self, address: int, width: int) -> int:
        """Return the number at an address."""
        return int.from_bytes(self.at(address, width), "little")

    def messages(self, address: int) -> Iterator[Header]:
        """Yield the messages of the object header at an address, continued ones included."""
        if self.at(address, 4) == _CHUNK_MAGIC:
            yield from self._messages_v2(address)
        elif self.number(address, 1) == 1:
            yield from self._messages_v1(address)
        else:
            raise MalformedError(f"no HDF5 object header stands at {address}")

    def _messages_v1(self, address: int) -> Iterator[Header]:
        size = self.number(address + 8, 4)
        yield from self._chunks([(address + 16, size)], 8, ordered=False)

    def _messages_v2(self, address: int) -> Iterator[Header]:
        flags = self.number(address + 5, 1)
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = self.number(at, width)
        yield from self._chunks([(at + width, size)], 4, ordered=bool(flags & 0x4))

    def _chunks(
        self, chunks: list[tuple[int, int]], prefix: int, *, ordered: bool
    ) -> Iterator[Header]:
        """Yield the messages of blocks, whose messages have prefixes of 8 or of 4 bytes."""
        seen: set[int] = set()
        extra = 2 if ordered else 0
        while chunks:
            at, size = chunks.pop(0)
            if at in seen or len(seen) > _MOST_CHUNKS:
                raise MalformedError("an HDF5 object header continues in itself")
            seen.add(at)
            end = at + size
            while at + prefix + extra <= end:
                self.budget.spend_fields(1)
                head = self.at(at, prefix)
                old = prefix == 8  # noqa: PLR2004 - the prefix of version 1
                kind = int.from_bytes(head[:2], "little") if old else head[0]
                length = int.from_bytes(head[2:4] if old else head[1:3], "little")
                flags = head[4] if old else head[3]
                at += prefix + extra
                if at + length > end:
                    raise MalformedError(f"an HDF5 message at {at} is longer than its block")
                message = Header(kind, bool(flags & _SHARED), at, self.at(at, length))
                at += length
                if kind == Kind.CONTINUATION:
                    chunks.append(self._continuation(message.data, old=old))
                else:
                    yield message

    def _continuation(self, data: bytes, *, old: bool) -> tuple[int, int]:
        address = int.from_bytes(data[: self.offset_size], "little")
        size = int.from_bytes(data[self.offset_size :][: self.length_size], "little")
        if old:
            return address, size
        if self.at(address, 4) != _CONTINUED_MAGIC:
            raise MalformedError(f"no continued HDF5 header stands at {address}")
        return address + 4, max(0, size - 8)


def find_signature(view: ByteView, head: bytes, *, everywhere: bool) -> int | None:
    """Return where an HDF5 file begins: at 0, 512, and then at each doubling, as the library looks.

    Only near the start unless `everywhere`.
    """
    if head.startswith(SIGNATURE):
        return 0
    at = _NEAR
    while at + len(SIGNATURE) <= view.size and (everywhere or at <= _FAR):
        if view.read_at(at, len(SIGNATURE)) == SIGNATURE:
            return at
        at *= 2
    return None
