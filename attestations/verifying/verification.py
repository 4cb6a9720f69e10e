"""Verification: signatures first, then content, each claim proving only its own statement.

The rules of which digest proves what stand in docs/concepts/verification.md.
"""

import posixpath
import shlex
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from weightmark.attestations.checks import Check, Outcome, counted, exit_of, merge_checks
from weightmark.attestations.ignored_paths import NOTHING_IGNORED, IgnoredPaths
from weightmark.attestations.predicates.oms import SILENT_IGNORES, OmsClaim
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.claimed import trust_not_said
from weightmark.attestations.verifying.belief import (
    Belief,
    BelievedManifest,
    ListedClaim,
    weigh_evidence,
)
from weightmark.attestations.verifying.content import DETAILS_SHOWN, Content
from weightmark.attestations.verifying.evidence import Evidence, collect_evidence
from weightmark.attestations.verifying.signature_checks import signature_checks
from weightmark.attestations.verifying.tree_checks import tree_checks
from weightmark.attestations.verifying.unlisted import complete
from weightmark.errors import (
    CallError,
    Exit,
    NoSignatureError,
)
from weightmark.provenance import sidecars
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import (
    Column,
    Inspector,
    Luggage,
    ProgressSink,
    Reading,
    read_artifact,
)
from weightmark.provenance.reading.receipts import Receipts
from weightmark.values import dataclass

__all__ = ["Examination", "VerifiedManifest", "VerifyOptions", "VerifyReport", "examine", "judge"]

_SEAL = object()
_DIGESTS = ("any", "sha256", "both")


@dataclass(frozen=True)
class VerifiedManifest:
    """Files whose bytes were compared with what a trusted signer lists; only `judge` can make one."""

    manifest: Manifest
    """the files as they were read"""
    signers: tuple[str, ...]
    """who vouches for them, `key:<fingerprint>`"""
    algorithm: str
    """the digest by which the content was compared: `blake3`, `sha256` or both"""
    uncovered: tuple[str, ...]
    """paths that no verified claim holds (root git files beside a bare OMS signature)"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a VerifiedManifest is made by verifying only")


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How strictly to verify."""

    digests: str = "any"
    """`any` (the fastest that a trusted claim allows), `sha256` or `both`"""
    allow_clashes: bool = False
    """whether names that clash on other systems are accepted"""
    ignore_paths: tuple[str, ...] = ()
    """files and folders to leave out, relative to the artifact's root or absolute; see `IgnoredPaths`"""
    ignore_unsigned_files: bool = False
    """whether files that nobody signed, and that no loader opens, are named without being held against the artifact"""
    allow_legacy: bool = False
    """whether model signatures in the weaker forms of 2024 count"""
    with_sha256: bool = False
    """whether the SHA-256 of every file must be known, because something beside signatures names files by it"""

    def __post_init__(self) -> None:
        if self.digests not in _DIGESTS:
            raise CallError(
                f"`{self.digests}` is no choice of digests", fix=f"use one of {', '.join(_DIGESTS)}"
            )


@dataclass(frozen=True)
class VerifyReport:
    """Everything that verification found out."""

    artifact: Artifact
    """what was verified"""
    identity: str
    """`wm1:…` of what was read; empty when nothing was read or no identity exists"""
    checks: tuple[Check, ...]
    """each thing that was looked at"""
    claims: tuple[ListedClaim, ...]
    """each bundle that was found"""
    verified: VerifiedManifest | None
    """the verified content, present only when every check allows it"""

    @property
    def exit(self) -> Exit:
        """The verdict."""
        return exit_of(self.checks)


@dataclass(frozen=True)
class Examination:
    """A verification together with the one read on which it rests."""

    report: VerifyReport
    """the verdict"""
    reading: Reading[Any] | None
    """digests and inspections; None when nothing was read"""
    belief: Belief | None
    """which evidence holds; None when nothing was found or nobody is trusted"""
    evidence: Evidence | None = None
    """what was found beside the artifact; None when nothing was looked for"""


_USUAL = VerifyOptions()


