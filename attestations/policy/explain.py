"""A policy in plain words: one line for every check that the gate will make."""

from collections.abc import Iterator

from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.choices import (
    Clashes,
    DecisionClock,
    Digests,
    Mode,
    OutsideRule,
    RemoteCode,
    Unsupported,
)
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.requirements import Requirement, ScanRequirement
from weightmark.attestations.policy.roles import Role
from weightmark.attestations.policy.rules import LineageRule
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["Demand", "explain_policy"]

_Line = tuple[str, str, str]
_SHOWN = 10


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


def _demands(policy: Policy) -> Iterator[_Line]:
    if policy.expires:
        yield "validity", f"decides until {format_time(policy.expires)}", "expires"
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
    yield from _claims(policy)
    yield from _lineage(policy)
    yield from _ledger(policy)
    yield from _more(policy)


def _release(policy: Policy) -> Iterator[_Line]:
    rule = policy.require.release
    if rule is None:
        yield "signature", "signatures are not judged", "require.release"
        return
    vouched = "signed, or approved by identity," if rule.approvals else "signed"
    setting = f"require.release, roles.{rule.role}"
    yield "signature", f"{vouched} by {_signers(policy.release)}{_fresh(rule)}", setting
    yield "content", _CONTENT[policy.digests], "digests"


def _signers(role: Role) -> str:
    signers = " or ".join(role.trusted[:_SHOWN])
    if len(role.trusted) > _SHOWN:
        signers += f" or {len(role.trusted) - _SHOWN} more"
    if role.revoked:
        earlier = f"provably before they were revoked, {', '.join(role.revoked)}"
        signers = f"{signers}, or {earlier}" if signers else earlier
    signers = signers or "somebody whom `--key`, `--identity` or `--trust` names"
    return f"{role.threshold} of {signers}" if role.threshold > 1 else signers


def _fresh(rule: Requirement) -> str:
    return f", within {format_age(rule.max_age)} by a verified clock" if rule.max_age else ""


def _scan(policy: Policy) -> Iterator[_Line]:
    rule = policy.scan
    if rule.required:
        by = " and ".join(rule.engines)
        found = f"no finding of severity {rule.fail_on.word} or over by {by}"
        yield "scan", found, "scan.fail_on"
        yield "scan", _UNSUPPORTED[rule.unsupported], "scan.unsupported"
    else:
        yield "scan", "the scan is shown and decides nothing", "scan.required"
    limits = ", ".join(f"{name} {number:g}" for name, number in rule.limits.changed.items())
    bounds = f"these limits: {limits}" if limits else "the limits of `weightmark scan`"
    yield "scan", f"the scan of one file keeps to {bounds}", "scan.limits"
    if rule.allow_formats:
        yield "formats", f"every file is of {', '.join(rule.allow_formats)}", "scan.allow_formats"
    denied = ", ".join(rule.deny_formats)
    if denied or not rule.allow_formats:
        text = f"no file is of {denied}" if denied else "any format is accepted"
        yield "formats", text, "scan.deny_formats"
    yield "remote code", _REMOTE[rule.remote_code], "scan.remote_code"


def _claims(policy: Policy) -> Iterator[_Line]:
    for kind, rule in policy.require.stated.items():
        if kind == "release":
            continue
        check = "scan claim" if kind == "scan" else kind
        who = _signers(policy.role(rule.role))
        yield check, f"{_STATED[kind]} by {who}{_fresh(rule)}", f"require.{kind}"
        if isinstance(rule, ScanRequirement):
            found = f"which found nothing of severity {rule.fail_on.word} or over"
            yield check, found, "require.scan.fail_on"
    made = policy.provenance
    if made.builders:
        builders = " or ".join(one.id for one in made.builders)
        level = f", trusted with SLSA level {made.min_level}" if made.min_level else ""
        yield "provenance", f"made by {builders}{level}", "provenance.builders"
    if made.build_types:
        yield "provenance", f"made by {' or '.join(made.build_types)}", "provenance.build_types"
    if made.sources:
        yield "provenance", f"made from {' or '.join(made.sources)}", "provenance.sources"
    if made.parameters is not None:
        names = ", ".join(sorted(made.parameters)) or "none"
        text = f"the caller of the builder chose nothing but {names}, as the policy expects"
        yield "provenance", text, "provenance.parameters"


