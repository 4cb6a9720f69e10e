"""Everything that is known of one artifact: what was measured, which claims count, and which do not."""

from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import datetime
from typing import TypeVar

from weightmark.attestations.gate.judges.demands import distinct_signers
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.ledger.revocations import Revocation
from weightmark.attestations.ledger.steps import digest_of
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.reports.claims import CountedClaim, FoundClaim, UncountedClaim
from weightmark.attestations.reports.interface import LOG_CLOCK, Line
from weightmark.attestations.reports.jury import Jury
from weightmark.attestations.reports.register import MAX_ABOUT, Head, Register
from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.provenance.ledger.event import parse_time
from weightmark.values import dataclass

__all__ = [
    "MAX_ANCESTORS",
    "Ancestor",
    "Dossier",
    "Measured",
    "Weighed",
    "collect",
    "entered_about",
    "entered_at",
    "weigh_all",
]

MAX_ANCESTORS = 500
"""artifacts that it was made from which are looked at"""
_VERSIONS = 20
_Predicate = TypeVar("_Predicate")


@dataclass(frozen=True, slots=True)
class Measured:
    """What was read of an artifact here."""

    path: str
    """as the caller named it"""
    identity: str
    """`wm1:…`; empty when it could not be identified"""
    files: int
    """how many files"""
    size: int
    """their bytes"""
    compared_with: tuple[str, ...] = ()
    """whose lists of files the content was compared with, and agreed"""
    problems: tuple[str, ...] = ()
    """checks of verification that speak against it"""
    unchecked: tuple[str, ...] = ()
    """checks that could not be made: nothing is known by them, neither good nor bad"""

    @property
    def is_checked(self) -> bool:
        """Whether everything beside it could be checked."""
        return not self.unchecked


@dataclass(frozen=True)
class Weighed:
    """Claims about one artifact."""

    counted: tuple[CountedClaim, ...]
    """those that count, as they were entered"""
    uncounted: tuple[UncountedClaim, ...]
    """the others"""


@dataclass(frozen=True)
class Ancestor:
    """Something that went in, directly or not."""

    identity: str
    """`wm1:…` or `sha256:…`"""
    child: str
    """what it went into"""
    name: str
    """what the step calls it; informational"""
    role: str
    """what it was for, by the step's word: `base`, `data`, …"""
    claims: tuple[CountedClaim, ...]
    """what counts about it"""
    step: CountedClaim
    """the claim that says so"""


@dataclass(frozen=True)
class Dossier:
    """One artifact, as far as it is known."""

    identity: str
    """`wm1:…` or `sha256:…`; empty for one that could not be identified"""
    measured: Measured | None
    """what was read here; None for one that is known by its ledger only"""
    claims: Weighed
    """what is claimed of it"""
    ancestors: tuple[Ancestor, ...] = ()
    """what it was made from, the nearest first"""
    unfollowed: int = 0
    """things that went in, which no claim names by SHA-256"""
    versions: tuple[CountedClaim, ...] = ()
    """other releases of the same name by the same signers"""
    revocations: tuple[tuple[Revocation, Line], ...] = ()
    """those of it, of a file, and of what it was made from"""
    head: Head | None = None
    """the ledger; None without one"""
    jury: Jury = field(default_factory=Jury)
    """by whose word"""
    problems: tuple[str, ...] = ()
    """what could not be looked at to the end"""

    @property
    def at(self) -> datetime | None:
        """The moment that it is about."""
        return self.jury.at

    @property
    def name(self) -> str:
        """What its signers call it; informational, and empty where nobody who counts says it."""
        names = (one.verified.statement.subjects[0].name for one in self.of("release"))
        return next((name for name in names if name), "")

    def of(self, kind: str) -> tuple[CountedClaim, ...]:
        """Return the claims of a kind that count, the newest last."""
        return tuple(one for one in self.claims.counted if one.kind == kind)

    def said(self, kind: str, form: type[_Predicate]) -> Iterator[tuple[CountedClaim, _Predicate]]:
        """Yield the claims of a kind with what they say, the newest last."""
        for one in self.of(kind):
            if isinstance(one.predicate, form):
                yield one, one.predicate


