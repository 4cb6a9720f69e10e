"""An incident: what became of an artifact that was revoked, and of everything that descends from it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.impact import Impact, find_impact
from weightmark.attestations.ledger.steps import digest_of
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.reports.claims import CountedClaim
from weightmark.attestations.reports.containment import (
    Deployment,
    Deployments,
    Ending,
    Endings,
    reached_by_revocations,
    time_between,
)
from weightmark.attestations.reports.dossier import Dossier, collect, entered_about, weigh_all
from weightmark.attestations.reports.interface import LOG_CLOCK, Line
from weightmark.attestations.reports.jury import Jury
from weightmark.attestations.reports.register import Register
from weightmark.attestations.reports.topics import line_of, lines_of
from weightmark.values import dataclass

__all__ = ["PHASES", "Incident", "Moment", "Running", "investigate"]

PHASES = ("signed", "approved", "decided", "deployed", "revoked", "contained")
"""what an artifact goes through, in the order in which it should"""
_TOPICS = {"signature": "signed", "approval": "approved", "decision": "decided"}
_MAX_DESCENDANTS = 5000


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened."""

    phase: str
    """one of `PHASES`"""
    identity: str
    """to what"""
    line: Line
    """what, by whose word, and by whose clock"""


@dataclass(frozen=True, slots=True)
class Running:
    """A place where the artifact, or something that descends from it, was in use."""

    deployment: Deployment
    """since when"""
    ending: Ending | None
    """until when; None while it may run"""
    after: bool
    """whether it was deployed after the revocation"""
    took: timedelta | None
    """from the revocation, or the deployment if that is later, to its end; None where no time can be told"""


@dataclass(frozen=True)
class Incident:
    """What is known of an artifact from its signature to its containment."""

    dossier: Dossier
    """the artifact itself"""
    impact: Impact
    """what descends from it"""
    moments: tuple[Moment, ...]
    """as they were entered; times stand beside each with their clock"""
    running: tuple[Running, ...]
    """every place where any of it was in use, by entry"""
    revoked_at: datetime | None
    """the first revocation in force, by the log's own clock"""
    problems: tuple[str, ...]
    """what could not be looked at, and clocks that contradict the order of entries"""

    @property
    def affected(self) -> tuple[Running, ...]:
        """Where it was in use when it was revoked, or later; what had ended before is not among them."""
        revoked = self._revocation
        if revoked is None:
            return ()
        return tuple(
            one for one in self.running if one.ending is None or one.ending.entry > revoked
        )

    @property
    def open(self) -> tuple[Running, ...]:
        """Where it may run still."""
        return tuple(one for one in self.running if one.ending is None)

    @property
    def contained(self) -> tuple[Running, ...]:
        """Where it ended after the revocation."""
        return tuple(one for one in self.affected if one.ending is not None)

    @property
    def contained_at(self) -> datetime | None:
        """When the last affected place ended; None while any may run, and when none was affected."""
        ends = [one.ending.at for one in self.contained if one.ending]
        known = [at for at in ends if at]
        return max(known) if known and len(known) == len(self.affected) else None

    @property
    def _revocation(self) -> int | None:
        return min((one.index for one, _ in self.dossier.revocations), default=None)


def investigate(register: Register, jury: Jury, identity: str) -> Incident:
    """Gather what the ledger says of `identity`, of its descendants, and of where any of it ran.

    Raises what opening the reader's index of claims raises.
    """
    dossier = collect(identity, jury, register)
    with ClaimIndex.of(register.ledger) as index:
        impact = find_impact(index, register.ledger, identity)
    deployments = Deployments.read(register, jury)
    return assemble(register, jury, dossier, impact, deployments)


