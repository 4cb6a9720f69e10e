"""Strict JSON: what two readers could read in two ways is refused.

Refused: duplicate keys, a byte-order mark, invalid UTF-8, lone surrogates, NaN and infinities,
nesting deeper than the limit, documents over the size limit (RFC 8259; RFC 7493 "I-JSON").
"""

import re
from typing import Any

from weightmark.errors import LimitError, MalformedError
from weightmark.patterns import lazy_pattern

__all__ = ["DEFAULT_MAX_DEPTH", "DEFAULT_MAX_SIZE", "canonical_json", "parse_json", "parse_object"]

DEFAULT_MAX_SIZE = 64 * 1024 * 1024
"""bytes; the limit of a sidecar"""
DEFAULT_MAX_DEPTH = 64
"""nested objects and arrays"""

_STRING_OR_BRACKET = lazy_pattern(rb'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)
_ALL_BUT_NESTING = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_BRACKET = bytes.maketrans(b"{}", b"[]")


def parse_json(
    data: bytes, *, what: str, max_size: int = DEFAULT_MAX_SIZE, max_depth: int = DEFAULT_MAX_DEPTH
) -> Any:
    """Parse UTF-8 JSON strictly.

    `what` names the document in errors. Raises `LimitError` over the size or depth limit and
    `MalformedError` for anything that is not strict JSON.
    """
    import json

    if len(data) > max_size:
        raise LimitError(
            f"{what} is over {max_size} bytes", fix="check that this is the right file"
        )
    _check_depth(data, max_depth, what)
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise MalformedError(f"{what} is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise MalformedError(
            f"{what} is not JSON: {error.msg.lower()} at byte {error.pos}"
        ) from error
    except ValueError as error:
        raise MalformedError(f"{what} is not strict JSON: {error}") from error
    if "\\u" in text:
        _refuse_surrogates(value, what)
    return value


def parse_object(
    data: bytes, *, what: str, max_size: int = DEFAULT_MAX_SIZE, max_depth: int = DEFAULT_MAX_DEPTH
) -> dict[str, Any]:
    """Parse a strict JSON object; see `parse_json`."""
    value = parse_json(data, what=what, max_size=max_size, max_depth=max_depth)
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object")
    return value


def canonical_json(value: object) -> bytes:
    """Serialize to canonical bytes: sorted keys, no white space, UTF-8, integers only.

    Equal to RFC 8785 (JCS) for the values that weightmark writes: strings, integers within
    2**53, booleans, null, arrays and objects with keys in the Basic Multilingual Plane.
    Raises `TypeError` on a float: numbers with fractions are written as strings.
    """
    import json

    _refuse_floats(value)
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"duplicate key `{key[:80]}`")
            seen.add(key)
    return result


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"`{text[:40]}` is too large a number")
    return number


def _refuse_constant(name: str) -> object:
    raise ValueError(f"`{name}` is no JSON number")


def _check_depth(data: bytes, max_depth: int, what: str) -> None:
    """Bound the nesting before the parser recurses; brackets inside strings do not count."""
    if data.count(b"[") + data.count(b"{") <= max_depth or _is_shallow(data, max_depth):
        return
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > max_depth:
                raise LimitError(
                    f"{what} is nested deeper than {max_depth} levels",
                    fix="check that this is the right file",
                )
        elif first in b"]}":
            depth -= 1


def _is_shallow(data: bytes, max_depth: int) -> bool:
    """Tell whether brackets pair up within `max_depth` levels, in few passes; False leaves it open."""
    if b"\\" in data:
        return False
    # Without escapes every other stretch between quotes is a string; empty ones hold no brackets.
    marks = data.translate(_ONE_BRACKET, _ALL_BUT_NESTING).replace(b'""', b"")
    stretches = marks.split(b'"')
    if len(stretches) % 2 == 0:
        return False
    brackets = b"".join(stretches[::2])
    for _ in range(max_depth):
        if not brackets:
            return True
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if len(brackets) == before:
            return False
    return not brackets


def _refuse_surrogates(value: object, what: str) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            try:
                item.encode("utf-8")
            except UnicodeEncodeError as error:
                raise MalformedError(f"{what} holds a lone surrogate") from error


def _refuse_floats(value: object) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            raise TypeError("canonical JSON holds no floats: write the number as a string")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
