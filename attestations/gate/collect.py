"""Gathering evidence: one read gives digests, verification and scan; then the ledger is asked."""

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.copy_at_hand import clashes_of
from weightmark.attestations.gate.evidence import Evidence, Known
from weightmark.attestations.gate.sources import Sources, consulted_by, trusts_of
from weightmark.attestations.policy.choices import Clashes, Mode
from weightmark.attestations.policy.model import Policy
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
from weightmark.errors import (
    NoSignatureError,
    RefusedError,
    TrustNotSaidError,
    UncheckedError,
    WeightmarkError,
)
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.reading.engine import (
    Column,
    Inspector,
    Luggage,
    ProgressSink,
    read_artifact,
)
from weightmark.provenance.reading.receipts import Receipts
from weightmark.provenance.sidecars import CLAIMS, SIGNATURE
from weightmark.scanners.findings import FileScan
from weightmark.scanners.luggage import file_scans
from weightmark.scanners.scan import scan_file
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.gate.at_hand import Ancestors
    from weightmark.attestations.ledger.consulting import Consultation

__all__ = ["gather"]

_OWN_ENGINE = ("weightmark",)
_NOBODY = Belief(None, (), (), (), ())
_SHA256_TOO = (Column.BLAKE3, Column.SHA256)
_JUDGED_BY_POLICY = frozenset(["coverage", "outside"])
"""checks of verification that only inform, because a policy decides what they mean"""
_MOST_AROUND = 4
"""folders around a single file in which claims are looked for, to name them"""
_USUAL = Sources()
_NEEDED_LATER = (
    "weightmark.attestations.dataset_checks",
    "weightmark.attestations.gate.decision",
    "weightmark.attestations.gate.stated",
    "weightmark.scanners.local_imports",
)
"""what judges: imported while threads hash, when the interpreter would only wait"""


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
    consultation = consulted_by(policy, sources)
    trusts = trusts_of(policy, consultation)
    reader = _reader(
        path,
        policy,
        sources,
        now=at,
        receipts=receipts,
        progress=progress,
        jobs=jobs,
        workers=workers,
        with_sha256=consultation is not None and consultation.names_files,
    )
    try:
        examination = _examine(reader, policy, trusts)
    except (RefusedError, UncheckedError) as error:
        failure = Check.from_error("reading", error)
        return Evidence(
            Path(path).name, at, "", 0, 0, (failure,), policy.release.trusted, path=str(path)
        )
    evidence = replace(
        _evidence(examination, policy, at),
        path=str(path),
        claims_path=str(_claims_path(path, examination.report.artifact)),
    )
    described = _described(examination, progress, jobs)
    folder = _signed_folder(Path(path), examination.report.artifact)
    evidence = replace(evidence, checks=(*evidence.checks, *described, *folder))
    ancestors = _ancestors(sources, progress, jobs)
    from weightmark.attestations.gate.stated import add_claims

    evidence = add_claims(
        evidence,
        policy,
        examination,
        ledger=sources.ledger,
        trusts=trusts,
        consultation=consultation,
        ancestors=ancestors,
    )
    if ancestors and evidence.identity:
        from weightmark.attestations.gate.at_hand import byte_checks

        found = byte_checks(Path(path), evidence, ancestors, progress=progress, jobs=jobs)
        evidence = replace(evidence, checks=(*evidence.checks, *found))
    if consultation is None:
        return evidence
    return _with_ledger(
        evidence,
        policy,
        examination,
        sources=sources,
        trusts=trusts,
        consultation=consultation,
    )


def _ancestors(
    sources: Sources, progress: ProgressSink | None, jobs: int | None
) -> "Ancestors | None":
    """Read the ancestors that are named; None for none."""
    if not sources.ancestors:
        return None
    # tensors are read only where they are compared
    from weightmark.attestations.gate.at_hand import read_ancestors

    return read_ancestors(sources.ancestors, progress, jobs)


