"""A policy in plain words: one line for every check that the gate will make."""

from collections.abc import Iterator

from weightmark.attestations.policy.model import (
    Clashes,
    Digests,
    Mode,
    OutsideRule,
    Policy,
    Unsupported,
)
from weightmark.values import dataclass

__all__ = ["Demand", "explain_policy"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What one check asks for."""

    check: str
    """name of the check, as decisions show it"""
    text: str
    """one line for a person"""
    setting: str
    """the key of the policy that says so"""


def explain_policy(policy: Policy) -> tuple[Demand, ...]:
    """Return every demand, in the order in which the gate checks."""
    return tuple(
        Demand(check, text, setting) for check, text, setting in [*_demands(policy), _mode(policy)]
    )


def _demands(policy: Policy) -> Iterator[tuple[str, str, str]]:
    if policy.trust_receipts:
        read = "every file is read, or unchanged since it was read by its receipt"
        yield "identity", f"{read}, and the artifact has an identity", "trust_receipts"
    else:
        yield "identity", "every file is read, and the artifact has an identity", "always"
    yield "files", "the artifact holds at least one file", "always"
    yield from _release(policy)
    yield "sidecars", "`model.sig`, `model.claims` and `model.receipt` hold nothing else", "always"
    yield "names", _NAMES[policy.names.clashes], "names.clashes"
    yield "outside", _OUTSIDE[policy.outside], "outside"
    yield "coverage", _COVERAGE[policy.outside], "outside"
    yield from _scan(policy)
    yield from _ledger(policy)


def _release(policy: Policy) -> Iterator[tuple[str, str, str]]:
    rule = policy.release
    if not rule.required:
        yield "signature", "signatures are not judged", "release.required"
        return
    signers = ", ".join(rule.trusted)
    if rule.revoked:
        earlier = f"provably before they were revoked, {', '.join(rule.revoked)}"
        signers = f"{signers}, or {earlier}" if signers else earlier
    signers = signers or "somebody whom `--key`, `--identity` or `--trust` names"
    approved = ", or approved its identity" if rule.approvals else ""
    setting = "release.trust" if rule.anchors and not rule.keys else "release.keys"
    yield "signature", f"signed by {signers}{approved}", setting
    yield "content", _CONTENT[policy.digests], "digests"


def _scan(policy: Policy) -> Iterator[tuple[str, str, str]]:
    rule = policy.scan
    if rule.required:
        yield "scan", f"no finding of severity {rule.fail_on.word} or over", "scan.fail_on"
        yield "scan", _UNSUPPORTED[rule.unsupported], "scan.unsupported"
    else:
        yield "scan", "the scan is shown and decides nothing", "scan.required"
    limits = ", ".join(f"{name} {number:g}" for name, number in rule.limits.changed.items())
    yield "scan", f"the scan of one file may cost: {limits or 'the usual'}", "scan.limits"
    if rule.claim_required:
        yield (
            "scan claim",
            "the signer scanned as well, and says so in a claim",
            "scan.claim_required",
        )
    elif policy.release.required:
        yield "scan claim", "what the signer's scan said is shown", "scan.claim_required"


def _ledger(policy: Policy) -> Iterator[tuple[str, str, str]]:
    rule = policy.ledger
    if rule.required:
        yield "ledger", "a ledger holds a release entry by a trusted signer", "ledger.required"
    else:
        yield "ledger", "a ledger is consulted when `--ledger` names one", "ledger.required"
    yield (
        "revocation",
        "no entry of a consulted ledger revokes the artifact or its signer",
        "always",
    )
    count = rule.witnesses
    if count:
        noun = "witness" if count == 1 else "witnesses"
        yield (
            "witnesses",
            f"at least {count} {noun} cosigned a consulted ledger",
            "ledger.witnesses",
        )
    else:
        yield "witnesses", "a consulted ledger needs no witness", "ledger.witnesses"


def _mode(policy: Policy) -> tuple[str, str, str]:
    if policy.mode is Mode.WARN:
        return "mode", "a refusal is said as `would deny`, and the exit code is 0", "mode"
    return "mode", "a refusal ends with exit code 1, a check that can't be made with 4", "mode"


_NAMES = {
    Clashes.REFUSE: "no name is something else on other systems",
    Clashes.ALLOW: "names that are something else on other systems are listed",
}
_OUTSIDE = {
    OutsideRule.REFUSE: "neither `.git` nor `.cache/huggingface` stands in the artifact",
    OutsideRule.REPORT: "`.git` and `.cache/huggingface` are listed and not judged",
}
_COVERAGE = {
    OutsideRule.REFUSE: "every file is held by a claim of the signer",
    OutsideRule.REPORT: "root git files that no claim holds are listed",
}
_CONTENT = {
    Digests.ANY: "every file is as signed, by the fastest digest that the signer gave",
    Digests.SHA256: "every file is as signed, by SHA-256",
    Digests.BOTH: "every file is as signed, by BLAKE3 and by SHA-256",
}
_UNSUPPORTED = {
    Unsupported.REFUSE: "every file is of a kind that can be scanned",
    Unsupported.LIST: "at least one file is of a kind that can be scanned",
    Unsupported.ALLOW: "files of a kind that can't be scanned are accepted",
}
