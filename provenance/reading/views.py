"""Views: a file in memory, and a file behind a descriptor."""

import os
from dataclasses import dataclass

from weightmark.errors import FileChangedError, read_failure

__all__ = ["DescriptorView", "MemoryView"]


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The bytes of a file that were read whole."""

    data: bytes
    """the content"""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class DescriptorView:
    """The bytes behind an open descriptor, read by position; nothing is mapped."""

    descriptor: int
    """an open file descriptor, owned by whoever made the view"""
    size: int
    """bytes, as fstat said when the file was opened"""
    name: str
    """how errors call the file"""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        wanted = max(0, min(length, self.size - offset))
        parts: list[bytes] = []
        while wanted:
            try:
                part = os.pread(self.descriptor, wanted, offset)
            except OSError as error:
                raise read_failure(self.name, error) from error
            if not part:
                raise FileChangedError(
                    f"`{self.name}` shrank while it was read",
                    fix="run again when nothing writes to it",
                )
            parts.append(part)
            offset += len(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
