"""Signing: scan in the same read, sign, check the own output, and only then write."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weightmark.attestations.belief import weigh_evidence
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.evidence import Claim, Evidence, SignatureFile
from weightmark.attestations.placement import Placement, merge_claims, place
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, SILENT_IGNORES, OmsClaim
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.private_keys import refuse_private_keys
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.verification import VerifyOptions, judge
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    Exit,
    TamperedError,
    UncheckedError,
    UnsafeContentError,
    WeightmarkError,
)
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.atomic import exclusive, replace_files
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.manifest import SINGLE_FILE, Manifest
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import Column, ProgressSink, Reading, read_artifact
from weightmark.provenance.sidecars import read_sidecar
from weightmark.scanners.findings import FileScan, ScanReport, Severity
from weightmark.scanners.local_imports import report_of_tree
from weightmark.scanners.scan import scan_file

__all__ = ["SignOptions", "SignResult", "add_claim", "sign_artifact"]


@dataclass(frozen=True, slots=True)
class SignOptions:
    """How to sign."""

    fail_on: Severity = Severity.HIGH
    """a finding at or over this severity refuses the signature"""
    scan: bool = True
    """whether to scan; without, the scan claim says so"""
    allow_links: bool = True
    """whether links inside the artifact are accepted"""
    replace: bool = False
    """whether another signer's files may be overwritten"""
    out: Path | None = None
    """write signature and claims into this folder instead of beside the artifact"""
    key_file: Path | None = None
    """where the signer's private key lies, if in a file: it must not be part of the artifact"""


@dataclass(frozen=True)
class SignResult:
    """What was signed and written."""

    artifact: Artifact
    """what was signed"""
    manifest: Manifest
    """its files"""
    signer: str
    """`key:<fingerprint>`"""
    scan: ScanReport | None
    """what the scan found, or None without a scan"""
    written: tuple[Path, ...]
    """files that were written"""
    notices: tuple[str, ...]
    """what the caller should know"""
    claims: tuple[Bundle, ...]
    """the new claims: manifest claim and scan claim"""


