"""The bounds of a ledger's service."""

from weightmark.values import dataclass

__all__ = ["Limits"]

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a service."""

    body: int = 16 * _MEGABYTE
    """bytes of one request"""
    bodies: int = 256 * _MEGABYTE
    """bytes of all requests that are being read or answered"""
    answers: int = 256 * _MEGABYTE
    """bytes of claims that are held while they are sent, a piece for each reader"""
    rate: float = 200.0
    """submissions and searches of one address a second; 0 is no bound"""
    body_seconds: float = 30.0
    """within which a request must be there"""
    stall_seconds: float = 30.0
    """that a client may take to read 64 KiB of an answer"""
