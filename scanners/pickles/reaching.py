"""Texts that lead out of an object: paths, addresses, and what stands for one.

A class of which nothing is known may open, fetch or remove what an attribute names, when it is made or goes away.
"""

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.pickles.code_texts import is_code
from weightmark.scanners.pickles.places import is_place, is_reaching
from weightmark.scanners.pickles.values import (
    MOST_SUSPECTS,
    BytesAt,
    Call,
    Container,
    PlainDict,
    TextAt,
    Value,
)

__all__ = ["names_place", "reaches_out"]

_DEEPEST = 3
_MOST_WALKED = 4000
_LONGEST_PATH = 4096
_LONGEST_CODE = 1 << 20
_PATHS = frozenset({"pathlib", "pathlib._local", "pathlib._abc"})


def reaches_out(state: Value, view: ByteView, *, code: bool = False) -> bool:
    """Tell a state that names a path from the root, one that climbs, an address, or holds a path object.

    With `code`, a text that an interpreter would run counts as well (see `is_code`).

    Lists and sets are looked at as far as they are remembered: a class takes the places of its arguments
    from their beginning.
    """
    waiting, walked = [(state, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        walked += 1
        if walked > _MOST_WALKED or _reaches(value, view, code=code):
            return True
        if depth < _DEEPEST:
            waiting += [(item, depth + 1) for item in _inside(value)]
    return False


def names_place(state: Value) -> bool:
    """Tell attributes of which one is named like a place, as `filename` or `url` are, and holds a text or a number."""
    parts = state if isinstance(state, tuple) else (state,)
    return any(isinstance(part, PlainDict) and _has_place(part) for part in parts)


def _has_place(attributes: PlainDict) -> bool:
    pairs = zip(attributes.items[::2], attributes.items[1::2], strict=False)
    return attributes.places or any(is_place(key, value) for key, value in pairs)


def _inside(value: Value) -> list[Value]:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, PlainDict):
        return list(value.items[1::2])
    return list(value.items) if isinstance(value, Container) else []


def _reaches(value: Value, view: ByteView, *, code: bool) -> bool:
    if isinstance(value, PlainDict):
        return value.reaches or (code and _holds_code(value, view))
    if isinstance(value, Call) and value.of is not None and value.of.module in _PATHS:
        return True
    inner = value.encoded if isinstance(value, Call) else value
    text = _text_of(inner, view)
    return (text is not None and is_reaching(text)) or (code and _says_code(inner, view))


def _says_code(value: Value, view: ByteView) -> bool:
    """Tell code; of a text that is too long for a look nothing is known, and bytes of that length are data."""
    if isinstance(value, (BytesAt, TextAt)) and value.length > _LONGEST_CODE:
        return isinstance(value, TextAt)
    text = _text_of(value, view, _LONGEST_CODE)
    return text is not None and is_code(text)


def _holds_code(attributes: PlainDict, view: ByteView) -> bool:
    """Tell a dict of which a text that is not remembered as an item is code, or of which too many may be."""
    texts = attributes.suspects
    if len(texts) > MOST_SUSPECTS:
        return True
    return any(_says_code(text, view) for text in texts)


def _text_of(value: Value, view: ByteView, longest: int = _LONGEST_PATH) -> str | None:
    """Return a text, or bytes as if each were a letter; None for what is no path, or too long for one."""
    match value:
        case str():
            return value
        case BytesAt(offset=offset, length=length) | TextAt(offset=offset, length=length) if (
            length <= longest
        ):
            return view.read_at(offset, length).decode("latin-1")
    return None
