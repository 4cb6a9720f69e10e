"""What every required claim is asked: is it there, by whom, how old, by how many, and does any contradict it."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.requirements import Requirement
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["Asked", "Problem", "about", "distinct_signers", "judge_claims"]

Problem = Callable[[SignedClaim], str | None]
"""says what is wrong with a claim; empty when nothing is, None when it says nothing of what is asked"""
_MOST_NAMED = 5
_SKEW = timedelta(minutes=5)
"""by how much two honest clocks may differ"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One required claim, and the words for it."""

    check: str
    """name of the check"""
    kind: str
    """kind of the claim, as `[require.KIND]` calls it"""
    noun: str
    """the claim in words, as `a test result`"""
    fix: str
    """the command that supplies it"""


def judge_claims(
    policy: Policy,
    evidence: Evidence,
    asked: Asked,
    rule: Requirement,
    problem: Problem,
    *,
    identity: str = "",
) -> Check:
    """Judge the claims that a requirement asks for, about the artifact or another one of its chain.

    A claim with a problem denies, however old or undated it is, unless a good one was certainly made later:
    nobody wins by stating something else once more, by leaving the time out or by renewing a timestamp.
    """
    found = about(evidence, asked.kind, rule.role, identity or evidence.identity)
    claims = [one for one in found if problem(one) is not None]
    if not claims:
        return _missing(policy, asked, rule, evidence, identity)
    sound = [one for one in claims if not problem(one)]
    good = [one for one in sound if _is_fresh(one, rule.max_age, evidence)]
    for one in claims:
        said = problem(one)
        if said and not any(_is_later(other, one) for other in good):
            return Check(
                asked.check,
                Outcome.FAIL,
                f"{asked.noun} by {one.signer.name}: {said}",
                "a member of the role says so, and none says otherwise at a later time that is proven",
                asked.fix,
                code=f"{asked.kind}-refused",
            )
    return _agreed(policy, asked, rule, good) if good else _too_old(asked, rule, sound)


def about(evidence: Evidence, kind: str, role: str, identity: str) -> list[SignedClaim]:
    """Return the claims of a kind by a role about one artifact, later ones than `evidence.at` left out."""
    return [
        one
        for one in evidence.signed
        if one.kind == kind
        and role in one.roles
        and identity
        and one.identity == identity
        and (one.at is None or one.at - evidence.at <= _SKEW)
    ]


def distinct_signers(signers: Sequence[SignerIdentity]) -> int:
    """Count signers who are certainly not one: by key, and by name at their issuer.

    One key as such and in a certificate is one signer, and so is one name with two certificates.
    """
    groups: list[set[str]] = []
    for signer in signers:
        marks = {f"key {signer.fingerprint}"}
        if signer.subject:
            marks.add(f"name {signer.subject}\0{signer.issuer}")
        joined = [group for group in groups if group & marks]
        groups = [group for group in groups if not group & marks]
        groups.append(marks.union(*joined))
    return len(groups)


def _is_fresh(claim: SignedClaim, max_age: timedelta | None, evidence: Evidence) -> bool:
    """Tell whether a claim is young enough, by the oldest that it can be: a timestamp can be put there anew."""
    return max_age is None or (claim.since is not None and evidence.at - claim.since <= max_age)


def _is_later(claim: SignedClaim, other: SignedClaim) -> bool:
    """Tell whether a claim was made when the other existed already."""
    return claim.since is not None and other.at is not None and claim.since > other.at


def _agreed(policy: Policy, asked: Asked, rule: Requirement, good: Sequence[SignedClaim]) -> Check:
    needed = policy.role(rule.role).threshold
    names = tuple(dict.fromkeys(one.signer.name for one in good))
    found = distinct_signers([one.signer for one in good])
    if found >= needed:
        return Check(
            asked.check,
            Outcome.PASS,
            f"{asked.noun} by {' and '.join(names)}",
            details=_shown(good),
        )
    return Check(
        asked.check,
        Outcome.FAIL,
        f"{found} of {counted(needed, 'signer')} of the role `{rule.role}` made {asked.noun}",
        "the policy asks for as many distinct ones",
        _by_others(policy, asked, rule, names),
        _shown(good),
        code=f"{asked.kind}-too-few",
    )


def _by_others(policy: Policy, asked: Asked, rule: Requirement, names: Sequence[str]) -> str:
    others = [one for one in policy.role(rule.role).trusted if one not in names]
    return f"{asked.fix}, by another of: {', '.join(others[:_MOST_NAMED])}" if others else asked.fix


def _shown(good: Sequence[SignedClaim]) -> tuple[str, ...]:
    return tuple(
        f"claim sha256:{one.claim_id}" + (f", at {format_time(one.at)}" if one.at else "")
        for one in good
    )


def _missing(
    policy: Policy, asked: Asked, rule: Requirement, evidence: Evidence, identity: str
) -> Check:
    elsewhere = any(one.kind == asked.kind and rule.role in one.roles for one in evidence.signed)
    wrong_role = [
        one.signer.name
        for one in evidence.signed
        if one.kind == asked.kind and one.identity == (identity or evidence.identity)
    ]
    trusted = " or ".join(policy.role(rule.role).trusted[:3])
    why = f"`[require.{asked.kind}]` asks the role `{rule.role}` for it: {trusted or 'nobody'}"
    if wrong_role:
        why = f"{wrong_role[0]} states it and is not of the role `{rule.role}`"
    elif elsewhere:
        why = f"the role `{rule.role}` states it of another artifact only"
    named = f" of `{identity[:16]}…`" if identity and identity != evidence.identity else ""
    return Check(
        asked.check,
        Outcome.FAIL,
        f"{asked.noun}{named} by the role `{rule.role}` is missing",
        why,
        asked.fix,
        code=f"{asked.kind}-missing",
    )


def _too_old(asked: Asked, rule: Requirement, claims: Sequence[SignedClaim]) -> Check:
    limit = format_age(rule.max_age or timedelta())
    dated = [one.since for one in claims if one.since]
    if len(dated) == len(claims):
        return Check(
            asked.check,
            Outcome.FAIL,
            f"{asked.noun} is of {format_time(max(dated))}, which is too old",
            f"the policy allows {limit}",
            asked.fix,
            code=f"{asked.kind}-too-old",
        )
    return Check(
        asked.check,
        Outcome.UNCHECKED,
        f"nothing proves when {asked.noun} was made",
        f"the policy allows {limit}; a signer's word alone proves no time, and a timestamp can be put there anew",
        "have it signed anew with `--tsa-url URL`, which also writes the time into what is signed, or keyless,"
        " and name the authority in the role's trust file",
        code=f"{asked.kind}-undated",
    )
