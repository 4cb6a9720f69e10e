"""The heaps of HDF5: fractal heaps with the trees that list them, and global heaps.

Source: "HDF5 File Format Specification Version 3.0", sections III.A.2, III.E and III.G.
"""

from collections.abc import Iterator

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.scanners.wire.hdf5_objects import File
from weightmark.values import dataclass

__all__ = ["FractalHeap", "find_global_heaps", "global_object", "global_objects", "records"]

_DEEPEST = 16
_LARGEST_OBJECT = 1 << 26
_TREE_HEADER, _TREE_INNER, _TREE_LEAF = b"BTHD", b"BTIN", b"BTLF"
_HEAP, _DIRECT, _INDIRECT, _GLOBAL = b"FRHP", b"FHDB", b"FHIB", b"GCOL"
_MANAGED, _HUGE, _TINY = 0, 1, 2
_NODE_FRAME = 10
_SWEPT = 1 << 20


@dataclass(frozen=True, slots=True)
class FractalHeap:
    """The heap that holds the links or attributes of an object with many of them."""

    file: File
    """the file"""
    id_size: int
    """bytes of the identifier of an object"""
    width: int
    """blocks in a row"""
    first: int
    """bytes of a block in the first row"""
    largest: int
    """bytes of the largest block that holds objects itself"""
    offset_width: int
    """bytes of an offset into the heap"""
    length_width: int
    """bytes of an object's length"""
    root: int
    """address of the root block"""
    rows: int
    """rows of the root block; 0 if it holds objects itself"""

    @classmethod
    def open(cls, file: File, address: int) -> "FractalHeap":
        """Read the header of a heap."""
        if file.at(address, 4) != _HEAP:
            raise MalformedError(f"no HDF5 fractal heap stands at {address}")
        id_size, filters = file.number(address + 5, 2), file.number(address + 7, 2)
        if filters:
            raise UnsupportedError("a compressed HDF5 heap is not read here")
        longest = file.number(address + 10, 4)
        at = address + 14 + 10 * file.length_size + 2 * file.offset_size
        width, at = file.number(at, 2), at + 2
        first, at = file.number(at, file.length_size), at + file.length_size
        largest, at = file.number(at, file.length_size), at + file.length_size
        bits, at = file.number(at, 2), at + 4
        root, at = file.number(at, file.offset_size), at + file.offset_size
        if not width or not first or not largest:
            raise MalformedError("an HDF5 heap has blocks of no size")
        limit = min(largest, longest)
        length_width = (max(1, limit).bit_length() + 7) // 8
        rows = file.number(at, 2)
        return cls(file, id_size, width, first, largest, -(-bits // 8), length_width, root, rows)

    def read(self, identifier: bytes) -> bytes:
        """Return the object with an identifier."""
        self.file.budget.spend_fields(1)
        kind = (identifier[0] >> 4) & 3
        if kind == _TINY:
            return identifier[1 : 2 + (identifier[0] & 0xF)]
        if kind != _MANAGED:
            raise UnsupportedError("a huge object of an HDF5 heap is not read here")
        offset = int.from_bytes(identifier[1 : 1 + self.offset_width], "little")
        stop = 1 + self.offset_width + self.length_width
        length = int.from_bytes(identifier[1 + self.offset_width : stop], "little")
        start = self._locate(self.root, self.rows, offset, 0)
        return self.file.at(start, length)

    def _locate(self, block: int, rows: int, offset: int, depth: int) -> int:
        """Return the address of an offset that counts from the start of a block's span."""
        if depth > _DEEPEST:
            raise LimitError(f"an HDF5 heap is deeper than {_DEEPEST} levels")
        if not rows:
            if self.file.at(block, 4) != _DIRECT:
                raise MalformedError(f"no HDF5 heap block stands at {block}")
            return block + offset
        if self.file.at(block, 4) != _INDIRECT:
            raise MalformedError(f"no HDF5 heap block stands at {block}")
        at, size = 0, self.first
        for row in range(rows):
            size = self.first << max(0, row - 1)
            if offset < at + size * self.width:
                column = (offset - at) // size
                entry = block + 5 + self.file.offset_size + self.offset_width
                entry += (row * self.width + column) * self.file.offset_size
                inner = self.file.number(entry, self.file.offset_size)
                below = 0 if size <= self.largest else self._rows_of(size)
                return self._locate(inner, below, (offset - at) % size, depth + 1)
            at += size * self.width
        raise MalformedError("an HDF5 heap has no such offset")

    def _rows_of(self, size: int) -> int:
        return (size // (self.first * self.width)).bit_length()


def records(file: File, address: int) -> Iterator[bytes]:
    """Yield the records of a version 2 tree."""
    if file.at(address, 4) != _TREE_HEADER:
        raise MalformedError(f"no HDF5 tree stands at {address}")
    node_size, size = file.number(address + 6, 4), file.number(address + 10, 2)
    depth = file.number(address + 12, 2)
    root = file.number(address + 16, file.offset_size)
    count = file.number(address + 16 + file.offset_size, 2)
    if root == file.undefined:
        return
    if depth > _DEEPEST or size == 0 or node_size <= _NODE_FRAME:
        raise LimitError(f"an HDF5 tree is deeper than {_DEEPEST} levels")
    yield from _node(file, root, count, depth, _Shape(node_size, size, file.offset_size))


@dataclass(frozen=True, slots=True)
class _Shape:
    node: int
    record: int
    offset: int

    def most(self, depth: int) -> int:
        """Return how many records a node of a level can hold."""
        room = self.node - _NODE_FRAME
        if depth == 0:
            return room // self.record
        return (room - self.pointer(depth)) // (self.record + self.pointer(depth))

    def total(self, depth: int) -> int:
        """Return how many records a node of a level can hold with all below it."""
        if depth == 0:
            return self.most(0)
        return (self.most(depth) + 1) * self.total(depth - 1) + self.most(depth)

    def counts(self, depth: int) -> tuple[int, int]:
        """Return the widths of the two counts in a pointer from a level."""
        own = (max(1, self.most(0)).bit_length() + 7) // 8
        whole = (self.total(depth - 1).bit_length() + 7) // 8 if depth > 1 else 0
        return own, whole

    def pointer(self, depth: int) -> int:
        """Return the bytes of a pointer from a level to the one below."""
        return self.offset + sum(self.counts(depth))


def _node(file: File, address: int, count: int, depth: int, shape: _Shape) -> Iterator[bytes]:
    magic = _TREE_INNER if depth else _TREE_LEAF
    if file.at(address, 4) != magic or count * shape.record > shape.node:
        raise MalformedError(f"no HDF5 tree node stands at {address}")
    file.budget.spend_fields(count + 1)
    at = address + 6
    for index in range(count):
        yield file.at(at + index * shape.record, shape.record)
    if not depth:
        return
    at += count * shape.record
    own, _ = shape.counts(depth)
    for index in range(count + 1):
        pointer = at + index * shape.pointer(depth)
        below = file.number(pointer, shape.offset)
        yield from _node(file, below, file.number(pointer + shape.offset, own), depth - 1, shape)


def global_objects(file: File, address: int) -> Iterator[tuple[int, int]]:
    """Yield where each object of the global heap at an address begins, and its size."""
    end = address + file.number(address + 8, file.length_size)
    at = address + 8 + file.length_size
    while at + 8 + file.length_size <= end:
        file.budget.spend_fields(1)
        number, size = file.number(at, 2), file.number(at + 8, file.length_size)
        at += 8 + file.length_size
        if not number:
            return
        yield at, size
        at += -(-size // 8) * 8


def global_object(file: File, address: int, index: int) -> bytes:
    """Return one object of the global heap at an address."""
    if file.at(address, 4) != _GLOBAL:
        raise MalformedError(f"no HDF5 global heap stands at {address}")
    end = address + file.number(address + 8, file.length_size)
    at = address + 8 + file.length_size
    while at + 8 + file.length_size <= end:
        file.budget.spend_fields(1)
        number, size = file.number(at, 2), file.number(at + 8, file.length_size)
        at += 8 + file.length_size
        if not number:
            break
        if number == index:
            if size > _LARGEST_OBJECT:
                raise LimitError(f"an HDF5 text is over {_LARGEST_OBJECT} bytes")
            return file.at(at, size)
        at += -(-size // 8) * 8
    raise MalformedError(f"the HDF5 global heap at {address} has no object {index}")


def find_global_heaps(file: File) -> Iterator[int]:
    """Yield the address of each global heap, found by its signature."""
    at = file.base
    while at < file.window.size:
        block = file.window.peek(at, _SWEPT)
        found = block.find(_GLOBAL)
        while found >= 0:
            if (at + found - file.base) % 8 == 0:
                yield at + found - file.base
            found = block.find(_GLOBAL, found + 1)
        at += max(1, len(block) - len(_GLOBAL) + 1) if len(block) == _SWEPT else _SWEPT
        file.budget.check_time()
