"""Reading SPDX 3: facts that every form has, and everything beyond them."""

from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.attestations.bom.reading_parts import (
    ARTIFACT,
    OF_A_KEY,
    Item,
    distinct_names,
    objects,
    properties,
    text,
    texts,
    told_by,
    went,
)
from weightmark.attestations.bom.remainder import Key, Remark, labels_of, remarks_of
from weightmark.attestations.licenses.license import License
from weightmark.errors import MalformedError

__all__ = ["Graph"]


class Graph:
    """The elements of an SPDX 3 document, by id."""

    def __init__(self, graph: list[Any]) -> None:
        self._elements: dict[str, Mapping[str, Any]] = {}
        self._relations: list[Mapping[str, Any]] = []
        self._from: dict[str, list[Mapping[str, Any]]] = {}
        for one in objects(graph):
            identifier = text(one.get("spdxId") or one.get("@id"))
            if identifier in self._elements:
                raise MalformedError(f"two elements of the document are `{identifier[:200]}`")
            self._elements[identifier] = one
            if one.get("type") == "Relationship":
                self._relations.append(one)
                self._from.setdefault(text(one.get("from")), []).append(one)
        self._root = self._find_root()
        self._names = self._name_all()

    def items(self) -> Iterator[Item]:
        """Yield what the elements say."""
        names = self._names
        for identifier, one in self._elements.items():
            kind = self._kind(identifier, one)
            if kind == "step":
                yield from self._step(identifier, one)
            elif kind:
                yield from self._package(one, kind, names[identifier])
        for one in self._relations:
            if text(one.get("relationshipType")) in {"hasDeclaredLicense", "hasConcludedLicense"}:
                for target in texts(one.get("to")):
                    said = self._license(target)
                    yield "license", names.get(text(one.get("from")), ""), said

    def remarks(self) -> Iterator[Remark]:
        """Yield what the elements say beyond that; ids are told by the names of what they mean."""
        owner: Key | None
        labels = labels_of(list(self._elements.values()), "spdxId")
        for identifier, one in self._elements.items():
            kind, name = self._kind(identifier, one), self._names[identifier]
            if kind and kind != "step":
                rest = {k: v for k, v in one.items() if k not in {*OF_A_KEY, "type"}}
                place, owner, told = f"{name}: ", (kind, name), told_by(kind, name)
            elif one.get("type") in ("CreationInfo", "SoftwareAgent"):
                continue
            else:
                rest = {k: v for k, v in one.items() if k not in _OF_A_COLLECTION}
                place, owner, told = self._beside(one, labels)
            yield from remarks_of(rest, place, labels, owner=owner, told=told)

    def _beside(
        self, one: Mapping[str, Any], labels: Mapping[str, str]
    ) -> tuple[str, Key | None, Mapping[str, Key]]:
        """Return place, owner and what is told elsewhere of an element that is no package."""
        kind = text(one.get("type"))
        if kind == "Relationship":
            source, word = text(one.get("from")), text(one.get("relationshipType"))
            told = ("license", self._names.get(source, "")) if "License" in word else None
            place = f"{word} of {labels.get(source, source)}: "
            return place, None, dict.fromkeys(one, told) if told else {}
        if kind.startswith("simplelicensing_"):
            return f"{kind}: ", None, dict.fromkeys(one, ("license", ""))
        if kind == "build_Build":
            name = text(one.get("name"))
            return f"step {name}: ", ("step", name), dict.fromkeys(one, ("step", ""))
        return f"{kind}: ", None, {}

    def _name_all(self) -> dict[str, str]:
        """Return by which name each element is compared."""
        listed = list(self._elements.items())
        marks = [
            (
                self._kind(identifier, one),
                text(one.get("name")),
                text(one.get("software_packageVersion")),
                _verified_by(one),
            )
            for identifier, one in listed
        ]
        names = {
            identifier: name
            for (identifier, _), name in zip(listed, distinct_names(marks), strict=True)
        }
        return names | ({self._root: ARTIFACT} if self._root else {})

    def _step(self, identifier: str, one: Mapping[str, Any]) -> Iterator[Item]:
        step = text(one.get("name"))
        yield "step", step, text(one.get("build_buildId"))
        for what, word in (("inputs", "hasInput"), ("outputs", "hasOutput")):
            yield from went(step, what, self._related(identifier, word))
        told = objects(one.get("build_parameter"))
        said = (f"{text(it.get('key'))}={text(it.get('value'))}" for it in told)
        yield from went(step, "parameters", said)

    def _related(self, identifier: str, word: str) -> Iterator[str]:
        for one in self._from.get(identifier, ()):
            if one.get("relationshipType") == word:
                yield from (self._names.get(target, target) for target in texts(one.get("to")))

    def _find_root(self) -> str:
        """Return the package that the document is about, through its collection."""
        documents = [i for i, one in self._elements.items() if one.get("type") == "SpdxDocument"]
        roots = documents[:1]
        for _ in range(3):
            below = [
                target
                for root in roots
                for target in texts(self._elements.get(root, {}).get("rootElement"))
            ]
            roots = below or roots
        return roots[0] if roots else ""

    def _kind(self, identifier: str, one: Mapping[str, Any]) -> str:
        if identifier == self._root:
            return "artifact"
        return _SPDX_KINDS.get(text(one.get("type")), "")

    def _package(self, one: Mapping[str, Any], kind: str, name: str) -> Iterator[Item]:
        yield kind, name, _verified_by(one)
        version = text(one.get("software_packageVersion"))
        if kind != "artifact":
            if version:
                yield "version", name, version
            yield from self._extensions(one, f" of {name}")
            return
        is_data = one.get("type") == "dataset_DatasetPackage"
        supplier = text(self._elements.get(text(one.get("suppliedBy")), {}).get("name"))
        yield "field", "name", text(one.get("name"))
        yield "field", "type", "dataset" if is_data else "model"
        said = (
            ("version", version),
            ("supplier", supplier),
            ("description", text(one.get("description"))),
            ("purl", text(one.get("software_packageUrl"))),
        )
        yield from (("field", field, text) for field, text in said if text)
        yield from self._extensions(one)

    def _extensions(self, one: Mapping[str, Any], of: str = "") -> Iterator[Item]:
        for extension in objects(one.get("extension")):
            listed = extension.get("extension_cdxProperty")
            yield from properties(listed, "extension_cdxPropName", "extension_cdxPropValue", of)

    def _license(self, identifier: str) -> str:
        one = self._elements.get(identifier, {})
        said = text(one.get("simplelicensing_licenseExpression")) or identifier
        for entry in objects(one.get("simplelicensing_customIdToUri")):
            custom = self._elements.get(text(entry.get("value")), {})
            if entry.get("key") == said and custom:
                said = text(custom.get("simplelicensing_licenseText"))
        return License.read(said).text


_OF_A_COLLECTION = frozenset({"element", "from", "rootElement", "type"})


def _verified_by(one: Mapping[str, Any]) -> str:
    digests = sorted(
        f"{text(digest.get('algorithm'))}:{text(digest.get('hashValue')).lower()}"
        for digest in objects(one.get("verifiedUsing"))
    )
    return " ".join(digests) or "no digest"


_SPDX_KINDS = {
    "ai_AIPackage": "ancestor",
    "build_Build": "step",
    "dataset_DatasetPackage": "dataset",
    "software_File": "file",
    "software_Package": "component",
}
