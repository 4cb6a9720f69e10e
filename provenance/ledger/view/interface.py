"""The seam between a published view (C2SP tlog-tiles) and the place that holds its files."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from weightmark.provenance.ledger.tiles import TILE_WIDTH

__all__ = [
    "CHECKPOINT",
    "MAX_BUNDLE_SIZE",
    "ViewFiles",
    "cache_control",
    "content_type",
]

CHECKPOINT: Final = "checkpoint"
"""the path of the one file that changes"""
MAX_BUNDLE_SIZE = TILE_WIDTH * (2 + 65_535)
"""bytes; no file of a view but a claim is larger"""


class ViewFiles(Protocol):
    """Files below one prefix, by their path. Methods raise `ReadError`, `NetworkError` or `LimitError`."""

    @property
    def name(self) -> str:
        """The folder or URL, for messages."""
        ...

    def get(self, path: str, *, max_size: int = MAX_BUNDLE_SIZE) -> bytes | None:
        """Return a file, None when it is absent."""
        ...

    def create(self, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
        """Write files that never change, durably.

        One that exists must hold the same bytes, unless `overwrite`; raises `LedgerInconsistentError`.
        """
        ...

    def swap_checkpoint(self, note: bytes, expected: bytes | None) -> None:
        """Put `note` in the place of the checkpoint `expected` (None: of none), durably.

        Raises `LedgerInconsistentError` when another checkpoint stands there by now.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file that was redacted, durably; one that is absent already is no error."""
        ...

    def partial_widths(self, folder: str) -> tuple[int, ...]:
        """Return which partial tiles stand in a folder, rising; none where the place cannot list them."""
        ...

    def drop(self, folders: Iterable[str]) -> None:
        """Remove folders of partial tiles that nobody needs any more; doing nothing is allowed."""
        ...


def content_type(path: str) -> str:
    """Return the media type that a server should name (C2SP tlog-tiles)."""
    return "text/plain; charset=utf-8" if path == CHECKPOINT else "application/octet-stream"


def cache_control(path: str) -> str:
    """Return how long a server should let clients keep a file."""
    return "no-cache" if path == CHECKPOINT else "max-age=604800, immutable"
