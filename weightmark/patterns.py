"""Regular expressions that are compiled when they are first used: most calls use few of those that they import."""

import re
from typing import TYPE_CHECKING, Any, AnyStr, Generic

__all__ = ["lazy_pattern"]

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


class _LazyPattern(Generic[AnyStr]):
    """Answers like the `re.Pattern` that it becomes."""

    def __init__(self, text: AnyStr, flags: int = 0) -> None:
        self._text: AnyStr = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """Compile, and answer without this detour from then on."""
        if name.startswith("_"):
            raise AttributeError(name)
        compiled = re.compile(self._text, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


if TYPE_CHECKING:

    def lazy_pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
        """Return what `re.compile` returns, except that it is compiled, and refused, at its first use."""
else:
    lazy_pattern = _LazyPattern
