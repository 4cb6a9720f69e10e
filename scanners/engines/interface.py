"""The seam between a scan and whoever has an opinion about a file."""

from typing import Protocol

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan

__all__ = ["Engine"]


class Engine(Protocol):
    """One scanner."""

    @property
    def name(self) -> str:
        """The word for it in findings and on the command line."""
        ...

    def scan(self, path: str, view: ByteView) -> FileScan:
        """Return what is to be said about the bytes in `view`; `path` labels them.

        `unsupported` means: not looked at. What it tried and could not check stands in `problems`.
        """
        ...
