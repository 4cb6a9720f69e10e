"""What verified claims say of an artifact, as facts; pure.

A bill of materials that weightmark made is a report and states nothing here: else what it merely repeats,
a licence from an unsigned card among it, would become its signer's word.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from weightmark.attestations.bom.interface import Fact, Origin, Source, plain, some
from weightmark.attestations.bom.metrics import Metric
from weightmark.attestations.bom.naming import is_purl
from weightmark.attestations.bom.summaries import summary_of
from weightmark.attestations.predicates.bom import (
    CYCLONEDX_PREDICATE,
    BillOfMaterials,
)
from weightmark.attestations.predicates.classification import (
    CLASSIFICATION_PREDICATE,
    ClassificationClaim,
)
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE, DatasetClaim
from weightmark.attestations.predicates.release import RELEASE_PREDICATE, Release
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE, ResultOfTests
from weightmark.attestations.predicates.vulns import VULNS_PREDICATE, VulnerabilityReport
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import VerifiedBundle
from weightmark.errors import WeightmarkError

__all__ = ["APPROACHES", "MADE_HERE", "facts_of", "source_of"]

MADE_HERE = "weightmark:bom"
"""name of the property by which a document says that it is a report by weightmark"""
APPROACHES = frozenset(
    {
        "reinforcement-learning",
        "self-supervised",
        "semi-supervised",
        "supervised",
        "unsupervised",
    }
)
"""the words of CycloneDX for how a model learns"""
_MOST_VALUES = 100
_TEXT_LISTS = {
    "users": "users",
    "useCases": "use-cases",
    "technicalLimitations": "limitations",
    "performanceTradeoffs": "tradeoffs",
}
_PARAMETERS = {
    "task": "task",
    "architectureFamily": "architecture-family",
    "modelArchitecture": "architecture",
}

Said = Iterator[tuple[str, tuple[str, ...]]]
"""field and what is said of it"""


def source_of(verified: VerifiedBundle) -> Source:
    """Return a verified claim as the source of what it says."""
    return Source(
        Origin.CLAIMED,
        signer=verified.signer.name,
        claim_id=verified.claim_id,
        at=verified.time.at if verified.time else None,
    )


def facts_of(claims: Iterable[VerifiedBundle]) -> dict[str, tuple[Fact, ...]]:
    """Return what `claims`, all about one artifact, say of it: by field, sorted, each source once."""
    found: dict[str, set[Fact]] = {}
    for verified in claims:
        source = source_of(verified)
        for name, values in _said(verified.statement):
            sound = some([plain(value) for value in values if value.strip()], _MOST_VALUES)
            if sound:
                found.setdefault(name, set()).add(Fact(sound, source))
    order = lambda fact: (fact.values, fact.source.claim_id, fact.source.signer)  # noqa: E731 - a key
    return {name: tuple(sorted(found[name], key=order)) for name in sorted(found)}


def _said(statement: Statement) -> Said:
    """Yield what a statement says; a malformed one says nothing, and verification reports it."""
    reader = _READERS.get(statement.predicate_type)
    if reader is None:
        return
    try:
        found = list(reader(statement))
    except WeightmarkError:
        return
    yield from found


def _dataset(statement: Statement) -> Said:
    claim = DatasetClaim.from_statement(statement)
    yield "kind", ("dataset",)
    yield "licenses", (claim.license,)
    yield "sources", claim.sources
    yield "collected", (claim.collected,)
    yield "records", (claim.records,)
    yield "personal-data", (claim.personal_data,)


def _release(statement: Statement) -> Said:
    purl = Release.from_statement(statement).purl
    yield "purl", (purl,)
    version = purl.partition("#")[0].partition("?")[0].rpartition("@")[2]
    yield "version", (unquote(version),)


def _classification(statement: Statement) -> Said:
    yield "classification", (ClassificationClaim.from_statement(statement).level,)


def _scan(statement: Statement) -> Said:
    claim = ScanClaim.from_statement(statement)
    if claim.scanner:
        yield "scan", (f"{claim.result} by {claim.scanner}",)


def _tests(statement: Statement) -> Said:
    ResultOfTests.from_statement(statement)
    yield "tests", (summary_of(statement),)


def _vulnerabilities(statement: Statement) -> Said:
    VulnerabilityReport.from_statement(statement)
    yield "vulnerabilities", (summary_of(statement),)


def _cyclonedx(statement: Statement) -> Said:
    document = BillOfMaterials.from_statement(statement).document
    metadata = _mapping(document.get("metadata"))
    if _made_here(metadata):
        return
    component = _mapping(metadata.get("component"))
    for name in ("version", "description", "copyright"):
        yield name, _texts(component.get(name))
    yield "purl", tuple(one for one in _texts(component.get("purl")) if is_purl(one))
    for party in ("supplier", "manufacturer", "publisher"):
        given = component.get(party)
        said = given if isinstance(given, str) else _mapping(given).get("name")
        if isinstance(said, str) and said.strip():
            yield "supplier", (said,)
            break
    yield "licenses", tuple(_licenses(component.get("licenses")))
    yield from _model_card(_mapping(component.get("modelCard")))


def _model_card(card: Mapping[str, Any]) -> Said:
    parameters = _mapping(card.get("modelParameters"))
    for given, name in _PARAMETERS.items():
        yield name, _texts(parameters.get(given))
    approach = _mapping(parameters.get("approach")).get("type")
    if approach in APPROACHES:
        yield "approach", (approach,)
    considerations = _mapping(card.get("considerations"))
    for given, name in _TEXT_LISTS.items():
        yield name, _texts(considerations.get(given))
    metrics = _mapping(card.get("quantitativeAnalysis")).get("performanceMetrics")
    yield "metrics", tuple(_metrics(metrics))


def _metrics(value: object) -> Iterator[str]:
    """Yield each metric that has a type and a value, in the text of `Metric`."""
    for one in value if isinstance(value, list) else ():
        said = {name: text for name, text in _mapping(one).items() if isinstance(text, str)}
        if said.get("type") and said.get("value"):
            yield Metric(said["type"], said["value"], said.get("slice", "")).text


def _licenses(value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else ():
        choice = _mapping(one)
        named = _mapping(choice.get("license"))
        said = choice.get("expression") or named.get("id") or named.get("name")
        if isinstance(said, str):
            yield said


def _made_here(metadata: Mapping[str, Any]) -> bool:
    properties = metadata.get("properties")
    listed = properties if isinstance(properties, list) else []
    return any(_mapping(one).get("name") == MADE_HERE for one in listed)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_READERS: Mapping[str, Callable[[Statement], Said]] = {
    CLASSIFICATION_PREDICATE: _classification,
    CYCLONEDX_PREDICATE: _cyclonedx,
    DATASET_PREDICATE: _dataset,
    RELEASE_PREDICATE: _release,
    SCAN_PREDICATE: _scan,
    TEST_RESULT_PREDICATE: _tests,
    VULNS_PREDICATE: _vulnerabilities,
}
