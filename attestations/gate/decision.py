"""The decision: made from policy and evidence only, and by `decide` only."""

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum

from weightmark.attestations.checks import Check, Outcome, exit_of, merge_checks
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.judges import (
    JUDGES,
    JUDGES_OF_ANSWERS,
    JUDGES_WITHOUT_FILES,
    Judge,
)
from weightmark.attestations.gate.judges.exceptions import EXCEPTED, excepted
from weightmark.attestations.gate.judges.unasked import unsettled
from weightmark.attestations.policy.choices import Mode, RemoteCode
from weightmark.attestations.policy.model import Policy
from weightmark.errors import Exit
from weightmark.values import dataclass

__all__ = ["Decision", "Judgement", "Verdict", "decide", "judge"]

_SEAL = object()


class Verdict(StrEnum):
    """What the checks add up to, whatever the mode."""

    ALLOW = "allow"
    """every demand of the policy was checked and is met"""
    DENY = "deny"
    """a check refused"""
    UNCHECKED = "could not be checked"
    """none refused, and a check could not be made"""
    NOTHING = "nothing to check"
    """there were no files"""


_EXITS = {
    Verdict.ALLOW: Exit.GOOD,
    Verdict.DENY: Exit.BAD,
    Verdict.UNCHECKED: Exit.UNCHECKED,
    Verdict.NOTHING: Exit.NOTHING,
}
_CHECKS = {"release": ("signature", "content"), "scan": ("scan claim",)}
"""what the checks of a required claim are called, where they are not called as the claim"""
_VERDICTS = {code: verdict for verdict, code in _EXITS.items()}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What rules say of evidence, whoever vouches for the evidence; it opens nothing."""

    checks: tuple[Check, ...]
    """every check, one a name, in the order in which they were made"""
    verdict: Verdict
    """what they add up to"""


@dataclass(frozen=True)
class Decision:
    """What the gate decided, and on what; only `decide` can make one."""

    policy: Policy
    """by which rules"""
    evidence: Evidence
    """about what, known how"""
    checks: tuple[Check, ...]
    """every check, one a name, in the order in which they were made"""
    verdict: Verdict
    """what they add up to"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Decision is made by deciding only")

    @property
    def allows(self) -> bool:
        """Whether every demand of the policy is met; true in no other case, whatever the mode."""
        return self.verdict is Verdict.ALLOW

    @property
    def blocks(self) -> bool:
        """Whether the caller has to stop."""
        return self.exit is not Exit.GOOD

    @property
    def exit(self) -> Exit:
        """The exit code; in mode `warn` a refusal and what could not be checked are 0."""
        code = _EXITS[self.verdict]
        warned = self.policy.mode is Mode.WARN and code in (Exit.BAD, Exit.UNCHECKED)
        return Exit.GOOD if warned else code

    @property
    def word(self) -> str:
        """The decision as it is printed: `allow`, `deny`, `would deny`, `could not be checked` or `nothing to check`."""
        warned = self.exit is Exit.GOOD and not self.allows
        return "would deny" if warned else self.verdict.value


def decide(policy: Policy, evidence: Evidence) -> Decision:
    """Apply `policy` to `evidence`; pure: the same values always give the same decision."""
    judged = judge(policy, evidence)
    return Decision(policy, evidence, judged.checks, judged.verdict, _SEAL)


def judge(policy: Policy, evidence: Evidence) -> Judgement:
    """Say what `policy` demands of `evidence` and what came of it; pure."""
    checks = [check for judge in _judges(evidence) for check in judge(policy, evidence)]
    checks = list(unsettled(evidence, excepted(policy, evidence, checks)))
    if evidence.files:
        checks += _missing(_demanded(policy, evidence), checks)
    verdict = _VERDICTS[exit_of(checks)]
    if verdict is Verdict.ALLOW and not evidence.files:
        verdict = Verdict.NOTHING
    if verdict is Verdict.NOTHING and evidence.files:
        verdict = Verdict.UNCHECKED
    return Judgement(merge_checks(checks), verdict)


def _judges(evidence: Evidence) -> tuple[Judge, ...]:
    if not evidence.files:
        return JUDGES_WITHOUT_FILES
    answered = evidence.answer is not None and not evidence.answer.replayed
    return JUDGES_OF_ANSWERS if answered else JUDGES


def _missing(demanded: Sequence[str], checks: Sequence[Check]) -> list[Check]:
    """Name every demanded check that neither passed nor says why it did not."""
    passed = {check.name for check in checks if check.outcome is Outcome.PASS}
    passed |= {check.name for check in checks if check.code == EXCEPTED}
    failed = {check.name for check in checks if check.outcome not in (Outcome.PASS, Outcome.INFO)}
    return [
        Check(
            name,
            Outcome.UNCHECKED,
            "was not checked",
            "the policy demands it, and nothing that was found says anything about it",
            "mend what the other checks name",
        )
        for name in demanded
        if name not in passed | failed
    ]


def _demanded(policy: Policy, evidence: Evidence) -> list[str]:
    if evidence.answer is not None and not evidence.answer.replayed:
        return ["identity", "earlier decision", *(["ledger"] if policy.ledger.required else [])]
    required = [_CHECKS.get(kind, (kind,)) for kind in policy.require.stated]
    demands = {
        "scan": policy.scan.required,
        "formats": bool(policy.scan.deny_formats or policy.scan.allow_formats),
        "remote code": policy.scan.remote_code is RemoteCode.REFUSE,
        "chain": policy.lineage is not None,
        "licenses": policy.licenses is not None,
        "classification": bool(policy.max_classification),
        "ledger": policy.ledger.required,
    }
    names = ["identity", *(name for names in required for name in names)]
    names += [name for name, demanded in demands.items() if demanded]
    names += [f"rule {one.name}" for one in policy.conditions]
    return list(dict.fromkeys(names))
