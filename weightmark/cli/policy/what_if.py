"""`weightmark policy what-if`: which past decisions another policy would change, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, open_ledger
from weightmark.cli.policy.facts import policy_facts
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit, NothingCheckedError

if TYPE_CHECKING:
    from weightmark.attestations.gate.decisions.what_if import Reconsidered
    from weightmark.attestations.policy.model import Policy

__all__ = ["what_if"]


@command("policy what-if")
@click.argument("file", metavar="NEW")
@ledger_option()
@option("--exit-code", is_flag=True, help="Exit with 1 when a decision would change")
@pass_console
def what_if(console: Console, file: str, *, ledger: str | None, exit_code: bool) -> None:
    """List the decisions in a ledger that the policy in NEW would change, and why.

    Each is judged by what it recorded, at the time of the decision, in the environment of the same
    name. Exits with 4 when some hold too little to be judged again.
    """
    from weightmark.attestations.gate.decisions.what_if import reconsider_ledger
    from weightmark.attestations.policy.load import load_policy_file

    policy = load_policy_file(Path(file))
    loaded: dict[str, Policy] = {}

    def rules(environment: str) -> "Policy":
        meant = environment if environment in policy.environments else ""
        if meant not in loaded:
            loaded[meant] = load_policy_file(Path(file), environment=meant)
        return loaded[meant]

    with open_ledger(ledger) as opened:
        found = list(reconsider_ledger(opened, rules))
    if not found:
        raise NothingCheckedError(
            "the ledger holds no decision",
            why="only what was decided can be judged again",
            fix="enter decisions with `weightmark gate PATH --record --signing-key gate.key`",
        )
    console.finish(_document(policy, found, exit_code=exit_code))


def _document(policy: "Policy", found: "list[Reconsidered]", *, exit_code: bool) -> Document:
    changed = [one for one in found if one.changes]
    unknown = [one for one in found if one.judgement is None]
    code = Exit.BAD if changed and exit_code else Exit.UNCHECKED if unknown else Exit.GOOD
    rest = f", {len(unknown)} hold too little to tell" if unknown else ""
    return Document(
        schema="weightmark/policy-what-if/v1",
        exit=code,
        verdict="unknown" if unknown and not changed else "changes" if changed else "unchanged",
        headline=f"{len(changed)} of {len(found)} decisions would change{rest}",
        checks=tuple(_line(one) for one in found if one.changes or one.judgement is None),
        facts={**policy_facts(policy), "decisions": [_entry(one) for one in found]},
        neutral=bool(changed),
    )


def _line(one: "Reconsidered") -> CheckLine:
    name = f"entry {one.index}"
    if one.record is None or one.judgement is None:
        return CheckLine(Outcome.UNCHECKED, name, "can't be judged again", "; ".join(one.reasons))
    evidence = one.record.evidence
    said = f"{one.record.verdict.value} becomes {one.judgement.verdict.value}"
    return CheckLine(
        Outcome.INFO, name, f"{said}: {evidence.name} ({evidence.identity})", details=one.reasons
    )


def _entry(one: "Reconsidered") -> dict[str, Any]:
    from weightmark.provenance.ledger.event import format_time

    record = one.record
    return {
        "index": one.index,
        "identity": (record.evidence.identity or None) if record else None,
        "name": record.evidence.name if record else None,
        "decided_at": format_time(record.evidence.at) if record else None,
        "environment": (record.policy.source.partition("#")[2] or None) if record else None,
        "was": record.verdict.value if record else None,
        "would_be": one.judgement.verdict.value if one.judgement else None,
        "reasons": list(one.reasons),
    }
