"""Gathering evidence: one read gives digests, verification and scan; then the ledger is asked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from weightmark.attestations.checks import Check
from weightmark.attestations.descriptions import check_description
from weightmark.attestations.gate.consult import consult_ledger
from weightmark.attestations.gate.evidence import Evidence, SignedApproval, SignedScan
from weightmark.attestations.ledger.consulting import consult
from weightmark.attestations.policy.model import Clashes, Policy
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.verifying.belief import Belief, weigh_evidence
from weightmark.attestations.verifying.evidence import Evidence as Found
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.attestations.verifying.verification import (
    Examination,
    VerifyOptions,
    VerifyReport,
    examine,
    judge,
)
from weightmark.errors import NoSignatureError, RefusedError, UncheckedError, WeightmarkError
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import (
    Inspector,
    Luggage,
    ProgressSink,
    read_artifact,
)
from weightmark.provenance.reading.receipts import Receipts
from weightmark.scanners.findings import FileScan
from weightmark.scanners.local_imports import report_of_tree
from weightmark.scanners.luggage import file_scans
from weightmark.scanners.scan import scan_file
from weightmark.values import dataclass

__all__ = ["Sources", "gather"]

Predicate = TypeVar("Predicate")
_NOBODY = Belief(None, (), (), (), ())
_JUDGED_BY_POLICY = frozenset(["coverage", "outside"])
"""checks of verification that only inform, because a policy decides what they mean"""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where evidence may come from, beside the artifact itself."""

    signature: Path | None = None
    """a model signature elsewhere"""
    claims: tuple[Path, ...] = ()
    """further claims: files or folders"""
    ledger: str = ""
    """a ledger to consult; empty for none"""


_USUAL = Sources()


