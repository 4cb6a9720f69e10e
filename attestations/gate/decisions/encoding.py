"""Frozen values as JSON and back: fields by their names, each read strictly as the type that it declares.

Mappings are lists of pairs, because their order says something; fields that hold their default are
left out. A predicate stands as the text of its own JSON form.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE, BillOfMaterials
from weightmark.attestations.predicates.registry import (
    PREDICATE_TYPES,
    Predicate,
    read_predicate,
)
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.statements import Statement, Subject
from weightmark.errors import MalformedError
from weightmark.provenance.strict_json import parse_object

__all__ = ["decoded", "encoded"]

Value = TypeVar("Value")

_TYPE, _CONTENT = "type", "content"
_PLAIN = (str, int, bool)
_SEQUENCES: dict[object, Any] = {tuple: tuple, frozenset: frozenset}


def encoded(value: object) -> Any:
    """Return the JSON form of a value that is made of frozen dataclasses; raises `TypeError` for another."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    uri = _predicate_uri(value)
    if uri:
        return {_TYPE: uri, _CONTENT: _predicate_text(cast(Predicate, value))}
    if is_dataclass(value) and not isinstance(value, type):
        return _encoded_fields(value)
    raise TypeError(f"`{type(value).__name__}` has no JSON form")


def decoded(kind: type[Value], value: object, what: str) -> Value:
    """Read a value of type `kind`; raises `MalformedError` that names where in `what` something is wrong."""
    try:
        return cast(Value, _decoded(kind, value, what))
    except RecursionError as error:
        raise MalformedError(f"{what} is nested too deep") from error


def _encoded_fields(value: Any) -> dict[str, Any]:
    found = {}
    for field in fields(value):
        held = getattr(value, field.name)
        if field.compare and not _is_default(field, held):
            found[field.name] = encoded(held)
    return found


def _is_default(field: Any, held: object) -> bool:
    if field.default is not MISSING:
        return bool(held == field.default)
    return field.default_factory is not MISSING and bool(held == field.default_factory())


def _decoded(kind: Any, value: object, what: str) -> object:
    origin = get_origin(kind)
    if origin is not None:
        return _READERS[origin](kind, value, what)
    if kind is Predicate:
        return _predicate(value, what)
    if kind is datetime:
        return _moment(value, what)
    if issubclass(kind, Enum):
        return _member(kind, value, what)
    return _plain(kind, value, what) if kind in _PLAIN else _dataclass(kind, value, what)


def _plain(kind: type, value: object, what: str) -> object:
    # `True` is an `int` to Python, and never one here
    if type(value) is not kind:
        raise MalformedError(f"{what} is no `{kind.__name__}`")
    return value


def _optional(kind: Any, value: object, what: str) -> object:
    (inner,) = [one for one in get_args(kind) if one is not NoneType]
    return None if value is None else _decoded(inner, value, what)


def _sequence(kind: Any, value: object, what: str) -> object:
    if not isinstance(value, list):
        raise MalformedError(f"{what} is no list")
    inner = get_args(kind)[0]
    found = [_decoded(inner, one, f"{what}[{at}]") for at, one in enumerate(value)]
    return _SEQUENCES[get_origin(kind)](found)


def _mapping(kind: Any, value: object, what: str) -> dict[Any, Any]:
    if not isinstance(value, list):
        raise MalformedError(f"{what} is no list of pairs")
    of_key, of_value = get_args(kind)
    found = {}
    for at, pair in enumerate(value):
        if not isinstance(pair, list) or len(pair) != len(("key", "value")):
            raise MalformedError(f"{what}[{at}] is no pair")
        found[_decoded(of_key, pair[0], what)] = _decoded(of_value, pair[1], f"{what}[{at}]")
    if len(found) != len(value):
        raise MalformedError(f"{what} names something twice")
    return found


