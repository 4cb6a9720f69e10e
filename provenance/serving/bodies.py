"""The body of a request, read no further than a bound."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from weightmark.errors import LimitError

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["read_body"]


async def read_body(
    request: "Request", most: int, *, what: str, take: Callable[[int], None] = lambda _size: None
) -> bytes:
    """Return the body; `take` hears the size of each part. Raises `LimitError` over `most` bytes; `what` is read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:20]) > most:
        raise _too_large(what, most)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(what, most)
        take(len(part))
        parts.append(part)
    return b"".join(parts)


def _too_large(what: str, most: int) -> LimitError:
    return LimitError(f"{what} is over {most} bytes")
