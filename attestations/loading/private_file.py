"""One file that was opened once: its bytes come by position into private memory and are hashed there."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Self

from weightmark.attestations.loading.private_memory import Memory, private_memory
from weightmark.errors import FileChangedError, TamperedError, read_failure
from weightmark.provenance.artifact import Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.files import label_of, open_base

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["PrivateFile"]

_BLOCK = 4 * 1024 * 1024
_WORTH_ALL_CORES = 16 * 1024 * 1024


class PrivateFile:
    """A descriptor of a regular file; nothing of it is ever mapped, and no path is opened twice."""

    def __init__(self, descriptor: int, size: int, label: str) -> None:
        """Take over an open descriptor; `PrivateFile.open` makes one."""
        self._descriptor = descriptor
        self.size = size
        self.label = label

    @classmethod
    def open(cls, entry: Entry, size: int) -> Self:
        """Open the file that was listed, following no link, which must have `size` bytes.

        Raises `TamperedError` when it is another file or has another size by now, `ReadError`.
        """
        label = escape_path(label_of(entry))
        with open_base(entry.base) as base:
            descriptor = _open(base, entry.location, label)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            os.close(descriptor)
            raise _exchanged(label, f"it is no regular file of {size} bytes any more")
        return cls(descriptor, size, label)

    def close(self) -> None:
        """Close the descriptor; what was handed out stays good."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, offset: int, length: int) -> tuple[Memory, str]:
        """Return bytes in memory of their own, and their BLAKE3 (lowercase hex) taken from that memory.

        Raises `FileChangedError` when the file ends before, `ReadError`.
        """
        data = private_memory(length)
        digest = new_digest(Column.BLAKE3, all_cores=length >= _WORTH_ALL_CORES)
        with memoryview(data) as view:
            blocks = self._filled(view, offset)
            if length < _WORTH_ALL_CORES:
                for block in blocks:
                    digest.update(block)
            else:
                for hashed in [self._hashing.submit(digest.update, block) for block in blocks]:
                    hashed.result()
        return data, digest.hexdigest()

    @cached_property
    def _hashing(self) -> "ThreadPoolExecutor":
        """A thread that hashes what was read while the next block is read."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1)

    def _filled(self, view: memoryview, offset: int) -> Iterator[memoryview]:
        for start in range(0, len(view), _BLOCK):
            block = view[start : start + _BLOCK]
            self._fill(block, offset + start)
            yield block

    def _fill(self, block: memoryview, offset: int) -> None:
        filled = 0
        while filled < len(block):
            try:
                count = os.preadv(self._descriptor, [block[filled:]], offset + filled)
            except OSError as error:
                raise read_failure(self.label, error) from error
            if not count:
                raise FileChangedError(
                    f"`{self.label}` shrank while it was read",
                    fix="run again when nothing writes to it",
                )
            filled += count


def _open(base: Beneath, location: str, label: str) -> int:
    try:
        return base.file(location)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _exchanged(label, "a link stands on the way to it") from error
        raise read_failure(label, error) from error


def _exchanged(label: str, why: str) -> TamperedError:
    return TamperedError(
        f"`{label}` is not the file that was signed", why=why, fix="get it again from the publisher"
    )
