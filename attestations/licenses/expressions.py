"""Licences as SPDX writes them (version 2.3, annex D): one name each, and expressions of `AND`, `OR`, `WITH` and parentheses.

Pure. What can't be read is no licence, because a list that denies would let it through.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from weightmark.patterns import lazy_pattern

__all__ = ["canonical_license", "is_acceptable", "is_denied", "is_stated", "licenses_in"]

_TOKEN = lazy_pattern(r"[()]|[^\s()]+")
_NAME = lazy_pattern(r"(?:documentref-[a-z0-9.-]+:)?[a-z0-9][a-z0-9.-]*\+?\Z")
_MAX_EXPRESSION = 1000
_MAX_DEPTH = 20
_OPERATORS = frozenset({"AND", "OR", "WITH"})
_UNSTATED = frozenset({"", "noassertion", "none", "other", "unknown"})
"""what stands where a licence should: nobody said one"""
_FAMILIES = (
    "agpl-1.0",
    "agpl-3.0",
    "gfdl-1.1",
    "gfdl-1.2",
    "gfdl-1.3",
    "gpl-1.0",
    "gpl-2.0",
    "gpl-3.0",
    "lgpl-2.0",
    "lgpl-2.1",
    "lgpl-3.0",
)
_RENAMED: Mapping[str, str] = MappingProxyType(
    {
        **{name: f"{name}-only" for name in _FAMILIES},
        **{f"{name}+": f"{name}-or-later" for name in _FAMILIES},
        "bsd-2-clause-freebsd": "bsd-2-clause",
        "bsd-2-clause-netbsd": "bsd-2-clause",
        "bzip2-1.0.5": "bzip2-1.0.6",
        "gpl-2.0-with-autoconf-exception": "gpl-2.0-only",
        "gpl-2.0-with-bison-exception": "gpl-2.0-only",
        "gpl-2.0-with-classpath-exception": "gpl-2.0-only",
        "gpl-2.0-with-font-exception": "gpl-2.0-only",
        "gpl-2.0-with-gcc-exception": "gpl-2.0-only",
        "gpl-3.0-with-autoconf-exception": "gpl-3.0-only",
        "gpl-3.0-with-gcc-exception": "gpl-3.0-only",
        "standardml-nj": "smlnj",
    }
)
"""names that SPDX gave up, and those that it uses now; an exception changes nothing here"""


def canonical_license(name: str) -> str:
    """Return the one form in which a licence is compared: lowercase, by the name that SPDX uses now."""
    folded = name.strip().casefold()
    return _RENAMED.get(folded, folded)


def is_stated(text: str) -> bool:
    """Tell whether a text says any licence: `NOASSERTION`, `NONE`, `other` and nothing at all do not."""
    return text.strip().casefold() not in _UNSTATED


def is_denied(name: str, denied: frozenset[str]) -> bool:
    """Tell whether a canonical name is among canonical `denied` ones; `-or-later` and `+` also grant what they are later than."""
    exact = name.removesuffix("+")
    return not denied.isdisjoint({name, exact, re.sub(r"-or-later\Z", "-only", exact)})


def is_acceptable(expression: str, accepts: Callable[[str], bool]) -> bool:
    """Tell whether an expression leaves a choice of which `accepts` takes every canonical name.

    `OR` is a choice, `AND` demands both sides and binds closer, and an exception behind `WITH` changes
    nothing. What can't be read is not acceptable.
    """
    try:
        return _Reader(expression, accepts).read()
    except _UnreadableError:
        return False


def licenses_in(expression: str) -> tuple[str, ...]:
    """Return the canonical name of every licence in an expression, sorted; nothing for what can't be read."""
    found: set[str] = set()

    def note(name: str) -> bool:
        found.add(name)
        return True

    return tuple(sorted(found)) if is_acceptable(expression, note) else ()


class _UnreadableError(Exception):
    """The expression is none."""


class _Reader:
    """Reads one expression and judges it as it goes."""

    def __init__(self, expression: str, accepts: Callable[[str], bool]) -> None:
        if len(expression) > _MAX_EXPRESSION:
            raise _UnreadableError
        self._tokens = _TOKEN.findall(expression)[::-1]
        self._accepts = accepts

    def read(self) -> bool:
        """Return whether it is acceptable; raises `_UnreadableError`."""
        found = self._choice(0)
        if self._tokens:
            raise _UnreadableError
        return found

    def _choice(self, depth: int) -> bool:
        sides = [self._all(depth)]
        while self._takes("OR"):
            sides.append(self._all(depth))
        return any(sides)

    def _all(self, depth: int) -> bool:
        sides = [self._one(depth)]
        while self._takes("AND"):
            sides.append(self._one(depth))
        return all(sides)

    def _one(self, depth: int) -> bool:
        if not self._takes("("):
            accepted = self._accepts(self._name())
            if self._takes("WITH"):
                self._name()
            return accepted
        if depth >= _MAX_DEPTH:
            raise _UnreadableError
        found = self._choice(depth + 1)
        if not self._takes(")"):
            raise _UnreadableError
        return found

    def _takes(self, word: str) -> bool:
        if not self._tokens or self._tokens[-1].upper() != word:
            return False
        self._tokens.pop()
        return True

    def _name(self) -> str:
        word = self._tokens.pop() if self._tokens else ""
        name = canonical_license(word)
        if word.upper() in _OPERATORS or not _NAME.match(name) or not is_stated(name):
            raise _UnreadableError
        return name
