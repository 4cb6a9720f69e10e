"""Holes: what a sound policy leaves open, each with the setting that closes it."""

import re
from collections.abc import Iterator

from weightmark.attestations.policy.choices import DecisionClock, Mode, Unsupported
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.rules import GATE_VERIFIER
from weightmark.attestations.predicates.classification import LEVELS
from weightmark.attestations.trust.clocks import NO_CLOCKS
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.scanners.findings import Severity
from weightmark.values import dataclass

__all__ = ["Hole", "holes_of"]

_HIDDEN = (
    "whoever holds claims back hides what the artifact was made from, and this does not see it"
)
_RULE = re.compile(r"[A-Z]{3}\d{3}\Z")
"""how rules of the scan are called"""
_SEEN = "leave `complete` out under `[chain]`"


@dataclass(frozen=True, slots=True)
class Hole:
    """One thing that the policy lets through."""

    setting: str
    """the key that leaves it open"""
    text: str
    """what can happen, in one line"""
    fix: str
    """which setting closes it"""


def holes_of(policy: Policy) -> tuple[Hole, ...]:
    """Return every hole, the widest first."""
    return tuple(
        Hole(*one)
        for one in [
            *_of_signers(policy),
            *_of_ages(policy),
            *_of_exceptions(policy),
            *_of_content(policy),
            *_of_chain(policy),
            *_of_ledger(policy),
            *_of_answers(policy),
            *_of_making(policy),
        ]
    )


def _of_signers(policy: Policy) -> Iterator[tuple[str, str, str]]:
    if policy.mode is Mode.WARN:
        yield "mode", "nothing is blocked", 'set `mode = "enforce"` once it denies what it should'
    if policy.require.release is None:
        yield (
            "require.release",
            "anybody may have made the artifact, and changed it since",
            "add `[require.release]` and its role",
        )
    elif policy.require.release.approvals and policy.require.release.max_age is None:
        yield (
            "require.release.approvals",
            "an approval without an end stands for ever",
            "approve with `--expires DATE`, or set `max_age`",
        )
    if policy.expires is None:
        yield "expires", "an old copy of this policy decides for ever", "set `expires = DATE`"
    for name, role in policy.roles.items():
        loose = [one.name for one in role.all_anchors if _is_loose(one.name)]
        for member in loose:
            yield (
                f"roles.{name}",
                f"`{member[:120]}` admits whoever may push any branch or use any workflow there",
                'name the workflow and a protected ref: `identity_glob = "…/release.yml@refs/tags/*"`',
            )