def examine(
    path: str | Path,
    trust: Trust | None,
    *,
    options: VerifyOptions = _USUAL,
    signature: Path | None = None,
    claims: Sequence[Path] = (),
    now: datetime | None = None,
    inspect: Inspector[Any] | None = None,
    luggage: Luggage[Any] | None = None,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
    workers: int = 1,
    meanwhile: Callable[[], object] | None = None,
) -> Examination:
    """Verify the artifact at `path` for `trust`, reading its content at most once.

    Signers count at `now`, the present unless given. `inspect` (a scanner) sees each file during that read; `luggage`, `receipts` and `meanwhile` are as for `read_artifact`. `jobs` threads read, and `workers` processes
    verify where there are many keyless claims (see `weigh_evidence`). Raises `NoSignatureError` when there is
    nothing to verify, then `TrustNotSaidError` when nobody is trusted, and whatever reading raises.
    """
    artifact = open_artifact(path)
    evidence = collect_evidence(artifact, signature=signature, claims=claims)
    if not evidence.found_any:
        raise _no_signature(artifact, path)
    if trust is None:
        raise trust_not_said(evidence.bundles)
    with paused_collector():
        belief = weigh_evidence(
            evidence, trust, now=now, allow_legacy=options.allow_legacy, workers=workers
        )
    ignored = IgnoredPaths.of(artifact, options.ignore_paths)
    reading = None
    if artifact.entries and (belief.names_content or inspect):
        reading = read_artifact(
            artifact,
            columns=_columns(belief.own_list, options),
            sharding=belief.own_list.serialization.sharding if belief.own_list else None,
            inspect=inspect,
            luggage=luggage,
            receipts=receipts,
            progress=progress,
            jobs=jobs,
            meanwhile=meanwhile,
        )
    belief, _ = complete(belief, reading)
    if reading and options.ignore_unsigned_files:
        ignored = ignored.forgiving(artifact, _listed_by_not_all(artifact, belief))
    report = judge(artifact, evidence, belief, reading, options, ignored=ignored)
    return Examination(report, reading, belief, evidence)


def _listed_by_not_all(artifact: Artifact, belief: Belief) -> frozenset[str]:
    """Return the files that at least one trusted list does not name."""
    lists = [frozenset(row.path for row in one.claim.manifest.rows) for one in belief.manifests]
    oms = belief.signature.oms if belief.signature else None
    if oms:
        lists.append(frozenset(oms.files))
    paths = frozenset(entry.path for entry in artifact.entries)
    return paths - frozenset.intersection(*lists) if lists else paths


def _columns(own_list: OmsClaim | None, options: VerifyOptions) -> set[Column]:
    """Choose the digests to compute: BLAKE3 always, others where a list or the caller asks for them."""
    columns = {Column.BLAKE3}
    if options.digests != "any":
        columns.add(Column.SHA256)
    if own_list and own_list.serialization.sharding is None:
        columns.add(own_list.serialization.algorithm)
    if own_list and options.with_sha256:
        columns.add(Column.SHA256)
    return columns


@paused_collector()
def judge(
    artifact: Artifact,
    evidence: Evidence,
    belief: Belief,
    reading: Reading[Any] | None,
    options: VerifyOptions,
    *,
    ignored: IgnoredPaths = NOTHING_IGNORED,
) -> VerifyReport:
    """Compare what trusted signers list with what was read, but for what is `ignored`; pure."""
    belief, differing = complete(belief, reading)
    checks = [*evidence.checks, *belief.checks, *differing]
    checks += signature_checks(evidence, belief)
    identity = ""
    if reading and artifact.entries and not artifact.problems:
        identity = reading.manifest().identity
    algorithm = ""
    signers: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    if reading and belief.names_content:
        content = Content(
            artifact,
            evidence.signature,
            reading,
            options.digests,
            ignored,
            options.ignore_unsigned_files,
            _left_out(belief),
        )
        matches = content.matches(belief.manifests)
        checks += _content_checks(content, belief, matches)
        algorithm = _algorithm(belief, matches, options)
        signers = _vouchers(belief, matches)
        uncovered = content.unjudged(belief.signature, matches)
        checks += content.empty_beside_shards(belief.signature, uncovered)
        checks += _claims_about_others(belief, identity)
    checks += tree_checks(artifact, uncovered, allow_clashes=options.allow_clashes)
    checks += _receipt_checks(reading)
    verified = None
    if exit_of(checks) is Exit.GOOD and reading and signers:
        verified = VerifiedManifest(reading.manifest(), signers, algorithm, uncovered, _SEAL)
    return VerifyReport(artifact, identity, merge_checks(checks), belief.listed, verified)


