"""Verification: signatures first, then content, each claim proving only its own statement.

The rules of which digest proves what stand in docs/concepts/verification.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightmark.attestations.belief import (
    Belief,
    BelievedManifest,
    BelievedSignature,
    ListedClaim,
    weigh_evidence,
)
from weightmark.attestations.checks import Check, Outcome, exit_of
from weightmark.attestations.evidence import Evidence, collect_evidence
from weightmark.attestations.trust import Trust
from weightmark.errors import Exit, NoSignatureError, TrustNotSaidError
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.diff import Differences
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import (
    Column,
    Inspector,
    ProgressSink,
    Reading,
    read_artifact,
)

__all__ = ["Examination", "VerifiedManifest", "VerifyOptions", "VerifyReport", "examine", "judge"]

_SEAL = object()
_DETAILS_SHOWN = 100


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


def examine(
    path: str | Path,
    trust: Trust | None,
    *,
    options: VerifyOptions = VerifyOptions(),
    signature: Path | None = None,
    claims: Sequence[Path] = (),
    inspect: Inspector[Any] | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Examination:
    """Verify the artifact at `path` for `trust`, reading its content at most once.

    `inspect` (a scanner) sees each file during that read. Raises `NoSignatureError` when there is
    nothing to verify, then `TrustNotSaidError` when nobody is trusted, and whatever reading raises.
    """
    artifact = open_artifact(path)
    evidence = collect_evidence(artifact, signature=signature, claims=claims)
    if not evidence.found_any:
        raise _no_signature(artifact)
    if trust is None:
        raise TrustNotSaidError(
            "whom to trust was not said",
            why="a signature by nobody in particular proves nothing",
            fix="name the signer's public key with `--key release.pub`",
        )
    belief = weigh_evidence(evidence, trust)
    reading = None
    if artifact.entries and (belief.names_content or inspect):
        columns = [Column.BLAKE3]
        if belief.needs_sha256 or options.digests != "any":
            columns.append(Column.SHA256)
        reading = read_artifact(
            artifact, columns=columns, inspect=inspect, progress=progress, jobs=jobs
        )
    return Examination(judge(artifact, evidence, belief, reading, options), reading, belief)


def judge(
    artifact: Artifact,
    evidence: Evidence,
    belief: Belief,
    reading: Reading[Any] | None,
    options: VerifyOptions,
) -> VerifyReport:
    """Compare what trusted signers list with what was read; pure."""
    checks = [*evidence.checks, *belief.checks]
    checks.append(_signature_check(evidence, belief))
    algorithm = ""
    uncovered: tuple[str, ...] = ()
    if reading and belief.names_content:
        content = _Content(artifact, evidence, reading, options)
        manifest_check, match = content.against_manifests(belief.manifests)
        signature_check = (
            content.against_signature(belief.signature, match) if belief.signature else None
        )
        checks += [check for check in (manifest_check, signature_check) if check]
        algorithm = content.algorithm(match)
        uncovered = () if match else content.uncovered
    checks += _tree_checks(artifact, options, uncovered)
    identity = reading.manifest().identity if reading and not artifact.problems else ""
    verified = None
    if exit_of(checks) is Exit.GOOD and reading:
        verified = VerifiedManifest(
            reading.manifest(), _signers(belief), algorithm, tuple(uncovered), _SEAL
        )
    return VerifyReport(artifact, identity, tuple(checks), belief.listed, verified)


@dataclass(frozen=True)
class _Content:
    """What was read, ready to be compared."""

    artifact: Artifact
    evidence: Evidence
    reading: Reading[Any]
    options: VerifyOptions

    @property
    def blake3(self) -> dict[str, str]:
        return {file.path: f"{file.blake3} {file.size}" for file in self.reading.files}

    @property
    def sha256(self) -> dict[str, str]:
        return {file.path: file.sha256 for file in self.reading.files}

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Paths that OMS leaves out of its signatures."""
        return tuple(file.path for file in self.reading.files if not self._in_oms_set(file.path))

    def algorithm(self, match: BelievedManifest | None) -> str:
        if match is None:
            return "sha256"
        return {"any": "blake3", "sha256": "sha256", "both": "blake3 and sha256"}[
            self.options.digests
        ]

    def against_manifests(
        self, manifests: Sequence[BelievedManifest]
    ) -> tuple[Check | None, BelievedManifest | None]:
        """Look for a trusted manifest claim that lists exactly what was read."""
        if not manifests:
            return None, None
        for believed in reversed(manifests):
            if not self._differences(believed):
                check = self._link_check(believed.claim.links) or self._pass("manifest claim")
                return check, believed
        newest = manifests[-1]
        return self._fail("manifest claim", self._differences(newest)), None

    def against_signature(
        self, signature: BelievedSignature, match: BelievedManifest | None
    ) -> Check:
        """Compare the files of `model.sig`: with the same signer's matching claim, or with what was read."""
        if signature.oms is None:
            reason = signature.unsupported.what if signature.unsupported else ""
            outcome = Outcome.INFO if match else Outcome.UNCHECKED
            return Check("model signature", outcome, "signature valid, content not checked", reason)
        listed = signature.oms.files_of(single=self.artifact.single, name=self.artifact.name)
        same_signer = (
            match and match.verified.signer.fingerprint == signature.verified.signer.fingerprint
        )
        if match and same_signer and signature.oms.algorithm == "sha256":
            found: Mapping[str, str] = match.claim.sha256
        elif signature.oms.algorithm == "blake3":
            found = {file.path: file.blake3 for file in self.reading.files}
        elif all(self.sha256.values()):
            found = self.sha256
        else:
            return Check(
                "model signature",
                Outcome.UNCHECKED,
                "signature valid, content not checked",
                "no matching claim of the same signer was found",
            )
        found = {path: digest for path, digest in found.items() if self._in_oms_set(path)}
        differences = Differences.between(listed, found)
        if differences:
            return self._fail("model signature", differences, signature.oms.ignore_paths)
        return self._link_check(signature.oms.allow_symlinks) or self._pass(
            "model signature", len(listed)
        )

    def _differences(self, believed: BelievedManifest) -> Differences:
        claim = believed.claim
        by_blake3 = {row.path: f"{row.blake3} {row.size}" for row in claim.manifest.rows}
        results = []
        if self.options.digests in ("any", "both"):
            results.append(Differences.between(by_blake3, self.blake3))
        if self.options.digests in ("sha256", "both"):
            results.append(Differences.between(claim.sha256, self.sha256))
        return next((result for result in results if result), results[0])

    def _in_oms_set(self, path: str) -> bool:
        """Root git files and the very file that holds the signature are not signed by OMS."""
        if not in_oms_set(path):
            return False
        signature = self.evidence.signature
        if signature is None or signature.file_id == (0, 0):
            return True
        return all(
            (entry.device, entry.inode) != signature.file_id
            for entry in self.artifact.entries
            if entry.path == path
        )

    def _link_check(self, allowed: bool) -> Check | None:
        links = [entry.path for entry in self.artifact.entries if entry.link == "inside"]
        if allowed or not links:
            return None
        details = tuple(
            f"`{escape_path(path)}` is a link now: it was a plain file when it was signed"
            for path in links
        )
        return Check(
            "links",
            Outcome.FAIL,
            f"{_count(len(links), 'file')} became a link",
            "the signer recorded no links",
            "replace the link by the file",
            details[:_DETAILS_SHOWN],
        )

    def _pass(self, name: str, count: int | None = None) -> Check:
        count = len(self.reading.files) if count is None else count
        return Check(name, Outcome.PASS, f"{_count(count, 'file')} as signed")

    def _fail(self, name: str, differences: Differences, ignored: Sequence[str] = ()) -> Check:
        details = []
        for change in differences.changes[:_DETAILS_SHOWN]:
            hider = next(
                (
                    p
                    for p in ignored
                    if change.path == p or change.path.startswith(p.rstrip("/") + "/")
                ),
                None,
            )
            hidden = change.kind == "extra" and hider is not None
            details.append(
                f"`{escape_path(change.path)}` is not signed: the signer asked to ignore `{hider}`"
                if hidden
                else str(change)
            )
        count = len(differences.changes)
        if count > _DETAILS_SHOWN:
            details.append(f"… and {count - _DETAILS_SHOWN} more")
        return Check(
            name,
            Outcome.FAIL,
            f"{_count(count, 'file')} {'differs' if count == 1 else 'differ'} from what was signed",
            "the content is not what the signer vouched for",
            "get the artifact again from the publisher, or ask for a new signature",
            tuple(details),
        )


