"""Gathering: from a path and whom to trust to everything that a bill of materials says.

Bytes are read once. A claim counts only when its signer is trusted and it is about these very bytes, or
about an artifact to which the verified chain leads.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from weightmark.attestations.bom.ancestry import ancestors_of, steps_of
from weightmark.attestations.bom.believing import Believed, believe
from weightmark.attestations.bom.book import Book
from weightmark.attestations.bom.interface import (
    BomClaim,
    BomContent,
    BomFile,
    BomWeights,
    Fact,
    Origin,
    Source,
    plain,
    some,
)
from weightmark.attestations.bom.own_words import own_words
from weightmark.attestations.bom.stated import facts_of, source_of
from weightmark.attestations.bom.summaries import summary_of
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.gathering import GrownChain, grow_chain
from weightmark.attestations.chain.judging import counts
from weightmark.attestations.chain.model import Chain, StepRoles
from weightmark.attestations.chain.rule import ChainRule
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.lineage import revoked_in
from weightmark.attestations.ledger.consulting import Consultation
from weightmark.attestations.ledger.ledger_claims import LedgerClaims
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OMS_PREDICATE
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.errors import LimitError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.identification import Identification
from weightmark.provenance.lineage.graph import DEFAULT_BOUNDS, Bounds
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.reading.engine import (
    ProgressSink,
)
from weightmark.scanners.tensors.survey import TensorSurvey, WeightSet, survey_tensors
from weightmark.values import dataclass

__all__ = ["MOST_FILES", "BomRequest", "Gathered", "gather"]

MOST_FILES = 200_000
"""files that a document lists at most"""
_MOST_GAPS = 1000
_RULE = ChainRule(complete=True, signed_ends=True)


@dataclass(frozen=True)
class BomRequest:
    """What a caller says about a bill of materials beside the path."""

    trust: Trust | None = None
    """whose claims count; None for nobody's"""
    signature: Path | None = None
    """the model signature, if it is not at its usual place"""
    claims: tuple[Path, ...] = ()
    """more claims"""
    ancestors: tuple[Path, ...] = ()
    """ancestors on disk, whose claims are read"""
    ledger: str = ""
    """place of a ledger with claims and revocations; empty for none"""
    consultation: Consultation | None = None
    """what that ledger revokes"""
    name: str = ""
    """what the artifact is called; empty for what its signer calls it, else its folder"""
    kind: str = ""
    """`model` or `dataset`; empty for what its bytes and claims say"""
    list_files: bool = True
    """whether each file is listed"""
    moment: datetime | None = None
    """time of the document where no claim has a verified one"""
    address: str = ""
    """pinned address from which it was fetched"""
    depth: int = DEFAULT_BOUNDS.depth
    """steps to follow"""

    @property
    def bound_trust(self) -> Trust | None:
        """Whose claims count, but for what the ledger revokes."""
        return self.consultation.bind(self.trust) if self.consultation else self.trust


@dataclass(frozen=True)
class Gathered:
    """The content of a document, and what is to be said of the evidence for it."""

    content: BomContent
    """what the document says"""
    checks: tuple[Check, ...]
    """what was looked at to believe any claim; none where nobody is trusted"""

    @property
    def contradicted(self) -> tuple[Check, ...]:
        """The checks that failed: the evidence of a trusted signer contradicts the bytes."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAIL)

    @property
    def unchecked(self) -> tuple[Check, ...]:
        """The checks that could not be made."""
        return tuple(check for check in self.checks if check.outcome is Outcome.UNCHECKED)


def gather(
    path: str | Path,
    request: BomRequest,
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Gathered:
    """Read the artifact at `path`, verify what stands beside it, and return what can be said.

    Raises whatever reading raises, `LimitError` for more files than a document lists, and `CallError` for
    evidence that is named and not there.
    """
    survey = survey_tensors(path, sha256=True, progress=progress, jobs=jobs)
    identification = survey.identification
    _require_listable(identification, request)
    evidence = collect_evidence(
        identification.artifact, signature=request.signature, claims=request.claims
    )
    bundles = [*evidence.bundles, *_claims_of(request.ancestors)]
    believed = believe(
        identification, evidence, request.bound_trust, progress=progress, jobs=jobs
    ).judged_by(request.ledger, request.consultation, identification)
    if request.bound_trust is None:
        book, chain = Book((), len(bundles)), None
    else:
        grown = _chain(identification.identity, bundles, request, request.bound_trust)
        book, chain = Book.of(grown.bundles, request.bound_trust), grown.chain
    checks = (*believed.checks, *_limits(chain))
    return Gathered(_content(survey, request, believed, book, chain), checks)


def _limits(chain: Chain | None) -> Iterator[Check]:
    """Say that ancestors are missing because a bound was hit."""
    if chain and chain.lineage.limit:
        fix = "raise `--max-depth` if that is meant"
        said = f"the chain is {chain.lineage.limit}"
        yield Check("chain", Outcome.UNCHECKED, said, fix=fix)


def _require_listable(identification: Identification, request: BomRequest) -> None:
    count = len(identification.manifest.rows)
    if request.list_files and count > MOST_FILES:
        raise LimitError(
            f"the artifact has {count} files, and a document lists {MOST_FILES} at most",
            fix="add `--no-files`: the identity binds every file without listing it",
        )


def _claims_of(paths: Sequence[Path]) -> Iterator[Bundle]:
    for path in paths:
        yield from collect_evidence(open_artifact(path)).bundles


def _chain(
    identity: str, bundles: Sequence[Bundle], request: BomRequest, trust: Trust
) -> GrownChain:
    """Build the chain by the trusted signer's claims, those at hand and those of a ledger."""
    build = partial(
        build_chain, identity, roles=StepRoles(trust), bounds=Bounds(depth=request.depth)
    )
    return grow_chain(
        build,
        bundles,
        LedgerClaims(request.ledger),
        revoked_in=lambda chain: revoked_in(chain, request.consultation),
    )


