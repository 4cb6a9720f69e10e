"""Where something runs by a ledger's word, and since when it does not any more.

A deployment runs until its claim is revoked by whoever made it or has the role (withdrawn), or until its
deployer states that another release of the same name runs at the same target (replaced). Anything else
leaves it running: that somebody deployed something else there proves nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.impact import find_impact
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

__all__ = [
    "Deployment",
    "Deployments",
    "Ending",
    "Endings",
    "Reached",
    "reached_by_revocations",
    "time_between",
]

MAX_DEPLOYMENTS = 200_000
"""deployments that are looked at"""
_MAX_REVOCATIONS = 1000


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

    def withdrawal_of(self, one: Deployment) -> Ending | None:
        """Return by which entry its claim was revoked; None while it stands."""
        for found in self._withdrawn.get(one.claim, ()):
            if found.withdraws(one.claim, one.party, one.value):
                return Ending(found.index, entered_at(self._register, found), "withdrawn")
        return None

    def names_of(self, identity: str) -> frozenset[str]:
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


class Endings:
    """What ended each deployment; what is in `bad`, hex digits of digests, replaces nothing."""

    def __init__(self, deployments: Deployments, bad: frozenset[str]) -> None:
        self._deployments = deployments
        self._sound: dict[str, list[Deployment]] = {}
        self._by_name: dict[str, dict[str, list[Deployment]]] = {}
        for one in deployments.listed:
            if one.stands and digest_of(one.identity) not in bad:
                self._sound.setdefault(one.target, []).append(one)

    def of(self, one: Deployment) -> Ending | None:
        """Return what ended a deployment first; None while it may run."""
        found = [self._deployments.withdrawal_of(one), *self._replacements(one)]
        return min(filter(None, found), key=lambda ending: ending.entry, default=None)

    def _replacements(self, one: Deployment) -> Iterator[Ending]:
        """Yield for each of its names the first other release that was deployed at its place later."""
        for name in self._deployments.names_of(one.identity):
            there = self._at(one.target).get(name, [])
            for later in islice(there, bisect_right(there, one.entry, key=_entry_of), None):
                if digest_of(later.identity) != digest_of(one.identity):
                    yield Ending(later.entry, later.at, "replaced")
                    break

    def _at(self, target: str) -> Mapping[str, list[Deployment]]:
        """Return what can replace something at a place, by each name of its release, by entry."""
        if target not in self._by_name:
            found: dict[str, list[Deployment]] = {}
            for one in self._sound.get(target, ()):
                for name in self._deployments.names_of(one.identity):
                    found.setdefault(name, []).append(one)
            self._by_name[target] = found
        return self._by_name[target]


def _entry_of(one: Deployment) -> int:
    return one.entry


@dataclass(frozen=True)
class Reached:
    """What the revocations in force of a ledger reach."""

    first: Mapping[str, Revocation]
    """by hex digits of a digest, the first revocation of it or of what it was made from"""
    problems: tuple[str, ...]
    """what could not be followed"""

    @property
    def digests(self) -> frozenset[str]:
        """Everything that is revoked, or descends from what is."""
        return frozenset(self.first)


def reached_by_revocations(register: Register) -> Reached:
    """Follow each revocation of content that is in force to what descends from it."""
    content = [
        one
        for one in register.revocations.in_force
        if one.only_of is None and not one.subject.is_party
    ]
    problems = []
    if len(content) > _MAX_REVOCATIONS:
        problems.append(
            f"there are over {_MAX_REVOCATIONS} revocations; later ones were not followed"
        )
    reached: dict[str, Revocation] = {}
    with ClaimIndex.of(register.ledger) as index:
        for one in content[:_MAX_REVOCATIONS]:
            impact = find_impact(index, register.ledger, one.subject.text)
            if not impact.whole:
                problems.append(f"not all that descends from `{one.subject.text}` is known")
            reached.setdefault(one.subject.digest, one)
            for descendant in impact.descendants:
                reached.setdefault(digest_of(descendant.identity), one)
    for one in content[_MAX_REVOCATIONS:]:
        reached.setdefault(one.subject.digest, one)
    return Reached(reached, tuple(problems))


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