def _of_ages(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield ages that nobody can prove: only a trusted clock tells when a plain key signed."""
    for kind, rule in policy.require.stated.items():
        anchors = policy.role(rule.role).all_anchors
        if rule.max_age is None or not anchors:
            continue
        if all(isinstance(one, KeyAnchor) and one.clocks == NO_CLOCKS for one in anchors):
            yield (
                f"require.{kind}.max_age",
                f"nothing that the role `{rule.role}` signs has an age, since it names keys and no clock: every artifact could not be checked",
                f'name a timestamp authority in a trust file: `trust = "…"` under `[roles.{rule.role}]`, or leave `max_age` out',
            )


def _of_exceptions(policy: Policy) -> Iterator[tuple[str, str, str]]:
    made = _checks_of(policy)
    for one in policy.exemptions:
        if not _RULE.match(one.rule) and one.rule not in made:
            yield (
                "exceptions",
                f"the exception for `{one.rule[:64]}` accepts nothing: this policy makes no such check",
                "correct `rule`, or leave the exception out",
            )


def _checks_of(policy: Policy) -> set[str]:
    """Return the checks that can be excepted and that this policy makes."""
    made = {"coverage", "formats", "outside", "remote code", "scan"}
    made |= {"scan claim" if kind == "scan" else kind for kind in policy.require.stated}
    made |= {f"rule {one.name}" for one in policy.conditions}
    asked = {
        "chain": policy.lineage is not None,
        "classification": bool(policy.max_classification),
        "licenses": policy.licenses is not None,
    }
    return made | {name for name, said in asked.items() if said}


def _is_loose(name: str) -> bool:
    """Tell whether a rule for identities leaves workflow or ref open."""
    subject = name.removeprefix("sigstore:").rpartition("@http")[0]
    return name.startswith("sigstore:") and subject.endswith("*") and "@refs/tags/" not in subject


def _of_content(policy: Policy) -> Iterator[tuple[str, str, str]]:
    rule = policy.scan
    if not rule.required:
        yield "scan.required", "whatever the scan finds is let through", "set `required = true`"
    if rule.fail_on is Severity.CRITICAL:
        yield (
            "scan.fail_on",
            "files that run code of an unknown kind are let through",
            'set `fail_on = "high"`',
        )
    if rule.unsupported is Unsupported.ALLOW:
        yield (
            "scan.unsupported",
            "an artifact into which nobody can look is let through",
            'set `unsupported = "list"`',
        )
    if not rule.deny_formats and not rule.allow_formats:
        yield (
            "scan.deny_formats",
            "pickles are let through when the scan finds them harmless",
            'set `deny_formats = ["pickle"]`, or name what you use in `allow_formats`',
        )
    if policy.trust_receipts:
        yield (
            "trust_receipts",
            "whoever runs as the same user can make a changed file count as read",
            "set `trust_receipts = false` where others run jobs",
        )


def _of_chain(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield what a chain leaves open; a demand along it brings a chain with it, so that there is one."""
    lineage = policy.lineage
    if lineage and not lineage.rule.complete:
        along = {
            "chain.allowed_bases": bool(lineage.rule.listed),
            "licenses": policy.licenses is not None,
            "max_classification": bool(policy.max_classification),
            "require.dataset": policy.require.dataset is not None,
            "require.classification": policy.require.classification is not None,
        }
        yield from ((setting, _HIDDEN, _SEEN) for setting, said in along.items() if said)
    if lineage and lineage.rule.complete and lineage.rule.signed_ends:
        yield (
            "chain.signed_ends",
            _HIDDEN,
            "set `signed_ends = false`, and approve or list the ends",
        )
    if lineage and lineage.rule.complete and not lineage.rule.allowed_bases:
        yield (
            "chain.allowed_bases",
            "an approved artifact ends the chain, whatever it was made from and whichever it is",
            "approve only what comes from elsewhere, or list the ends in `allowed_bases`",
        )
    if lineage and bool(lineage.rule.allowed_bases) != bool(lineage.rule.allowed_datasets):
        said, other, noun = (
            ("allowed_bases", "allowed_datasets", "data")
            if lineage.rule.allowed_bases
            else ("allowed_datasets", "allowed_bases", "a base")
        )
        yield (
            f"chain.{other}",
            f"whoever records a step passes `{said}` by calling an input {noun}",
            f"list what may be used in `{other}` as well",
        )
    if lineage and lineage.rule.allowed_bases:
        yield (
            "chain.allowed_bases",
            "whoever records a step passes `allowed_bases` by calling it `train` and naming no base",
            "give that step to signers whom you believe: `steps = { train = ROLE }` under `[chain]`",
        )
    if policy.max_classification and _is_milder(policy):
        yield (
            "unclassified",
            "whoever holds a classification back lowers the level of the artifact",
            "leave `unclassified` out",
        )
    if policy.ledger.required and lineage is None:
        yield (
            "ledger.required",
            "a revoked base is let through: " + _HIDDEN,
            "add `[chain]`",
        )
    for one in policy.conditions:
        if one.field.startswith("chain.") and lineage is None:
            yield f"rule {one.name}", _HIDDEN, "add `[chain]`"


def _is_milder(policy: Policy) -> bool:
    return LEVELS.index(policy.unclassified) <= LEVELS.index(policy.max_classification)


def _of_ledger(policy: Policy) -> Iterator[tuple[str, str, str]]:
    if not policy.ledger.required:
        yield (
            "ledger.required",
            "a revoked release is let through where nobody names a ledger",
            "set `required = true` under `[ledger]`",
        )
    elif not policy.ledger.witnesses:
        yield (
            "ledger.witnesses",
            "the operator of the ledger can show you another history",
            "set `witnesses` and `witness_policy` under `[ledger]`",
        )
    if policy.ledger.witness_policy is None and (policy.ledger.witnesses or policy.ledger.max_age):
        yield (
            "ledger.witness_policy",
            "every ledger that is consulted is refused, for no witness counts",
            'name them: `witness_policy = "witnesses.txt"` under `[ledger]`',
        )


def _of_answers(policy: Policy) -> Iterator[tuple[str, str, str]]:
    if policy.vsa is None:
        return
    if policy.vsa.clock is DecisionClock.VERIFIER:
        yield (
            "vsa.clock",
            "when an earlier decision was made is taken from the word of whoever decided",
            "leave `clock` out, and have decisions signed with `--tsa-url URL`",
        )
    if policy.vsa.verifiers != (GATE_VERIFIER,):
        yield (
            "vsa.verifiers",
            "of a decision by another verifier nobody sees what it rests on, nor when that ends",
            "leave `verifiers` out, so that only decisions of this gate answer",
        )


def _of_making(policy: Policy) -> Iterator[tuple[str, str, str]]:
    if policy.require.provenance and not policy.provenance.builders:
        yield (
            "provenance.builders",
            "whoever signs for the role may name any builder",
            "name them with `[[provenance.builders]]`",
        )
    if policy.require.provenance and policy.provenance.parameters is None:
        yield (
            "provenance.parameters",
            "whoever starts the build chooses its parameters freely",
            "say what they may be under `[provenance.parameters]`",
        )
