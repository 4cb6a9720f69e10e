"""What another policy would have decided, on what past decisions recorded.

Of each signer only the name was recorded, so that a rule of the new policy that admits many, as a
pattern does, knows nobody but those whom the same rule admitted before. What the old policy did not ask
for was not looked at, and is said to be unknown, never to be good.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.decision import Judgement, judge
from weightmark.attestations.gate.decisions.record import DecisionRecord
from weightmark.attestations.gate.decisions.replay import record_of_summary
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.interface import CONTENT
from weightmark.attestations.policy.choices import Digests
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, UnsupportedError, WeightmarkError
from weightmark.provenance.ledger.event import Kind
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["MAX_DECISIONS", "Reconsidered", "reconsider", "reconsider_ledger"]

MAX_DECISIONS = 10_000
"""decisions of one ledger that are looked at"""
_BAD = (Outcome.FAIL, Outcome.UNCHECKED)

PolicyOf = Callable[[str], Policy]
"""gives the new policy for an environment; empty for none"""


@dataclass(frozen=True)
class Reconsidered:
    """A past decision, and what the new policy says."""

    index: int
    """of its entry"""
    record: DecisionRecord | None
    """what was decided; None when the entry does not hold what it rests on"""
    judgement: Judgement | None
    """what would be decided; None when that can't be told"""
    reasons: tuple[str, ...]
    """checks that come out otherwise, one line each; or why nothing can be told"""

    @property
    def changes(self) -> bool:
        """Whether the new policy decides otherwise."""
        if self.record is None or self.judgement is None:
            return False
        return self.record.verdict is not self.judgement.verdict


def reconsider_ledger(ledger: "Ledger", policy_of: PolicyOf) -> Iterator[Reconsidered]:
    """Judge every decision that a ledger holds by another policy, oldest first.

    Raises `LimitError` over `MAX_DECISIONS`, and what reading the ledger raises; an entry that can't be
    judged again is one without a judgement.
    """
    logged = ledger.find(kind=Kind.DECISION, complete=ledger.can_be_read_whole())
    if len(logged) > MAX_DECISIONS:
        raise LimitError(
            f"the ledger holds {len(logged)} decisions, over {MAX_DECISIONS}",
            fix="look at a ledger of fewer decisions",
        )
    for one in logged:
        try:
            record = _record_of(ledger.claim(one.index))
            environment = record.policy.source.partition("#")[2]
            judgement, reasons = reconsider(record, policy_of(environment))
        except WeightmarkError as error:
            yield Reconsidered(one.index, None, None, (error.what,))
            continue
        yield Reconsidered(one.index, record, judgement, reasons)


def reconsider(record: DecisionRecord, policy: Policy) -> tuple[Judgement, tuple[str, ...]]:
    """Judge recorded inputs by another policy at the recorded time, and say which checks come out otherwise. Pure."""
    judgement = judge(policy, _seen_by(policy, record))
    before = {one.name: one for one in record.checks}
    reasons = [
        f"`{one.name}`: {one.summary}"
        for one in judgement.checks
        if one.outcome in _BAD and not _is_bad(before.get(one.name))
    ]
    after = {one.name: one for one in judgement.checks}
    reasons += [
        f"`{name}` does not stand in the way any more"
        for name, one in before.items()
        if _is_bad(one) and not _is_bad(after.get(name))
    ]
    return judgement, tuple(reasons)


def _is_bad(check: Check | None) -> bool:
    return check is not None and check.outcome in _BAD


def _record_of(claim: bytes) -> DecisionRecord:
    bundle = Bundle.parse(claim, what="the decision")
    envelope = bundle.envelope
    record = record_of_summary(Statement.parse(envelope.payload_type, envelope.payload))
    if record is None:
        raise UnsupportedError("the entry does not hold what the decision rests on")
    return record


def _seen_by(policy: Policy, record: DecisionRecord) -> Evidence:
    """Return the recorded evidence with the roles of another policy."""
    evidence = record.evidence
    return replace(
        evidence,
        signed=tuple(_with_roles(one, policy, record) for one in evidence.signed),
        trusted=_trusted(policy, evidence),
        checks=(
            *(_judged_anew(one, policy, record) for one in evidence.checks),
            *_not_looked_at(policy, record),
        ),
    )