def _content(
    survey: TensorSurvey,
    request: BomRequest,
    believed: Believed,
    book: Book,
    chain: Chain | None,
) -> BomContent:
    identification = survey.identification
    identity, rows = identification.identity, identification.manifest.rows
    single = identification.artifact.single
    sha256 = identification.sha256.get(SINGLE_FILE, "") if single else ""
    own = book.about(
        lambda subject: (
            subject.identity == identity
            or bool(sha256 and subject.sha256 == sha256 and not subject.media_type)
        )
    )
    counted = (*own, *((believed.signature,) if believed.signature else ()))
    facts = _merged(facts_of(own), own_words(identification))
    steps = steps_of(chain, book.verified) if chain else ()
    ancestors = ancestors_of(chain, lambda one: facts_of(book.naming(one))) if chain else ()
    used = {claim.claim_id for claim in counted}
    used |= {step.source.claim_id for step in steps}
    used |= {
        fact.source.claim_id for one in ancestors for told in one.facts.values() for fact in told
    }
    times = [one.time.at for one in book.verified if one.time and one.claim_id in used]
    return BomContent(
        identity=identity,
        name=_name(request, own, identification.artifact.name),
        kind=_kind(request, facts, survey),
        single=single,
        files=tuple(
            BomFile(row.path, row.size, row.blake3, identification.sha256[row.path]) for row in rows
        )
        if request.list_files
        else (),
        count=len(rows),
        size=sum(row.size for row in rows),
        weights=tuple(_weights(one) for one in survey.sets),
        unread=tuple(plain(f"{one.path}: {one.error.what}") for one in survey.unread),
        signed=believed.signed,
        signers=believed.signers,
        why=plain(believed.why),
        uncovered=tuple(plain(path) for path in believed.uncovered),
        facts={name: told for name, told in facts.items() if name != "kind"},
        ancestors=ancestors,
        steps=steps,
        claims=tuple(sorted(_claims(counted), key=lambda one: (one.predicate_type, one.claim_id))),
        strangers=book.strangers,
        elsewhere=_elsewhere(book, used, chain),
        gaps=tuple(_gaps(chain)) if chain else (),
        moment=max(times, default=request.moment),
        address=request.address,
    )


def _gaps(chain: Chain) -> Iterator[str]:
    """Yield where the chain does not hold, as `chain` without a policy sees it: a signed end is an end."""
    counting = [plain(gap.summary) for gap in chain.gaps if counts(gap, _RULE)]
    yield from some(counting, _MOST_GAPS)


def _elsewhere(book: Book, used: Collection[str], chain: Chain | None) -> int:
    """Count the verified claims that are neither about the artifact nor about what it was made from.

    A model signature names no identity, so that it can't be told of which artifact one of them is.
    """
    mine = chain.lineage.depths if chain else {}
    return sum(
        one.claim_id not in used
        and one.statement.predicate_type != OMS_PREDICATE
        and not any(subject.identity in mine for subject in one.statement.subjects)
        for one in book.verified
    )


def _merged(
    claimed: Mapping[str, tuple[Fact, ...]], stated: Mapping[str, tuple[Fact, ...]]
) -> dict[str, tuple[Fact, ...]]:
    names = sorted({*claimed, *stated})
    return {name: (*claimed.get(name, ()), *stated.get(name, ())) for name in names}


def _name(request: BomRequest, own: Sequence[VerifiedBundle], folder: str) -> Fact:
    """Return what it is called: as the caller says, else as its signer does, else as its folder is."""
    given = Source(Origin.GIVEN)
    if request.name:
        return Fact((plain(request.name),), given)
    named = {
        (subject.name, source_of(one))
        for one in own
        if one.statement.predicate_type == MANIFEST_PREDICATE
        for subject in one.statement.subjects[:1]
        if subject.name.strip()
    }
    if named:
        name, source = min(named, key=lambda one: (one[0], one[1].claim_id, one[1].signer))
        return Fact((plain(name),), source)
    return Fact((plain(folder) or "artifact",), given)


def _kind(request: BomRequest, facts: Mapping[str, Sequence[Fact]], survey: TensorSurvey) -> Fact:
    """Return whether it is a model or a dataset; what nothing speaks for is taken for a model."""
    if request.kind:
        return Fact((request.kind,), Source(Origin.GIVEN))
    told = facts.get("kind", ())
    claimed = [fact for fact in told if fact.is_known]
    if claimed:
        return claimed[0]
    if survey.sets:
        return Fact.measured("model")
    if told:
        return told[0]
    return Fact(("model",), Source(Origin.UNKNOWN, why="nothing tells a model from a dataset"))


def _claims(counted: Sequence[VerifiedBundle]) -> Iterator[BomClaim]:
    for one in counted:
        yield BomClaim(
            one.claim_id,
            plain(one.statement.predicate_type),
            one.signer.name,
            one.time.at if one.time else None,
            summary_of(one.statement),
        )


def _weights(one: WeightSet) -> BomWeights:
    distinct = [entry for entry in one.table.entries if not entry.alias_of]
    return BomWeights(
        path=one.path,
        format=one.format,
        tensors=len(one.table),
        parameters=sum(_items(entry.shape) for entry in distinct),
        dtypes=tuple(sorted({entry.dtype for entry in one.table.entries})),
        weights=one.table.weights,
    )


def _items(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