def _examine(reader: "_Reader", policy: Policy, trusts: Mapping[str, Trust]) -> Examination:
    """Verify by the role that has to sign, or only read where nobody has to.

    Raises `TrustNotSaidError`, but where a refusal only warns: who merely looks is told that no signature was judged.
    """
    rule = policy.require.release
    if rule is None:
        return reader.read_unjudged()
    try:
        return reader.examine(trusts.get(rule.role))
    except TrustNotSaidError as error:
        if policy.mode is not Mode.WARN:
            raise
        read = reader.read_unjudged()
        kept = (check for check in read.report.checks if check.name != "signature")
        unjudged = Check.from_error("signature", error)
        return replace(read, report=replace(read.report, checks=(unjudged, *kept)))


def _reader(
    path: str | Path,
    policy: Policy,
    sources: Sources,
    *,
    now: datetime,
    receipts: Receipts | None,
    progress: ProgressSink | None,
    jobs: int | None,
    workers: int,
    with_sha256: bool,
) -> "_Reader":
    options = VerifyOptions(
        digests=policy.digests.value,
        allow_clashes=policy.names.clashes is Clashes.ALLOW,
        with_sha256=with_sha256,
    )
    limits = policy.scan.limits
    alone = policy.scan.engines == _OWN_ENGINE
    scan: Inspector[FileScan] = partial(scan_file, limits=limits)
    if not alone:
        from weightmark.scanners.engines.choice import engines_named
        from weightmark.scanners.engines.choice import examine as examine_file

        scan = partial(examine_file, engines=engines_named(policy.scan.engines, limits))
    # results of other engines are neither kept nor sent to workers: a receipt knows our rules only
    luggage = file_scans(limits) if alone else None
    kept = receipts if policy.trust_receipts and alone else None
    return _Reader(Path(path), options, sources, now, scan, luggage, kept, progress, jobs, workers)


