"""Reading a bill of materials, whoever wrote it: as a bag of plain facts that can be compared. Nothing is believed.

Parsed strictly. The order of lists means nothing, and what stands twice is kept twice, so that neither hides a
difference.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from weightmark.attestations.bom.licenses import License
from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["MAX_SIZE", "BomFacts", "Item", "read_bom"]

MAX_SIZE = 512 * 1024 * 1024
"""bytes of a document"""
_MOST_ITEMS = 2_000_000
_MOST_DEPTH = 200
_ARTIFACT = "the artifact"
_KEPT_PROPERTIES = frozenset({"weightmark:signed", "weightmark:signer"})
_ALGORITHMS = {"SHA-256": "sha256", "BLAKE3": "blake3", "SHA-512": "sha512"}

Item = tuple[str, str, str]
"""kind, name, and what is said of it"""


@dataclass(frozen=True)
class BomFacts:
    """What a document says, without order."""

    form: str
    """`CycloneDX 1.7`, `SPDX 3.0.1`, …"""
    items: Mapping[tuple[str, str], tuple[str, ...]]
    """by kind and name, everything that is said, sorted; what stands twice stands here twice"""

    @classmethod
    def of(cls, form: str, items: Iterable[Item]) -> Self:
        """Sort items; raises `LimitError` for too many."""
        found: dict[tuple[str, str], list[str]] = {}
        for number, (kind, name, said) in enumerate(items):
            if number >= _MOST_ITEMS:
                raise LimitError(f"the document says over {_MOST_ITEMS} things")
            found.setdefault((kind, name), []).append(said)
        return cls(form, {key: tuple(sorted(found[key])) for key in sorted(found)})


def read_bom(data: bytes, what: str) -> BomFacts | None:
    """Read a document; None for what is none. Raises `MalformedError`, `LimitError`, and `UnsupportedError` for SPDX 2."""
    if data.lstrip()[:1] != b"{":
        return None
    document = parse_object(data, what=what, max_size=MAX_SIZE)
    if document.get("bomFormat") == "CycloneDX":
        version = document.get("specVersion")
        return BomFacts.of(f"CycloneDX {_text(version)}", _cyclonedx(document))
    if isinstance(document.get("@graph"), list) and "spdx.org" in str(document.get("@context")):
        return BomFacts.of(f"SPDX {_spdx_version(document)}", _Graph(document["@graph"]).items())
    if "spdxVersion" in document:
        raise UnsupportedError(
            f"{what} is SPDX 2, which is not compared",
            fix="compare documents of SPDX 3 or CycloneDX",
        )
    return None


def _cyclonedx(document: Mapping[str, Any]) -> Iterator[Item]:
    metadata = _mapping(document.get("metadata"))
    root = _mapping(metadata.get("component"))
    if root:
        yield from _component(root, "artifact", _ARTIFACT)
    waiting = [("file", one, 0) for one in _objects(root.get("components"))]
    waiting += [("ancestor", one, 0) for one in _ancestors(root)]
    waiting += [("component", one, 0) for one in _objects(document.get("components"))]
    while waiting:
        kind, one, depth = waiting.pop()
        if depth > _MOST_DEPTH:
            raise LimitError("the components of the document are nested too deeply")
        shown = _kind(one, kind)
        yield from _component(one, shown, _name(one))
        waiting += [(kind, inner, depth + 1) for inner in _objects(one.get("components"))]
        waiting += [("ancestor", inner, depth + 1) for inner in _ancestors(one)]
    for formula in _objects(document.get("formulation")):
        for workflow in _objects(formula.get("workflows")):
            yield "step", _text(workflow.get("name")), _text(workflow.get("uid"))


def _kind(component: Mapping[str, Any], kind: str) -> str:
    if component.get("type") == "data":
        return "dataset"
    return "component" if kind == "file" and component.get("type") != "file" else kind


def _component(one: Mapping[str, Any], kind: str, name: str) -> Iterator[Item]:
    hashes = [(_text(h.get("alg")), _text(h.get("content"))) for h in _objects(one.get("hashes"))]
    digests = sorted(f"{_ALGORITHMS.get(alg, alg)}:{content.lower()}" for alg, content in hashes)
    yield kind, name, " ".join(digests) or "no digest"
    for said in _licenses(one):
        yield "license", name, said
    if kind == "artifact":
        yield "field", "name", _text(one.get("name"))
        yield "field", "type", _TYPES.get(_text(one.get("type")), _text(one.get("type")))
        supplier = _text(_mapping(one.get("supplier")).get("name"))
        for field, said in (("supplier", supplier), *((n, _text(one.get(n))) for n in _FIELDS)):
            if said:
                yield "field", field, said
        card = _mapping(one.get("modelCard"))
        for listed in (one.get("properties"), card.get("properties")):
            yield from _properties(listed, "name", "value")
    elif version := _text(one.get("version")):
        yield "version", name, version


_FIELDS = ("version", "description", "purl")
_TYPES = {"machine-learning-model": "model", "data": "dataset"}


def _licenses(component: Mapping[str, Any]) -> Iterator[str]:
    for one in _objects(component.get("licenses")):
        named = _mapping(one.get("license"))
        said = one.get("expression") or named.get("id") or named.get("name")
        yield License.read(_text(said)).text


def _properties(listed: object, name: str, value: str) -> Iterator[Item]:
    for one in _objects(listed):
        key, said = _text(one.get(name)), _text(one.get(value))
        if key in _KEPT_PROPERTIES:
            yield "field", key.removeprefix("weightmark:"), said
        elif key.startswith("weightmark:weights:") and key.endswith(":digest"):
            path = key.removeprefix("weightmark:weights:").removesuffix(":digest")
            yield "weights", path, said


def _ancestors(component: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _objects(_mapping(component.get("pedigree")).get("ancestors"))


def _name(component: Mapping[str, Any]) -> str:
    group = _text(component.get("group"))
    name = _text(component.get("name"))
    return f"{group}/{name}" if group else name


class _Graph:
    """The elements of an SPDX 3 document, by id."""

    def __init__(self, graph: list[Any]) -> None:
        self._elements: dict[str, Mapping[str, Any]] = {}
        self._relations: list[Mapping[str, Any]] = []
        for one in _objects(graph):
            identifier = _text(one.get("spdxId") or one.get("@id"))
            if identifier in self._elements:
                raise MalformedError(f"two elements of the document are `{identifier[:200]}`")
            self._elements[identifier] = one
            if one.get("type") == "Relationship":
                self._relations.append(one)
        self._root = self._find_root()

    def items(self) -> Iterator[Item]:
        """Yield what the elements say."""
        names = {
            identifier: (_ARTIFACT if identifier == self._root else _text(one.get("name")))
            for identifier, one in self._elements.items()
        }
        for identifier, one in self._elements.items():
            kind = self._kind(identifier, one)
            if kind == "step":
                yield kind, _text(one.get("name")), _text(one.get("build_buildId"))
            elif kind:
                yield from self._package(one, kind, names[identifier])
        for one in self._relations:
            if one.get("relationshipType") in {"hasDeclaredLicense", "hasConcludedLicense"}:
                for target in _texts(one.get("to")):
                    said = self._license(target)
                    yield "license", names.get(_text(one.get("from")), ""), said

    def _find_root(self) -> str:
        """Return the package that the document is about, through its collection."""
        documents = [i for i, one in self._elements.items() if one.get("type") == "SpdxDocument"]
        roots = documents[:1]
        for _ in range(3):
            below = [
                target
                for root in roots
                for target in _texts(self._elements.get(root, {}).get("rootElement"))
            ]
            roots = below or roots
        return roots[0] if roots else ""

    def _kind(self, identifier: str, one: Mapping[str, Any]) -> str:
        if identifier == self._root:
            return "artifact"
        return _SPDX_KINDS.get(_text(one.get("type")), "")

    def _package(self, one: Mapping[str, Any], kind: str, name: str) -> Iterator[Item]:
        digests = sorted(
            f"{_text(digest.get('algorithm'))}:{_text(digest.get('hashValue')).lower()}"
            for digest in _objects(one.get("verifiedUsing"))
        )
        yield kind, name, " ".join(digests) or "no digest"
        version = _text(one.get("software_packageVersion"))
        if kind != "artifact":
            if version:
                yield "version", name, version
            return
        is_data = one.get("type") == "dataset_DatasetPackage"
        supplier = _text(self._elements.get(_text(one.get("suppliedBy")), {}).get("name"))
        yield "field", "name", _text(one.get("name"))
        yield "field", "type", "dataset" if is_data else "model"
        said = (
            ("version", version),
            ("supplier", supplier),
            ("description", _text(one.get("description"))),
            ("purl", _text(one.get("software_packageUrl"))),
        )
        yield from (("field", field, text) for field, text in said if text)
        for extension in _objects(one.get("extension")):
            listed = extension.get("extension_cdxProperty")
            yield from _properties(listed, "extension_cdxPropName", "extension_cdxPropValue")

    def _license(self, identifier: str) -> str:
        one = self._elements.get(identifier, {})
        said = _text(one.get("simplelicensing_licenseExpression")) or identifier
        for entry in _objects(one.get("simplelicensing_customIdToUri")):
            text = self._elements.get(_text(entry.get("value")), {})
            if entry.get("key") == said and text:
                said = _text(text.get("simplelicensing_licenseText"))
        return License.read(said).text


_SPDX_KINDS = {
    "ai_AIPackage": "ancestor",
    "build_Build": "step",
    "dataset_DatasetPackage": "dataset",
    "software_File": "file",
    "software_Package": "component",
}


def _spdx_version(document: Mapping[str, Any]) -> str:
    for one in _objects(document.get("@graph")):
        if one.get("type") == "CreationInfo":
            return _text(one.get("specVersion"))
    return "3"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
