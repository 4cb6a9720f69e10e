"""Verification of what a source promises, without fetching it: the promised SHA-256 against what was signed.

A registry names every raw layer by its SHA-256, a hub its large files, and the manifest's digest or
the commit pins the list. What is verified is the pinned address: whoever fetches from it and holds
the bytes against the promise, as `pull` does, gets what was signed. Nothing is said of bytes that
lie anywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from weightmark.attestations.checks import Check, Outcome, counted, merge_checks
from weightmark.attestations.ignored_paths import NOTHING_IGNORED
from weightmark.attestations.predicates.oms import OMS_PREDICATE, SILENT_IGNORES
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.claimed import trust_not_said
from weightmark.attestations.verifying.belief import (
    Belief,
    BelievedManifest,
    BelievedSignature,
    weigh_evidence,
)
from weightmark.attestations.verifying.content import Content
from weightmark.attestations.verifying.evidence import (
    Claim,
    Evidence,
    SignatureFile,
    collect_evidence,
)
from weightmark.attestations.verifying.promised_files import PromisedFiles
from weightmark.attestations.verifying.verification import (
    Examination,
    VerifyOptions,
    VerifyReport,
    judge,
)
from weightmark.errors import Exit, NoSignatureError, WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.reading.results import Reading
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES
from weightmark.provenance.sources.interface import Part, Snapshot, Source
from weightmark.values import dataclass

__all__ = ["PromiseExamination", "VerifiedPromise", "examine_promise"]

_SEAL = object()
_OPTIONS = VerifyOptions(digests="sha256")
_OMS = OMS_PREDICATE.rpartition("/")[0]
_COSIGN = "https://sigstore.dev/cosign/sign/v1"
"""what `cosign sign` states, since version 3, of a manifest in a registry"""


@dataclass(frozen=True)
class VerifiedPromise:
    """Files that a pinned address promises and that a trusted signer lists; only verifying can make one."""

    pinned: str
    """the address that can't move"""
    sha256: Mapping[str, str]
    """path to SHA-256, lowercase hex; of an archive its digest to that"""
    signers: tuple[str, ...]
    """who vouches for them"""
    uncovered: tuple[str, ...]
    """paths that no verified claim holds (root git files beside a bare OMS signature)"""
    manifest: Manifest | None
    """the files with BLAKE3, as the claim that fits lists them; None when only a model signature does"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a VerifiedPromise is made by verifying only")


@dataclass(frozen=True)
class PromiseExamination:
    """What came of it."""

    snapshot: Snapshot
    """what the source promises"""
    examination: Examination
    """checks, claims and belief; its reading has no BLAKE3, and its report no verified manifest"""
    listed: VerifiedPromise | None
    """what trusted signers list; it counts only together with every check, as `promise` says"""

    @property
    def promise(self) -> VerifiedPromise | None:
        """What was verified; None unless every check allows it."""
        return self.listed if self.examination.report.exit is Exit.GOOD else None

    def judged(self, examination: Examination) -> "PromiseExamination":
        """Return it with further checks, as those of a ledger."""
        return replace(self, examination=examination)


def examine_promise(
    source: Source,
    snapshot: Snapshot,
    trust: Trust | None,
    *,
    claims: Sequence[Path] = (),
    progress: ProgressSink | None = None,
) -> PromiseExamination:
    """Verify what `source` promised in `snapshot` for `trust`, by the claims beside it and in `claims`.

    Files without a promised SHA-256 are fetched and hashed, up to 256 MiB. Of archives nobody promises
    the files, so only a signature over the registry's own manifest speaks for them. Raises
    `LimitError`, `NoSignatureError`, then `TrustNotSaidError`, and what fetching raises.
    """
    with TemporaryDirectory(prefix="weightmark-") as place:
        files = PromisedFiles(source, snapshot, Path(place), progress)
        artifact, reading = files.described()
        evidence = collect_evidence(artifact, claims=[files.claims(), *claims])
    if not evidence.found_any:
        raise _no_signature(snapshot)
    if trust is None:
        raise trust_not_said(evidence.bundles)
    trial = _Trial(snapshot, artifact, reading, evidence, trust)
    examination = trial.examination()
    listed = VerifiedPromise(
        snapshot.pinned,
        {file.path: file.sha256 for file in reading.files},
        trial.signers,
        trial.uncovered,
        trial.manifest,
        _SEAL,
    )
    return PromiseExamination(snapshot, examination, listed if trial.signers else None)


class _Trial:
    """Compares the promised SHA-256 of every file with what trusted signers list."""

    def __init__(
        self,
        snapshot: Snapshot,
        artifact: Artifact,
        reading: Reading[Any],
        evidence: Evidence,
        trust: Trust,
    ) -> None:
        self._archives = [part for part in snapshot.parts if part.archive]
        self._snapshot = snapshot
        self._pin = snapshot.digest.get("sha256", "")
        self._artifact = artifact
        self._reading = reading
        self._trust = trust
        attached, others = _parted(evidence.claims)
        self._evidence = replace(evidence, claims=others)
        self._belief = self._heard(weigh_evidence(self._evidence, trust))
        self._matches: tuple[BelievedManifest, ...] = ()
        self._remarks: list[Check] = []
        if self._archives:
            return
        self._matches = self._content().matches(self._belief.manifests)
        if self._belief.signature is None and attached:
            self._choose_signature(attached)

    @property
    def signers(self) -> tuple[str, ...]:
        """Who lists the files."""
        signature = self._belief.signature
        found = [signature.verified.signer.name] if signature and signature.oms else []
        found += [one.verified.signer.name for one in self._matches]
        return tuple(dict.fromkeys((*found, *self._pin_signers)))

    @property
    def _pin_signers(self) -> tuple[str, ...]:
        """Who signed the very manifest that pins the address: it names every layer by its digest."""
        return tuple(
            dict.fromkeys(
                one.signer.name for one in self._belief.others if self._is_about_pin(one.statement)
            )
        )

    def _heard(self, belief: Belief) -> Belief:
        """Take a stranger's signature over the pinned manifest for what it is: it vouches for the files."""
        pins = {one.source for one in self._evidence.claims if self._states_pin(one)}
        strangers = tuple(
            replace(one, vouches=one.vouches or one.source in pins) for one in belief.strangers
        )
        return replace(belief, strangers=strangers)

    def _states_pin(self, claim: Claim) -> bool:
        statement = _stated(claim)
        return statement is not None and self._is_about_pin(statement)

    def _is_about_pin(self, statement: Statement) -> bool:
        only = statement.subjects[0] if len(statement.subjects) == 1 else None
        if only is None or statement.predicate_type != _COSIGN:
            return False
        return bool(self._pin) and only.sha256 == self._pin and not only.media_type

    @property
    def manifest(self) -> Manifest | None:
        """The files as a fitting claim lists them."""
        return self._matches[0].claim.manifest if self._matches else None

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Which files no list holds."""
        if self._pin_signers:
            return ()
        return self._content().unjudged(self._belief.signature, self._matches)

    def examination(self) -> Examination:
        """Return every check."""
        base = judge(self._artifact, self._evidence, self._belief, None, _OPTIONS)
        checks = [*base.checks, *self._content_checks(), *self._remarks]
        if self._pin_signers:
            checks = [one for one in checks if not _says_nobody_lists(one)]
        report = VerifyReport(
            self._artifact, self._identity, merge_checks(checks), base.claims, None
        )
        return Examination(report, self._reading, self._belief, self._evidence)

    @property
    def _identity(self) -> str:
        """The identity that a fitting claim states; without one nobody knows it before the bytes are there."""
        return self.manifest.identity if self.manifest else ""

    def _content(self) -> Content:
        oms = self._belief.signature.oms if self._belief.signature else None
        left_out = frozenset(oms.ignore_paths) - SILENT_IGNORES if oms else frozenset()
        return Content(
            self._artifact,
            self._evidence.signature,
            self._reading,
            "sha256",
            NOTHING_IGNORED,
            False,
            left_out,
        )

    def _content_checks(self) -> Iterator[Check]:
        content, belief = self._content(), self._belief
        if self._pin_signers:
            names = ", ".join(self._pin_signers)
            yield Check("registry signature", Outcome.PASS, f"the manifest, signed by {names}")
        elif self._archives:
            yield _archives_unknown(self._archives[0])
        check = None if self._archives else content.manifest_check(belief.manifests, self._matches)
        if check:
            yield check
        if belief.signature and not self._archives:
            yield self._signature_check(belief.signature, belief)
        if belief.unlisted and not self.signers:
            yield _list_missing()
        if self.uncovered:
            paths = tuple(f"`{escape_path(path)}`" for path in self.uncovered)
            yield Check("coverage", Outcome.INFO, "not covered by this signature", details=paths)
        yield from self._outside_checks()
        if self.signers:
            what = self._identity or counted(len(self._reading.files), "file")
            yield Check("promise", Outcome.INFO, f"{what}, {self._how_known()}")

    def _outside_checks(self) -> Iterator[Check]:
        """Name what no signature is about; a registry's own manifest has no reason to hold such."""
        omitted = self._snapshot.omitted
        if self._pin and omitted and not self._pin_signers:
            yield Check(
                "outside",
                Outcome.FAIL,
                f"its manifest holds {counted(len(omitted), 'file')} that no artifact has",
                "nobody signed them, and other clients write them beside the signed files",
                "push the artifact again with `weightmark push`, which leaves them out",
                tuple(f"`{escape_path(path)}`" for path in omitted),
                code="tampered",
            )
            return
        for root in OUTSIDE:
            count = sum(f"{path}/".startswith(f"{root}/") for path in omitted)
            if count:
                what = f"`{root}` is not part of the artifact ({counted(count, 'file')})"
                yield Check("outside", Outcome.INFO, what)

    def _how_known(self) -> str:
        parts = [one for one in self._snapshot.parts if one.path not in RESERVED_NAMES]
        fetched = sum("sha256" not in one.digests for one in parts)
        if not fetched:
            return "by promised SHA-256 and not fetched"
        if fetched == len(parts):
            return "fetched and hashed, as no SHA-256 is promised"
        return f"by promised SHA-256, and {fetched} fetched and hashed for lack of it"

    def _signature_check(self, signature: BelievedSignature, belief: Belief) -> Check:
        matched = bool(self._matches)
        check = self._content().signature_check(signature, belief, matched=matched)
        unread = check.outcome is Outcome.UNCHECKED and matched
        return replace(check, outcome=Outcome.INFO) if unread else check

    def _choose_signature(self, attached: Sequence[SignatureFile]) -> None:
        """Take the attached model signature that fits; of those that do not, one speaks if nothing else fits.

        Whoever may push can attach a good signature over other content to this one, so that alone
        it refutes nothing that a trusted signer says of this content.
        """
        failed: list[Belief] = []
        for file in attached:
            alone = weigh_evidence(Evidence(file, (), None, ()), self._trust)
            self._belief = replace(
                self._belief,
                listed=(*self._belief.listed, *alone.listed),
                strangers=(*self._belief.strangers, *alone.strangers),
            )
            if alone.signature is None:
                self._remarks += [
                    replace(one, outcome=Outcome.INFO, fix="") for one in alone.checks
                ]
                continue
            mixed = replace(self._belief, signature=alone.signature)
            if self._signature_check(alone.signature, mixed).outcome is Outcome.PASS:
                self._belief = mixed
                return
            failed.append(mixed)
        if failed and not self._matches:
            self._belief = replace(self._belief, signature=failed[0].signature)
        elif failed:
            count = counted(len(failed), "attached model signature")
            self._remarks.append(
                Check("claims", Outcome.INFO, f"{count} about other content than this")
            )


