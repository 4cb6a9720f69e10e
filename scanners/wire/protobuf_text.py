"""The text form of Protocol Buffers, as trees of named fields.

Source: protobuf.dev, "Text Format Language Specification".
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import field

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import Budget
from weightmark.values import dataclass

__all__ = ["TextMessage", "parse_text"]

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<name>[A-Za-z_][\w.]*)"""
    r"""|(?P<number>-?[\d.][\w.+-]*|-[A-Za-z]+)|(?P<mark>[{}<>\[\]:;,/-])""",
)
_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|N\{([^}]*)\}|(.))"
)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_DEEPEST = 100


@dataclass(slots=True)
class TextMessage:
    """One message: its texts and the messages below it, by field name."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    """name and value of each text"""
    below: list[tuple[str, "TextMessage"]] = field(default_factory=list)
    """name and message"""

    def all(self, *path: str) -> Iterator["TextMessage"]:
        """Yield the messages at the end of a path of field names."""
        for name, message in self.below:
            if name == path[0]:
                yield from message.all(*path[1:]) if path[1:] else (message,)

    def text(self, name: str) -> str:
        """Return the last text of a field, or an empty one."""
        return next((value for key, value in reversed(self.texts) if key == name), "")


def parse_text(text: str, budget: Budget) -> TextMessage:
    """Parse a document; raises `MalformedError` where no token begins and `LimitError` when nested."""
    root = TextMessage()
    stack, name, latest = [root], "", ""
    for kind, token in _tokens(text):
        budget.spend_fields(1)
        if kind == "name" and not latest.endswith(":"):
            name = token
        elif kind == "text":
            _add_text(stack[-1], name, token, joined=latest == "text")
        elif token in ("{", "<"):
            message = TextMessage()
            stack[-1].below.append((name, message))
            stack.append(message)
            if len(stack) > _DEEPEST:
                raise LimitError(f"protobuf text is nested deeper than {_DEEPEST} levels")
        elif token in ("}", ">"):
            stack.pop()
            if not stack:
                raise MalformedError("protobuf text closes what it did not open")
            name = next((key for key, one in stack[-1].below[-1:]), "")
        latest = kind if kind == "text" else token
    if len(stack) > 1:
        raise MalformedError("the protobuf text is cut off")
    return root


def _add_text(message: TextMessage, name: str, token: str, *, joined: bool) -> None:
    """Add a text; several in a row are one."""
    value = _ESCAPE.sub(_unescape, token[1:-1])
    if joined and message.texts:
        value = message.texts.pop()[1] + value
    message.texts.append((name, value))


def _unescape(found: re.Match[str]) -> str:
    octal, hexadecimal, short, long, name, letter = found.groups()
    if octal:
        return chr(int(octal, 8) & 0xFF)
    if number := hexadecimal or short or long:
        value = int(number, 16)
        return chr(value) if value <= sys.maxunicode else "\ufffd"
    if name is not None:
        return _named(name)
    return _LETTERS.get(letter, letter)


def _named(name: str) -> str:
    """Return the character of a name in Unicode, which Python's parser of this text accepts."""
    import unicodedata

    try:
        return unicodedata.lookup(name)
    except KeyError:
        return "\ufffd"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise MalformedError(f"no protobuf text begins at character {at}")
        if found.lastgroup:
            yield found.lastgroup, found.group()
        at = found.end()
