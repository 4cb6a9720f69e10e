"""`[[rule]]`: conditions over the input document of a decision."""

from collections.abc import Iterator

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.document import input_document
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.policy.conditions import FIELDS, LICENSES, Condition
from weightmark.attestations.policy.model import Policy

__all__ = ["judge_conditions"]

_SHOWN = 5


def judge_conditions(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge every condition; a field about which nothing is known could not be checked."""
    if not policy.conditions:
        return
    document = input_document(policy, evidence)
    for one in policy.conditions:
        met = one.is_met(document)
        name = f"rule {one.name}"
        if met:
            yield Check(name, Outcome.PASS, f"`{one.field}` is as the rule wants it")
        elif met is None:
            yield Check(
                name,
                Outcome.UNCHECKED,
                f"nothing is known of `{one.field}`: {FIELDS[one.field][1]}",
                "the rule can't be applied",
                "mend what the other checks name",
                code="rule-unknown",
            )
        else:
            yield _refusal(name, one, document[one.field])


def _refusal(name: str, condition: Condition, found: object) -> Check:
    shown = _words(found)
    wanted = f"{condition.op.replace('_', ' ')} {_words(condition.value)}"
    why = f"the rule wants `{condition.field}` to be: {wanted}; it is {shown}"
    if condition.field == LICENSES and condition.op == "not_in":
        why += "; a name that is neither in the SPDX list nor a `LicenseRef-` may be any of them"
    return Check(
        name,
        Outcome.FAIL,
        condition.message or f"`{condition.field}` is {shown}",
        why,
        "change the artifact, or the rule",
        code="rule-refused",
    )


def _words(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
    return ", ".join(str(one) for one in value[:_SHOWN]) + more if value else "nothing"