def collect(
    identity: str,
    jury: Jury,
    register: Register | None = None,
    *,
    measured: Measured | None = None,
    found: Iterable[FoundClaim] = (),
    also: Iterable[str] = (),
    upto: int = MAX_ANCESTORS,
) -> Dossier:
    """Gather everything about an artifact: claims beside it, and those of the ledger.

    `also` are other names of it, as the SHA-256 of a single file.
    """
    names = {digest_of(one) for one in (identity, *also) if one}
    beside = list(found)
    claims = weigh_all([*(one for one in beside), *entered_about(register, names)], jury, names)
    walk = _Walk(jury, register, beside, upto)
    walk.follow(identity, claims)
    problems = [*(register.problems if register else ()), *walk.problems]
    if register and identity and register.count_about(identity) > MAX_ABOUT:
        problems.append(
            f"the ledger holds over {MAX_ABOUT} entries about it; older ones were not read"
        )
    return Dossier(
        identity,
        measured,
        claims,
        tuple(walk.ancestors),
        walk.unfollowed,
        tuple(_versions(claims, jury, register)),
        tuple(_revocations(register, identity, names, walk.ancestors)),
        register.head if register else None,
        jury,
        tuple(problems),
    )


def weigh_all(
    found: Iterable[FoundClaim | UncountedClaim], jury: Jury, digests: set[str]
) -> Weighed:
    """Weigh claims about what has one of `digests`; those about others are left out.

    The same claim beside the artifact and in the ledger is one, which stands in the ledger.
    """
    counted: dict[tuple[str, str], CountedClaim] = {}
    uncounted: dict[tuple[str, int | None, str], UncountedClaim] = {}
    for one in found:
        if isinstance(one, UncountedClaim):
            uncounted[one.claim, one.entry, one.why] = one
            continue
        result = _weigh(one, jury, digests)
        if isinstance(result, CountedClaim):
            key = (result.verified.claim_id, result.verified.signer.name)
            known = counted.get(key)
            if known is None or known.logged is None:
                counted[key] = result
        elif result is not None:
            uncounted[result.claim, result.entry, result.why] = result
    agreed, alone = _agreed(counted.values(), jury)
    entered = {one.entry for one in agreed}
    rest = {(one.claim, one.entry): one for one in (*uncounted.values(), *alone)}
    shown = {claim for claim, entry in rest if entry is not None}
    shown |= {f"sha256:{one.verified.claim_id}" for one in agreed}
    others = [
        one
        for (claim, entry), one in rest.items()
        if (claim not in shown if entry is None else entry not in entered)
    ]
    return Weighed(
        tuple(sorted(agreed, key=lambda one: one.order)),
        tuple(sorted(others, key=lambda one: (one.entry is None, one.entry or 0, one.claim))),
    )


def _weigh(
    found: FoundClaim, jury: Jury, digests: set[str]
) -> CountedClaim | UncountedClaim | None:
    try:
        subjects = {one.sha256 for one in found.statement.subjects}
        if not subjects & digests:
            return None
        return jury.weigh(found)
    except WeightmarkError as error:
        why = f"{error.what}{f': {error.why}' if error.why else ''}"
        return UncountedClaim.because(found, why, unread=isinstance(error, UncheckedError))


def _agreed(
    claims: Iterable[CountedClaim], jury: Jury
) -> tuple[list[CountedClaim], list[UncountedClaim]]:
    """Tell claims on which enough members of a role agree from those on which too few do.

    What speaks against the artifact counts by the word of one member, as it does for the gate.
    """
    listed = list(claims)
    signers: dict[tuple[str, str], list[SignerIdentity]] = {}
    for one in listed:
        if not one.is_bad:
            signers.setdefault((one.kind, one.role), []).append(one.verified.signer)
    distinct = {key: distinct_signers(said) for key, said in signers.items()}
    agreed, alone = [], []
    for one in listed:
        said, needed = distinct.get((one.kind, one.role), 0), jury.threshold(one.role)
        if one.is_bad or said >= needed:
            agreed.append(one)
            continue
        why = f"{said} of the {needed} members of the role {one.role} that have to agree did"
        alone.append(UncountedClaim(one.kind, f"sha256:{one.verified.claim_id}", one.entry, why))
    return agreed, alone


