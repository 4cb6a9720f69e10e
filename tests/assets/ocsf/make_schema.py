"""Take the classes that weightmark writes out of a compiled OCSF schema, without their descriptions.

    pip download --no-deps ocsf-json-schema==1.2.0
    unzip -p ocsf_json_schema-*.whl ocsf_json_schema/ocsf/1.8.0.json > compiled.json
    python tests/assets/ocsf/make_schema.py compiled.json

The schema is by the OCSF project (https://github.com/ocsf/ocsf-schema), Apache License 2.0, as is this project.
"""

import json
import sys
from pathlib import Path
from typing import Any

CLASSES = (
    "api_activity",
    "compliance_finding",
    "detection_finding",
    "entity_management",
    "scan_activity",
)
PROFILES = {"security_control"}
PLACE = Path(__file__).parent / "ocsf-1.8.0.json"


def main(source: Path) -> None:
    """Write the schema beside this script."""
    whole = json.loads(source.read_text(encoding="utf-8"))
    classes = {name: _entry(whole["classes"][name]) for name in CLASSES}
    objects: dict[str, Any] = {}
    wanted = list(_objects_of(classes))
    while wanted:
        name = wanted.pop()
        if name not in objects:
            objects[name] = _entry(whole["objects"][name])
            wanted += _objects_of({name: objects[name]})
    types = whole["dictionary"]["types"]["attributes"]
    kept = {
        "source": "https://github.com/ocsf/ocsf-schema",
        "license": "Apache-2.0",
        "version": whole["version"],
        "classes": classes,
        "objects": dict(sorted(objects.items())),
        "types": {name: _type(one) for name, one in sorted(types.items())},
    }
    PLACE.write_text(json.dumps(kept, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        name: _attribute(one)
        for name, one in sorted(entry["attributes"].items())
        if not one.get("profiles") or PROFILES & set(one["profiles"])
    }
    known = {"uid": entry.get("uid"), "constraints": entry.get("constraints")}
    return {**{name: one for name, one in known.items() if one}, "attributes": attributes}


def _attribute(one: dict[str, Any]) -> dict[str, Any]:
    names = ("type", "object_type", "requirement", "is_array", "sibling", "profiles")
    kept = {name: one[name] for name in names if one.get(name)}
    if "enum" in one:
        kept["enum"] = {number: word["caption"] for number, word in one["enum"].items()}
    return kept


def _type(one: dict[str, Any]) -> dict[str, Any]:
    names = ("type", "regex", "max_len", "range", "values")
    return {name: one[name] for name in names if name in one}


def _objects_of(entries: dict[str, Any]) -> list[str]:
    return [
        one["object_type"]
        for entry in entries.values()
        for one in entry["attributes"].values()
        if "object_type" in one
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
