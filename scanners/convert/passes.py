"""One pass over a file that names it: its digests, and what makes a second look see the same bytes."""

from collections.abc import Iterator

from weightmark.provenance.manifest import SINGLE_FILE, Manifest, Row
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.interface import BlockSink, ByteView
from weightmark.provenance.reading.views import PIECE, CheckedView, DescriptorView, piece_digest
from weightmark.values import dataclass

__all__ = ["FileName", "checked_view", "name_file"]

_BLOCK = 16 * PIECE


@dataclass(frozen=True, slots=True)
class FileName:
    """By what one file is known, whatever it is called."""

    identity: str
    """`wm1:<hex>`"""
    sha256: str
    """lowercase hex"""
    size: int
    """bytes"""


def name_file(view: ByteView, *sinks: BlockSink) -> FileName:
    """Read a view once from its first byte, and hand each block to the sinks as well.

    Raises `ReadError`, and whatever a sink raises.
    """
    blake3, sha256 = new_digest(Column.BLAKE3, all_cores=True), new_digest(Column.SHA256)
    for block in _blocks(view):
        for sink in (blake3, sha256, *sinks):
            sink.update(memoryview(block))
    manifest = Manifest.from_rows([Row(SINGLE_FILE, view.size, blake3.hexdigest())])
    return FileName(manifest.identity, sha256.hexdigest(), view.size)


def checked_view(view: DescriptorView) -> tuple[CheckedView, FileName]:
    """Name a file, and return a view of it that gives the very bytes that were named, or none."""
    pieces = _Pieces()
    name = name_file(view, pieces)
    return CheckedView(view, tuple(pieces.digests)), name


class _Pieces:
    """Takes blocks that are whole pieces, but for the last one."""

    def __init__(self) -> None:
        self.digests: list[bytes] = []

    def update(self, block: memoryview, /) -> None:
        """Take the next block."""
        self.digests += [piece_digest(block[at : at + PIECE]) for at in range(0, len(block), PIECE)]


def _blocks(view: ByteView) -> Iterator[bytes]:
    at = 0
    while block := view.read_at(at, _BLOCK):
        yield block
        at += len(block)
