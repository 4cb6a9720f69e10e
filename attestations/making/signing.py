"""Signing: scan in the same read, sign, check the own output, and only then write."""

from collections.abc import Sequence
from dataclasses import field, replace
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.dataset_checks import refuse_misdescribed
from weightmark.attestations.ignored_paths import IgnoredPaths
from weightmark.attestations.making.many_files import fits_a_signature, say_files
from weightmark.attestations.making.model_signature import (
    form_notices,
    is_outdated,
    leave_out,
    list_files,
)
from weightmark.attestations.making.placement import Placement, merge_claims, place
from weightmark.attestations.making.private_keys import refuse_own_secrets
from weightmark.attestations.making.release_files import read_release
from weightmark.attestations.making.self_check import check_own_output
from weightmark.attestations.making.tensor_tables import Seen, tables_of
from weightmark.attestations.predicates.compact_manifest import MANY_FILES
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import (
    OMS_PREDICATE,
    OmsClaim,
    Serialization,
)
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.predicates.tensors import (
    TENSORS_PREDICATE,
    TensorsClaim,
    fits_a_claim,
)
from weightmark.attestations.predicates.tree import TREE_PREDICATE
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    Exit,
    UncheckedError,
    UnsafeContentError,
    WeightmarkError,
)
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.atomic import exclusive, replace_files
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.manifest import SINGLE_FILE, Manifest
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import (
    FileDigests,
    ProgressSink,
    Reading,
    read_artifact,
)
from weightmark.provenance.reading.receipts import Receipts
from weightmark.provenance.sidecars import read_sidecar
from weightmark.scanners.findings import FileScan, ScanReport, Severity
from weightmark.scanners.local_imports import report_of_tree
from weightmark.values import dataclass

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
    add: bool = False
    """whether only claims are written, and `model.sig` stays as it is or absent"""
    secret_files: tuple[Path, ...] = ()
    """files with the keys, passphrases and PINs of all signers: none may be part of the artifact"""
    oms: Serialization = field(default_factory=Serialization)
    """form of `model.sig`: `Serialization.of("shards", "blake3", 10**9)`"""
    ignore_paths: tuple[str, ...] = ()
    """files and folders that `model.sig` leaves out, relative to the artifact's root or absolute"""
    many_files: int = MANY_FILES
    """from so many files on, claims name their list by digest, and it stands once beside them"""


@dataclass(frozen=True)
class SignResult:
    """What was signed and written."""

    artifact: Artifact
    """what was signed"""
    manifest: Manifest
    """its files"""
    signer: str
    """name of its identity, for example `key:<fingerprint>`"""
    scan: ScanReport | None
    """what the scan found, or None without a scan"""
    written: tuple[Path, ...]
    """files that were written"""
    notices: tuple[str, ...]
    """what the caller should know"""
    claims: tuple[Bundle, ...]
    """the new claims of each signer: manifest, scan, and tensors where there are safetensors files"""
    cosigners: tuple[str, ...] = ()
    """names of those who signed beside `signer`"""
    remembered: int = 0
    """how many large files were not read again, because receipts show that they did not change"""


_USUAL = SignOptions()
_MADE_BY_SIGNING = frozenset(
    [MANIFEST_PREDICATE, SCAN_PREDICATE, TENSORS_PREDICATE, TREE_PREDICATE, OMS_PREDICATE]
)
_NO_SIGNATURE = "no `model.sig` was made: its list of files would be over 64 MiB"


