"""Where something runs by a ledger's word, and since when it does not any more.

A deployment runs until its claim is revoked by whoever made it or has the role (withdrawn), or until its
deployer states that another release of the same name runs at the same target (replaced). Anything else
leaves it running: that somebody deployed something else there proves nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from weightmark.attestations.ledger.parties import value_of
from weightmark.attestations.ledger.revocations import Revocation
from weightmark.attestations.ledger.steps import digest_of
from weightmark.attestations.predicates.deployment import DeploymentClaim
from weightmark.attestations.reports.claims import CountedClaim, FoundClaim, UncountedClaim
from weightmark.attestations.reports.dossier import entered_about, entered_at, weigh_all
from weightmark.attestations.reports.jury import Jury
from weightmark.attestations.reports.register import Register
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import Kind, parse_time
from weightmark.values import dataclass

__all__ = ["Deployment", "Deployments", "Ending", "time_between"]

MAX_DEPLOYMENTS = 200_000
"""deployments that are looked at"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """An artifact went into use somewhere, by an entry whose signer was admitted for that."""

    entry: int
    """index"""
    at: datetime
    """by the log's own clock"""
    identity: str
    """what was deployed"""
    target: str
    """where, by the deployer's word"""
    signer: str
    """who says so"""
    claim: str
    """id of the claim, hex"""
    party: str
    """who says so, as the log calls it"""
    value: str
    """who says so, as revocations of one's own name them"""
    stands: bool
    """whether the claim counts still: neither it nor its signer was revoked"""


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a deployment."""

    entry: int
    """index of the entry that says so"""
    at: datetime | None
    """by the log's own clock; None when it was carried over from another log"""
    how: str
    """`withdrawn` or `replaced`"""


class Deployments:
    """Every deployment of a ledger, by entry."""

    def __init__(self, register: Register, jury: Jury, listed: tuple[Deployment, ...]) -> None:
        self.listed = listed
        self.problems: tuple[str, ...] = ()
        self._register = register
        self._jury = jury
        self._names: dict[str, frozenset[str]] = {}
        self._at_target: dict[str, list[Deployment]] = {}
        for one in listed:
            self._at_target.setdefault(one.target, []).append(one)
        self._withdrawn: dict[str, list[Revocation]] = {}
        for revocation in register.revocations.in_force:
            if revocation.subject.text.startswith("sha256:"):
                self._withdrawn.setdefault(revocation.subject.digest, []).append(revocation)

    @classmethod
    def read(cls, register: Register, jury: Jury) -> "Deployments":
        """Read and verify every deployment; what cannot be read is a problem."""
        listed: list[Deployment] = []
        problems: list[str] = []
        for logged in register.of_kind(Kind.DEPLOY):
            if len(listed) >= MAX_DEPLOYMENTS:
                problems.append(
                    f"there are over {MAX_DEPLOYMENTS} deployments; later ones were not read"
                )
                break
            found = register.claim(logged)
            if isinstance(found, UncountedClaim):
                problems.append(f"deployment #{logged.index}: {found.why}")
                continue
            try:
                claim = jury.verify_history(found)
            except WeightmarkError as error:
                problems.append(f"deployment #{logged.index} does not count: {error.what}")
                continue
            listed += _deployment(claim, stands=_stands(jury, found))
        made = cls(register, jury, tuple(listed))
        made.problems = tuple(problems)
        return made

    def of(self, digests: Iterable[str]) -> tuple[Deployment, ...]:
        """Return the deployments of any of these, hex digits of digests."""
        wanted = set(digests)
        return tuple(one for one in self.listed if digest_of(one.identity) in wanted)

    def end_of(self, one: Deployment, bad: set[str]) -> Ending | None:
        """Return what ended a deployment, but for a replacement by anything in `bad`; None while it may run."""
        withdrawn = self._withdrawal(one)
        replaced = self._replacement(one, bad)
        found = [ending for ending in (withdrawn, replaced) if ending]
        return min(found, key=lambda ending: ending.entry) if found else None

    def _withdrawal(self, one: Deployment) -> Ending | None:
        for found in self._withdrawn.get(one.claim, ()):
            if found.withdraws(one.claim, one.party, one.value):
                return Ending(found.index, entered_at(self._register, found), "withdrawn")
        return None

    def _replacement(self, one: Deployment, bad: set[str]) -> Ending | None:
        names = self._names_of(one.identity)
        for later in self._at_target[one.target]:
            digest = digest_of(later.identity)
            if later.entry <= one.entry or not later.stands or digest in bad:
                continue
            if digest != digest_of(one.identity) and names & self._names_of(later.identity):
                return Ending(later.entry, later.at, "replaced")
        return None

    def _names_of(self, identity: str) -> frozenset[str]:
        """Return under which names it was released, by claims that count."""
        digest = digest_of(identity)
        if digest not in self._names:
            found = [
                one
                for one in entered_about(self._register, {digest})
                if isinstance(one, FoundClaim)
                and one.logged
                and one.logged.event.kind is Kind.RELEASE
            ]
            counted = weigh_all(found, self._jury, {digest}).counted
            names = (one.verified.statement.subjects[0].name for one in counted)
            self._names[digest] = frozenset(name for name in names if name)
        return self._names[digest]


def _stands(jury: Jury, found: FoundClaim) -> bool:
    try:
        jury.weigh(found)
    except WeightmarkError:
        return False
    return True


def _deployment(claim: CountedClaim, *, stands: bool) -> list[Deployment]:
    logged = claim.logged
    if logged is None or not isinstance(claim.predicate, DeploymentClaim):
        return []
    signer = claim.verified.signer
    return [
        Deployment(
            logged.index,
            parse_time(logged.event.at),
            logged.event.subject,
            claim.predicate.target,
            signer.name,
            claim.verified.claim_id,
            logged.event.signer,
            value_of(signer),
            stands,
        )
    ]


def time_between(start: datetime | None, end: datetime | None) -> timedelta | None:
    """Return how long it took; None where a clock is missing or runs backwards."""
    if start is None or end is None or end < start:
        return None
    return end - start
