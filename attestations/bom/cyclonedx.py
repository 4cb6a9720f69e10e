"""CycloneDX 1.7 (ECMA-424): an ML-BOM as JSON.

What is measured or claimed stands in the fields of the format. What a file of the artifact merely says of
it stands in properties only, so that nobody who reads the fields alone takes it for more. The names of all
properties stand in docs/formats/bom.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from weightmark import __version__
from weightmark.attestations.bom.completeness import completeness_of
from weightmark.attestations.bom.interface import (
    BomAncestor,
    BomContent,
    BomFile,
    BomStep,
    Fact,
    Origin,
    Source,
    the_only,
)
from weightmark.attestations.bom.metrics import Metric
from weightmark.attestations.bom.naming import document_uuid, input_reference, is_iri
from weightmark.attestations.bom.properties import (
    about_content,
    about_document,
    about_source,
    about_weights,
)
from weightmark.attestations.licenses.license import License, LicenseForm
from weightmark.attestations.predicates.fields import without_empty
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.manifest import IDENTITY_PREFIX

__all__ = ["SPEC_VERSION", "cyclonedx_document"]

SPEC_VERSION = "1.7"
_SCHEMA = "http://cyclonedx.org/schema/bom-1.7.schema.json"
_TOOL = "tool:weightmark"
_TASKS = {"evaluate": "test", "merge": "merge", "package": "deliver", "serve": "deploy"}
_BUILDING = frozenset({"convert", "distill", "finetune", "quantize", "train"})

Json = dict[str, Any]


def cyclonedx_document(content: BomContent) -> Json:
    """Return the document; the same content gives the same one, its serial number included."""
    inputs = [one for one in content.ancestors if one.is_data]
    document = {
        "version": 1,
        "metadata": without_empty(
            {
                "timestamp": format_time(content.moment) if content.moment else "",
                "lifecycles": [{"phase": "post-build"}],
                "tools": {"components": [_tool()]},
                "component": _root(content),
                "properties": _properties(about_document(content, completeness_of(content))),
            }
        ),
        "components": [_ancestor(one) for one in inputs],
        "compositions": [
            {
                "aggregate": "complete" if content.files else "incomplete",
                "assemblies": [content.identity],
            }
        ],
        **without_empty(
            {
                "formulation": _formulation(content),
                "declarations": _declarations(content),
                "citations": list(_citations(content)),
            }
        ),
    }
    head = {"$schema": _SCHEMA, "bomFormat": "CycloneDX", "specVersion": SPEC_VERSION}
    return {
        **head,
        "serialNumber": f"urn:uuid:{document_uuid('cyclonedx', document)}",
        **document,
    }


def _tool() -> Json:
    return {
        "type": "application",
        "bom-ref": _TOOL,
        "name": "weightmark",
        "version": __version__,
    }


def _root(content: BomContent) -> Json:
    is_data = content.kind.value == "dataset"
    models = [one for one in content.ancestors if not one.is_data]
    return {
        "type": "data" if is_data else "machine-learning-model",
        "bom-ref": content.identity,
        **without_empty(
            {
                "supplier": _party(content.one("supplier")),
                "name": content.name.value,
                "version": _believed(content.one("version")),
                "description": _believed(content.one("description")),
                "hashes": _root_hashes(content),
                "licenses": _licenses(content.known("licenses")),
                "copyright": _believed(content.one("copyright")),
                "purl": _purl(content.one("purl")),
                "externalReferences": _references(content),
                "components": [] if content.single else [_file(one) for one in content.files],
                "pedigree": without_empty({"ancestors": [_ancestor(one) for one in models]}),
                "modelCard": {} if is_data else _model_card(content),
                "data": [_data(content)] if is_data else [],
                "properties": _properties(
                    [*about_content(content), *(about_weights(content) if is_data else ())]
                ),
            }
        ),
    }


def _root_hashes(content: BomContent) -> list[Json]:
    """Return the digests of a single file; of a tree that of its list of files, which is its identity."""
    if content.single and content.files:
        return _hashes(content.files[0].sha256, content.files[0].blake3)
    return _hashes(content.identity.removeprefix(IDENTITY_PREFIX))


def _file(one: BomFile) -> Json:
    return {
        "type": "file",
        "bom-ref": f"file:{one.path}",
        "name": one.path,
        "hashes": _hashes(one.sha256, one.blake3),
        "properties": [{"name": "weightmark:size", "value": str(one.size)}],
    }


def _hashes(sha256: str, blake3: str = "") -> list[Json]:
    found = [{"alg": "SHA-256", "content": sha256}]
    return [*found, {"alg": "BLAKE3", "content": blake3}] if blake3 else found


def _ancestor(one: BomAncestor) -> Json:
    facts = one.facts
    return {
        "type": "data" if one.is_data else "machine-learning-model",
        "bom-ref": _reference(one),
        **without_empty(
            {
                "supplier": _party(the_only(facts.get("supplier", ()))),
                "name": one.name,
                "version": _believed(the_only(facts.get("version", ()))),
                "hashes": _hashes(one.identity.removeprefix(IDENTITY_PREFIX))
                if one.identity
                else [],
                "licenses": _licenses(facts.get("licenses", ())),
                "purl": _purl(the_only(facts.get("purl", ()))),
                "externalReferences": [{"type": "distribution", "url": one.uri}]
                if is_iri(one.uri)
                else [],
                "data": [_ancestor_data(one)] if one.is_data else [],
                "properties": _properties(about_source(one)),
            }
        ),
    }


def _reference(one: BomAncestor) -> str:
    return one.identity or input_reference(one.source.claim_id, one.name, one.uri)


def _ancestor_data(one: BomAncestor) -> Json:
    return {
        "type": "dataset",
        "name": one.name,
        **without_empty({"sensitiveData": _sensitive(one.facts.get("personal-data", ()))}),
    }


def _data(content: BomContent) -> Json:
    return {
        "type": "dataset",
        "name": content.name.value,
        **without_empty(
            {
                "classification": _believed(content.one("classification")),
                "sensitiveData": _sensitive(content.known("personal-data")),
                "description": _believed(content.one("description")),
            }
        ),
    }


def _sensitive(facts: Sequence[Fact]) -> list[str]:
    said = _believed(the_only(facts))
    return [f"personal data: {said}"] if said and said != "none" else []


def _model_card(content: BomContent) -> Json:
    data = [{"ref": _reference(one)} for one in content.ancestors if one.is_data]
    approach = _believed(content.one("approach"))
    return without_empty(
        {
            "modelParameters": without_empty(
                {
                    "approach": {"type": approach} if approach else {},
                    "task": _believed(content.one("task")),
                    "architectureFamily": _believed(content.one("architecture-family")),
                    "modelArchitecture": _believed(content.one("architecture")),
                    "datasets": data,
                }
            ),
            "quantitativeAnalysis": without_empty(
                {"performanceMetrics": list(_metrics(content.known("metrics")))}
            ),
            "considerations": without_empty(
                {
                    "users": _all(content.known("users")),
                    "useCases": _all(content.known("use-cases")),
                    "technicalLimitations": _all(content.known("limitations")),
                    "performanceTradeoffs": _all(content.known("tradeoffs")),
                }
            ),
            "properties": _properties(about_weights(content)),
        }
    )


def _metrics(facts: Iterable[Fact]) -> Iterator[Json]:
    for text in _all(facts):
        one = Metric.read(text)
        yield {"type": one.type, **without_empty({"value": one.value, "slice": one.slice})}


def _formulation(content: BomContent) -> list[Json]:
    if not content.steps:
        return []
    known = frozenset([content.identity, *(_reference(one) for one in content.ancestors)])
    workflows = [_workflow(step, known) for step in content.steps]
    return [{"bom-ref": "formulation", "workflows": workflows}]


def _workflow(step: BomStep, known: frozenset[str]) -> Json:
    kind = "build" if step.kind in _BUILDING else _TASKS.get(step.kind, "other")
    output = {"type": "artifact", "resource": {"ref": step.output}}
    return {
        "bom-ref": f"step:{step.source.claim_id}:{step.output}",
        "uid": f"sha256:{step.source.claim_id}",
        "name": step.kind,
        "taskTypes": [kind],
        **without_empty(
            {
                "inputs": _unique(_inputs(step, known)),
                "outputs": [output] if step.output in known else [],
                "timeStart": format_time(step.started) if step.started else "",
                "timeEnd": format_time(step.finished) if step.finished else "",
            }
        ),
        "properties": _properties(
            [("weightmark:builder", step.builder), ("weightmark:source", step.source.words)]
        ),
    }


def _inputs(step: BomStep, known: frozenset[str]) -> Iterator[Json]:
    for one in step.inputs:
        role = _properties([("weightmark:role", one.role)])
        if one.circumstance:
            said = {"name": one.name, "value": one.uri, "dataType": one.role}
            yield {"parameters": [without_empty(said)]}
            continue
        reference = one.identity or input_reference(step.source.claim_id, one.name, one.uri)
        if reference in known:
            yield {"resource": {"ref": reference}, **without_empty({"properties": role})}
    for name, value in step.parameters:
        yield {"parameters": [{"name": name, "value": value}]}


def _declarations(content: BomContent) -> Json:
    """Return the verified claims about the artifact, by whom each is."""
    if not content.claims:
        return {}
    signers = sorted({one.signer for one in content.claims})
    return {
        "assessors": [
            {"bom-ref": _signer(one), "organization": {"name": one}}
            for one in signers
        ],
        "attestations": [
            {
                "summary": f"claims that {signer} signed",
                "assessor": _signer(signer),
                "map": [{"claims": [_claim(one.claim_id, one.signer) for one in content.claims if one.signer == signer]}],
            }
            for signer in signers
        ],
        "claims": [
            {
                "bom-ref": _claim(one.claim_id, one.signer),
                "target": content.identity,
                "predicate": one.summary,
                "reasoning": f"signed in-toto statement of type {one.predicate_type}, sha256:{one.claim_id}"
                + (f", existed at {format_time(one.at)}" if one.at else ""),
            }
            for one in content.claims
        ],
    }  # fmt: skip


def _signer(name: str) -> str:
    return f"signer:{name}"


def _claim(claim_id: str, signer: str) -> str:
    return f"claim:{claim_id}:{signer}"


def _citations(content: BomContent) -> Iterator[Json]:
    """Yield who answers for which field, where a time is known: a citation has to have one."""
    if content.moment is None:
        return
    pointers: dict[tuple[str, Source], list[str]] = {}
    root = "/metadata/component"
    measured = [
        "bom-ref",
        "hashes",
        *(["components"] if content.files and not content.single else []),
    ]
    pointers[_TOOL, Source(Origin.MEASURED)] = [f"{root}/{name}" for name in measured]
    cited = {one.signer for one in content.claims}
    for name, place in _PLACES.items():
        source = content.one(name).source
        if source.origin is Origin.CLAIMED and source.signer in cited and _stands(content, name):
            pointers.setdefault((_signer(source.signer), source), []).append(f"{root}/{place}")
    for (reference, source), places in pointers.items():
        yield {
            "pointers": places,
            "timestamp": format_time(source.at or content.moment),
            "attributedTo": reference,
            "note": source.words,
        }


_PLACES: Mapping[str, str] = {
    "copyright": "copyright",
    "description": "description",
    "licenses": "licenses",
    "purl": "purl",
    "supplier": "supplier",
    "version": "version",
}
"""fields of the artifact's own component, by what they are called here"""