def entered_about(
    register: Register | None, digests: set[str]
) -> Iterator[FoundClaim | UncountedClaim]:
    """Yield the claims of the entries about any of `digests`, hex, but for those that revoke or erase."""
    if register is None:
        return
    for digest in sorted(digests):
        for logged in register.about(f"sha256:{digest}"):
            if logged.event.kind.value not in ("revoke", "reinstate", "redact"):
                yield register.claim(logged)


class _Walk:
    """Goes from an artifact to what it was made from, each once, the nearest first."""

    def __init__(
        self, jury: Jury, register: Register | None, beside: list[FoundClaim], limit: int
    ) -> None:
        self.ancestors: list[Ancestor] = []
        self.unfollowed = 0
        self.problems: list[str] = []
        self._jury = jury
        self._register = register
        self._beside = beside
        self._limit = limit
        self._seen: set[str] = set()

    def follow(self, root: str, claims: Weighed) -> None:
        """Follow the provenance claims that count."""
        self._seen.add(digest_of(root))
        waiting = [(root, claims.counted)]
        while waiting:
            child, said = waiting.pop(0)
            for step, one in _inputs(said):
                name = one.identity or f"sha256:{one.digest.get('sha256', '')}"
                digest = digest_of(name)
                if not digest:
                    self.unfollowed += 1
                if not digest or digest in self._seen:
                    continue
                if len(self.ancestors) >= self._limit:
                    self.problems.append(
                        f"it was made from over {self._limit} others, and not every one was looked at"
                    )
                    return
                self._seen.add(digest)
                found = self._claims_about(digest)
                role = one.annotations.get("role", "")
                role = role if isinstance(role, str) else ""
                self.ancestors.append(Ancestor(name, child, one.name or one.uri, role, found, step))
                waiting.append((name, found))

    def _claims_about(self, digest: str) -> tuple[CountedClaim, ...]:
        found = [*self._beside, *entered_about(self._register, {digest})]
        return weigh_all(found, self._jury, {digest}).counted


def _inputs(claims: Iterable[CountedClaim]) -> Iterator[tuple[CountedClaim, Descriptor]]:
    for step in claims:
        if isinstance(step.predicate, SlsaProvenance):
            for one in step.predicate.dependencies:
                yield step, one


def _versions(claims: Weighed, jury: Jury, register: Register | None) -> Iterator[CountedClaim]:
    """Yield other releases under the same name by those who released this one."""
    if register is None:
        return
    own = [one for one in claims.counted if one.kind == "release" and one.logged]
    digests = {one.verified.statement.subjects[0].sha256 for one in own}
    asked = dict.fromkeys(
        (one.logged.event.signer, one.verified.statement.subjects[0].name)
        for one in own
        if one.logged
    )
    for signer, name in asked:
        for logged in register.released_as(signer, name, _VERSIONS) if name else ():
            found = register.claim(logged)
            digest = digest_of(logged.event.subject)
            if digest in digests or isinstance(found, UncountedClaim):
                continue
            digests.add(digest)
            yield from weigh_all([found], jury, {digest}).counted


def _revocations(
    register: Register | None, identity: str, names: set[str], ancestors: Iterable[Ancestor]
) -> Iterator[tuple[Revocation, Line]]:
    """Yield what is revoked of the artifact and of what it was made from, whatever the moment of the report."""
    if register is None:
        return
    above = {digest_of(one.identity): one for one in ancestors}
    for one in register.revocations.in_force:
        digest = one.subject.digest
        if one.only_of is not None or one.subject.is_party or digest not in names | above.keys():
            continue
        what = "the artifact" if digest == digest_of(identity) else "a file of the artifact"
        if digest in above:
            what = "what the artifact was made from"
        at = entered_at(register, one)
        text = f"{what} {one.subject.text} is {one.words}: {one.reason}"
        yield one, Line(
            text, f"sha256:{one.claim_id}", one.index, one.signer, "revocation in force", at,
            LOG_CLOCK if at else "", bad=True,
        )  # fmt: skip


def entered_at(register: Register, revocation: Revocation) -> datetime | None:
    """Return when a revocation was entered, by the log's own clock; None for one that was carried over."""
    if revocation.entered_at is not None:
        return None
    return parse_time(register.ledger.entry(revocation.index).event.at)
