"""A ledger of roles with a small lineage, made by the same functions that the commands call."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    admitted,
    deployed,
    identity_of,
    make_ledger,
    release,
    state,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE, DatasetClaim
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE, ResultOfTests
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.reports.artifact import artifact_report
from weightmark.attestations.reports.dossier import Dossier
from weightmark.attestations.reports.filling import fill
from weightmark.attestations.reports.frameworks import FRAMEWORKS
from weightmark.attestations.reports.interface import Filled
from weightmark.attestations.reports.making import gather_subject, jury_for
from weightmark.attestations.reports.register import Register
from weightmark.attestations.signers.interface import Signer
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

NOON = datetime(2030, 11, 21, 12, tzinfo=UTC)
"""later than the clock of this machine, by which the log is founded"""
BASE, DATA, MODEL, OLD = (identity_of(name) for name in ("base", "data", "model", "old"))
OWNER, BUILDER, STRANGER = ALICE, BOB, MALLORY
RELEASER = CAROL
"""may enter releases, and nothing else"""


def make_roles(place: Path) -> Ledger:
    """A ledger that admits an owner for everything, a builder for provenance, and one for releases only."""
    kinds = [admitted(OWNER), admitted(BUILDER, Kind.PROVENANCE), admitted(RELEASER, Kind.RELEASE)]
    return make_ledger(place, kinds)


def put(
    ledger: Ledger,
    signer: Signer,
    *claims: Bundle,
    minutes: float = 0,
    kind: str | None = None,
    by: Signer | None = None,
) -> list[int]:
    """Enter claims so many minutes after noon by the log's clock; they are signed by `by` already."""
    now = NOON + timedelta(minutes=minutes)
    return [one.index for one in submit(ledger, claims, signer, kind=kind, now=now)]


def approved(
    signer: Signer, identity: str, *, reason: str = "fine", days: float | None = None
) -> Bundle:
    expires = NOON + timedelta(days=days) if days is not None else None
    return state(
        signer, identity, APPROVAL_PREDICATE, ApprovalClaim(reason, expires).to_predicate()
    )


def scanned(signer: Signer, identity: str, *findings: str, result: str = "") -> Bundle:
    found = tuple({"rule": "PKL001", "severity": one, "message": "m"} for one in findings)
    word = result or ("findings" if found else "clean")
    claim = ScanClaim("weightmark 1, scanner 1", "sha256:" + "0" * 64, word, "critical", found)
    return state(signer, identity, SCAN_PREDICATE, claim.to_predicate())


def results(signer: Signer, identity: str, result: str = "PASSED", **more: Any) -> Bundle:
    said = ResultOfTests(result, (Descriptor(uri="https://example.com/suite"),), **more)
    return state(signer, identity, TEST_RESULT_PREDICATE, said.to_predicate())


def decided(signer: Signer, identity: str, *, passed: bool = True, at: datetime = NOON) -> Bundle:
    said = VerificationSummary(
        "https://weightmark/gate/v1", at, identity, "https://example.com/policy", "a" * 64, (), passed,
        ("WEIGHTMARK",) if passed else ("FAILED",),
    )  # fmt: skip
    return state(signer, identity, VSA_PREDICATE, said.to_predicate())


def described(signer: Signer, identity: str) -> Bundle:
    claim = DatasetClaim("CC-BY-4.0", ("https://example.com/data",), "2026", "1000", "none")
    return state(signer, identity, DATASET_PREDICATE, claim.to_predicate())


def trained(
    signer: Signer, child: str, *, base: str = BASE, data: str = DATA, **more: Any
) -> Bundle:
    """A step that names a base and data by digest."""
    inputs = (
        Descriptor.of_identity("base", base, {"role": "base"}),
        Descriptor.of_identity("train", data, {"role": "data"}),
        *more.pop("also", ()),
    )
    predicate = SlsaProvenance(
        "https://weightmark/buildtypes/finetune/v1",
        {"lr": "2e-5"},
        inputs,
        "https://example.com/builder",
        {"environment": {"python": "3.11.7", "cpus": "2"}},
    )
    return state(signer, child, SLSA_PROVENANCE_PREDICATE, predicate.to_predicate(), "model")


def make_lineage(ledger: Ledger) -> None:
    """Base and data are signed, the model is trained, tested, scanned, approved, let through and deployed."""
    put(ledger, OWNER, release(OWNER, "base"), release(OWNER, "data"))
    put(ledger, BUILDER, trained(BUILDER, MODEL), minutes=1)
    put(
        ledger,
        OWNER,
        release(OWNER, "model"),
        scanned(OWNER, MODEL),
        results(OWNER, MODEL),
        minutes=2,
    )
    put(ledger, OWNER, approved(OWNER, MODEL, days=30), decided(OWNER, MODEL), minutes=3)
    put(ledger, OWNER, deployed(OWNER, MODEL, "prod/api"), minutes=4)


@contextmanager
def register_of(ledger: Ledger) -> Iterator[Register]:
    with Register.of(ledger) as register:
        yield register


def dossier_of(ledger: Ledger, identity: str = MODEL, **more: Any) -> Dossier:
    """What a report by the ledger's own word knows of an artifact."""
    with register_of(ledger) as register:
        register.until = more.get("at")
        jury = jury_for(more.get("policy"), more.get("trust"), register, more.get("at"))
        return gather_subject(identity, jury, register).dossier


def items_of(ledger: Ledger, name: str = "annex-iv", **more: Any) -> dict[str, Filled]:
    """The items of a report, by their ids."""
    return {one.item.id: one for one in fill(FRAMEWORKS[name], dossier_of(ledger, **more))}


def report_of(ledger: Ledger, name: str = "annex-iv", **more: Any) -> Any:
    return artifact_report(FRAMEWORKS[name], dossier_of(ledger, **more), at_from="a test")
