"""Members of a zip of which there is one reading only, whoever reads it."""

from weightmark.errors import MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.streams import Unpacked, unpack
from weightmark.scanners.containers.zip_records import (
    Entry,
    Header,
    read_directories,
    read_local,
)
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.tensors.stored import shown_key

__all__ = ["zip_members"]

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1


def zip_members(view: ByteView) -> dict[str, ByteView]:
    """Return the members by name.

    Raises `MalformedError` where readers would disagree: two directories, two members of one name, a
    local header that says something else than the directory. Raises `UncheckedError` for an archive that is cut off, `LimitError` and
    `UnsupportedError`.
    """
    budget = Budget(Limits.default())
    directories = read_directories(view, budget)
    if not directories:
        raise UncheckedError("the archive has no directory: it may be cut off")
    first = directories[0]
    if any(other.entries != first.entries for other in directories):
        raise MalformedError("the archive can be read in two ways: it has two directories")
    if len(first.entries) != first.declared:
        raise MalformedError("the directory of the archive has another length than it says")
    members: dict[str, ByteView] = {}
    for entry in first.entries:
        name = entry.header.name.decode("utf-8", "surrogateescape")
        if name in members:
            raise MalformedError(f"two members of the archive are called {shown_key(name)}")
        members[name] = _content(view, entry, name, budget)
    return members


def _content(view: ByteView, entry: Entry, name: str, budget: Budget) -> ByteView:
    header = entry.header
    local = read_local(view, entry.local_offset)
    if local is None or local.end + header.packed > view.size:
        raise UncheckedError(f"the member {shown_key(name)} lies outside of the archive")
    if not _agree(header, local):
        raise MalformedError(f"the two headers of the member {shown_key(name)} differ")
    if header.flags & _ENCRYPTED:
        raise UnsupportedError(f"the member {shown_key(name)} is encrypted")
    packed = Slice(view, local.end, header.packed)
    if header.method == _STORED:
        if header.packed != header.size:
            raise MalformedError(f"the member {shown_key(name)} has two sizes")
        return packed
    if header.method == _DEFLATED:
        return Unpacked(lambda: unpack("deflate", packed, budget), header.size)
    raise UnsupportedError(f"compression method {header.method} is not read")


def _agree(header: Header, local: Header) -> bool:
    """Tell whether both headers say the same; sizes may stand behind the data."""
    if (header.name, header.method) != (local.name, local.method):
        return False
    sizes = (header.packed, header.size)
    return local.has_descriptor or (local.packed, local.size) == sizes
