"""Building a chain: verify every bundle, learn what each says, then follow the inputs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.aliases import Aliases
from weightmark.attestations.chain.model import Chain, Gap, GapKind, Known, Refusal, StepRoles
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.classification import (
    CLASSIFICATION_PREDICATE,
    ClassificationClaim,
)
from weightmark.attestations.predicates.conversion import CONVERSION_PREDICATE, ConversionClaim
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE, DatasetClaim
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.link import LINK_PREDICATE, Link
from weightmark.attestations.predicates.lock import LOCK_PREDICATE, LockClaim
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.statements import Subject
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.errors import WeightmarkError
from weightmark.provenance.lineage.graph import DEFAULT_BOUNDS, Bounds, Lineage, Step
from weightmark.provenance.lineage.names import shortened
from weightmark.values import dataclass

__all__ = ["build_chain"]

_OTHER = "use another artifact, or have it made again from what still counts"
_SKEW = timedelta(minutes=5)
"""by how much two honest clocks may differ"""
_CONVERSION = "convert"
_STEP_PREDICATES = frozenset({SLSA_PROVENANCE_PREDICATE, LINK_PREDICATE, CONVERSION_PREDICATE})


@dataclass(frozen=True)
class _Stated:
    """A statement about a step, before its inputs are resolved."""

    verified: VerifiedBundle
    kind: str
    builder: str
    dependencies: tuple[Descriptor, ...]
    subject: Subject


def build_chain(
    root: str,
    bundles: Iterable[Bundle],
    roles: StepRoles,
    *,
    vouchers: Trust | None = None,
    revoked: Mapping[str, str] | None = None,
    bounds: Bounds = DEFAULT_BOUNDS,
    places: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Chain:
    """Build the chain of the artifact `root` from whatever `bundles` prove.

    `roles` says who may state which step, `vouchers` who may list or approve an artifact (the same
    as `roles.usual` unless given). `revoked` maps an identity or a signer to the words that say so, `places` an
    identity to where the caller has that artifact.
    What no trusted signer signed, or what is malformed, is left out and proves nothing. The order
    of `bundles` never matters.
    """
    pool = _Pool(roles, vouchers or roles.usual, now or datetime.now(UTC))
    for bundle in bundles:
        pool.add(bundle)
    steps, refusals = pool.steps()
    lineage = Lineage.trace(root, lambda identity: steps.get(identity, ()), bounds)
    known = {one: pool.known[one] for one in lineage.depths if one in pool.known}
    mine = tuple(one for one in refusals if one.artifact in lineage.depths)
    gaps = _Gaps(lineage, known, mine, revoked or {}, places or {}).all()
    used = {step.claim_id for made in lineage.steps.values() for step in made}
    return Chain(lineage, known, tuple(gaps), mine, tuple(sorted(used)))


class _Pool:
    """Everything that verified bundles say, sorted by the artifact they say it of."""

    def __init__(self, roles: StepRoles, vouchers: Trust, now: datetime) -> None:
        self._roles = roles
        self._vouchers = vouchers
        self._now = now
        self._aliases = Aliases()
        self._stated: list[tuple[_Stated, bool]] = []
        self._oms: list[tuple[str, OmsClaim]] = []
        self.known: dict[str, Known] = {}

    def add(self, bundle: Bundle) -> None:
        """Verify one bundle for everybody who may count, and keep what it says."""
        believers = {
            id(trust): verified
            for trust in (*self._roles.trusts, self._vouchers)
            if (verified := self._verify(trust, bundle))
        }
        if not believers:
            return
        verified = next(iter(believers.values()))
        try:
            if verified.statement.predicate_type in _STEP_PREDICATES:
                self._add_steps(verified, believers.keys())
            elif id(self._vouchers) in believers:
                self._add_voucher(verified)
        except WeightmarkError:
            # a malformed predicate by a trusted signer proves nothing; verification reports it
            return

    def steps(self) -> tuple[dict[str, tuple[Step, ...]], tuple[Refusal, ...]]:
        """Resolve every input, now that all digests are known."""
        for root, claim in self._oms:
            self._aliases.add_oms(root, claim)
        steps: dict[str, dict[str, Step]] = {}
        refusals: set[tuple[str, str, str]] = set()
        for stated, counts in self._stated:
            output = self._output(stated.subject)
            if not output:
                continue
            signer = stated.verified.signer.name
            if not counts:
                refusals.add((output, stated.kind, signer))
                continue
            step = self._step(stated, output)
            steps.setdefault(output, {})[f"{step.claim_id} {signer}"] = step
        ordered = {
            output: tuple(made[key] for key in sorted(made)) for output, made in steps.items()
        }
        return ordered, tuple(Refusal(*one) for one in sorted(refusals))

    def _verify(self, trust: Trust, bundle: Bundle) -> VerifiedBundle | None:
        try:
            return trust.verify(bundle, now=self._now)
        except WeightmarkError:
            return None

    def _add_steps(self, verified: VerifiedBundle, believers: Collection[int]) -> None:
        if verified.statement.predicate_type == LINK_PREDICATE:
            link = Link.from_statement(verified.statement)
            kind, builder, dependencies = link.name, "", link.materials
        elif verified.statement.predicate_type == CONVERSION_PREDICATE:
            claim = ConversionClaim.from_statement(verified.statement)
            kind, builder = _CONVERSION, claim.converter
            dependencies = (Descriptor.of_identity("source", claim.source.identity, {}),)
        else:
            provenance = SlsaProvenance.from_statement(verified.statement)
            kind = provenance.step or provenance.build_type
            builder, dependencies = provenance.builder, provenance.dependencies
        counts = id(self._roles.of(kind)) in believers
        for subject in verified.statement.subjects:
            stated = _Stated(verified, kind, builder, dependencies, subject)
            self._stated.append((stated, counts))

    def _add_voucher(self, verified: VerifiedBundle) -> None:
        statement = verified.statement
        subject = statement.subject
        match statement.predicate_type:
            case type_ if type_ == MANIFEST_PREDICATE:
                self._aliases.add_manifest(ManifestClaim.from_statement(statement))
                self._note(verified, subject, vouches=True)
            case type_ if type_ == OMS_PREDICATE:
                self._oms.append((subject.sha256, OmsClaim.from_statement(statement)))
            case type_ if type_ == LOCK_PREDICATE:
                self._aliases.add_lock(subject.identity, LockClaim.from_statement(statement))
            case type_ if type_ == APPROVAL_PREDICATE:
                if not ApprovalClaim.from_statement(statement).has_expired(self._now):
                    self._note(verified, subject, vouches=True)
            case type_ if type_ == CLASSIFICATION_PREDICATE:
                level = ClassificationClaim.from_statement(statement).level
                self._note(verified, subject, classification=level)
            case type_ if type_ == DATASET_PREDICATE:
                licence = DatasetClaim.from_statement(statement).license
                self._note(verified, subject, licence=licence)

    def _note(
        self,
        verified: VerifiedBundle,
        subject: Subject,
        *,
        vouches: bool = False,
        classification: str = "",
        licence: str = "",
    ) -> None:
        identity = subject.identity
        if not identity:
            return
        old = self.known.get(identity) or Known(identity)
        times = [one for one in (old.at, verified.time.at if verified.time else None) if one]
        names = sorted(name for name in (old.name, subject.name) if name)
        self.known[identity] = replace(
            old,
            name=names[0] if names else "",
            vouchers=_with(old.vouchers, verified.signer.name if vouches else ""),
            at=min(times) if times else None,
            classifications=_with(old.classifications, classification),
            licenses=_with(old.licenses, licence),
        )

    def _output(self, subject: Subject) -> str:
        if subject.identity or not subject.sha256:
            return subject.identity
        described = Descriptor(digest={"sha256": subject.sha256}, media_type=subject.media_type)
        try:
            return self._aliases.identity_of(described)
        except WeightmarkError:
            return ""

    def _step(self, stated: _Stated, output: str) -> Step:
        verified = stated.verified
        return Step(
            output=output,
            kind=stated.kind,
            inputs=tuple(self._aliases.input_of(one) for one in stated.dependencies),
            signer=verified.signer.name,
            claim_id=verified.claim_id,
            builder=stated.builder,
            at=verified.time.at if verified.time else None,
            output_name=stated.subject.name,
        )


@dataclass(frozen=True)
class _Gaps:
    """Looks at a lineage from every side."""

    lineage: Lineage
    known: Mapping[str, Known]
    refusals: Sequence[Refusal]
    revoked: Mapping[str, str]
    places: Mapping[str, str]

    def all(self) -> Iterator[Gap]:
        """Yield every gap, nearest artifact first."""
        for artifact in self.lineage.depths:
            yield from self._of_artifact(artifact)
        for circle in self.lineage.circles:
            names = " → ".join(shortened(one) for one in (*circle, circle[0]))
            yield Gap(
                GapKind.CIRCLE,
                circle[0],
                f"made from itself: {names}",
                why="nothing can have gone into its own making",
                fix="find out which of these statements is wrong, and have its signer revoke it",
            )
        if self.lineage.limit:
            summary = f"the chain is {self.lineage.limit}"
            fix = "raise `[chain] max_depth` if that is meant"
            yield Gap(GapKind.LIMIT, self.lineage.root, summary, fix=fix)

    def _of_artifact(self, artifact: str) -> Iterator[Gap]:
        steps = self.lineage.steps.get(artifact, ())
        reason = self.revoked.get(artifact)
        if reason:
            yield Gap(GapKind.REVOKED, artifact, f"`{shortened(artifact)}` is {reason}", fix=_OTHER)
        if not steps:
            yield from self._unproven(artifact)
        elif len({step.parents for step in steps}) > 1 or len({s.kind for s in steps}) > 1:
            signers = ", ".join(sorted({shortened(step.signer) for step in steps}))
            yield Gap(
                GapKind.CONTRADICTION,
                artifact,
                f"`{shortened(artifact)}` was made in different ways, by the words of {signers}",
                fix="revoke the statement that is wrong",
            )
        for step in steps:
            yield from self._of_step(step)

    def _unproven(self, artifact: str) -> Iterator[Gap]:
        known = self.known.get(artifact)
        if known and known.vouchers:
            return
        refused = [one for one in self.refusals if one.artifact == artifact]
        for one in refused:
            yield Gap(
                GapKind.WRONG_ROLE,
                artifact,
                f"how `{shortened(artifact)}` was made ({one.kind}) is stated only by {shortened(one.signer)}",
                why="who may state a step is said by the role of that step",
                fix=f"have it stated by the role for `{one.kind}`, or give the signer that role",
            )
        if not refused:
            yield Gap(
                GapKind.UNPROVEN,
                artifact,
                f"nobody who is trusted vouches for `{shortened(artifact)}` or says how it was made",
                fix="sign what you have of it: `weightmark attest"
                f' {self.places.get(artifact, "PATH")} --type approval --reason "…" --key KEY`,'
                " or record its step with `weightmark record`",
            )

    def _of_step(self, step: Step) -> Iterator[Gap]:
        reason = self.revoked.get(step.signer)
        if reason:
            said = f"the signer {shortened(step.signer)} is {reason}"
            yield Gap(GapKind.REVOKED, step.output, said, fix=_OTHER)
        for one in step.inputs:
            if not one.identity:
                yield Gap(
                    GapKind.UNLINKED,
                    step.output,
                    f"the input `{one.label[:80]}` of `{step.kind[:80]}` links to no artifact",
                    why=one.problem,
                    fix=f"record the step again with `weightmark record --input {one.name or 'NAME'}=PATH`,"
                    " or give the signed manifest of that input with `--claims`",
                )
        for parent in step.parents:
            born = self._born(parent)
            if step.at and born and born > step.at + _SKEW:
                yield Gap(
                    GapKind.YOUNGER_PARENT,
                    step.output,
                    f"`{shortened(parent)}` appeared after what was made from it",
                    why=f"{born:%Y-%m-%dT%H:%M:%SZ} is later than {step.at:%Y-%m-%dT%H:%M:%SZ}",
                    fix="find out which statement is wrong, and revoke it",
                )

    def _born(self, artifact: str) -> datetime | None:
        """Return the earliest verified time of anything that is said of an artifact."""
        known = self.known.get(artifact)
        times = [known.at if known else None]
        times += [step.at for step in self.lineage.steps.get(artifact, ())]
        proven = [one for one in times if one]
        return min(proven) if proven else None


def _with(values: tuple[str, ...], more: str) -> tuple[str, ...]:
    return tuple(sorted({*values, more})) if more else values