def sign_artifact(
    path: str | Path,
    signer: Signer,
    options: SignOptions = _USUAL,
    *,
    cosigners: Sequence[Signer] = (),
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> SignResult:
    """Scan and sign the artifact at `path`, and write `model.sig` and `model.claims`.

    `signer` makes `model.sig`; the `cosigners` sign the same claims, each as lines of `model.claims`.
    `receipts` spare reading and scanning large files that did not change.
    Raises `ArtifactRefusedError` for what no identity can cover and for a private key, `UnsafeContentError` for findings,
    `UncheckedError` for what the scan could not check, `SidecarRefusedError` and whatever reading raises.
    """
    artifact = open_artifact(path).require_identifiable().require_portable()
    _refuse_links(artifact, options)
    refuse_own_secrets(artifact, options.secret_files)
    ignored = leave_out(artifact, options.ignore_paths)
    _refuse_same_signers([signer, *cosigners])
    place(artifact, signer, out=options.out, replace=options.replace, keep_own=options.add)
    reading = read_release(
        artifact,
        options.oms,
        scan=options.scan,
        receipts=receipts,
        progress=progress,
        jobs=jobs,
    )
    paths = [file.path for file in reading.files]
    scans = (seen.inspection for seen in reading.inspections if seen.inspection)
    report = report_of_tree(scans, paths) if options.scan else None
    _refuse_unsafe(report, options.fail_on)
    refuse_misdescribed(artifact, reading.files)
    statements = _statements(artifact, reading, report, options, ignored=ignored)
    signed = statements.signature and signer.sign_statement(statements.signature).to_bytes()
    signature = signed or None
    claims: tuple[Bundle, ...] = ()
    for one in (signer, *cosigners):
        own = tuple(one.sign_statement(payload) for payload in statements.claims)
        made = signature if one is signer else None
        check_own_output(artifact, reading, made, own, one, ignored=ignored)
        claims += own
    with exclusive(options.out or artifact.sidecars.signature.parent):
        # Another signer may have written meanwhile, so the place is looked at once more.
        placement = place(
            artifact, signer, out=options.out, replace=options.replace, keep_own=options.add
        )
        contents = {}
        written = signature and not placement.keeps_signature
        if signature and written:
            contents[placement.sidecars.signature] = signature
        contents[placement.sidecars.claims] = merge_claims(
            placement.sidecars,
            claims,
            [signer, *cosigners],
            replace=options.replace,
            files=statements.files,
        )
        replace_files(contents)
    manifest = reading.manifest()
    notices = (
        *placement.notices,
        *statements.notices,
        *_notices(artifact, statements, placement, signer),
        *(form_notices(options.oms, ignored) if written else ()),
        *_outdated(placement, artifact, reading.files),
        *_stale_receipt(placement, manifest.identity),
    )
    return SignResult(
        artifact,
        manifest,
        signer.identity.name,
        report,
        tuple(contents),
        notices,
        claims,
        tuple(one.identity.name for one in cosigners),
        reading.remembered,
    )


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
    place(artifact, signer, out=out, replace=False, keep_own=True)
    reading: Reading[FileScan] = read_artifact(artifact, progress=progress, jobs=jobs)
    manifest = reading.manifest()
    payload = Statement.about_manifest(
        artifact.name, manifest.identity, predicate_type, predicate, {}
    )
    claim = signer.sign_statement(payload)
    signer.own_trust().verify(Bundle.parse(claim.to_bytes()))
    with exclusive(out or artifact.sidecars.signature.parent):
        placement = place(artifact, signer, out=out, replace=False, keep_own=True)
        claims_path = placement.sidecars.claims
        merged = merge_claims(placement.sidecars, [claim], [signer], replace=False)
        replace_files({claims_path: merged})
    return SignResult(
        artifact, manifest, signer.identity.name, None, (claims_path,), placement.notices, (claim,)
    )


def _refuse_own_kinds(predicate_type: str) -> None:
    if predicate_type in _MADE_BY_SIGNING:
        raise CallError(
            f"a claim of the type `{predicate_type}` is made by signing only",
            why="it says what was read and scanned, which nobody may state by hand",
            fix="use `weightmark sign`",
        )


def _refuse_same_signers(signers: Sequence[Signer]) -> None:
    names = [one.identity.name for one in signers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise CallError(
            f"`{twice}` is named as a signer twice",
            why="one signer counts once, however often it signs",
            fix="name each key once",
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
            fix="see `weightmark scan`; ship the weights as safetensors"
            + (
                ""
                if worst.severity is Severity.CRITICAL
                else ", or accept it with a higher `--fail-on`"
            ),
        )
    if verdict is Exit.UNCHECKED:
        file = next(file for file in report.files if file.problems)
        raise UncheckedError(
            f"not signed: `{escape_path(file.path)}` could not be scanned: {file.problems[0]}",
            why="what can't be checked can't be vouched for",
            fix="repair or remove the file, or sign with `--no-scan`, which the claim then says",
        )


@dataclass(frozen=True, slots=True)
class _Statements:
    """What is signed: the same bytes by every signer."""

    signature: bytes | None
    """for `model.sig`; None when there is nothing for it to cover, or it is not wanted"""
    claims: tuple[bytes, ...]
    """for `model.claims`"""
    nothing_for_oms: bool
    """whether OMS leaves out every file"""
    files: bytes | None = None
    """the list that claims name by digest, as a line of `model.claims`"""
    notices: tuple[str, ...] = ()
    """what the signer should know about it"""


@paused_collector()
def _statements(
    artifact: Artifact,
    reading: Reading[Seen[FileScan]],
    report: ScanReport | None,
    options: SignOptions,
    *,
    ignored: IgnoredPaths,
) -> _Statements:
    sha256 = dict(reading.sha256)
    manifest = reading.manifest()
    oms = list_files(artifact, reading.files, options.oms, ignored)
    annotations = _annotations(artifact, oms, sha256)
    scan = (
        ScanClaim.of_report(report, options.fail_on)
        if report
        else ScanClaim.not_scanned(options.fail_on.word)
    )
    said = say_files(ManifestClaim(manifest, sha256, artifact.has_links), options.many_files)
    tables = tables_of(reading)
    tensors = (
        {TENSORS_PREDICATE: TensorsClaim.of(tables).to_predicate()} if fits_a_claim(tables) else {}
    )
    claims = tuple(
        Statement.about_manifest(
            artifact.name, manifest.identity, predicate_type, predicate, annotations
        )
        for predicate_type, predicate in (
            said.predicates[0],
            (SCAN_PREDICATE, scan.to_predicate()),
            *tensors.items(),
            *said.predicates[1:],
        )
    )
    made = _Statements(None, claims, not oms.resources, said.line, said.notices)
    if options.add or not oms.resources:
        return made
    if not fits_a_signature(oms):
        return replace(made, notices=(*made.notices, _NO_SIGNATURE))
    return replace(made, signature=oms.to_statement(artifact.name))


def _annotations(artifact: Artifact, oms: OmsClaim, sha256: dict[str, str]) -> dict[str, str]:
    """Name the artifact as other tools do; annotations link nothing by themselves."""
    from weightmark.provenance.foreign_digests import dir_hash

    if artifact.single:
        return {"sha256": sha256[SINGLE_FILE]}
    found = {"omsRoot": oms.root if oms.resources else None, "dirHash": dir_hash(sha256.items())}
    return {name: digest for name, digest in found.items() if digest}


def _notices(
    artifact: Artifact, statements: _Statements, placement: Placement, signer: Signer
) -> list[str]:
    notices = []
    if statements.nothing_for_oms:
        notices.append("no `model.sig` was made: OMS leaves out every file that is here")
    if artifact.has_links:
        notices.append(
            "the artifact holds links: the reference verifier then needs `--allow_symlinks`"
        )
    if statements.signature and not placement.keeps_signature:
        notices += signer.notices
    return notices


def _outdated(
    placement: Placement, artifact: Artifact, files: Sequence[FileDigests]
) -> tuple[str, ...]:
    kept, name = placement.kept, placement.sidecars.signature.name
    if not isinstance(kept, Bundle) or not is_outdated(kept, artifact, files):
        return ()
    return (
        f"`{name}` no longer fits the content: have its signer sign again, or overwrite it with `--replace`",
    )


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