def sign_artifact(
    path: str | Path,
    signer: Signer,
    options: SignOptions = SignOptions(),
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> SignResult:
    """Scan and sign the artifact at `path`, and write `model.sig` and `model.claims`.

    Raises `ArtifactRefusedError` for what no identity can cover and for a private key, `UnsafeContentError` for findings,
    `UncheckedError` for what the scan could not check, `SidecarRefusedError` and whatever reading raises.
    """
    artifact = open_artifact(path).require_identifiable().require_portable()
    _refuse_links(artifact, options)
    refuse_private_keys(artifact, options.key_file)
    place(artifact, signer.public, out=options.out, replace=options.replace)
    reading = read_artifact(
        artifact,
        columns=(Column.BLAKE3, Column.SHA256),
        inspect=scan_file if options.scan else None,
        progress=progress,
        jobs=jobs,
    )
    paths = [file.path for file in reading.files]
    report = report_of_tree(reading.inspections, paths) if options.scan else None
    _refuse_unsafe(report, options.fail_on)
    signature, claims = _sign_all(artifact, reading, report, signer, options)
    _check_own_output(artifact, reading, signature, claims, signer)
    with exclusive(options.out or artifact.sidecars.signature.parent):
        # Another signer may have written meanwhile, so the place is looked at once more.
        placement = place(artifact, signer.public, out=options.out, replace=options.replace)
        contents = {}
        if signature and not placement.keeps_foreign_signature:
            contents[placement.sidecars.signature] = signature.to_bytes()
        contents[placement.sidecars.claims] = merge_claims(
            placement.sidecars, claims, signer.public, replace=options.replace
        )
        replace_files(contents)
    manifest = reading.manifest()
    notices = (
        *placement.notices,
        *_notices(artifact, signature, placement, signer),
        *_stale_receipt(placement, manifest.identity),
    )
    return SignResult(artifact, manifest, signer.identity, report, tuple(contents), notices, claims)


def add_claim(
    path: str | Path,
    signer: Signer,
    predicate_type: str,
    predicate: dict[str, object],
    *,
    out: Path | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> SignResult:
    """State something about the artifact at `path` and add the claim beside it.

    Raises `CallError` for the kinds that only signing makes, and what `sign_artifact` raises but
    for scanning.
    """
    _refuse_own_kinds(predicate_type)
    artifact = open_artifact(path).require_identifiable().require_portable()
    place(artifact, signer.public, out=out, replace=False, keep_own=True)
    reading: Reading[FileScan] = read_artifact(artifact, progress=progress, jobs=jobs)
    manifest = reading.manifest()
    payload = Statement.about_manifest(
        artifact.name, manifest.identity, predicate_type, predicate, {}
    )
    claim = signer.sign_statement(payload)
    Trust.in_keys([signer.public]).verify(Bundle.parse(claim.to_bytes()))
    with exclusive(out or artifact.sidecars.signature.parent):
        placement = place(artifact, signer.public, out=out, replace=False, keep_own=True)
        claims_path = placement.sidecars.claims
        merged = merge_claims(placement.sidecars, [claim], signer.public, replace=False)
        replace_files({claims_path: merged})
    return SignResult(
        artifact, manifest, signer.identity, None, (claims_path,), placement.notices, (claim,)
    )


def _refuse_own_kinds(predicate_type: str) -> None:
    if predicate_type in (MANIFEST_PREDICATE, SCAN_PREDICATE, OMS_PREDICATE):
        raise CallError(
            f"a claim of the type `{predicate_type}` is made by signing only",
            why="it says what was read and scanned, which nobody may state by hand",
            fix="use `weightmark sign`",
        )


def _refuse_links(artifact: Artifact, options: SignOptions) -> None:
    if artifact.has_links and not options.allow_links:
        link = next(entry.path for entry in artifact.entries if entry.link == "inside")
        raise ArtifactRefusedError(
            f"`{escape_path(link)}` is a link",
            fix="replace it by the file that it means, or sign without `--no-symlinks`",
        )


def _refuse_unsafe(report: ScanReport | None, fail_on: Severity) -> None:
    if report is None:
        return
    verdict = report.exit(fail_on)
    if verdict is Exit.BAD:
        worst = max(report.findings, key=lambda finding: finding.severity)
        raise UnsafeContentError(
            f"not signed: {worst.message} in `{escape_path(worst.path)}`",
            why=f"{worst.rule}, {worst.severity.word}: {worst.detail or worst.message}",
            fix="see `weightmark scan`; ship the weights as safetensors, or accept it with a higher `--fail-on`",
        )
    if verdict is Exit.UNCHECKED:
        file = next(file for file in report.files if file.problems)
        raise UncheckedError(
            f"not signed: `{escape_path(file.path)}` could not be scanned: {file.problems[0]}",
            why="what can't be checked can't be vouched for",
            fix="repair or remove the file, or sign with `--no-scan`, which the claim then says",
        )


def _sign_all(
    artifact: Artifact,
    reading: Reading[FileScan],
    report: ScanReport | None,
    signer: Signer,
    options: SignOptions,
) -> tuple[Bundle | None, tuple[Bundle, ...]]:
    sha256 = {file.path: file.sha256 for file in reading.files}
    manifest = reading.manifest()
    covered = {path: digest for path, digest in sha256.items() if in_oms_set(path)}
    oms = OmsClaim.of_files(
        covered, allow_symlinks=artifact.has_links, ignore_paths=tuple(sorted(SILENT_IGNORES))
    )
    annotations = _annotations(artifact, oms, sha256)

    def claim(predicate_type: str, predicate: dict[str, object]) -> Bundle:
        payload = Statement.about_manifest(
            artifact.name, manifest.identity, predicate_type, predicate, annotations
        )
        return signer.sign_statement(payload)

    scan = (
        ScanClaim.of_report(report, options.fail_on)
        if report
        else ScanClaim.not_scanned(options.fail_on.word)
    )
    claims = (
        claim(
            MANIFEST_PREDICATE, ManifestClaim(manifest, sha256, artifact.has_links).to_predicate()
        ),
        claim(SCAN_PREDICATE, scan.to_predicate()),
    )
    if not covered:
        return None, claims
    payload = Statement.about_digest(artifact.name, oms.root, OMS_PREDICATE, oms.to_predicate())
    return signer.sign_statement(payload), claims


def _annotations(artifact: Artifact, oms: OmsClaim, sha256: dict[str, str]) -> dict[str, str]:
    """Name the artifact as other tools do; annotations link nothing by themselves."""
    from weightmark.provenance.foreign_digests import dir_hash

    if artifact.single:
        return {"sha256": sha256[SINGLE_FILE]}
    found = {"omsRoot": oms.root if oms.files else None, "dirHash": dir_hash(sha256.items())}
    return {name: digest for name, digest in found.items() if digest}


def _check_own_output(
    artifact: Artifact,
    reading: Reading[FileScan],
    signature: Bundle | None,
    claims: Sequence[Bundle],
    signer: Signer,
) -> None:
    """Verify the serialized output with the very code that `verify` uses."""
    file = None
    if signature:
        parsed = Bundle.parse(signature.to_bytes())
        file = SignatureFile(artifact.sidecars.signature, parsed, None, (0, 0))
    found = tuple(Claim("own output", Bundle.parse(claim.to_bytes())) for claim in claims)
    evidence = Evidence(file, found, None, ())
    belief = weigh_evidence(evidence, Trust.in_keys([signer.public]))
    report = judge(artifact, evidence, belief, reading, VerifyOptions(digests="both"))
    if report.verified is None:
        reason = "; ".join(check.summary for check in report.checks if check.outcome == "fail")
        raise TamperedError("the new signature does not verify, so it was not written", why=reason)


def _notices(
    artifact: Artifact, signature: Bundle | None, placement: Placement, signer: Signer
) -> list[str]:
    notices = []
    if signature is None:
        notices.append("no `model.sig` was made: OMS leaves out every file that is here")
    if artifact.has_links:
        notices.append(
            "the artifact holds links: the reference verifier then needs `--allow_symlinks`"
        )
    if signer.public.kind == "ed25519" and not placement.keeps_foreign_signature:
        notices.append(
            "the reference verifier does not know Ed25519; use an ECDSA key if others verify with it"
        )
    return notices


def _stale_receipt(placement: Placement, identity: str) -> list[str]:
    """Say so when the receipt that stands there is about something else; it is read without belief."""
    from weightmark.provenance.ledger.event import parse_event
    from weightmark.provenance.ledger.proof import parse_proof

    path = placement.sidecars.receipt
    try:
        data = read_sidecar(path, storage=placement.sidecars.storage)
        extra = parse_proof(data).extra if data is not None else None
        if extra is None or parse_event(extra).subject == identity:
            return []
    except WeightmarkError:
        return []
    return [f"`{path.name}` is of an earlier release; append again"]
