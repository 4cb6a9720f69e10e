"""Whether an event follows the compiled OCSF schema: nothing more than it allows, nothing less than it requires."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "assets" / "ocsf" / "ocsf-1.8.0.json"
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "boolean_t": bool,
    "float_t": (int, float),
    "integer_t": int,
    "long_t": int,
    "string_t": str,
}


@cache
def schema() -> dict[str, Any]:
    """Return the vendored schema."""
    loaded: dict[str, Any] = json.loads(_FILE.read_text())
    return loaded


def problems(event: dict[str, Any]) -> list[str]:
    """Return what is wrong with an event; nothing when it is valid."""
    classes = {one["uid"]: one for one in schema()["classes"].values()}
    if event.get("class_uid") not in classes:
        return ["no class of the schema"]
    profiles = set(event.get("metadata", {}).get("profiles", []))
    found = list(_entry(event, classes[event["class_uid"]], "", profiles))
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        found.append("type_uid does not follow from class and activity")
    if event["metadata"].get("version") != schema()["version"]:
        found.append("another version of the schema")
    return found


def _entry(value: Any, entry: dict[str, Any], place: str, profiles: set[str]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is no object"
        return
    attributes = {
        name: one
        for name, one in entry["attributes"].items()
        if not one.get("profiles") or profiles & set(one["profiles"])
    }
    if not attributes:
        return  # an `object` that takes anything, as `unmapped`
    for name, one in attributes.items():
        if one["requirement"] == "required" and name not in value:
            yield f"{place}.{name} is required"
    for name, item in value.items():
        if name not in attributes:
            yield f"{place}.{name} is not known"
            continue
        yield from _attribute(item, attributes[name], f"{place}.{name}", profiles)
        yield from _sibling(value, name, attributes, place)
    constraints = entry.get("constraints", {})
    if "at_least_one" in constraints and not set(constraints["at_least_one"]) & set(value):
        yield f"{place} has none of {constraints['at_least_one']}"
    if "just_one" in constraints and len(set(constraints["just_one"]) & set(value)) != 1:
        yield f"{place} has not just one of {constraints['just_one']}"


def _attribute(value: Any, one: dict[str, Any], place: str, profiles: set[str]) -> Iterator[str]:
    if one.get("is_array"):
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for number, item in enumerate(value):
            yield from _single(item, one, f"{place}[{number}]", profiles)
    else:
        yield from _single(value, one, place, profiles)


def _single(value: Any, one: dict[str, Any], place: str, profiles: set[str]) -> Iterator[str]:
    if one["type"] == "object_t":
        yield from _entry(value, schema()["objects"][one["object_type"]], place, profiles)
        return
    if one["type"] == "json_t":
        return
    kind = schema()["types"][one["type"]]
    base = _PLAIN[kind.get("type", one["type"])]
    if not isinstance(value, base) or (isinstance(value, bool) and base is not bool):
        yield f"{place} is no {one['type']}"
        return
    if "regex" in kind and not re.search(kind["regex"], str(value)):
        yield f"{place} does not match {one['type']}"
    if len(str(value)) > kind.get("max_len", 1 << 20):
        yield f"{place} is too long"
    if "enum" in one and str(value) not in one["enum"]:
        yield f"{place} is none of {sorted(one['enum'])}"


def _sibling(
    value: dict[str, Any], name: str, attributes: dict[str, Any], place: str
) -> Iterator[str]:
    """The word beside a number is its caption, but for `Other`."""
    one = attributes[name]
    sibling = one.get("sibling")
    if not sibling or sibling not in value or str(value[name]) == "99" or "enum" not in one:
        return
    caption = one["enum"].get(str(value[name]))
    if value[sibling] != caption:
        yield f"{place}.{sibling} is `{value[sibling]}`, and {name} means `{caption}`"
