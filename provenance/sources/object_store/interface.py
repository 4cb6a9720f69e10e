"""The seam between the source and the stores: list objects, and read each as it was listed."""

from collections.abc import Generator
from typing import Protocol

from weightmark.errors import NetworkError, PromiseBrokenError
from weightmark.values import dataclass

__all__ = ["ObjectStore", "StoredObject", "require_tag"]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a store lists it."""

    key: str
    """its name in the bucket"""
    size: int
    """bytes"""
    tag: str
    """what changes whenever its content does, and by which it is asked for: ETag, or generation"""


class ObjectStore(Protocol):
    """One store; several threads may read from it at once.

    Each method raises `TransferBrokenError` for what may be tried again, `NetworkError` for what
    may not, `MalformedError` for an answer that breaks its format.
    """

    def require_private(self) -> None:
        """Raise `NetworkError` when somebody on the way could read the credentials."""
        ...

    def page(self, bucket: str, prefix: str, token: str) -> tuple[list[StoredObject], str]:
        """Return objects whose keys begin with `prefix`, and the token of the next page or nothing."""
        ...

    def read(self, bucket: str, one: StoredObject, offset: int) -> Generator[bytes, None, None]:
        """Yield an object from `offset` on; raises `PromiseBrokenError` when it changed since it was listed.

        The answer has to name the tag itself: not every store heeds the condition under which it is asked.
        """
        ...


def require_tag(said: str | None, tag: str, where: str) -> None:
    """Hold the tag that an answer names against the one that was listed.

    Raises `PromiseBrokenError` for another, `NetworkError` for none.
    """
    if said is None:
        raise NetworkError(
            f"`{where}` is sent without the tag of its version",
            why="what comes may be another version than the one that was listed",
            fix="ask whoever runs the store",
        )
    if said != tag:
        raise PromiseBrokenError(
            f"`{where}` changed since it was listed", fix="see who writes there, and fetch it again"
        )
