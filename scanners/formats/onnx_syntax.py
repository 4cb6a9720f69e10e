"""ONNX's own syntax for models, cut into tokens once, without spaces and comments.

Source: ONNX `docs/Syntax.md` and `onnx/defs/parser.cc`.
"""

import re
from collections.abc import Iterator, Sequence

from weightmark.errors import MalformedError
from weightmark.scanners.limits import Budget

__all__ = ["Token", "called_operators", "locations", "own_functions", "syntax_tokens"]

Token = tuple[str, str]
"""kind and text: `text` for a literal without its quotes, `name`, `number` or `mark`"""

_TOKEN = re.compile(
    r"""\s++|\#[^\n]*+|"(?P<text>(?:[^"\\]++|\\.)*+)"|(?P<name>[A-Za-z_]\w*+)"""
    r"""|(?P<number>\d[\w.+-]*+)|(?P<mark>[^\s"#\w])""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NAMES = ("name", "text")
_DOMAIN = [("name", "domain"), ("mark", ":")]
_HEADER = ("name", "ir_version")
_LOCATION = [("text", "location"), ("mark", ":")]


def syntax_tokens(text: str, budget: Budget) -> Iterator[Token]:
    """Yield the tokens; raises `MalformedError` where none begins and `LimitError`."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise MalformedError(f"no token of ONNX's syntax begins at character {at}")
        at = found.end()
        budget.spend_fields(1)
        kind = found.lastgroup
        if kind == "text":
            yield kind, _ESCAPE.sub(r"\1", found[kind])
        elif kind:
            yield kind, found[kind]


def called_operators(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Yield domain and name of each operator: what stands between `=` and `(` or `<`."""
    for index, token in enumerate(tokens):
        if token == ("mark", "="):
            parts, after = _dotted(tokens, index + 1)
            if parts and tokens[after : after + 1] in ([("mark", "(")], [("mark", "<")]):
                yield ".".join(parts[:-1]), parts[-1]


def _dotted(tokens: Sequence[Token], at: int) -> tuple[list[str], int]:
    """Read `a.b.c` and an overload behind it; return its names and the place of what follows."""
    parts: list[str] = []
    while at < len(tokens) and tokens[at][0] in _NAMES:
        parts.append(tokens[at][1])
        at += 1
        if tokens[at : at + 1] != [("mark", ".")]:
            break
        at += 1
    if tokens[at : at + 1] == [("mark", ":")]:
        at += 2
    return parts, at


def own_functions(tokens: Sequence[Token]) -> set[tuple[str, str]]:
    """Return domain and name of each function of the model: a header with a domain stands before it.

    The first header is the model's, and what follows that one is its graph.
    """
    found: set[tuple[str, str]] = set()
    domain, is_model = None, True
    for index, token in enumerate(tokens):
        if token == ("mark", "<"):
            domain = None
        elif token == _HEADER:
            domain, is_model = None, True
        elif list(tokens[index : index + 2]) == _DOMAIN and not is_model:
            domain = "".join(value for _, value in tokens[index + 2 : index + 3])
        elif token == ("mark", ">"):
            name = tokens[index + 1 : index + 2]
            if domain is not None and name and name[0][0] in _NAMES:
                found.add((domain, name[0][1]))
            domain, is_model = None, False
    return found


def locations(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield each path of external data."""
    for index in range(len(tokens) - 2):
        if list(tokens[index : index + 2]) == _LOCATION and tokens[index + 2][0] == "text":
            yield tokens[index + 2][1]
