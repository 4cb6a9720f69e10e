"""Reading CycloneDX of any version: facts that every form has, and everything beyond them."""

from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.attestations.bom.reading_parts import (
    ARTIFACT,
    FIELDS,
    OF_A_KEY,
    Item,
    distinct_names,
    mapping,
    objects,
    properties,
    text,
    told_by,
    went,
)
from weightmark.attestations.bom.remainder import Remark, labels_of, remarks_of
from weightmark.attestations.licenses.license import License
from weightmark.errors import LimitError

__all__ = ["cyclonedx_items", "cyclonedx_remarks"]

_MOST_DEPTH = 200
_ALGORITHMS = {"SHA-256": "sha256", "BLAKE3": "blake3", "SHA-512": "sha512"}
_TYPES = {"machine-learning-model": "model", "data": "dataset"}


def cyclonedx_items(document: Mapping[str, Any]) -> Iterator[Item]:
    """Yield what a document says that every form has; raises `LimitError` for components nested too deeply."""
    listed = _components(document)
    names = {text(one.get("bom-ref")): name for _, name, one in listed}
    for kind, name, one in listed:
        yield from _component(one, kind, name)
    for formula in objects(document.get("formulation")):
        for workflow in objects(formula.get("workflows")):
            step = text(workflow.get("name"))
            yield "step", step, text(workflow.get("uid"))
            yield from went(step, "inputs", _resources(workflow.get("inputs"), names))
            yield from went(step, "outputs", _resources(workflow.get("outputs"), names))
            yield from went(step, "parameters", _parameters(workflow.get("inputs")))


def _components(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return each component, nested ones, too, with its kind and the name by which it is compared."""
    root = mapping(mapping(document.get("metadata")).get("component"))
    waiting = [("file", one, 0) for one in objects(root.get("components"))]
    waiting += [("ancestor", one, 0) for one in _ancestors(root)]
    waiting += [("component", one, 0) for one in objects(document.get("components"))]
    found: list[tuple[str, Mapping[str, Any]]] = []
    while waiting:
        kind, one, depth = waiting.pop()
        if depth > _MOST_DEPTH:
            raise LimitError("the components of the document are nested too deeply")
        found.append((_kind(one, kind), one))
        waiting += [(kind, inner, depth + 1) for inner in objects(one.get("components"))]
        waiting += [("ancestor", inner, depth + 1) for inner in _ancestors(one)]
    marks = [(kind, _name(one), text(one.get("version")), _digests(one)) for kind, one in found]
    named = zip(distinct_names(marks), found, strict=True)
    listed = [(kind, name, one) for name, (kind, one) in named]
    return [*([("artifact", ARTIFACT, root)] if root else []), *listed]


def _resources(listed: object, names: Mapping[str, str]) -> Iterator[str]:
    for one in objects(listed):
        reference = text(mapping(one.get("resource")).get("ref"))
        if reference:
            yield names.get(reference, reference)


def _parameters(listed: object) -> Iterator[str]:
    for one in objects(listed):
        for parameter in objects(one.get("parameters")):
            yield f"{text(parameter.get('name'))}={text(parameter.get('value'))}"


def cyclonedx_remarks(document: Mapping[str, Any]) -> Iterator[Remark]:
    """Yield what the document says beyond its items; ids within it are told by the names of what they mean."""
    labels = labels_of(document, "bom-ref")
    metadata = mapping(document.get("metadata"))
    head = {name: one for name, one in document.items() if name not in _OF_THE_DOCUMENT}
    yield from remarks_of(head, "the document: ", labels, told={"formulation": ("step", "")})
    about = {name: one for name, one in metadata.items() if name not in _OF_THE_METADATA}
    yield from remarks_of(about, "the document: metadata.", labels)
    for kind, name, one in _components(document):
        rest = {member: value for member, value in one.items() if member not in OF_A_KEY}
        if kind in ("artifact", "file", "dataset"):
            rest.pop("type", None)
        if isinstance(rest.get("pedigree"), dict):
            rest["pedigree"] = {**rest["pedigree"], "ancestors": []}
        yield from remarks_of(
            rest, f"{name}: ", labels, owner=(kind, name), told=told_by(kind, name)
        )


_OF_THE_DOCUMENT = frozenset(
    {"$schema", "bomFormat", "components", "metadata", "serialNumber", "specVersion", "version"}
)
_OF_THE_METADATA = frozenset({"component", "timestamp", "tools"})


def _kind(component: Mapping[str, Any], kind: str) -> str:
    if component.get("type") == "data":
        return "dataset"
    return "component" if kind == "file" and component.get("type") != "file" else kind


def _component(one: Mapping[str, Any], kind: str, name: str) -> Iterator[Item]:
    yield kind, name, _digests(one)
    for said in _licenses(one):
        yield "license", name, said
    if kind == "artifact":
        yield "field", "name", text(one.get("name"))
        yield "field", "type", _TYPES.get(text(one.get("type")), text(one.get("type")))
        supplier = text(mapping(one.get("supplier")).get("name"))
        for field, said in (("supplier", supplier), *((n, text(one.get(n))) for n in FIELDS)):
            if said:
                yield "field", field, said
        card = mapping(one.get("modelCard"))
        for listed in (one.get("properties"), card.get("properties")):
            yield from properties(listed, "name", "value")
        return
    if version := text(one.get("version")):
        yield "version", name, version
    yield from properties(one.get("properties"), "name", "value", f" of {name}")


def _digests(one: Mapping[str, Any]) -> str:
    hashes = [(text(h.get("alg")), text(h.get("content"))) for h in objects(one.get("hashes"))]
    digests = sorted(f"{_ALGORITHMS.get(alg, alg)}:{content.lower()}" for alg, content in hashes)
    return " ".join(digests) or "no digest"


def _licenses(component: Mapping[str, Any]) -> Iterator[str]:
    for one in objects(component.get("licenses")):
        named = mapping(one.get("license"))
        said = one.get("expression") or named.get("id") or named.get("name")
        yield License.read(text(said)).text


def _ancestors(component: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(mapping(component.get("pedigree")).get("ancestors"))


def _name(component: Mapping[str, Any]) -> str:
    group = text(component.get("group"))
    name = text(component.get("name"))
    return f"{group}/{name}" if group else name
