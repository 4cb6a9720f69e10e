"""How much of a ledger's artifacts is signed, scanned, traced and gated, and how fast what was revoked was contained."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from weightmark.attestations.ledger.steps import digest_of
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.reports.claims import (
    CountedClaim,
    FoundClaim,
    UncountedClaim,
    is_clean,
)
from weightmark.attestations.reports.containment import (
    Deployment,
    Deployments,
    Endings,
    reached_by_revocations,
    time_between,
)
from weightmark.attestations.reports.dossier import Weighed, entered_about, entered_at, weigh_all
from weightmark.attestations.reports.figures import Duration, Figure
from weightmark.attestations.reports.jury import ENDED, Jury
from weightmark.attestations.reports.register import Head, Register
from weightmark.errors import WeightmarkError
from weightmark.values import dataclass

__all__ = ["Estate", "Exemption", "Open", "survey"]

_SHARES = {
    "signed": "artifacts with a signature over their files that counts",
    "scanned": "artifacts whose newest scan of each signer looked at them and found nothing of severity high or over",
    "traced": "artifacts of which a claim that counts says how they were made and names every input, and one at least, by SHA-256, or that somebody approved",
    "gated": "artifacts whose newest decision of each gate is PASSED",
}


@dataclass(frozen=True, slots=True)
class Exemption:
    """Something that is let through for a time."""

    what: str
    """the check or rule of a policy, or `approval`"""
    artifact: str
    """`wm1:…` that it holds for"""
    who: str
    """who accepts it"""
    reason: str
    """why"""
    expires: datetime | None
    """from then on it is void; None for one without an end"""
    entry: int | None
    """index of the entry; None for one in the policy"""
    open: bool
    """whether it holds at the moment of the report"""


@dataclass(frozen=True, slots=True)
class Open:
    """A place where something revoked, or made from it, may run still."""

    deployment: Deployment
    """since when"""
    revocation: int
    """index of the revocation"""


@dataclass(frozen=True)
class Estate:
    """What is known of all artifacts of a ledger."""

    head: Head
    """of the ledger"""
    jury: Jury
    """by whose word"""
    figures: tuple[Figure | Duration, ...]
    """in the order in which they are shown"""
    exemptions: tuple[Exemption, ...]
    """open ones first, then by end"""
    open: tuple[Open, ...]
    """what runs although it was revoked"""
    uncounted: int
    """claims that fill nothing"""
    unread: int
    """claims among them that could not be checked"""
    problems: tuple[str, ...]
    """what could not be looked at"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """One artifact: the entry by which each share counts it; -1 where it does not."""

    digest: str
    signed: int
    scanned: int
    traced: int
    gated: int


def survey(register: Register, jury: Jury) -> Estate:
    """Weigh every claim of a ledger about an artifact, one artifact at a time; each artifact counts once."""
    standings: list[_Standing] = []
    exemptions: list[Exemption] = list(_of_policy(jury))
    uncounted = unread = 0
    for name in register.artifacts():
        digest = digest_of(name)
        found = list(entered_about(register, {digest}))
        weighed = weigh_all(found, jury, {digest})
        standings.append(_standing(digest, weighed))
        exemptions += _approvals(name, weighed, found)
        uncounted += len(weighed.uncounted)
        unread += sum(one.unread for one in weighed.uncounted)
    deployments = Deployments.read(register, jury)
    revoked = _Revoked.read(register, deployments)
    deployed = {digest_of(one.identity) for one in deployments.listed}
    figures = (
        *_shares(standings, "", "all artifacts"),
        *_shares([one for one in standings if one.digest in deployed], "-in-use", "artifacts that were deployed"),
        _let_in(register, jury, deployments),
        *revoked.figures,
    )  # fmt: skip
    exemptions.sort(
        key=lambda one: (not one.open, one.expires is None, str(one.expires), one.artifact)
    )
    problems = (*register.problems, *deployments.problems, *revoked.problems)
    return Estate(
        register.head, jury, figures, tuple(exemptions), revoked.open, uncounted, unread, problems
    )  # fmt: skip


def _standing(digest: str, weighed: Weighed) -> _Standing:
    by_kind: dict[str, list[CountedClaim]] = {}
    for one in weighed.counted:
        by_kind.setdefault(one.kind, []).append(one)
    scans = [one for one in by_kind.get("scan", ()) if isinstance(one.predicate, ScanClaim)]
    decisions = [one for one in by_kind.get("decision", ()) if isinstance(one.predicate, VerificationSummary)]  # fmt: skip
    return _Standing(
        digest,
        _entry_of(by_kind.get("release", ())),
        _if_all_good(scans, lambda one: isinstance(one.predicate, ScanClaim) and is_clean(one.predicate)),
        _entry_of([*(one for one in by_kind.get("provenance", ()) if _names_all(one)), *by_kind.get("approval", ())]),
        _if_all_good(decisions, lambda one: isinstance(one.predicate, VerificationSummary) and one.predicate.passed),
    )  # fmt: skip


def _entry_of(claims: Iterable[CountedClaim]) -> int:
    """Return the entry of the newest of these claims; -1 without any."""
    return max((one.logged.index for one in claims if one.logged), default=-1)


def _if_all_good(claims: Sequence[CountedClaim], good: Callable[[CountedClaim], bool]) -> int:
    """Return the newest entry when the newest claim of every signer is good: nobody outdoes the denial of another."""
    newest = {one.verified.signer.name: one for one in claims}
    return _entry_of(newest.values()) if newest and all(map(good, newest.values())) else -1


def _names_all(claim: CountedClaim) -> bool:
    said = claim.predicate
    if not isinstance(said, SlsaProvenance):
        return False
    inputs = said.dependencies
    return bool(inputs) and all(one.identity or one.digest.get("sha256") for one in inputs)


def _shares(standings: Sequence[_Standing], suffix: str, among: str) -> Iterator[Figure]:
    for name, numerator in _SHARES.items():
        entries = sorted(one for one in (getattr(it, name) for it in standings) if one >= 0)
        formula = f"{numerator} / {among}"
        title = f"{name}, of {among}"
        yield Figure(
            f"{name}{suffix}", title, formula, len(entries), len(standings), tuple(entries)
        )


def _let_in(register: Register, jury: Jury, deployments: Deployments) -> Figure:
    """Tell how many deployments a gate had let through before they were made."""
    entries = []
    decisions: dict[str, list[CountedClaim]] = {}
    for one in deployments.listed:
        digest = digest_of(one.identity)
        if digest not in decisions:
            weighed = weigh_all(entered_about(register, {digest}), jury, {digest})
            decisions[digest] = [claim for claim in weighed.counted if claim.kind == "decision"]
        before = [
            claim for claim in decisions[digest] if claim.logged and claim.logged.index < one.entry
        ]
        passed = _if_all_good(
            before,
            lambda claim: (
                isinstance(claim.predicate, VerificationSummary) and claim.predicate.passed
            ),
        )
        entries += [one.entry] if passed >= 0 else []
    return Figure(
        "deployed-after-gate",
        "deployed after a gate let it through",
        "deployments before which the newest decision of each gate about the artifact is PASSED / deployments",
        len(entries),
        len(deployments.listed),
        tuple(entries),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Revoked:
    """What became of everything that was revoked."""

    figures: tuple[Figure | Duration, ...]
    open: tuple[Open, ...]
    problems: tuple[str, ...]

    @classmethod
    def read(cls, register: Register, deployments: Deployments) -> "_Revoked":
        """Look at each revocation of content that is in force; a place counts once, for the first that reached it."""
        found = reached_by_revocations(register)
        endings = Endings(deployments, found.digests)
        problems = list(found.problems)
        opened: list[Open] = []
        ended: dict[int, timedelta | None] = {}
        for place in deployments.listed:
            revocation = found.first.get(digest_of(place.identity))
            if revocation is None:
                continue
            ending = endings.of(place)
            if ending is None:
                opened.append(Open(place, revocation.index))
            elif ending.entry > revocation.index:
                late = place.entry > revocation.index
                start = place.at if late else entered_at(register, revocation)
                ended[place.entry] = time_between(start, ending.at)
        untold = sum(took is None for took in ended.values())
        if untold:
            problems.append(f"of {untold} of the places that ended no clock tells how long it took")
        return cls(_containment(ended, len(opened)), tuple(opened), tuple(problems))


def _containment(
    ended: Mapping[int, timedelta | None], opened: int
) -> tuple[Figure | Duration, ...]:
    times = {entry: took for entry, took in ended.items() if took is not None}
    return (
        Figure(
            "contained",
            "places contained where something revoked was in use",
            "deployments of what was revoked, or descends from it, that ended after its revocation / those in use when it was revoked, or later",
            len(ended),
            len(ended) + opened,
            tuple(sorted(ended)),
        ),
        Duration(
            "time-to-containment",
            "mean time from revocation to containment",
            "sum of the times from the revocation (or a later deployment) to the end, by the log's own clock / deployments that ended and whose time is known",
            sum(times.values(), timedelta()),
            len(times),
            tuple(sorted(times)),
        ),
    )


def _of_policy(jury: Jury) -> Iterator[Exemption]:
    for one in jury.policy.exemptions if jury.policy else ():
        holds = jury.at is not None and not one.has_expired(jury.at)
        yield Exemption(
            one.rule, one.artifact, one.approver, one.reason, one.expires, None, holds
        )  # fmt: skip


def _approvals(
    name: str, weighed: Weighed, found: Iterable[FoundClaim | UncountedClaim]
) -> Iterator[Exemption]:
    """Yield approvals that count, and those that did until they ended."""
    for claim in weighed.counted:
        said = claim.predicate
        if isinstance(said, ApprovalClaim):
            yield Exemption(
                "approval",
                name,
                claim.verified.signer.name,
                said.reason,
                said.expires,
                claim.entry,
                open=True,
            )
    ended = {one.entry for one in weighed.uncounted if one.why.startswith(ENDED)}
    for one in found:
        if isinstance(one, FoundClaim) and one.logged and one.logged.index in ended:
            try:
                said = ApprovalClaim.from_statement(one.statement)
            except WeightmarkError:
                continue
            yield Exemption(
                "approval",
                name,
                one.logged.event.signer,
                said.reason,
                said.expires,
                one.logged.index,
                open=False,
            )
