"""File names inside an artifact: what is refused, how a name is escaped, which names collide.

The rules are those of Manifest v1 (docs/formats/manifest-v1.md).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from weightmark.errors import MalformedError

__all__ = [
    "NameClash",
    "component_problem",
    "escape_path",
    "find_clashes",
    "path_problem",
    "sort_key",
    "unescape_path",
]

_CONTROL = re.compile("[\x00-\x1f\x7f\\\\]")
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")
_WINDOWS_DEVICES = frozenset(
    [
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"),
    ]
)


@dataclass(frozen=True, slots=True)
class NameClash:
    """A name that is one thing here and another thing on a different system."""

    paths: tuple[str, ...]
    """the paths concerned, sorted"""
    reason: str
    """why, in words that follow the paths"""


def sort_key(path: str) -> bytes:
    """Return the key by which Manifest v1 orders paths: the UTF-8 bytes."""
    return path.encode("utf-8")


def escape_path(path: str) -> str:
    r"""Escape a path for one line of a manifest: ``\\`` for a backslash, ``\xHH`` for control characters."""
    return _CONTROL.sub(lambda m: r"\\" if m[0] == "\\" else f"\\x{ord(m[0]):02x}", path)


def unescape_path(text: str) -> str:
    """Undo `escape_path`; raises `MalformedError` for any other spelling than the one that it writes."""
    path = _ESCAPE.sub(lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), text)
    if escape_path(path) != text:
        raise MalformedError(f"the path `{text[:200]}` is not escaped canonically")
    return path


def component_problem(raw: bytes) -> str | None:
    """Say why one file name (without slashes) can't stand in a manifest, or None."""
    if raw in (b"", b".", b".."):
        return "has an empty, `.` or `..` component"
    if b"\0" in raw:
        return "contains a NUL byte"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8"
    return None


def path_problem(path: str) -> str | None:
    """Say why a relative path can't stand in a manifest, or None; `.` alone is the path of a single file."""
    if path == ".":
        return None
    if path.startswith("/"):
        return "is absolute"
    try:
        raw = path.encode("utf-8")
    except UnicodeEncodeError:
        return "is not UTF-8"
    for component in raw.split(b"/"):
        problem = component_problem(component)
        if problem:
            return problem
    return None


def find_clashes(paths: Iterable[str]) -> tuple[NameClash, ...]:
    """Find names that become one name after NFC and simple case folding, and names that Windows reserves.

    Folders count too: `A/x` beside `a/y` would land in one folder on a case-insensitive system.
    """
    spellings: dict[str, set[str]] = {}
    reserved: list[str] = []
    for path in paths:
        prefix = ""
        for component in path.split("/"):
            prefix = f"{prefix}/{component}" if prefix else component
            spellings.setdefault(_fold(prefix), set()).add(prefix)
            if _windows_reserves(component):
                reserved.append(path)
    clashes = [
        NameClash(
            tuple(sorted(names, key=sort_key)),
            "become one name on systems that ignore case or Unicode form",
        )
        for names in spellings.values()
        if len(names) > 1
    ]
    clashes += [
        NameClash((path,), "is reserved on Windows")
        for path in dict.fromkeys(reserved)
        if path != "."
    ]
    return tuple(sorted(clashes, key=lambda clash: [sort_key(p) for p in clash.paths]))


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    folded = "".join(_fold_character(c) for c in unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", folded)


def _fold_character(character: str) -> str:
    for candidate in (character.casefold(), character.lower()):
        if len(candidate) == 1:
            return candidate
    return character


def _windows_reserves(component: str) -> bool:
    stem = component.partition(".")[0].rstrip(" ").lower()
    return stem in _WINDOWS_DEVICES or (component[-1:] in (".", " ") and component != ".")