def _stands(content: BomContent, name: str) -> bool:
    return bool((_purl if name == "purl" else _believed)(content.one(name)))


def _references(content: BomContent) -> list[Json]:
    found = [content.address] if is_iri(content.address) else []
    sources = [url for url in _all(content.known("sources")) if is_iri(url)]
    return _unique({"type": "distribution", "url": url} for url in (*found, *sources))


def _licenses(facts: Iterable[Fact]) -> list[Json]:
    """Return every licence that is claimed, each with whose word it is."""
    found: list[Json] = []
    for fact in facts:
        if not fact.is_known:
            continue
        marked: Json = {
            "acknowledgement": "declared",
            "properties": _properties([("weightmark:source", fact.source.words)]),
        }
        for said in fact.values:
            license_ = License.read(said)
            match license_.form:
                case LicenseForm.IDENTIFIER:
                    found.append({"license": {"id": license_.text, **marked}})
                case LicenseForm.NAMED:
                    found.append({"license": {"name": license_.text, **marked}})
                case LicenseForm.EXPRESSION:
                    found.append({"expression": license_.text, **marked})
    return found


def _party(fact: Fact) -> Json:
    name = _believed(fact)
    return {"name": name} if name else {}


def _purl(fact: Fact) -> str:
    """Return a package URL; none that is no URI, which the other form can't hold."""
    said = _believed(fact)
    return said if is_iri(said) else ""


def _believed(fact: Fact) -> str:
    """Return a value that somebody answers for; nothing else belongs into a field."""
    return fact.value if fact.is_known else ""


def _all(facts: Iterable[Fact]) -> list[str]:
    values = (value for fact in facts if fact.is_known for value in fact.values)
    return list(dict.fromkeys(values))


def _properties(pairs: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs if value]


def _unique(values: Iterable[Json]) -> list[Json]:
    found: list[Json] = []
    seen: set[str] = set()
    for one in values:
        if repr(one) not in seen:
            seen.add(repr(one))
            found.append(one)
    return found