def _lineage(policy: Policy) -> Iterator[_Line]:
    lineage = policy.lineage
    if lineage:
        yield from _chain(policy, lineage)
    if policy.licenses:
        allowed, denied = policy.licenses.allow, policy.licenses.deny
        if allowed:
            yield "licenses", f"all along under {' or '.join(allowed)}", "licenses.allow"
        if denied:
            yield "licenses", f"nowhere under {' or '.join(denied)}", "licenses.deny"
        text = "one is stated of the artifact and of all that it was made from"
        yield "licenses", text, "licenses"
    if policy.max_classification:
        text = f"at most {policy.max_classification}, and so is all it was made from"
        yield "classification", text, "max_classification"
        asked = policy.require.classification is not None
        text = "is refused" if asked else f"counts as {policy.unclassified}"
        yield "classification", f"what nobody classified {text}", "unclassified"


def _chain(policy: Policy, lineage: LineageRule) -> Iterator[_Line]:
    rule = lineage.rule
    yield "chain", _COMPLETE if rule.complete else _OPEN, "chain.complete"
    if rule.complete:
        text = _SIGNED_ENDS if rule.signed_ends else _APPROVED_ENDS
        yield "chain", text, "chain.signed_ends"
    yield "chain", f"at most {rule.max_depth} steps deep", "chain.max_depth"
    for noun, allowed in (("base", rule.allowed_bases), ("dataset", rule.allowed_datasets)):
        if allowed:
            named = " or ".join(allowed[:_SHOWN])
            more = f" or {len(allowed) - _SHOWN} more" if len(allowed) > _SHOWN else ""
            yield "chain", f"every {noun} at its ends is {named}{more}", f"chain.allowed_{noun}s"
    for kind, role in lineage.steps.items():
        who = _signers(policy.role(role))
        yield "chain", f"`{kind}` is stated by {who}", f"chain.steps.{kind}"


def _ledger(policy: Policy) -> Iterator[_Line]:
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
    if rule.max_age:
        yield (
            "witnesses",
            f"witnesses saw a consulted ledger within {format_age(rule.max_age)}",
            "ledger.max_age",
        )


def _more(policy: Policy) -> Iterator[_Line]:
    for one in policy.conditions:
        text = one.message or f"`{one.field}` {one.op.replace('_', ' ')} {_value(one.value)}"
        yield f"rule {one.name}", text, "rule"
    for waived in policy.exemptions:
        text = f"for {waived.artifact[:16]}… until {format_time(waived.expires)}, by {waived.approver}: {waived.reason}"
        yield waived.rule, " ".join(f"excepted {text}".split()), "exceptions"
    if policy.vsa:
        who = _signers(policy.role(policy.vsa.role))
        text = f"a decision by {who} answers for {format_age(policy.vsa.max_age)}"
        if policy.vsa.clock is DecisionClock.VERIFIER:
            text += ", and when it was made is taken from its own word"
        yield "vsa", text, "vsa"


def _value(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, tuple) else str(value)


def _mode(policy: Policy) -> _Line:
    if policy.mode is Mode.WARN:
        return "mode", "a refusal is said as `would deny`, and the exit code is 0", "mode"
    return "mode", "a refusal ends with exit code 1, a check that can't be made with 4", "mode"


_COMPLETE = "how it was made is stated, step by step, down to the ends"
_OPEN = "what is stated of how it was made holds, as far as it goes"
_APPROVED_ENDS = "an end is approved, or signed and in a list of the policy"
_SIGNED_ENDS = "an end is approved or signed"
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
_REMOTE = {
    RemoteCode.REFUSE: "it holds no program code, and no configuration names any",
    RemoteCode.JUDGE: "code and configurations that name code are judged by severity",
    RemoteCode.ALLOW: "configurations may name code; what the code does is judged by severity",
}
_STATED = {
    "scan": "scanned",
    "provenance": "how it was made is stated",
    "test": "tested with success",
    "approval": "approved",
    "vulns": "looked through for known vulnerabilities",
    "sbom": "its parts are listed",
    "dataset": "every dataset is described",
    "classification": "it and all it was made from are classified",
}
