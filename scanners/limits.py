"""Bounds on what one file may cost; each one that is hit means `could not be checked`."""

from dataclasses import dataclass

from weightmark.errors import LimitError

__all__ = ["MEBIBYTE", "Budget", "Limits"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one file, everything nested in it included."""

    opcodes: int = 50_000_000
    """pickle opcodes"""
    memo: int = 1_500_000
    """memo entries of one pickle"""
    stack: int = 500_000
    """values on the stack of one pickle, marks included"""
    streams: int = 10_000
    """pickles one after the other in one member"""
    members: int = 100_000
    """container members"""
    depth: int = 8
    """containers inside containers"""
    ratio: int = 2_000
    """decompressed to compressed size of a member over one mebibyte"""
    decompressed: int = 8 * 1024 * MEBIBYTE
    """bytes decompressed in total, those decompressed twice counted twice"""
    directory: int = 64 * MEBIBYTE
    """bytes of a zip's central directory"""
    gaps: int = 64 * MEBIBYTE
    """bytes between zip members that are searched for hidden members"""
    nested: int = 16 * MEBIBYTE
    """bytes of a pickle that stands inside a string"""
    header: int = 32 * MEBIBYTE
    """bytes of a safetensors header"""
    document: int = 64 * MEBIBYTE
    """bytes of a JSON or YAML configuration"""
    unpacked: int = 64 * MEBIBYTE
    """bytes of a compressed file's content, held in memory"""
    template: int = MEBIBYTE
    """characters of a chat template"""
    findings: int = 100
    """findings of one rule in one file; more are counted as one problem"""

    @classmethod
    def default(cls) -> "Limits":
        """Return the bounds that hold when nobody sets others."""
        return cls()


class Budget:
    """What is left of the limits while one file is scanned."""

    __slots__ = ("decompressed", "gaps", "limits", "members", "opcodes")

    def __init__(self, limits: Limits) -> None:
        """Start with everything that `limits` allow."""
        self.limits = limits
        self.opcodes = limits.opcodes
        self.members = limits.members
        self.decompressed = limits.decompressed
        self.gaps = limits.gaps

    def spend_member(self) -> None:
        """Count one container member; raises `LimitError` when none is left."""
        self.members -= 1
        if self.members < 0:
            raise LimitError(f"more than {self.limits.members} container members")

    def spend_decompressed(self, count: int) -> None:
        """Count decompressed bytes; raises `LimitError` when none are left."""
        self.decompressed -= count
        if self.decompressed < 0:
            raise LimitError(f"more than {self.limits.decompressed} bytes after decompression")

    def spend_gap(self, count: int) -> None:
        """Count bytes searched between members; raises `LimitError` when none are left."""
        self.gaps -= count
        if self.gaps < 0:
            raise LimitError(f"more than {self.limits.gaps} bytes lie between zip members")
