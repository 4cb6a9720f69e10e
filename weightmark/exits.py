"""Exit codes: what the end of a process means, the same for every command."""

from collections.abc import Iterable
from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """What a process exit code means, the same for every command."""

    GOOD = 0
    """checked, and good"""
    BAD = 1
    """checked, and bad: tampered, wrong signer, finding at or over the threshold, refused by policy, ledger inconsistent"""
    USAGE = 2
    """the call is wrong: usage, configuration, policy syntax, whom to trust not said"""
    NOTHING = 3
    """nothing was checked: no input, no signature, no supported file"""
    UNCHECKED = 4
    """could not be checked: I/O, network, unsupported algorithm, trust root missing, truncated, a limit hit, an extra missing"""
    BUG = 70
    """our bug"""
    INTERRUPTED = 130
    """interrupted"""

    @classmethod
    def worst(cls, codes: Iterable["Exit"]) -> "Exit":
        """Return the code that several outcomes add up to: 1 over 4 over 3 over 0."""
        seen = set(codes)
        for code in (cls.BUG, cls.USAGE, cls.BAD, cls.UNCHECKED, cls.NOTHING):
            if code in seen:
                return code
        return cls.GOOD
