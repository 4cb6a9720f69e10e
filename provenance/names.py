"""File names inside an artifact: what is refused, how a name is escaped, which names collide.

The rules are those of Manifest v1 (docs/formats/manifest-v1.md).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = [
    "NameClash",
    "are_plain",
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
_DEVICE_BEGINNINGS = frozenset(name[:3] for name in _WINDOWS_DEVICES)
_LOST_ENDINGS = frozenset([".", " "])


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
    if path.isprintable() and "\\" not in path:
        return path
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
    if path == "." or _is_ordinary(path):
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


def _is_ordinary(path: str) -> bool:
    """Tell quickly, of most paths, that nothing is wrong with them."""
    return (
        path.isascii()
        and path[:1] not in ("", ".", "/")
        and path[-1] != "/"
        and "//" not in path
        and "/." not in path
        and "\0" not in path
    )


def are_plain(paths: Sequence[str]) -> bool:
    """Tell of many paths at once that nothing is wrong with any, and that none needs escapes.

    False leaves it open: it also stands for the path of a single file.
    """
    text = "/" + "/\0/".join(paths) + "/"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return (
        bool(paths)
        and text.count("\0") == len(paths) - 1
        and not any(wrong in text for wrong in ("//", "/./", "/../", "\\"))
        and text.replace("\0", "").isprintable()
    )


def find_clashes(paths: Iterable[str]) -> tuple[NameClash, ...]:
    """Find names that become one name after NFC and simple case folding, and names that Windows reserves.

    Folders count too: `A/x` beside `a/y` would land in one folder on a case-insensitive system.
    """
    spelling: dict[str, str] = {}
    others: dict[str, set[str]] = {}
    reserved: list[str] = []
    plain_folders: set[str] = set()
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in plain_folders:
            for prefix in _prefixes(folder) if folder else ():
                first = spelling.setdefault(_fold(prefix), prefix)
                if first != prefix:
                    others.setdefault(_fold(prefix), {first}).add(prefix)
            if folder and any(map(_windows_reserves, folder.split("/"))):
                reserved.append(path)
            else:
                plain_folders.add(folder)
        folded = _fold(path)
        first = spelling.setdefault(path if folded == path else folded, path)
        if first != path:
            others.setdefault(folded, {first}).add(path)
        if _windows_reserves(name):
            reserved.append(path)
    clashes = [
        NameClash(
            tuple(sorted(names, key=sort_key)),
            "become one name on systems that ignore case or Unicode form",
        )
        for names in others.values()
    ]
    clashes += [
        NameClash((path,), "is reserved on Windows")
        for path in dict.fromkeys(reserved)
        if path != "."
    ]
    return tuple(sorted(clashes, key=lambda clash: [sort_key(p) for p in clash.paths]))


def _prefixes(folder: str) -> Iterator[str]:
    """Yield a folder and all folders above it, topmost first."""
    parts = folder.split("/")
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[:count])


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
    if component[:3].lower() not in _DEVICE_BEGINNINGS and component[-1:] not in _LOST_ENDINGS:
        return False
    stem = component.partition(".")[0].rstrip(" ").lower()
    return stem in _WINDOWS_DEVICES or (component[-1:] in (".", " ") and component != ".")
