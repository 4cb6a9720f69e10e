"""What an HDF5 group holds and what an object is described by: links and attributes in all storages.

Source: "HDF5 File Format Specification Version 3.0", sections III.A to III.E, III.G and IV.A.2.
"""

from collections.abc import Iterator

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.scanners.wire.hdf5_heaps import FractalHeap, records
from weightmark.scanners.wire.hdf5_objects import File, Header, Kind
from weightmark.values import dataclass

__all__ = ["Link", "attribute_messages", "links"]

_HARD, _SOFT, _EXTERNAL = 0, 1, 64
_DEEPEST_TREE = 32
_LONGEST_NAME = 1 << 16
_TREE, _NODE, _HEAP = b"TREE", b"SNOD", b"HEAP"
_CACHED_SOFT = 2


@dataclass(frozen=True, slots=True)
class Link:
    """One name in a group."""

    name: str
    """the name"""
    kind: int
    """0 hard, 1 soft, 64 external, others by plugins"""
    address: int = 0
    """the object's address, for a hard link"""
    target: str = ""
    """the path, for a soft link; file and path, for an external one"""


def links(file: File, messages: list[Header]) -> Iterator[Link]:
    """Yield every link of an object; none for a dataset."""
    for message in messages:
        if message.kind == Kind.SYMBOL_TABLE:
            tree = int.from_bytes(message.data[: file.offset_size], "little")
            heap = int.from_bytes(message.data[file.offset_size :][: file.offset_size], "little")
            yield from _old_group(file, tree, _LocalHeap(file, heap), 0)
        elif message.kind == Kind.LINK:
            yield _link(file, message.data)
        elif message.kind == Kind.LINK_INFO:
            at = 2 + (8 if message.data[1] & 1 else 0)
            yield from (_link(file, data) for data in _dense(file, message.data[at:], skip=4))


def attribute_messages(file: File, messages: list[Header]) -> Iterator[bytes]:
    """Yield the attribute messages of an object, those in its heap included."""
    for message in messages:
        if message.kind == Kind.ATTRIBUTE:
            if message.shared:
                raise UnsupportedError("a shared HDF5 attribute is not read here")
            yield message.data
        elif message.kind == Kind.ATTRIBUTE_INFO:
            at = 2 + (2 if message.data[1] & 1 else 0)
            yield from _dense(file, message.data[at:], skip=0)


def _dense(file: File, data: bytes, *, skip: int) -> Iterator[bytes]:
    """Yield what a fractal heap holds, in the order of the tree that lists it by name."""
    heap_at = int.from_bytes(data[: file.offset_size], "little")
    tree_at = int.from_bytes(data[file.offset_size :][: file.offset_size], "little")
    if heap_at == file.undefined:
        return
    heap = FractalHeap.open(file, heap_at)
    for record in records(file, tree_at):
        yield heap.read(record[skip : skip + heap.id_size])


def _link(file: File, data: bytes) -> Link:
    """Read a link message."""
    flags = data[1]
    at, kind = 2, _HARD
    if flags & 0x08:
        kind, at = data[at], at + 1
    at += (8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(data[at : at + width], "little")
    at += width
    name = data[at : at + size].decode("utf-8", "replace")
    at += size
    if kind == _HARD:
        return Link(name, kind, address=int.from_bytes(data[at : at + file.offset_size], "little"))
    size = int.from_bytes(data[at : at + 2], "little")
    value = data[at + 2 : at + 2 + size]
    if kind == _EXTERNAL:
        value = value[1:]
    shown = " ".join(part.decode("utf-8", "replace") for part in value.split(b"\0") if part)
    return Link(name, kind, target=shown)


class _LocalHeap:
    """The heap with the names of an old group."""

    def __init__(self, file: File, address: int) -> None:
        if file.at(address, 4) != _HEAP:
            raise MalformedError(f"no HDF5 heap stands at {address}")
        self._file = file
        self._size = file.number(address + 8, file.length_size)
        self._data = file.number(address + 8 + 2 * file.length_size, file.offset_size)

    def text(self, offset: int) -> str:
        """Return the text at an offset, up to its zero byte."""
        found = bytearray()
        while b"\0" not in found:
            wanted = min(256, self._size - offset - len(found))
            if wanted <= 0:
                raise MalformedError("an HDF5 name reaches over the end of its heap")
            if len(found) > _LONGEST_NAME:
                raise LimitError(f"an HDF5 name is over {_LONGEST_NAME} bytes")
            found += self._file.at(self._data + offset + len(found), wanted)
        return bytes(found).partition(b"\0")[0].decode("utf-8", "replace")


def _old_group(file: File, address: int, heap: _LocalHeap, depth: int) -> Iterator[Link]:
    """Yield the links that the tree of an old group leads to."""
    if depth > _DEEPEST_TREE:
        raise LimitError(f"an HDF5 tree is deeper than {_DEEPEST_TREE} levels")
    file.budget.spend_fields(1)
    head = file.at(address, 8)
    if head.startswith(_NODE):
        count, width = int.from_bytes(head[6:8], "little"), 2 * file.offset_size + 24
        for index in range(count):
            file.budget.spend_fields(1)
            yield _entry(file, file.at(address + 8 + index * width, width), heap)
        return
    if not head.startswith(_TREE) or head[4] != 0:
        raise MalformedError(f"no HDF5 group tree stands at {address}")
    count = int.from_bytes(head[6:8], "little")
    at = address + 8 + 2 * file.offset_size + file.length_size
    for _ in range(count):
        yield from _old_group(file, file.number(at, file.offset_size), heap, depth + 1)
        at += file.offset_size + file.length_size


def _entry(file: File, data: bytes, heap: _LocalHeap) -> Link:
    size = file.offset_size
    name = heap.text(int.from_bytes(data[:size], "little"))
    address = int.from_bytes(data[size : 2 * size], "little")
    cached = int.from_bytes(data[2 * size : 2 * size + 4], "little")
    if cached == _CACHED_SOFT:
        offset = int.from_bytes(data[2 * size + 8 : 2 * size + 12], "little")
        return Link(name, _SOFT, target=heap.text(offset))
    return Link(name, _HARD, address=address)
