"""Everything that a document says beyond the facts of every form: compared where both are of one form.

Nothing is left out but who wrote the document, when, and the ids within it, so that two documents that "say the
same" do. What others refer to by an id is known by its name, and the order of lists means nothing.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.values import dataclass

__all__ = ["Key", "Remark", "labels_of", "remarks_of"]

_LONGEST = 400
_SHORT = 12
_IDS = frozenset({"bom-ref", "spdxId", "@id", "creationInfo"})
_DERIVED = frozenset({"weightmark:completeness", "weightmark:time"})

Key = tuple[str, str]
"""kind and name of a fact, as `BomFacts.items` has them"""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a document says, by its place."""

    place: str
    """what it is about, and the names of the members that lead to it"""
    said: str
    """the value as JSON, lists sorted; the beginning and a digest of a long one"""
    owner: Key | None
    """the fact that tells of the thing itself: with it, all of this comes and goes"""
    told_by: Key | None
    """the fact that says the same in every form; any name of its kind where that is empty"""


def labels_of(document: object, identifier: str) -> dict[str, str]:
    """Return by the ids in a document the names of what has them; of namesakes and nameless things with a digest."""
    found: dict[str, Mapping[str, Any]] = {}
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            given = one.get(identifier)
            if isinstance(given, str):
                found[given] = one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    names = {given: _label(one) for given, one in found.items()}
    count = Counter(names.values())
    anonymous = dict.fromkeys(found, "")
    return {
        given: name
        if name and count[name] == 1
        else f"{name or 'something'} {_digest(_canonical(found[given], anonymous))[:_SHORT]}"
        for given, name in names.items()
    }


def remarks_of(
    value: Mapping[str, Any],
    place: str,
    labels: Mapping[str, str],
    *,
    owner: Key | None = None,
    told: Mapping[str, Key] | None = None,
) -> Iterator[Remark]:
    """Yield what an object says, member by member; `told` are the facts that say the same, by member."""
    for name, inner in value.items():
        if name not in _IDS:
            own = (told or {}).get(name)
            yield from _remarks(inner, f"{place}{name}", labels, owner, own)


def _remarks(
    value: object, place: str, labels: Mapping[str, str], owner: Key | None, told: Key | None
) -> Iterator[Remark]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in _IDS:
                yield from _remarks(inner, f"{place}.{name}", labels, owner, told)
        return
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and _EXTENSION in one:
            yield from _remarks(one, place, labels, owner, told)
            continue
        name, said = _property(one)
        if name in _DERIVED or name.startswith("weightmark:unknown:"):
            continue
        text = _bounded(_canonical(said, labels))
        yield Remark(f"{place}.{name}" if name else place, text, owner, told or _told(name))


def _property(one: object) -> tuple[str, object]:
    """Return name and value of a property; no name for anything else."""
    if isinstance(one, dict):
        for name, value in _PROPERTY:
            if set(one) <= {name, value, "type"} and isinstance(one.get(name), str):
                return one[name], one.get(value)
    return "", one


_EXTENSION = "extension_cdxProperty"
_PROPERTY = (("name", "value"), ("extension_cdxPropName", "extension_cdxPropValue"))


def _told(name: str) -> Key | None:
    return ("field", name.removeprefix("weightmark:")) if name.startswith("weightmark:") else None


def _label(one: Mapping[str, Any]) -> str:
    kind, version = one.get("type"), one.get("version") or one.get("software_packageVersion")
    names = ("name", "simplelicensing_licenseExpression", "uid", "statement")
    name = next((one[it] for it in names if isinstance(one.get(it), str)), "")
    parts = [part for part in (kind, name, version) if isinstance(part, str) and part]
    return " ".join(parts) if name else ""


def _canonical(value: object, labels: Mapping[str, str]) -> str:
    return json.dumps(_ordered(value, labels), sort_keys=True, separators=(",", ":"))


def _ordered(value: object, labels: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {name: _ordered(one, labels) for name, one in value.items() if name not in _IDS}
    if isinstance(value, list):
        return sorted((_ordered(one, labels) for one in value), key=_text)
    return f"→ {labels[value]}" if isinstance(value, str) and value in labels else value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… sha256:{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