def _receipt_checks(reading: Reading[Any] | None) -> list[Check]:
    """Say of how many files the digests are those of an earlier read."""
    if reading is None or not reading.remembered:
        return []
    count = counted(reading.remembered, "large file")
    summary = f"{count} not read again, unchanged since the last time; `--fresh` reads everything"
    return [Check("remembered", Outcome.INFO, summary)]


def _left_out(belief: Belief) -> frozenset[str]:
    """Return what the signer of the model signature left out of it, beside what all leave out."""
    oms = belief.signature.oms if belief.signature else None
    names = frozenset(posixpath.normpath(path) for path in oms.ignore_paths) if oms else frozenset()
    return names - SILENT_IGNORES


def _content_checks(
    content: Content, belief: Belief, matches: Sequence[BelievedManifest]
) -> list[Check]:
    checks = [content.manifest_check(belief.manifests, matches)]
    if belief.signature:
        check = content.signature_check(belief.signature, belief, matched=bool(matches))
        if belief.signature.oms is None and matches:
            check = replace(check, outcome=Outcome.INFO)
        checks.append(check)
        checks += _form_checks(belief.signature.oms)
    return [check for check in checks if check]


def _form_checks(oms: OmsClaim | None) -> list[Check]:
    """Say what is unusual about the model signature, and what its signer left out."""
    if oms is None:
        return []
    left_out = [path for path in oms.ignore_paths if path not in SILENT_IGNORES]
    checks = [Check("form", Outcome.INFO, notice) for notice in oms.notices]
    if left_out:
        summary = f"the signer left out {counted(len(left_out), 'path')}"
        details = tuple(f"`{escape_path(path)}`" for path in left_out[:DETAILS_SHOWN])
        checks.append(Check("ignores", Outcome.INFO, summary, details=details))
    return checks


def _algorithm(belief: Belief, matches: Sequence[BelievedManifest], options: VerifyOptions) -> str:
    """Name the digest by which the content was compared."""
    if matches:
        names = {"any": "blake3", "sha256": "sha256", "both": "blake3 and sha256"}
        return names[options.digests]
    oms = belief.signature.oms if belief.signature else None
    return oms.algorithm if oms else ""


def _vouchers(belief: Belief, matches: Sequence[BelievedManifest]) -> tuple[str, ...]:
    """Name the signers whose lists were compared with the content; valid only when all checks pass."""
    found = [match.verified.signer.name for match in matches]
    if belief.signature and belief.signature.oms:
        found.insert(0, belief.signature.verified.signer.name)
    return tuple(dict.fromkeys(found))


def _claims_about_others(belief: Belief, identity: str) -> list[Check]:
    others = [
        claim.source for claim in belief.listed if claim.identity and claim.identity != identity
    ]
    if not others or not identity:
        return []
    return [
        Check(
            "claims",
            Outcome.INFO,
            f"{counted(len(others), 'claim')} about other content than this",
            details=tuple(others[:DETAILS_SHOWN]),
        )
    ]


def _no_signature(artifact: Artifact, path: str | Path) -> NoSignatureError:
    places = artifact.sidecars
    folder = Path(path).parent
    if artifact.single and any(
        (folder / name).is_file() for name in (sidecars.SIGNATURE, sidecars.CLAIMS)
    ):
        return NoSignatureError(
            f"no signature found for `{path}`",
            why=f"`{folder}` holds a signature, which is about the folder as a whole",
            fix=f"verify the folder: `weightmark verify {shlex.quote(str(folder))}`",
        )
    sign = f"`weightmark sign {shlex.quote(str(path))} --key KEY`"
    return NoSignatureError(
        f"no signature found for `{path}`",
        why=f"looked for `{places.signature}` and `{places.claims}`",
        fix=f"ask the publisher for the signature, or name it with `--signature FILE`; if the artifact is yours, sign it with {sign}",
    )
