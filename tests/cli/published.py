"""The published JSON schemas, and whether an answer fits the one that it names."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

SCHEMAS = Path(__file__).parents[2] / "weightmark" / "cli" / "render" / "schemas"


@cache
def published() -> dict[str, dict[str, Any]]:
    """Return every schema by its name, as `ledger-list`."""
    files = SCHEMAS.glob("*.schema.json")
    return {path.name.removesuffix(".schema.json"): json.loads(path.read_text()) for path in files}


@cache
def validator(name: str) -> Draft202012Validator:
    documents = published()
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], DRAFT202012.create_resource(schema)) for schema in documents.values()
    )
    return Draft202012Validator(documents[name], registry=registry)


def fitting(text: str, name: str = "") -> dict[str, Any]:
    """Return the JSON object in `text` once it fits the schema that it names, which is `name` if that is given."""
    document = json.loads(text)
    assert isinstance(document, dict)
    product, named, version = document["schema"].split("/")
    assert (product, version) == ("weightmark", "v1")
    assert named == (name or named)
    validator(named).validate(document)
    return document
