"""What goes to a registry and comes back, and how long it is waited for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self

from weightmark.values import dataclass

__all__ = ["Answer", "Body", "Patience", "Sending"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry is waited for."""

    connect: float = 10.0
    """seconds until a connection must stand"""
    silence: float = 60.0
    """seconds for which nothing may come"""
    document: float = 60.0
    """seconds that one document may take as a whole"""
    pace: float = 120.0
    """seconds in which a megabyte of a blob must have come"""
    attempts: int = 4
    """how often a document is asked for at most"""
    pause: float = 0.5
    """seconds before the second attempt; doubled before each further one"""
    longest: float = 10.0
    """seconds that one pause takes at most, whatever is asked for"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry said."""

    status: int
    """HTTP status"""
    headers: Mapping[str, str]
    """names in lower case"""
    body: bytes
    """the document, bounded"""
    url: str
    """who said it, without the query"""

    @property
    def media_type(self) -> str:
        """`Content-Type` without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: blocks that can be made anew for each attempt."""

    size: int
    """bytes"""
    blocks: Callable[[], Iterable[bytes]]
    """the content from its beginning"""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Send bytes."""
        return cls(len(data), lambda: (data,))


class Sending:
    """Blocks of a known length, as `requests` has to see them to announce it."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __len__(self) -> int:
        return self._body.size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body.blocks())