def _parted(claims: Sequence[Claim]) -> tuple[list[SignatureFile], tuple[Claim, ...]]:
    """Part model signatures, which stand among other claims in a source, from those."""
    signatures = [one for one in claims if _is_model_signature(one)]
    files = [SignatureFile(Path(one.source), one.bundle, None, (0, 0)) for one in signatures]
    return files, tuple(one for one in claims if one not in signatures)


def _is_model_signature(claim: Claim) -> bool:
    statement = _stated(claim)
    return statement is not None and statement.predicate_type.startswith(f"{_OMS}/")


def _stated(claim: Claim) -> Statement | None:
    """Return what a claim states, whoever signed it; None for what is no statement."""
    try:
        envelope = claim.bundle.envelope
        return Statement.parse(envelope.payload_type, envelope.payload)
    except WeightmarkError:
        return None


def _says_nobody_lists(check: Check) -> bool:
    return check.name == "signature" and check.outcome is Outcome.NOTHING


def _archives_unknown(part: Part) -> Check:
    return Check(
        "content",
        Outcome.UNCHECKED,
        "it holds archives, whose files nobody promises",
        f"the digest of `{part.location or part.label}` is that of the archive",
        "`weightmark pull` unpacks and judges it; `weightmark push` makes one layer a file",
        code="content-not-checked",
    )


def _list_missing() -> Check:
    return Check(
        "manifest claim",
        Outcome.UNCHECKED,
        "the list of files that was signed is not at hand",
        "the claim names it by its digest, and it is not among the claims",
        "`weightmark pull` fetches everything and judges it",
        code="content-not-checked",
    )


def _no_signature(snapshot: Snapshot) -> NoSignatureError:
    return NoSignatureError(
        f"no signature found for `{snapshot.uri}`",
        why=f"nothing that is a claim is kept beside `{snapshot.pinned}`",
        fix="ask the publisher for claims and name them with `--claims`; if it is yours, sign it and `weightmark push` it",
    )
