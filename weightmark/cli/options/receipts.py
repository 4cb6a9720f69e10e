"""`--fresh`, and the receipts of what was read before."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from weightmark.cli.console import Console
from weightmark.cli.options.common import option
from weightmark.cli.places import cache_directory

if TYPE_CHECKING:
    from weightmark.provenance.reading.receipts import Receipts

__all__ = ["fresh_option", "kept_receipts", "note_remembered"]

F = TypeVar("F", bound=Callable[..., Any])


def fresh_option() -> Callable[[F], F]:
    """Add `--fresh`."""
    return option(
        "--fresh",
        is_flag=True,
        help="Read every byte again, also of large files that did not change since they were read",
    )


@contextmanager
def kept_receipts(paths: Sequence[str], *, fresh: bool) -> "Iterator[Receipts | None]":
    """Open the user's receipts, and save what was noted when all went well.

    None with `fresh`, and when the store can't be used or lies inside of what is read.
    """
    from weightmark.provenance.reading.receipts import Receipts

    store = cache_directory() / "receipts.db"
    inside = any(_holds(path, os.fspath(store)) for path in paths)
    receipts = None if fresh or inside else Receipts.open_later(store)
    try:
        yield receipts
        if receipts:
            receipts.save()
    finally:
        if receipts:
            receipts.close()


def note_remembered(console: Console, count: int) -> None:
    """Say how many files were not read again."""
    if count:
        files = "1 large file was" if count == 1 else f"{count} large files were"
        console.note(
            f"{files} not read again, unchanged since the last time; `--fresh` reads everything"
        )


def _holds(folder: str, path: str) -> bool:
    root = os.path.realpath(folder)
    return os.path.commonpath([root, os.path.realpath(path)]) == root
