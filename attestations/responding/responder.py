"""Responding: each rule that fits, in its order; recorded before and after, and never raising."""

from weightmark.attestations.responding.acts import Act, Outcome
from weightmark.attestations.responding.happening import Happening
from weightmark.attestations.responding.rules import Responses, Rule
from weightmark.errors import UncheckedError, WeightmarkError

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
        plan = _plan(happening, rule)
    except WeightmarkError as error:
        return _unplanned(happening, responses, rule, _words(error))
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


def _plan(happening: Happening, rule: Rule) -> str:
    try:
        return rule.action.plan(happening)
    except WeightmarkError:
        raise
    except Exception as error:
        raise UncheckedError(f"it failed unexpectedly: {type(error).__name__}") from error


def _unplanned(happening: Happening, responses: Responses, rule: Rule, why: str) -> Act:
    """Record what could not even be begun: that nothing was done must not look as if nothing had to be."""
    failed = _act(rule, Outcome.FAILED, f"not done, as it can't be planned: {why}")
    try:
        responses.acts.add(failed, happening)
    except WeightmarkError as error:
        return _act(rule, Outcome.FAILED, f"{failed.summary}; not recorded: {error.what}")
    return failed


def _words(error: WeightmarkError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what


def _done(happening: Happening, rule: Rule) -> Act:
    try:
        return _act(rule, Outcome.DONE, rule.action.act(happening))
    except WeightmarkError as error:
        return _act(rule, Outcome.FAILED, _words(error))
    except Exception as error:  # noqa: BLE001 - a fault of a response changes no verdict
        return _act(rule, Outcome.FAILED, f"it failed unexpectedly: {type(error).__name__}")


def _act(rule: Rule, outcome: Outcome, summary: str) -> Act:
    return Act(rule.number, rule.name.value, outcome, summary)
