"""What a simulated service can be made to do wrong."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Fault", "FaultKind", "Faults"]

HTML = b"<!doctype html><html><body>Sign in to the captive portal</body></html>"


class FaultKind(StrEnum):
    """One way to fail."""

    DOWN = "down"
    """the connection is cut without an answer"""
    SLOW = "slow"
    """the answer comes after `seconds`"""
    DRIP = "drip"
    """the answer comes byte by byte, one every tenth of a second, for ever"""
    STATUS = "status"
    """an HTTP error with a text"""
    HTML = "html"
    """status 200 and a page for people"""
    HUGE = "huge"
    """an answer that does not end"""
    TRUNCATED = "truncated"
    """the first half of the right answer"""
    LIE = "lie"
    """a well-formed answer that is not true; each service knows its own lies by name"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One service's failure."""

    kind: FaultKind
    """how it fails"""
    times: int | None = None
    """how many requests it spoils; None spoils all"""
    seconds: float = 0.0
    """for `SLOW`: how long the answer takes"""
    status: int = 500
    """for `STATUS`: the code"""
    text: str = ""
    """for `STATUS`: the text of the answer; for `LIE`: which lie"""
    retry_after: str = ""
    """for `STATUS`: the header `Retry-After`"""

    @classmethod
    def down(cls, times: int | None = None) -> "Fault":
        """Cut the connection."""
        return cls(FaultKind.DOWN, times)

    @classmethod
    def slow(cls, seconds: float, times: int | None = None) -> "Fault":
        """Answer late."""
        return cls(FaultKind.SLOW, times, seconds=seconds)

    @classmethod
    def error(
        cls, status: int, text: str = "", times: int | None = None, retry_after: str = ""
    ) -> "Fault":
        """Answer with an HTTP error."""
        return cls(FaultKind.STATUS, times, status=status, text=text, retry_after=retry_after)

    @classmethod
    def lie(cls, which: str) -> "Fault":
        """Answer with something that is well formed and not true."""
        return cls(FaultKind.LIE, text=which)


class Faults:
    """The failures that are set now, by service."""

    def __init__(self) -> None:
        self._set: dict[str, Fault] = {}
        self._left: dict[str, int] = {}

    def __setitem__(self, service: str, fault: Fault) -> None:
        self._set[service] = fault
        self._left[service] = -1 if fault.times is None else fault.times

    def clear(self) -> None:
        """Let every service work again."""
        self._set.clear()
        self._left.clear()

    def take(self, service: str) -> Fault | None:
        """Return the fault that spoils this request, and count it."""
        fault = self._set.get(service)
        if fault is None or self._left[service] == 0:
            return None
        self._left[service] -= 1
        return fault

    def lies(self, service: str, which: str) -> bool:
        """Tell whether the service is told to lie in this way."""
        fault = self._set.get(service)
        return fault is not None and fault.kind is FaultKind.LIE and fault.text == which
