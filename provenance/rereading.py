"""A second look at files of an artifact that was read: what is seen is compared with what was hashed."""

import os
from contextlib import ExitStack

from weightmark.errors import FileChangedError, LimitError, read_failure
from weightmark.provenance.artifact import Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.views import DescriptorView

__all__ = ["read_again", "view_again"]


def read_again(entry: Entry, blake3: str, *, limit: int) -> bytes:
    """Return the bytes of a file; raises `FileChangedError` for others than were hashed, `LimitError`, `ReadError`."""
    with ExitStack() as stack:
        view = view_again(entry, stack)
        if view.size > limit:
            raise LimitError(f"`{view.name}` is over {limit} bytes")
        data = view.read_at(0, view.size)
    digest = new_digest(Column.BLAKE3)
    digest.update(memoryview(data))
    if digest.hexdigest() != blake3:
        raise FileChangedError(
            f"`{view.name}` changed while it was read", fix="run again when nothing writes to it"
        )
    return data


def view_again(entry: Entry, stack: ExitStack) -> DescriptorView:
    """Open a file until `stack` closes; whoever reads it compares digests. Raises `ReadError`."""
    name = escape_path(entry.path)
    try:
        descriptor = stack.enter_context(Beneath(entry.base)).file(entry.location)
    except OSError as error:
        raise read_failure(name, error) from error
    stack.callback(os.close, descriptor)
    return DescriptorView(descriptor, os.fstat(descriptor).st_size, name)