def _with_ledger(
    evidence: Evidence,
    policy: Policy,
    examination: Examination,
    *,
    sources: Sources,
    trusts: Mapping[str, Trust],
    consultation: "Consultation",
) -> Evidence:
    from weightmark.attestations.gate.consult import consult_ledger, statements_among
    from weightmark.attestations.gate.witnesses import witnessed

    rule = policy.require.release
    trust = trusts.get(rule.role) if rule else None
    ledger = consult_ledger(
        sources.ledger,
        consultation,
        evidence.identity,
        trust,
        belief=examination.belief,
        reading=examination.reading,
        stated=statements_among(examination.evidence.bundles, evidence.claims)
        if examination.evidence
        else (),
    )
    ledger = witnessed(ledger, sources.ledger, policy.ledger, evidence.at)
    released = (record.signer for record in ledger.records if record.signer)
    trusted = (*evidence.trusted, *_signers(examination.belief), *released)
    return replace(evidence, ledger=ledger, trusted=tuple(dict.fromkeys(trusted)))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Verifies and reads one artifact, whatever stands in the way."""

    path: Path
    options: VerifyOptions
    sources: Sources
    now: datetime
    scan: Inspector[FileScan]
    luggage: Luggage[FileScan] | None
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
                now=self.now,
                inspect=self.scan,
                luggage=self.luggage,
                receipts=self.receipts,
                progress=self.progress,
                jobs=self.jobs,
                workers=self.workers,
                meanwhile=_import_judging,
            )
        except NoSignatureError:
            return self.read_unjudged()
        except (RefusedError, UncheckedError) as error:
            return self._unread(trust, error)

    def read_unjudged(self) -> Examination:
        """Identify and scan; signatures are absent or not judged."""
        artifact = open_artifact(self.path)
        beside = self._collect(artifact)
        found = Found(None, (), None, beside.checks)
        reading = None
        failure: tuple[Check, ...] = ()
        if artifact.entries:
            try:
                reading = read_artifact(
                    artifact,
                    columns=_SHA256_TOO if self.options.with_sha256 else _SHA256_TOO[:1],
                    inspect=self.scan,
                    luggage=self.luggage,
                    receipts=self.receipts,
                    progress=self.progress,
                    jobs=self.jobs,
                    meanwhile=_import_judging,
                )
            except (RefusedError, UncheckedError) as error:
                failure = (Check.from_error("reading", error),)
        report = judge(artifact, found, _NOBODY, reading, self.options)
        return Examination(_with_checks(report, failure), reading, None, beside)

    def _unread(self, trust: Trust | None, error: WeightmarkError) -> Examination:
        """Say who signed, although the content could not be read."""
        artifact = open_artifact(self.path)
        found = self._collect(artifact)
        belief = _NOBODY
        if trust:
            belief = weigh_evidence(found, trust, now=self.now, workers=self.workers)
        report = judge(artifact, found, belief, None, self.options)
        failure = Check.from_error("reading", error)
        return Examination(_with_checks(report, (failure,)), None, belief, found)

    def _collect(self, artifact: Artifact) -> Found:
        return collect_evidence(
            artifact, signature=self.sources.signature, claims=self.sources.claims
        )


def _import_judging() -> None:
    for name in _NEEDED_LATER:
        import_module(name)


def _with_checks(report: VerifyReport, more: Iterable[Check]) -> VerifyReport:
    return replace(report, checks=(*report.checks, *more))


def _described(
    examination: Examination, progress: ProgressSink | None, jobs: int | None
) -> tuple[Check, ...]:
    """Hold what a dataset says of itself against what was read."""
    if examination.reading is None:
        return ()
    from weightmark.attestations.dataset_checks import check_description

    artifact, files = examination.report.artifact, examination.reading.files
    return check_description(artifact, files, progress=progress, jobs=jobs)


def _evidence(examination: Examination, policy: Policy, at: datetime) -> Evidence:
    from weightmark.scanners.local_imports import report_of_tree

    report, reading, belief = examination.report, examination.reading, examination.belief
    artifact = report.artifact
    coverage = next((check for check in report.checks if check.name == "coverage"), None)
    return Evidence(
        name=artifact.name,
        at=at,
        identity=report.identity,
        files=len(artifact.entries),
        size=sum(entry.size for entry in artifact.entries),
        trusted=policy.trust.names if policy.trust else (),
        verified=report.verified,
        compared_by=report.verified.algorithm if report.verified else "",
        content_signers=report.verified.signers if report.verified else (),
        claims=_claim_ids(belief),
        scan=report_of_tree(reading.inspections, [file.path for file in reading.files])
        if reading
        else None,
        outside=artifact.outside,
        uncovered=coverage.details if coverage else (),
        clashes=clashes_of(artifact),
        checks=tuple(one for one in report.checks if one.name not in _JUDGED_BY_POLICY),
        known=Known.REMEMBERED if reading and reading.remembered else Known.READ,
    )


def _signed_folder(path: Path, artifact: Artifact) -> tuple[Check, ...]:
    """Name the folder around a single file that has claims of its own: they say nothing of the file by itself."""
    if not artifact.single:
        return ()
    around = path.absolute().parents[:_MOST_AROUND]
    names = (SIGNATURE, CLAIMS)
    found = next((one for one in around if any(os.path.isfile(one / name) for name in names)), None)  # noqa: PTH113 - what cannot be looked at is no folder to name
    if found is None:
        return ()
    return (
        Check(
            "part",
            Outcome.INFO,
            f"the file is judged by itself; `{found.name}`, which holds it, has claims of its own",
            "who signs a folder signs none of its files by itself",
            f"judge the whole: `weightmark gate {shlex.quote(str(found))} --policy POLICY`",
        ),
    )


def _claims_path(path: str | Path, artifact: Artifact) -> Path:
    name = artifact.sidecars.claims.name
    return Path(path).with_name(name) if artifact.single else Path(path) / name


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
