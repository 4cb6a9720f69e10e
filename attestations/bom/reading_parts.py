"""What both readers of documents share: plain values out of untrusted JSON, and the names of what is compared."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weightmark.attestations.bom.remainder import Key

__all__ = [
    "ARTIFACT",
    "FIELDS",
    "OF_A_KEY",
    "Item",
    "distinct_names",
    "mapping",
    "objects",
    "properties",
    "text",
    "texts",
    "told_by",
    "went",
]

Item = tuple[str, str, str]
"""kind, name, and what is said of it"""
ARTIFACT = "the artifact"
"""name of what a document is about"""
FIELDS = ("version", "description", "purl")
"""members of the artifact that are compared, as CycloneDX calls them"""
OF_A_KEY = frozenset({"components", "group", "hashes", "name", "verifiedUsing"})
"""members that the kind, the name and the digests of something tell already"""
_COMPARED = frozenset({"chain:gap", "signed", "signer", "uncovered", "unlinked", "weights:unread"})
_COMPARED_OF = ("claimed:", "stated:", "unknown:")


def distinct_names(marks: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """Return by which name each of several is compared: where one repeats, with version, or else digest."""
    listed = list(marks)
    count = Counter((kind, name) for kind, name, _, _ in listed)
    return [
        f"{name} {version or digests}" if count[kind, name] > 1 and kind != "file" else name
        for kind, name, version, digests in listed
    ]


def went(step: str, what: str, said: Iterable[str]) -> Iterator[Item]:
    """Yield what went into a step or came out of it; how often one stands there means nothing."""
    found = sorted(set(said))
    if found:
        yield "field", f"{what} of the step {step}", "; ".join(found)


def told_by(kind: str, name: str) -> Mapping[str, Key]:
    """Return which items say the same as members of a component or package."""
    if kind == "artifact":
        names = {"software_packageUrl": "purl", "suppliedBy": "supplier"}
        names |= {"software_packageVersion": "version", "supplier": "supplier"}
        fields = {member: ("field", names.get(member, member)) for member in (*FIELDS, *names)}
        return {**fields, "licenses": ("license", name)}
    version = ("version", name)
    return {
        "extension": (kind, name),
        "licenses": ("license", name),
        "properties": (kind, name),
        "software_packageVersion": version,
        "version": version,
    }


def properties(listed: object, name: str, value: str, of: str = "") -> Iterator[Item]:
    """Yield the properties that are compared, with `name` and `value` as the form calls these; `of` says of what."""
    for one in objects(listed):
        prefix, _, key = text(one.get(name)).partition(":")
        said = text(one.get(value))
        if prefix != "weightmark":
            continue
        if key in _COMPARED or key.startswith(_COMPARED_OF):
            yield "field", f"{key}{of}", said
        elif key.startswith("weights:") and key.endswith(":digest"):
            yield "weights", key.removeprefix("weights:").removesuffix(":digest") + of, said


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list; none for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """Return the texts of a list; none for anything else."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text; an empty one for anything else."""
    return value if isinstance(value, str) else ""