def _signature_check(evidence: Evidence, belief: Belief) -> Check:
    signers = _signers(belief)
    if signers:
        return Check("signature", Outcome.PASS, f"signed by {', '.join(signers)}")
    file = evidence.signature
    if belief.others:
        return Check(
            "signature",
            Outcome.NOTHING,
            "your signer made claims, but none lists the files",
            fix="ask the signer for `weightmark sign`",
        )
    if evidence.claims or (file and file.bundle):
        return Check(
            "signature",
            Outcome.FAIL,
            "signed, but not by whom you trust",
            "none of the signatures was made with a key that you named",
            "check which key the publisher announces",
        )
    if file and file.unsupported:
        return Check.from_error("signature", file.unsupported)
    return Check("signature", Outcome.NOTHING, "no signature that could be checked")


def _tree_checks(
    artifact: Artifact, options: VerifyOptions, uncovered: Sequence[str]
) -> list[Check]:
    checks = []
    if artifact.problems:
        details = tuple(str(problem) for problem in artifact.problems[:_DETAILS_SHOWN])
        count = len(artifact.problems)
        checks.append(
            Check(
                "names",
                Outcome.FAIL,
                f"{_count(count, 'extra entry', 'extra entries')} that nobody can sign",
                "an identity covers regular files with plain names only",
                "remove them",
                details,
            )
        )
    if not artifact.entries:
        checks.append(Check("files", Outcome.NOTHING, "the artifact holds no files"))
    clashes = () if options.allow_clashes else artifact.clashes
    if clashes:
        details = tuple(
            f"{' and '.join(f'`{escape_path(p)}`' for p in clash.paths)} {clash.reason}"
            for clash in clashes[:_DETAILS_SHOWN]
        )
        checks.append(
            Check(
                "names",
                Outcome.FAIL,
                f"{_count(len(clashes), 'name')} would be something else on other systems",
                "another machine could load another file than was verified",
                "rename them and sign again",
                details,
            )
        )
    if uncovered:
        checks.append(
            Check(
                "coverage",
                Outcome.INFO,
                "not covered by this signature",
                "OMS signatures leave root git files out",
                "",
                tuple(f"`{escape_path(p)}`" for p in uncovered),
            )
        )
    checks += [
        Check(
            "outside",
            Outcome.INFO,
            f"`{part.path}` is not part of the artifact ({_count(part.files, 'file')})",
        )
        for part in artifact.outside
    ]
    return checks


def _signers(belief: Belief) -> tuple[str, ...]:
    found = [manifest.verified.signer.identity for manifest in belief.manifests]
    if belief.signature:
        found.insert(0, belief.signature.verified.signer.identity)
    return tuple(dict.fromkeys(found))


def _no_signature(artifact: Artifact) -> NoSignatureError:
    places = artifact.sidecars
    return NoSignatureError(
        f"no signature found for `{artifact.name}`",
        why=f"looked for `{places.signature}` and `{places.claims}`",
        fix=f"sign it with `weightmark sign {artifact.name} --key KEY`, or name the file with `--signature FILE`",
    )


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
