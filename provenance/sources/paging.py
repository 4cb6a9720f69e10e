"""Lists that come page by page, each naming the next: every page once, and an end."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from weightmark.errors import LimitError, MalformedError

__all__ = ["entries_of"]

_MOST_PAGES = 10_000
_MOST_EMPTY = 100
"""stores may send empty pages while they look further, but not for ever"""

T = TypeVar("T")


def entries_of(
    page: Callable[[str], tuple[Sequence[T], str]], first: str, *, most: int, where: str
) -> Iterator[T]:
    """Yield what is listed from the page `first` on; `page` returns entries and what the next is called, or nothing.

    `where` names the list in messages. Raises `MalformedError` for a list that leads back to a page that
    was there, and `LimitError` for over `most` entries, 10,000 pages, or 100 empty ones in a row.
    """
    name, count, empty = first, 0, 0
    seen: set[str] = set()
    while len(seen) < _MOST_PAGES and count <= most and empty < _MOST_EMPTY:
        if name in seen:
            raise MalformedError(
                f"the list of `{where}` goes round in circles",
                why="a page names one as the next that was there before",
            )
        seen.add(name)
        entries, name = page(name)
        yield from entries
        count += len(entries)
        empty = 0 if entries else empty + 1
        if not name:
            return
    raise LimitError(f"the list of `{where}` is too long")
