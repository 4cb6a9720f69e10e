"""The scanners of this package."""

from dataclasses import field
from typing import Final

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import scan_file
from weightmark.values import dataclass

__all__ = ["OwnEngine"]


@dataclass(frozen=True, slots=True)
class OwnEngine:
    """Symbolic, by content, allowed by exact name."""

    name: Final[str] = "weightmark"
    limits: Limits = field(default_factory=Limits.default)
    """what one file may cost"""

    def scan(self, path: str, view: ByteView) -> FileScan:
        """See `Engine.scan`."""
        return scan_file(path, view, self.limits)
