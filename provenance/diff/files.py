"""What changed between two lists of files, in words that a person understands."""

from collections.abc import Iterable, Mapping
from typing import Self

from weightmark.provenance.names import escape_path, sort_key
from weightmark.values import dataclass

__all__ = ["Change", "Differences"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: str
    """`missing`, `extra`, `changed`, `renamed` or `swapped`"""
    path: str
    """the path concerned, as it was signed (for `extra`: as it was found)"""
    other: str = ""
    """for `renamed` the new path; for `swapped` the path under which this content was signed"""

    def __str__(self) -> str:
        """Return one line for a person."""
        path, other = escape_path(self.path), escape_path(self.other)
        return {
            "missing": f"`{path}` is missing",
            "extra": f"`{path}` is extra: nobody signed it",
            "changed": f"`{path}` has other content than was signed",
            "renamed": f"`{path}` was renamed to `{other}`",
            "swapped": f"`{path}` holds what was signed as `{other}`",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences between what was signed and what was found."""

    changes: tuple[Change, ...]
    """sorted by path; empty when both lists are equal"""

    @classmethod
    def between(cls, signed: Mapping[str, str], found: Mapping[str, str]) -> Self:
        """Compare two mappings of path to digest."""
        missing = [path for path in signed if path not in found]
        extra = [path for path in found if path not in signed]
        renamed = _pair_by_content(missing, extra, signed, found)
        taken = set(renamed.values())
        changed = [path for path in signed if path in found and signed[path] != found[path]]
        owner = {digest: path for path, digest in signed.items()}
        changes = [Change("renamed", old, new) for old, new in renamed.items()]
        changes += [Change("missing", path) for path in missing if path not in renamed]
        changes += [Change("extra", path) for path in extra if path not in taken]
        for path in changed:
            origin = owner.get(found[path])
            changes.append(Change("swapped", path, origin) if origin else Change("changed", path))
        return cls(tuple(sorted(changes, key=lambda change: (sort_key(change.path), change.kind))))

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.changes)


def _pair_by_content(
    missing: Iterable[str],
    extra: Iterable[str],
    signed: Mapping[str, str],
    found: Mapping[str, str],
) -> dict[str, str]:
    """Pair each missing path with an extra path of the same content, each used once."""
    by_digest: dict[str, list[str]] = {}
    for path in sorted(extra, key=sort_key, reverse=True):
        by_digest.setdefault(found[path], []).append(path)
    pairs = {}
    for path in sorted(missing, key=sort_key):
        candidates = by_digest.get(signed[path])
        if candidates:
            pairs[path] = candidates.pop()
    return pairs
