"""The JSON form of protocol buffers (proto3): numbers as strings, defaults left out.

Read no wider than producers write it: no unknown fields, no other types, every count bounded.
"""

from typing import Any

from weightmark.attestations.bundles.dsse import decode_base64
from weightmark.errors import LimitError, MalformedError
from weightmark.patterns import lazy_pattern

__all__ = ["read_base64", "read_int64", "read_list", "read_text"]

_INT64 = lazy_pattern(r"(?:0|[1-9][0-9]{0,18})\Z")
_MAX_INT64 = 2**63 - 1


def read_int64(fields: dict[str, Any], name: str, what: str) -> int:
    """Return a number of 0 or more, 0 when it is left out; raises `MalformedError`.

    Producers write 64-bit numbers as decimal strings, and some as plain numbers.
    """
    value = fields.get(name, 0)
    if isinstance(value, str) and _INT64.match(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_INT64:
        raise MalformedError(f"`{name}` of {what} is not a number of 0 or more")
    return value


def read_text(fields: dict[str, Any], name: str, what: str, *, limit: int) -> str:
    """Return a string, empty when it is left out; raises `MalformedError` or `LimitError`."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise MalformedError(f"`{name}` of {what} is not a string")
    if len(value) > limit:
        raise LimitError(f"`{name}` of {what} is longer than {limit} characters")
    return value


def read_base64(fields: dict[str, Any], name: str, what: str, *, limit: int) -> bytes:
    """Return decoded bytes, none when the field is left out; raises `MalformedError` or `LimitError`."""
    return decode_base64(read_text(fields, name, what, limit=limit), f"`{name}` of {what}")


def read_list(fields: dict[str, Any], name: str, what: str, *, limit: int) -> list[Any]:
    """Return a list, empty when it is left out; raises `MalformedError` or `LimitError`."""
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise MalformedError(f"`{name}` of {what} is not a list")
    if len(value) > limit:
        raise LimitError(f"`{name}` of {what} holds more than {limit} items")
    return value