def _moment(value: object, what: str) -> datetime:
    if isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            # one form only, so that one value has one digest
            if moment.tzinfo is not None and moment.astimezone(UTC).isoformat() == value:
                return moment.astimezone(UTC)
    raise MalformedError(f"{what} is no time in UTC")


def _member(kind: type[Enum], value: object, what: str) -> Enum:
    found = [one for one in kind if one.value == value and type(one.value) is type(value)]
    if not found:
        raise MalformedError(f"{what} is none of {', '.join(str(one.value) for one in kind)}")
    return found[0]


def _dataclass(kind: Any, value: object, what: str) -> object:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is no object")
    known = {one.name: one for one in fields(kind) if one.compare}
    if len(known) != len(fields(kind)):
        raise MalformedError(f"{what} holds something that only verifying can make")
    unknown = sorted(value.keys() - known.keys())
    if unknown:
        raise MalformedError(f"{what} has an unknown field `{unknown[0][:80]}`")
    found = {}
    for name, field in known.items():
        if name in value:
            found[name] = _field(field.type, value[name], f"{what}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise MalformedError(f"{what} lacks `{name}`")
    return kind(**found)


def _field(kind: Any, value: object, what: str) -> object:
    # only what verifying makes is declared by a name, because a document never holds it
    if isinstance(kind, str):
        raise MalformedError(f"{what} holds something that only verifying can make")
    return _decoded(kind, value, what)


def _predicate_uri(value: object) -> str:
    if isinstance(value, BillOfMaterials):
        is_cyclonedx = value.form == "CycloneDX"
        return CYCLONEDX_PREDICATE if is_cyclonedx else "https://spdx.dev/Document"
    return _uris().get((type(value).__module__.rpartition(".")[2], type(value).__name__), "")


@cache
def _uris() -> dict[tuple[str, str], str]:
    named = {one.uri: one.reader.partition(":") for one in PREDICATE_TYPES.values()}
    return {(module, name): uri for uri, (module, _, name) in named.items()}


def _predicate_text(value: Predicate) -> str:
    """Write what judges look at: a bill of materials without its content, a summary without what it rests on."""
    if isinstance(value, VerificationSummary):
        content = {**value.to_predicate()}
        for name in value.extensions:
            content.pop(name)
    elif isinstance(value, BillOfMaterials):
        content = _form_of(value)
    else:
        content = value.to_predicate()
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


def _form_of(value: BillOfMaterials) -> dict[str, Any]:
    names = ("metadata", "documentDescribes", "packages")
    licensed = {name: value.document[name] for name in names if name in value.document}
    if value.form == "CycloneDX":
        return {"bomFormat": value.form, "specVersion": value.version, **licensed}
    return {"spdxVersion": value.version, **licensed} if value.version else {"@graph": []}


def _predicate(value: object, what: str) -> Predicate:
    if not isinstance(value, dict) or value.keys() != {_TYPE, _CONTENT}:
        raise MalformedError(f"{what} is no predicate")
    uri, text = value[_TYPE], value[_CONTENT]
    if not isinstance(uri, str) or not isinstance(text, str):
        raise MalformedError(f"{what} is no predicate")
    content = parse_object(text.encode("utf-8", "surrogatepass"), what=what)
    found = read_predicate(Statement((Subject("", "", ""),), uri, content))
    if found is None:
        raise MalformedError(f"{what} is of the unknown type `{uri[:100]}`")
    return found


_WRITERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    ((NoneType, str, int), lambda value: value),
    (datetime, lambda value: value.astimezone(UTC).isoformat()),
    (Mapping, lambda value: [[encoded(key), encoded(one)] for key, one in value.items()]),
    (frozenset, lambda value: sorted(encoded(one) for one in value)),
    (tuple, lambda value: [encoded(one) for one in value]),
)
_READERS: Mapping[Any, Callable[[Any, object, str], object]] = {
    Union: _optional,
    UnionType: _optional,
    tuple: _sequence,
    frozenset: _sequence,
    Mapping: _mapping,
}