def assemble(
    register: Register, jury: Jury, dossier: Dossier, impact: Impact, deployments: Deployments
) -> Incident:
    """Put together what was gathered."""
    identity = dossier.identity
    own = {digest_of(one.identity) for one in impact.descendants} | {digest_of(identity)}
    reached = reached_by_revocations(register)
    endings = Endings(deployments, reached.digests | own)
    revoked = min((one.index for one, _ in dossier.revocations), default=None)
    lines = [line for _, line in dossier.revocations]
    revoked_at = min((line.at for line in lines if line.at), default=None)
    running = tuple(
        _running(one, endings.of(one), revoked, revoked_at) for one in deployments.of(own)
    )
    decided = dict.fromkeys(one.identity for one in impact.uses if one.kind == "decision")
    moments = [*_own(dossier), *_below(register, jury, impact, list(decided)), *_places(running)]
    moments.sort(key=lambda one: -1 if one.line.entry is None else one.line.entry)
    problems = [
        *dossier.problems,
        *deployments.problems,
        *(reached.problems if _any_replaced(running) else ()),
        *_gaps(impact),
        *_backwards(moments),
    ]
    if len(decided) > _MAX_DESCENDANTS:
        problems.append(
            f"over {_MAX_DESCENDANTS} descendants were decided about; not all are shown"
        )
    return Incident(dossier, impact, tuple(moments), running, revoked_at, tuple(problems))


def _any_replaced(running: Iterable[Running]) -> bool:
    return any(one.ending is not None and one.ending.how == "replaced" for one in running)


def _running(
    one: Deployment,
    ending: Ending | None,
    revoked: int | None,
    revoked_at: datetime | None,
) -> Running:
    after = revoked is not None and one.entry > revoked
    start = one.at if after else revoked_at
    took = (
        time_between(start, ending.at)
        if ending and (after or revoked is None or ending.entry > revoked)
        else None
    )
    return Running(one, ending, after, took)


def _own(dossier: Dossier) -> Iterator[Moment]:
    for topic, phase in _TOPICS.items():
        for line in lines_of(topic, dossier):
            yield Moment(phase, dossier.identity, line)
    for _, line in dossier.revocations:
        yield Moment("revoked", dossier.identity, line)


def _below(register: Register, jury: Jury, impact: Impact, decided: list[str]) -> Iterator[Moment]:
    """Yield decisions about descendants; only those that count."""
    root = digest_of(impact.root)
    for identity in decided[:_MAX_DESCENDANTS]:
        digest = digest_of(identity)
        if digest == root:
            continue
        for claim in weigh_all(entered_about(register, {digest}), jury, {digest}).counted:
            if isinstance(claim.predicate, VerificationSummary):
                yield Moment("decided", identity, _decided(claim, claim.predicate))


def _decided(claim: CountedClaim, said: VerificationSummary) -> Line:
    word = "PASSED" if said.passed else "FAILED"
    return line_of(claim, f"{word} by {said.verifier}", bad=claim.is_bad)


def _places(running: Iterable[Running]) -> Iterator[Moment]:
    for one in running:
        made = one.deployment
        late = ", after the revocation" if one.after else ""
        text = f"deployed to {made.target}{late}"
        right = "admitted for deploy" if made.stands else "admitted for deploy; revoked since"
        yield Moment(
            "deployed",
            made.identity,
            Line(
                text,
                f"sha256:{made.claim}",
                made.entry,
                made.signer,
                right,
                made.at,
                LOG_CLOCK,
                bad=one.after,
            ),
        )
        if one.ending:
            ended = Line(
                f"{one.ending.how} at {made.target}", "", one.ending.entry, "", "", one.ending.at,
                LOG_CLOCK if one.ending.at else "",
            )  # fmt: skip
            yield Moment("contained", made.identity, ended)


def _gaps(impact: Impact) -> Iterator[str]:
    if impact.unread:
        yield f"{impact.unread} claims of descent could not be read: more may descend from it"
    if impact.erased:
        yield f"{impact.erased} claims of descent were erased, as the ledger says: more may descend from it"
    if impact.elsewhere:
        yield f"{impact.elsewhere} releases list their files outside of the ledger: more may hold a file of it"


def _backwards(moments: Iterable[Moment]) -> Iterator[str]:
    """Name where the log's own clock contradicts the order of its entries, or a verified clock."""
    before: tuple[int, datetime] | None = None
    for one in moments:
        entry, at = one.line.entry, one.line.at
        if entry is None or at is None or one.line.clock != LOG_CLOCK:
            continue
        if before and at < before[1] and entry > before[0]:
            yield f"the log's own clock runs backwards between #{before[0]} and #{entry}: its times prove nothing"
        before = (entry, at)
