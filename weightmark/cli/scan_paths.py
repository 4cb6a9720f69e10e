"""What a scan is asked to look at: paths, patterns, lists of paths, and stdin."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.errors import CallError, read_failure

if TYPE_CHECKING:
    from weightmark.scanners.engines import Engine
    from weightmark.scanners.tree import TreeScan

__all__ = ["scan_standard_input", "scanned_paths"]

_LONGEST_LIST = 64 * 1024 * 1024
_PATTERN = frozenset("*?[")


def scanned_paths(given: Sequence[str], from_file: str | None) -> tuple[str, ...]:
    """Return every path once, in the order in which they were named, patterns sorted.

    Raises `CallError` for no path at all, for a pattern that fits nothing, and when stdin would be
    read twice.
    """
    listed = _listed(from_file) if from_file else []
    if from_file == "-" and "-" in [*given, *listed]:
        raise CallError("stdin can't be both the list of paths and a file to scan")
    paths = [path for word in given for path in _expanded(word)]
    found = tuple(dict.fromkeys([*paths, *listed]))
    if not found:
        raise CallError(
            "no path was given", fix="name a file or a folder, as in `weightmark scan ./model`"
        )
    return found


def scan_standard_input(engines: "Sequence[Engine]") -> "TreeScan":
    """Scan one file that comes on stdin; it is kept in a temporary file without a name."""
    import shutil
    import tempfile

    from weightmark.scanners.tree import scan_stream

    with tempfile.TemporaryFile() as file:
        try:
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
        except OSError as error:
            raise read_failure("stdin", error) from error
        return scan_stream(file.fileno(), engines)


def _expanded(word: str) -> Iterator[str]:
    """Yield what a pattern fits; a path that exists stands for itself, whatever its name.

    `**` follows no links to folders, so that a hostile tree can't lead it in circles.
    """
    if word == "-" or Path(word).exists() or not _PATTERN.intersection(word):
        yield word
        return
    root = Path(word).anchor or "."
    pattern = word.removeprefix(root) if root != "." else word
    try:
        found = sorted(map(str, Path(root).glob(pattern)))
    except ValueError as error:
        raise CallError(f"`{word}` is no pattern", why=str(error)) from None
    if not found:
        raise CallError(f"nothing fits the pattern `{_printable(word)}`")
    yield from found


def _printable(word: str) -> str:
    """Return a pattern for a message; of what is an address only what is no secret."""
    from weightmark.provenance.sources.addresses import printable_uri

    return printable_uri(word) if "://" in word else word


def _listed(name: str) -> list[str]:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_LONGEST_LIST + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(_LONGEST_LIST + 1)
    except OSError as error:
        raise read_failure(name, error) from error
    if len(data) > _LONGEST_LIST:
        raise CallError(f"the list `{name}` is over {_LONGEST_LIST} bytes")
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return [line.removesuffix("\r") for line in lines if line.strip()]