def _trusted(policy: Policy, evidence: Evidence) -> tuple[str, ...]:
    """Return who counts for release entries: of those who signed, the members of the new role."""
    names = set(policy.release.trusted)
    return (*policy.release.trusted, *(one for one in evidence.content_signers if one in names))


def _with_roles(claim: SignedClaim, policy: Policy, record: DecisionRecord) -> SignedClaim:
    roles = (
        name
        for name in policy.roles
        if _is_member(claim.signer.name, claim.roles, policy, record, name)
    )
    return replace(claim, roles=frozenset(roles))


def _is_member(
    signer: str, held: frozenset[str], policy: Policy, record: DecisionRecord, role: str
) -> bool:
    names = set(policy.role(role).trusted)
    before = (set(record.policy.members.get(one, ())) for one in held)
    return signer in names or any(old and old <= names for old in before)


def _judged_anew(check: Check, policy: Policy, record: DecisionRecord) -> Check:
    """Return what verification found, as far as the new release role would have found the same."""
    evidence = record.evidence
    is_signature = check.name == "signature" and policy.require.release is not None
    if is_signature and _release_members(record) != set(policy.release.trusted):
        return _signature_anew(check, policy, record)
    if check.name in CONTENT and not _compares_enough(policy.digests, evidence.compared_by):
        return replace(
            check,
            outcome=Outcome.UNCHECKED,
            summary=f"compared by {evidence.compared_by or 'nothing'} only",
            why=f'the policy says `digests = "{policy.digests.value}"`',
        )
    return check


def _release_members(record: DecisionRecord) -> set[str]:
    rule = record.policy.policy().require.release
    return set(record.policy.members.get(rule.role, ())) if rule else set()


def _signature_anew(check: Check, policy: Policy, record: DecisionRecord) -> Check:
    rule = policy.require.release
    old = record.policy.policy().require.release
    held = frozenset([old.role]) if old else frozenset[str]()
    signers = record.evidence.content_signers
    if rule and any(_is_member(one, held, policy, record, rule.role) for one in signers):
        return check
    if signers:
        said = f"signed by {signers[0]}, whom the policy does not trust"
        return Check("signature", Outcome.FAIL, said, code="wrong-signer")
    if check.outcome is Outcome.NOTHING:
        return check
    return Check(
        "signature",
        Outcome.UNCHECKED,
        "other signers were trusted then, so nobody looked for these",
    )


def _compares_enough(digests: Digests, compared_by: str) -> bool:
    wanted = {Digests.ANY: (), Digests.SHA256: ("sha256",), Digests.BOTH: ("blake3", "sha256")}
    return all(one in compared_by for one in wanted[digests])


def _not_looked_at(policy: Policy, record: DecisionRecord) -> Iterator[Check]:
    """Name what the new policy would have had looked at, and the old one did not."""
    old = record.policy.policy()
    missing = [one for one in policy.scan.engines if one not in old.scan.engines]
    if policy.scan.required and missing:
        yield _unknown("scan", f"`{missing[0]}` did not scan it then")
    if policy.require.release and old.require.release is None:
        yield _unknown("signature", "signatures were not judged then")
    rule, before = policy.lineage, old.lineage
    if rule and (before is None or record.evidence.chain is None):
        yield _unknown("chain", "what it was made from was not looked at then")
    elif rule and before:
        named = {rule.role: before.role, rule.vouchers: before.vouchers}
        members = record.policy.members
        if any(
            set(policy.role(new).trusted) != set(members.get(was, ())) for new, was in named.items()
        ):
            yield _unknown("chain", "others might state steps then")


def _unknown(name: str, said: str) -> Check:
    return Check(
        name,
        Outcome.UNCHECKED,
        said,
        "the decision holds only what its own policy asked for",
        "gate the artifact by the new policy",
        code="not-recorded",
    )
