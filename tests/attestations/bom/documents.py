"""What tests ask of a document: is it valid by its form's own tools, and what does it hold."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def cyclonedx_problems(text: str) -> str:
    """Return what the strict validator of CycloneDX 1.7 says against a document; empty for nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return str(JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) or "")


def spdx_problems(text: str) -> str:
    """Return why the bindings of the SPDX 3.0.1 model refuse a document; empty when they read all of it.

    They hold every value against the shapes when it is set, and cardinalities when it is written again.
    """
    from spdx_python_model.bindings.v3_0_1 import model

    objects = model.SHACLObjectSet()
    try:
        model.JSONLDDeserializer().deserialize_data(json.loads(text), objects)
        missing = objects.link()
        again = model.JSONLDSerializer().serialize_data(objects, force_at_graph=True)
    except (ValueError, TypeError, KeyError) as error:
        return repr(error)
    if missing:
        return f"these ids lead nowhere: {sorted(missing)[:5]}"
    same = _sorted(again["@graph"]) == _sorted(json.loads(text)["@graph"])
    return "" if same else "what was read is not what was written"


def _sorted(graph: list[Json]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in graph if one["type"] != "CreationInfo")


def properties(holder: Json) -> dict[str, list[str]]:
    """Return the properties of a component or of metadata, by name."""
    found: dict[str, list[str]] = {}
    for one in holder["properties"]:
        found.setdefault(one["name"], []).append(one["value"])
    return found


def everything(value: Any) -> Iterator[Json]:
    """Yield every object in a document."""
    if isinstance(value, dict):
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from everything(inner)
