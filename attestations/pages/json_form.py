"""The JSON twin of a page: the same frozen values, whole texts, plain ASCII."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from weightmark.provenance.ledger.event import format_time

__all__ = ["SCHEMA", "to_json", "twin_of"]

SCHEMA = "weightmark/ledger-page/v1"


def twin_of(page: str, view: object) -> bytes:
    """Write the twin of the page called `page`."""
    document = {"schema": SCHEMA, "page": page, **to_json(view)}
    return json.dumps(document, sort_keys=True).encode("ascii") + b"\n"


def to_json(value: Any) -> Any:
    """Return the JSON form of a view: its fields by name, sequences as lists; a `dict` is JSON already."""
    if is_dataclass(value):
        return {one.name: to_json(getattr(value, one.name)) for one in fields(value) if one.repr}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        plain = type(value) is dict
        return value if plain else {str(name): to_json(one) for name, one in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [to_json(one) for one in value]
    if isinstance(value, datetime):
        return format_time(value)
    return value.isoformat() if isinstance(value, date) else value
