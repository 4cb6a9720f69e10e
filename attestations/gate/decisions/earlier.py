"""Looking for an earlier decision that answers, before the content is scanned and its claims are judged.

What is looked at afresh: who signed the decision, whether that signer or anything that the decision
rests on was revoked, the identity of the content, reserved names, what lies beside it, the ledger, and
claims that were added since. Whatever does not hold means that nothing is answered: the gate then looks
at everything, and says why.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.copy_at_hand import clashes_of, present_checks
from weightmark.attestations.gate.decision import Verdict, judge
from weightmark.attestations.gate.decisions.answering import Earlier, weigh_summaries
from weightmark.attestations.gate.decisions.case import (
    Case,
    case_of,
    guesses,
    in_ledger,
    stored,
    summaries_in,
)
from weightmark.attestations.gate.decisions.holding import changed, known_claims
from weightmark.attestations.gate.evidence import Answer, Evidence, Known, LedgerEvidence
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import VerifiedBundle
from weightmark.attestations.verifying.evidence import SIDECARS, collect_evidence
from weightmark.errors import CallError, WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.reading.engine import Column, ProgressSink, read_artifact
from weightmark.provenance.reading.receipts import Receipts
from weightmark.provenance.reading.results import Reading
from weightmark.values import dataclass

__all__ = ["Found", "asked_decision", "earlier_decision"]

_ALLOWED = ("pass", "info")
_LOCAL = frozenset([*SIDECARS, "names", "files", "remembered", "reading"])
"""checks about the copy at hand rather than about what was decided of it"""


@dataclass(frozen=True)
class Found:
    """What came of looking for an earlier decision."""

    evidence: Evidence | None
    """on which a decision can be made now; None when none answers"""
    checks: tuple[Check, ...] = ()
    """why none answers"""


def earlier_decision(
    path: str | Path,
    policy: Policy,
    sources: Sources,
    *,
    now: datetime | None = None,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Found:
    """Look for a decision that answers for the artifact at `path`, reading it only where one may.

    `receipts` count only where the policy trusts them. Raises `CallError` as `gather` does.
    """
    if policy.vsa is None:
        return Found(None)
    try:
        case = case_of(policy, policy.vsa, sources, now)
        return _looked_for(path, case, sources, receipts=receipts, progress=progress, jobs=jobs)
    except CallError:
        raise
    except WeightmarkError as error:
        return Found(None, _told([error.what]))


def _looked_for(
    path: str | Path,
    case: Case,
    sources: Sources,
    *,
    receipts: Receipts | None,
    progress: ProgressSink | None,
    jobs: int | None,
) -> Found:
    policy, artifact = case.policy, open_artifact(path)
    found = collect_evidence(artifact, signature=sources.signature, claims=sources.claims)
    local, clashes = present_checks(artifact, found, policy), clashes_of(artifact)
    guessed = guesses(found.bundles)
    case = replace(
        case,
        bundles=(*found.bundles, *in_ledger(case, guessed)),
        artifact=artifact,
        path=str(path),
        local=local,
        clashes=clashes,
    )
    usable, problems = _weigh(case)
    if not usable or not artifact.entries or artifact.problems:
        return Found(None, _told(problems))
    kept = receipts if policy.trust_receipts else None
    reading: Reading[Any] = read_artifact(
        artifact, columns=[Column.BLAKE3], receipts=kept, progress=progress, jobs=jobs
    )
    known = Known.REMEMBERED if reading.remembered else Known.READ
    case = replace(case, known=known, reading=reading)
    identity = reading.manifest().identity
    if identity not in guessed:
        # the claims named other artifacts, so that the ledger was not asked about this one yet
        case = replace(case, bundles=(*case.bundles, *in_ledger(case, [identity])))
        usable, problems = _weigh(case)
    return _answered(case, usable, problems, identity)


def asked_decision(
    identity: str, policy: Policy, sources: Sources, *, now: datetime | None = None
) -> Evidence:
    """Return what can be said of an artifact of which only the identity is known: `content not read here`.

    An earlier decision answers where the policy takes one; else nothing could be checked.
    """
    at = now or datetime.now(UTC)
    problems: tuple[Check, ...] = ()
    try:
        found = _asked(identity, policy, sources, at)
        if found.evidence:
            return found.evidence
        problems = found.checks
    except CallError:
        raise
    except WeightmarkError as error:
        problems = _told([error.what])
    return Evidence(
        identity,
        at,
        identity,
        0,
        0,
        (_not_read(policy, problems), *problems),
        policy.release.trusted,
        path=identity,
        known=Known.ASKED,
    )


def _not_read(policy: Policy, problems: Sequence[Check]) -> Check:
    """Return that nothing was read, with the first reason why no decision answers in its place."""
    if policy.vsa is None:
        why = "only the identity was named, and the policy takes no earlier decision"
        fix = "gate the files themselves, or take decisions by `[vsa]` in the policy"
    else:
        told = next((one.summary for one in problems), "")
        why = told or "only the identity was named, and no earlier decision about it was found"
        fix = "gate the files by the very policy file that is used here, with `--vsa` and the key of the role in `[vsa]`, and name that decision by `--claims` or in the ledger"
    return Check("reading", Outcome.UNCHECKED, "content not read here", why, fix, code="not-read")


def _asked(identity: str, policy: Policy, sources: Sources, at: datetime) -> Found:
    case = case_of(policy, policy.vsa, sources, at)
    bundles = (*stored(sources.claims), *in_ledger(case, [identity]))
    case = replace(case, bundles=bundles, path=identity)
    usable, told = _weigh(case)
    found = _answered(case, usable, told, identity)
    if found.evidence:
        return found
    return Found(None, (*found.checks, *_revoked_now(case, identity)))


def _weigh(case: Case) -> tuple[tuple[Earlier, ...], tuple[str, ...]]:
    """Verify every summary by the role that may decide, and return those that may answer."""
    rule = case.rule
    trust = case.trusts.get(rule.role) if rule else None
    if rule is None or trust is None:
        return (), ()
    problems: list[str] = []
    found: list[VerifiedBundle] = []
    for bundle in summaries_in(case):
        try:
            verified = trust.verify(bundle, now=case.at)
        except WeightmarkError as error:
            problems.append(f"a decision does not count for `[vsa]`: {error.what}")
            continue
        if _may_release(case, bundle):
            problems.append(f"{verified.signer.name} decided about what it may release itself")
            continue
        found.append(verified)
    weighed = weigh_summaries(case.policy, rule, found, case.at)
    return weighed.usable, (*problems, *weighed.problems)


def _may_release(case: Case, bundle: Bundle) -> bool:
    rule = case.policy.require.release
    trust = case.trusts.get(rule.role) if rule else None
    if trust is None:
        return False
    try:
        trust.verify(bundle, now=case.at)
    except WeightmarkError:
        return False
    return True


def _answered(
    case: Case, usable: Sequence[Earlier], problems: Sequence[str], identity: str
) -> Found:
    """Return evidence that rests on the decision about this very identity, if everything still holds."""
    earlier = next((one for one in usable if one.identity == identity), None)
    if earlier is None:
        others = ["an earlier decision is about another artifact"] if usable else []
        return Found(None, _told([*problems, *others]))
    case = replace(case, bundles=(*case.bundles, *in_ledger(case, _ancestors(earlier))))
    problem = changed(case, earlier)
    if problem:
        return Found(None, _told([*problems, problem]))
    ledger = _ledger(case, identity, known_claims(earlier))
    evidence = _evidence(case, earlier, ledger)
    judged = judge(case.policy, evidence)
    if judged.verdict is not Verdict.ALLOW:
        bad = [one for one in judged.checks if one.outcome.value not in _ALLOWED]
        why = f"`{bad[0].name}`: {bad[0].summary}" if bad else judged.verdict.value
        return Found(None, _told([*problems, f"the decision does not hold any more: {why}"]))
    return Found(evidence)


def _ancestors(earlier: Earlier) -> tuple[str, ...]:
    """Return what the artifact was made from when it was decided: what is said of that counts as well."""
    chain = earlier.record.evidence.chain if earlier.record else None
    return tuple(one for one in chain.lineage.depths if one != earlier.identity) if chain else ()


def _ledger(case: Case, identity: str, known: Collection[str] = ()) -> LedgerEvidence | None:
    """Ask the ledger; the claims of ids that are `known`, verified when it was decided, tell what went in."""
    if case.consultation is None:
        return None
    from weightmark.attestations.gate.consult import consult_ledger, statements_among
    from weightmark.attestations.gate.witnesses import witnessed

    rule = case.policy.require.release
    trust = case.trusts.get(rule.role) if rule else None
    asked = consult_ledger(
        case.place,
        case.consultation,
        identity,
        trust,
        belief=None,
        reading=case.reading,
        stated=statements_among(case.bundles, known),
    )
    return witnessed(asked, case.place, case.policy.ledger, case.at)


def _revoked_now(case: Case, identity: str) -> tuple[Check, ...]:
    ledger = _ledger(case, identity)
    said = (ledger.problem, ledger.revocation) if ledger else ()
    return tuple(one for one in said if one and one.outcome is Outcome.FAIL)


def _evidence(case: Case, earlier: Earlier, ledger: LedgerEvidence | None) -> Evidence:
    answer = Answer(
        claim_id=earlier.verified.claim_id,
        signer=earlier.verified.signer,
        verifier=earlier.summary.verifier,
        decided_at=earlier.decided_at,
        replayed=earlier.record is not None,
    )
    before = earlier.record.evidence if earlier.record else _unrecorded(case, earlier)
    artifact = case.artifact
    kept = [
        one for one in before.checks if one.name not in _LOCAL and one.name != "earlier decision"
    ]
    released = [one.signer for one in ledger.records if one.signer] if ledger else []
    return replace(
        before,
        name=artifact.name if artifact else before.name,
        at=case.at,
        checks=(*kept, *case.local, _vsa_check(earlier, case)),
        trusted=tuple(dict.fromkeys([*before.trusted, *released])),
        claims=tuple(dict.fromkeys([*before.claims, answer.claim_id])),
        outside=artifact.outside if artifact else (),
        clashes=case.clashes if artifact else before.clashes,
        ledger=ledger,
        path=case.path,
        known=case.known,
        answer=answer,
    )


def _unrecorded(case: Case, earlier: Earlier) -> Evidence:
    entries = case.artifact.entries if case.artifact else ()
    return Evidence(
        name=earlier.verified.statement.subject.name or earlier.identity,
        at=case.at,
        identity=earlier.identity,
        files=len(entries) or 1,
        size=sum(entry.size for entry in entries),
        checks=(),
        trusted=case.policy.release.trusted,
        claims=earlier.summary.inputs,
    )


def _vsa_check(earlier: Earlier, case: Case) -> Check:
    when = format_time(earlier.decided_at)
    how = {
        Known.READ: "",
        Known.REMEMBERED: "; large files were not read again, as receipts allow",
        Known.ASKED: "; content not read here",
    }[case.known]
    return Check(
        "earlier decision",
        Outcome.PASS,
        f"answered by the decision of {earlier.verified.signer.name} at {when}{how}",
        details=(f"claim sha256:{earlier.verified.claim_id}", f"as {earlier.summary.verifier}"),
    )


def _told(problems: Sequence[str]) -> tuple[Check, ...]:
    if not problems:
        return ()
    first, *others = dict.fromkeys(problems)
    return (
        Check(
            "earlier decision",
            Outcome.INFO,
            f"no earlier decision answers: {first}",
            details=tuple(others),
        ),
    )
