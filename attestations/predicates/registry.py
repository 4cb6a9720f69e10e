"""Which predicate types there are: short name, URI, and who reads them."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from weightmark.attestations.statements import Statement, Subject
from weightmark.values import dataclass

__all__ = ["PREDICATE_TYPES", "Predicate", "PredicateType", "check_predicate", "read_predicate"]

_HERE = "weightmark.attestations.predicates"


class Predicate(Protocol):
    """A predicate that was read: its fields are of the types that its specification says."""

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        ...


@dataclass(frozen=True, slots=True)
class PredicateType:
    """One type."""

    name: str
    """short name, as `attest --type` takes it"""
    uri: str
    """predicate type URI"""
    reader: str
    """module and class that read it"""
    by_hand: bool = True
    """whether `attest --predicate FILE` may state it; the others come from commands that know what they mean"""

    def read(self, statement: Statement) -> Predicate:
        """Read a statement of this type; raises `MalformedError`."""
        module, _, name = self.reader.partition(":")
        reader = getattr(import_module(f"{_HERE}.{module}"), name)
        predicate: Predicate = reader.from_statement(statement)
        return predicate


_ALL = (
    PredicateType("provenance", "https://slsa.dev/provenance/v1", "slsa_provenance:SlsaProvenance"),
    PredicateType("vsa", "https://slsa.dev/verification_summary/v1", "vsa:VerificationSummary"),
    PredicateType("svr", "https://in-toto.io/attestation/svr/v0.2", "svr:SimpleVerificationResult"),
    PredicateType(
        "test-result",
        "https://in-toto.io/attestation/test-result/v0.1",
        "test_result:ResultOfTests",
    ),
    PredicateType("scai", "https://in-toto.io/attestation/scai/v0.3", "scai:AttributeReport"),
    PredicateType(
        "vulns", "https://in-toto.io/attestation/vulns/v0.2", "vulns:VulnerabilityReport"
    ),
    PredicateType("release", "https://in-toto.io/attestation/release/v0.2", "release:Release"),
    PredicateType(
        "reference", "https://in-toto.io/attestation/reference/v0.1", "reference:References"
    ),
    PredicateType("link", "https://in-toto.io/attestation/link/v0.3", "link:Link"),
    PredicateType("cyclonedx", "https://cyclonedx.org/bom", "bom:BillOfMaterials"),
    PredicateType("spdx", "https://spdx.dev/Document", "bom:BillOfMaterials"),
    PredicateType("dataset", "https://weightmark/predicates/dataset/v1", "dataset:DatasetClaim"),
    PredicateType(
        "classification",
        "https://weightmark/predicates/classification/v1",
        "classification:ClassificationClaim",
    ),
    PredicateType(
        "deployment",
        "https://weightmark/predicates/deployment/v1",
        "deployment:DeploymentClaim",
    ),
    PredicateType(
        "approval", "https://weightmark/predicates/approval/v1", "approval:ApprovalClaim"
    ),
    PredicateType(
        "manifest",
        "https://weightmark/predicates/manifest/v1",
        "manifest:ManifestClaim",
        by_hand=False,
    ),
    PredicateType("scan", "https://weightmark/predicates/scan/v1", "scan:ScanClaim", by_hand=False),
    PredicateType("lock", "https://weightmark/predicates/lock/v1", "lock:LockClaim", by_hand=False),
    PredicateType(
        "tensors", "https://weightmark/predicates/tensors/v1", "tensors:TensorsClaim", by_hand=False
    ),
)
PREDICATE_TYPES: Mapping[str, PredicateType] = {one.uri: one for one in _ALL}
"""every type that is read, by URI"""


def read_predicate(statement: Statement) -> Predicate | None:
    """Read a verified statement by its type; None for a type that is not known. Raises `MalformedError`."""
    known = PREDICATE_TYPES.get(statement.predicate_type)
    return known.read(statement) if known else None


def check_predicate(uri: str, predicate: dict[str, Any]) -> None:
    """Check a predicate before it is signed; raises `MalformedError` when its type forbids it."""
    read_predicate(Statement((Subject("", "", ""),), uri, predicate))
