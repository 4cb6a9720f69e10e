"""Building a chain: verify every bundle, learn what each says, then follow the inputs."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.chain.aliases import Aliases
from weightmark.attestations.chain.gaps import gaps_of
from weightmark.attestations.chain.model import Chain, ClaimsAbout, Known, Refusal, StepRoles
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
from weightmark.attestations.statements import Statement, Subject
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.claimed import claimed_signer
from weightmark.attestations.trust.signed_times import made_since
from weightmark.errors import WeightmarkError
from weightmark.provenance.lineage.graph import DEFAULT_BOUNDS, Bounds, Lineage, Step
from weightmark.values import dataclass

__all__ = ["build_chain"]

_MAX_FOREIGN = 1000
"""statements by others that are named at most"""
_CONVERSION = "convert"
_STEP_PREDICATES = frozenset({SLSA_PROVENANCE_PREDICATE, LINK_PREDICATE, CONVERSION_PREDICATE})


@dataclass(frozen=True, slots=True)
class _Made:
    """What a statement says of a step."""

    kind: str
    builder: str
    dependencies: tuple[Descriptor, ...]
    foreign: bool = False


@dataclass(frozen=True)
class _Stated:
    """A statement about a step, before its inputs are resolved."""

    verified: VerifiedBundle
    kind: str
    builder: str
    dependencies: tuple[Descriptor, ...]
    subject: Subject
    foreign: bool


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
    claims_about: ClaimsAbout | None = None,
) -> Chain:
    """Build the chain of the artifact `root` from whatever `bundles` prove.

    `roles` says who may state which step, `vouchers` who may list or approve an artifact (the same
    as `roles.usual` unless given). `revoked` maps an identity or a signer to the words that say so, `places` an
    identity to where the caller has that artifact. `claims_about` is asked once about every artifact that
    is reached, and what it gives is verified like the rest.
    What no trusted signer signed, or what is malformed, proves nothing; steps that it states are named
    as refusals. The order of `bundles` never matters.
    """
    pool = _Pool(roles, vouchers or roles.usual, now or datetime.now(UTC))
    for bundle in bundles:
        pool.add(bundle)
    lineage, refusals = _traced(root, pool, claims_about or (lambda _: ()), bounds)
    known = {one: pool.known[one] for one in lineage.depths if one in pool.known}
    mine = tuple(one for one in refusals if one.artifact in lineage.depths)
    used = {step.claim_id for made in lineage.steps.values() for step in made}
    chain = Chain(lineage, known, (), mine, tuple(sorted(used)))
    return replace(chain, gaps=tuple(gaps_of(chain, revoked or {}, places or {})))


def _traced(
    root: str, pool: "_Pool", claims_about: ClaimsAbout, bounds: Bounds
) -> tuple[Lineage, tuple[Refusal, ...]]:
    """Follow the steps and learn about each artifact on the way, then once more with all that was learnt.

    What is learnt late can tell what an earlier input means; each round verifies only what is new.
    """
    asked: set[str] = set()
    while True:
        steps, refusals = pool.steps()
        before = pool.bundles
        steps_of = partial(_steps_of, pool=pool, steps=steps, asked=asked, about=claims_about)
        lineage = Lineage.trace(root, steps_of, bounds)
        if pool.bundles == before:
            return lineage, refusals


def _steps_of(
    artifact: str,
    *,
    pool: "_Pool",
    steps: Mapping[str, tuple[Step, ...]],
    asked: set[str],
    about: ClaimsAbout,
) -> tuple[Step, ...]:
    known = steps.get(artifact, ())
    if artifact in asked:
        return known
    asked.add(artifact)
    return (*known, *pool.learn(artifact, about(artifact)))


class _Pool:
    """Everything that verified bundles say, sorted by the artifact they say it of."""

    def __init__(self, roles: StepRoles, vouchers: Trust, now: datetime) -> None:
        self._roles = roles
        self._vouchers = vouchers
        self._now = now
        self._aliases = Aliases()
        self._stated: list[tuple[_Stated, bool]] = []
        self._foreign: list[tuple[Subject, str, str]] = []
        self._oms: list[tuple[str, OmsClaim]] = []
        self.known: dict[str, Known] = {}
        self.bundles = 0

    def learn(self, output: str, bundles: Iterable[Bundle]) -> tuple[Step, ...]:
        """Add bundles, and return what they say of how `output` was made, as far as digests are known yet."""
        before = len(self._stated)
        for bundle in bundles:
            self.add(bundle)
        return tuple(
            self._step(stated, output)
            for stated, counts in self._stated[before:]
            if counts and stated.subject.identity == output
        )

    def add(self, bundle: Bundle) -> None:
        """Verify one bundle for everybody who may count, and keep what it says."""
        self.bundles += 1
        believers = {
            id(trust): verified
            for trust in (*self._roles.trusts, self._vouchers)
            if (verified := self._verify(trust, bundle))
        }
        if not believers:
            self._meet_stranger(bundle)
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
        refusals = {
            (output, kind, signer, False)
            for subject, kind, signer in self._foreign
            if (output := self._output(subject))
        }
        for stated, counts in self._stated:
            output = self._output(stated.subject)
            if not output:
                continue
            signer = stated.verified.signer.name
            if not counts:
                refusals.add((output, stated.kind, signer, True))
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

    def _meet_stranger(self, bundle: Bundle) -> None:
        """Remember that somebody else states a step; nothing that such a statement says is followed."""
        envelope = bundle.content
        if len(self._foreign) >= _MAX_FOREIGN or not isinstance(envelope, Envelope):
            return
        if not any(one.encode() in envelope.payload for one in _STEP_PREDICATES):
            return
        try:
            statement = Statement.parse(envelope.payload_type, envelope.payload)
            kind = _made_of(statement).kind if statement.predicate_type in _STEP_PREDICATES else ""
        except WeightmarkError:
            return
        if kind:
            claimed = claimed_signer(bundle)[0]
            self._foreign += [(subject, kind, claimed) for subject in statement.subjects]

    def _add_steps(self, verified: VerifiedBundle, believers: Collection[int]) -> None:
        made = _made_of(verified.statement)
        entitled = self._roles.of(made.kind)
        counts = entitled is not None and id(entitled) in believers
        for subject in verified.statement.subjects:
            stated = _Stated(
                verified, made.kind, made.builder, made.dependencies, subject, made.foreign
            )
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
                    self._note(verified, subject, vouches=True, approves=True)
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
        approves: bool = False,
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
            approvers=_with(old.approvers, verified.signer.name if approves else ""),
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
            since=made_since(verified),
            foreign=stated.foreign,
        )


def _made_of(statement: Statement) -> "_Made":
    """Read how something was made, whichever predicate says it; raises `MalformedError`."""
    if statement.predicate_type == LINK_PREDICATE:
        link = Link.from_statement(statement)
        return _Made(link.name, "", tuple(link.materials), foreign=True)
    if statement.predicate_type == CONVERSION_PREDICATE:
        claim = ConversionClaim.from_statement(statement)
        source = Descriptor.of_identity("source", claim.source.identity, {})
        return _Made(_CONVERSION, claim.converter, (source,))
    provenance = SlsaProvenance.from_statement(statement)
    kind = provenance.step or provenance.build_type
    return _Made(
        kind,
        provenance.builder,
        tuple(provenance.dependencies),
        foreign=not provenance.step,
    )


def _with(values: tuple[str, ...], more: str) -> tuple[str, ...]:
    return tuple(sorted({*values, more})) if more else values
