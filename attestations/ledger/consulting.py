"""Asking a ledger whether something was revoked: the artifact, what it holds, what it descends from, its signers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.ledger.descent import ancestors_of, materials_of
from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.belief import Belief
from weightmark.attestations.verifying.verification import Examination
from weightmark.errors import CallError, WeightmarkError
from weightmark.provenance.ledger.log import Ledger
from weightmark.values import dataclass

__all__ = ["MAX_WALK", "Consultation", "consult", "is_walked", "open_place", "revoked_content"]

MAX_WALK = 5000
"""entries up to which the whole ledger is read instead of its index"""


@dataclass(frozen=True, slots=True)
class Consultation:
    """What a ledger says of revocations, or why it could not say it."""

    revocations: Revocations | None
    """those in force; None when there is a problem"""
    problem: Check | None
    """why the ledger could not be consulted to the end"""

    def bind(self, trust: Trust | None) -> Trust | None:
        """Return the same trust, for which nothing counts that the ledger revokes."""
        if trust is None or self.revocations is None:
            return trust
        return self.revocations.bind(trust)

    def judge(self, place: str, examination: Examination) -> Examination:
        """Return an examination that was made by the bound trust, with what the ledger says of the content."""
        report, belief = examination.report, examination.belief
        if self.revocations is None or self.problem:
            more = self.problem or Check("ledger", Outcome.UNCHECKED, "could not be consulted")
        else:
            more = revoked_content(place, self.revocations, report.identity, belief)
        verified = report.verified if more.outcome is Outcome.PASS else None
        judged = replace(report, checks=(*report.checks, more), verified=verified)
        return replace(examination, report=judged)


def consult(place: str) -> Consultation:
    """Read the revocations of the ledger at `place`; raises `CallError` when there is none."""
    try:
        with open_place(place) as ledger:
            return Consultation(Revocations.read(ledger, complete=is_walked(ledger)), None)
    except CallError:
        raise
    except WeightmarkError as error:
        return Consultation(None, Check.from_error("ledger", error))


def open_place(place: str) -> Ledger:
    """Open a ledger to consult it; raises what `Ledger.open` raises."""
    return Ledger.open(place if "://" in place else Path(place))


def is_walked(ledger: Ledger) -> bool:
    """Tell whether a ledger is small enough to be read whole, so that no index can hide an entry."""
    with ledger.snapshot() as snapshot:
        return snapshot.head.size <= MAX_WALK


def revoked_content(
    place: str, revocations: Revocations, identity: str, belief: Belief | None
) -> Check:
    """Say whether an artifact, a file in it, or anything that it descends from was revoked.

    Of `belief` come the SHA-256 of its files and what claims beside it say went in. What cannot be
    followed to the end is a check that is not made.
    """
    files = _files(identity, belief)
    held = {**dict.fromkeys(files, "a file of the artifact"), identity: "the artifact"}
    first = _first(revocations, held)
    if first:
        return _refusal(*first)
    try:
        materials = _materials(identity, belief)
        with open_place(place) as ledger:
            named = [identity, *files, *materials] if revocations.in_force else []
            above = ancestors_of(ledger, named, complete=is_walked(ledger))
    except WeightmarkError as error:
        return Check.from_error("revocation", error)
    inherited = dict.fromkeys((*above, *materials), "what the artifact descends from")
    first = _first(revocations, inherited)
    if first:
        return _refusal(*first)
    how = "" if revocations.complete else ", as far as the ledger's own index says"
    return Check("revocation", Outcome.PASS, f"nothing was revoked{how}")


def _files(identity: str, belief: Belief | None) -> frozenset[str]:
    """Return `sha256:<hex>` of every file, as far as trusted signers list them."""
    if belief is None:
        return frozenset()
    lists = [
        one.claim.sha256 for one in belief.manifests if one.claim.manifest.identity == identity
    ]
    oms = belief.signature.oms if belief.signature else None
    if oms and oms.whole_sha256:
        lists.append(oms.files)
    return frozenset(f"sha256:{digest}" for one in lists for digest in one.values())


def _materials(identity: str, belief: Belief | None) -> tuple[str, ...]:
    others = belief.others if belief else ()
    return tuple(
        material
        for one in others
        if identity in [subject.identity for subject in one.statement.subjects]
        for material in materials_of(one.statement)
    )


def _first(revocations: Revocations, held: dict[str, str]) -> tuple[Revocation, str] | None:
    found = revocations.of_content(held)
    return (found, held[found.subject.text]) if found else None


def _refusal(revocation: Revocation, what: str) -> Check:
    return Check(
        "revocation",
        Outcome.FAIL,
        f"{what} is {revocation.words}: `{revocation.subject.text}`",
        revocation.reason,
        "use another release",
        tuple(_details(revocation)),
        "revoked",
    )


def _details(revocation: Revocation) -> Iterator[str]:
    yield f"revoked by {revocation.signer}"
    yield f"claim sha256:{revocation.claim_id}"
