"""Memory of one's own: anonymous, never shared with a file or another process."""

import mmap
from contextlib import suppress

__all__ = ["Memory", "private_memory"]

Memory = bytearray | mmap.mmap
"""writable bytes that support the buffer protocol"""
_WORTH_LARGE_PAGES = 4 * 1024 * 1024


def private_memory(length: int) -> Memory:
    """Return `length` zero bytes; a large piece in large pages, which the system fills much sooner."""
    if length >= _WORTH_LARGE_PAGES and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):
            memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
            return memory
    return bytearray(length)
