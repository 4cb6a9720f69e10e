"""Copying one file into a place that nobody else writes to, and hashing what arrived there."""

import fcntl
import os
import stat

from weightmark.errors import TamperedError, read_failure
from weightmark.provenance.artifact import Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.manifest import Row
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.blocks import read_blocks
from weightmark.provenance.reading.columns import Column, Digest, new_digest
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.reading.files import label_of

__all__ = ["copy_file"]

_CLONE = 0x40049409
"""FICLONE of Linux (`linux/fs.h`): share the blocks of another file, copied on write"""
_WORTH_ALL_CORES = 16 * 1024 * 1024
_READ_ONLY = 0o444
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def copy_file(
    entry: Entry, base: Beneath, name: str, *, folder: int, progress: ProgressSink | None = None
) -> Row:
    """Copy a listed file to `name` in an open folder, where none is, and return what the copy holds.

    Blocks are shared where the file system can, and read back; else they are hashed while they are
    copied. Raises `TamperedError` for what is no regular file any more, `FileChangedError`,
    `ReadError`.
    """
    label = escape_path(label_of(entry))
    source = copy = -1
    try:
        source = base.file(entry.location)
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode):
            raise TamperedError(f"`{label}` was replaced by something that is no file")
        copy = os.open(name, _NEW, 0o600, dir_fd=folder)
        digest = new_digest(Column.BLAKE3, all_cores=status.st_size >= _WORTH_ALL_CORES)
        if _share(source, copy):
            size = os.fstat(copy).st_size
            _pass_on(copy, size, label, digest, progress=progress)
        else:
            size = status.st_size
            _pass_on(source, size, label, digest, copy=copy, progress=progress)
        os.fchmod(copy, _READ_ONLY)
    except OSError as error:
        raise read_failure(label, error) from error
    finally:
        for descriptor in (source, copy):
            if descriptor >= 0:
                os.close(descriptor)
    return Row(entry.path, size, digest.hexdigest())


def _share(source: int, copy: int) -> bool:
    """Let `copy` share the blocks of `source`; tell whether the file system did."""
    try:
        fcntl.ioctl(copy, _CLONE, source)
    except OSError:
        return False
    return True


def _pass_on(
    source: int,
    size: int,
    label: str,
    digest: Digest,
    *,
    copy: int = -1,
    progress: ProgressSink | None,
) -> None:
    """Hash the blocks of `source`, and write the very same memory to `copy` if there is one."""
    for block in read_blocks(source, size, label):
        digest.update(block)
        written = 0
        while copy >= 0 and written < len(block):
            written += os.write(copy, block[written:])
        if progress:
            progress.advance(len(block))
