r"""Figures of a model in one line of text, from which each part comes back as it was stated.

`TYPE: VALUE`, or `TYPE | SLICE: VALUE` for figures of a part of the data; in TYPE and SLICE a backslash stands
before each `\`, `:` and `|`, so that nothing that a signer writes moves to another part.
"""

import re
from typing import Self

from weightmark.values import dataclass

__all__ = ["Metric"]

_PART = r"(?:[^\\:|]|\\[\\:|])+"
_TEXT = re.compile(rf"({_PART}?)(?: \| ({_PART}))?: (.*)", re.DOTALL)
_SPECIAL = re.compile(r"[\\:|]")
_ESCAPED = re.compile(r"\\([\\:|])")


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure by which a model was measured, by its signer's word."""

    type: str
    """what was measured, as `accuracy`"""
    value: str
    """what came out; empty where a text is none of a metric"""
    slice: str = ""
    """of which part of the data; empty for all of it"""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `text`; one that is no metric, or was cut before its value, is a type without a value."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return cls(text, "")
        kind, part, value = found.groups()
        return cls(_ESCAPED.sub(r"\1", kind), value, _ESCAPED.sub(r"\1", part or ""))

    @property
    def text(self) -> str:
        """The metric in one line."""
        part = f" | {_escaped(self.slice)}" if self.slice else ""
        return f"{_escaped(self.type)}{part}: {self.value}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
