"""How a pickle stream can break off."""

__all__ = ["BreakError", "TruncatedError"]


class BreakError(Exception):
    """The stream breaks the rules of the format."""


class TruncatedError(BreakError):
    """The stream ends inside a pickle."""
