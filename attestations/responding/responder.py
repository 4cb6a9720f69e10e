"""Responding: each rule that fits, in its order; recorded before and after, and never raising."""

from weightmark.attestations.responding.acts import Act, Outcome
from weightmark.attestations.responding.happening import Happening
from weightmark.attestations.responding.rules import Responses, Rule
from weightmark.errors import WeightmarkError

__all__ = ["respond"]


def respond(happening: Happening, responses: Responses, *, act: bool = False) -> tuple[Act, ...]:
    """Respond by every rule that fits; with `act` also by rules that are not enabled.

    An act that cannot be recorded is not done. What fails is an act with the outcome `failed`, and
    hinders no other rule.
    """
    fitting = [rule for rule in responses.rules if rule.fits(happening)]
    return tuple(done for rule in fitting if (done := _respond(happening, responses, rule, act)))


def _respond(happening: Happening, responses: Responses, rule: Rule, act: bool) -> Act | None:
    try:
        plan = rule.action.plan(happening)
    except Exception as error:  # noqa: BLE001 - a fault of a response changes no verdict
        said = f"not done, as it can't be planned: {type(error).__name__}"
        return _act(rule, Outcome.FAILED, said)
    if not plan:
        return None
    intent = _act(rule, Outcome.BEGUN if rule.enabled or act else Outcome.WOULD, plan)
    try:
        responses.acts.add(intent, happening)
    except WeightmarkError as error:
        return _act(rule, Outcome.FAILED, f"not done, as it can't be recorded: {error.what}")
    if intent.outcome is Outcome.WOULD:
        return intent
    done = _done(happening, rule)
    try:
        responses.acts.add(done, happening)
    except WeightmarkError as error:
        return _act(rule, done.outcome, f"{done.summary}; not recorded: {error.what}")
    return done


def _done(happening: Happening, rule: Rule) -> Act:
    try:
        return _act(rule, Outcome.DONE, rule.action.act(happening))
    except WeightmarkError as error:
        why = f": {error.why}" if error.why else ""
        return _act(rule, Outcome.FAILED, f"{error.what}{why}")
    except Exception as error:  # noqa: BLE001 - a fault of a response changes no verdict
        return _act(rule, Outcome.FAILED, f"it failed unexpectedly: {type(error).__name__}")


def _act(rule: Rule, outcome: Outcome, summary: str) -> Act:
    return Act(rule.number, rule.name.value, outcome, summary)