def gather(
    path: str | Path,
    policy: Policy,
    sources: Sources = _USUAL,
    *,
    now: datetime | None = None,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
    workers: int = 1,
) -> Evidence:
    """Read the artifact once and collect all that `policy` may judge, many claims in `workers` processes.

    `receipts` count only where `policy` trusts them. Raises `CallError` when the artifact, a named file or the ledger does not exist, and
    `TrustNotSaidError`. Whatever else fails becomes a check, so that the decision says it.
    """
    at = now or datetime.now(UTC)
    options = VerifyOptions(
        digests=policy.digests.value, allow_clashes=policy.names.clashes is Clashes.ALLOW
    )
    scan = partial(scan_file, limits=policy.scan.limits)
    trusted_receipts = receipts if policy.trust_receipts else None
    luggage = file_scans(policy.scan.limits)
    reader = _Reader(
        Path(path), options, sources, scan, luggage, trusted_receipts, progress, jobs, workers
    )
    judged = policy.release.required
    consultation = consult(sources.ledger) if sources.ledger else None
    trust = consultation.bind(policy.trust) if consultation else policy.trust
    try:
        examination = reader.examine(trust) if judged else reader.read_unjudged()
    except (RefusedError, UncheckedError) as error:
        failure = Check.from_error("reading", error)
        return Evidence(
            Path(path).name, at, "", 0, 0, (failure,), _identities(policy.trust), path=str(path)
        )
    evidence = _evidence(examination, policy.trust, at)
    evidence = replace(
        evidence,
        path=str(path),
        claims_path=str(_claims_path(path, examination.report.artifact)),
        checks=(*evidence.checks, *_described(examination, progress, jobs)),
    )
    if consultation is None:
        return evidence
    signers = _signers(examination.belief)
    ledger = consult_ledger(
        sources.ledger, consultation, evidence.identity, trust, examination.belief
    )
    released = (record.signer for record in ledger.records if record.signer)
    trusted = tuple(dict.fromkeys((*evidence.trusted, *signers, *released)))
    return replace(evidence, ledger=ledger, trusted=trusted)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Verifies and reads one artifact, whatever stands in the way."""

    path: Path
    options: VerifyOptions
    sources: Sources
    scan: Inspector[FileScan]
    luggage: Luggage[FileScan]
    receipts: Receipts | None
    progress: ProgressSink | None
    jobs: int | None
    workers: int

    def examine(self, trust: Trust | None) -> Examination:
        """Verify, and scan in the same read."""
        try:
            return examine(
                self.path,
                trust,
                options=self.options,
                signature=self.sources.signature,
                claims=self.sources.claims,
                inspect=self.scan,
                luggage=self.luggage,
                receipts=self.receipts,
                progress=self.progress,
                jobs=self.jobs,
                workers=self.workers,
            )
        except NoSignatureError:
            return self.read_unjudged()
        except (RefusedError, UncheckedError) as error:
            return self._unread(trust, error)

    def read_unjudged(self) -> Examination:
        """Identify and scan; signatures are absent or not judged."""
        artifact = open_artifact(self.path)
        found = Found(None, (), None, self._collect(artifact).checks)
        reading = None
        failure: tuple[Check, ...] = ()
        if artifact.entries:
            try:
                reading = read_artifact(
                    artifact,
                    inspect=self.scan,
                    luggage=self.luggage,
                    receipts=self.receipts,
                    progress=self.progress,
                    jobs=self.jobs,
                )
            except (RefusedError, UncheckedError) as error:
                failure = (Check.from_error("reading", error),)
        report = judge(artifact, found, _NOBODY, reading, self.options)
        return Examination(_with_checks(report, failure), reading, None)

    def _unread(self, trust: Trust | None, error: WeightmarkError) -> Examination:
        """Say who signed, although the content could not be read."""
        artifact = open_artifact(self.path)
        found = self._collect(artifact)
        belief = weigh_evidence(found, trust, workers=self.workers) if trust else _NOBODY
        report = judge(artifact, found, belief, None, self.options)
        failure = Check.from_error("reading", error)
        return Examination(_with_checks(report, (failure,)), None, belief)

    def _collect(self, artifact: Artifact) -> Found:
        return collect_evidence(
            artifact, signature=self.sources.signature, claims=self.sources.claims
        )


def _with_checks(report: VerifyReport, more: Iterable[Check]) -> VerifyReport:
    return replace(report, checks=(*report.checks, *more))


def _described(
    examination: Examination, progress: ProgressSink | None, jobs: int | None
) -> tuple[Check, ...]:
    """Hold what a dataset says of itself against what was read."""
    if examination.reading is None:
        return ()
    artifact, files = examination.report.artifact, examination.reading.files
    return check_description(artifact, files, progress=progress, jobs=jobs)


def _evidence(examination: Examination, trust: Trust | None, at: datetime) -> Evidence:
    report, reading, belief = examination.report, examination.reading, examination.belief
    artifact = report.artifact
    others = belief.others if belief else ()
    broken: list[Check] = []
    coverage = next((check for check in report.checks if check.name == "coverage"), None)
    return Evidence(
        name=artifact.name,
        at=at,
        identity=report.identity,
        files=len(artifact.entries),
        size=sum(entry.size for entry in artifact.entries),
        trusted=_identities(trust),
        verified=report.verified,
        claims=_claim_ids(belief),
        scan=report_of_tree(reading.inspections, [file.path for file in reading.files])
        if reading
        else None,
        scan_claims=tuple(
            SignedScan(*signed)
            for signed in _read_claims(others, SCAN_PREDICATE, ScanClaim.from_statement, broken)
        ),
        approvals=tuple(
            SignedApproval(*signed)
            for signed in _read_claims(
                others, APPROVAL_PREDICATE, ApprovalClaim.from_statement, broken
            )
        ),
        outside=artifact.outside,
        uncovered=coverage.details if coverage else (),
        clashes=_clashes(artifact),
        checks=(*(c for c in report.checks if c.name not in _JUDGED_BY_POLICY), *broken),
    )


def _claims_path(path: str | Path, artifact: Artifact) -> Path:
    name = artifact.sidecars.claims.name
    return Path(path).with_name(name) if artifact.single else Path(path) / name


def _identities(trust: Trust | None) -> tuple[str, ...]:
    return trust.names if trust else ()


def _claim_ids(belief: Belief | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bundle.claim_id for bundle in _believed(belief)))


def _signers(belief: Belief | None) -> tuple[str, ...]:
    """Name those who really signed: a rule for identities names nobody in particular."""
    return tuple(dict.fromkeys(bundle.signer.name for bundle in _believed(belief)))


def _believed(belief: Belief | None) -> list[VerifiedBundle]:
    if belief is None:
        return []
    bundles = [manifest.verified for manifest in belief.manifests] + list(belief.others)
    if belief.signature:
        bundles.insert(0, belief.signature.verified)
    return bundles


def _read_claims(
    bundles: Sequence[VerifiedBundle],
    predicate_type: str,
    parse: Callable[[Statement], Predicate],
    broken: list[Check],
) -> Iterator[tuple[str, str, Predicate]]:
    """Yield signer, identity and content of each claim of one type; a broken one becomes a check."""
    for bundle in bundles:
        if bundle.statement.predicate_type != predicate_type:
            continue
        try:
            identity = bundle.statement.subject.identity
            yield bundle.signer.name, identity, parse(bundle.statement)
        except WeightmarkError as error:
            broken.append(Check.from_error("claims", error))


def _clashes(artifact: Artifact) -> tuple[str, ...]:
    return tuple(
        f"{' and '.join(f'`{escape_path(path)}`' for path in clash.paths)} {clash.reason}"
        for clash in artifact.clashes
    )
