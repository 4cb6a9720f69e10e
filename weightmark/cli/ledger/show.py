"""`weightmark ledger show`: show one entry."""

from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import entry_facts
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import tell_witnesses, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.admission import Submitter

__all__ = ["show"]


@command("ledger show")
@click.argument("index", type=click.IntRange(min=0))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@pass_console
def show(
    console: Console,
    index: int,
    *,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
) -> None:
    """Show one entry in full."""
    with open_ledger(ledger, log_key) as log:
        tell_witnesses(console, log, witness_policy)
        facts = entry_facts(log.entry(index))
        policy = dict(log.policies().policies).get(index)
        admitted = [_admitted(one) for one in policy.submitters] if policy else None
    lines = [f"{name:<15} {'-' if value is None else value}" for name, value in facts.items()]
    lines += [
        f"{'admitted':<15} {one['identity'] or one['party']} {' '.join(one['kinds'])}"
        for one in admitted or ()
    ]
    facts["admitted"] = admitted
    console.finish(
        Document(
            schema="weightmark/ledger-show/v1", exit=Exit.GOOD, facts=facts, lines=tuple(lines)
        )
    )


def _admitted(one: "Submitter") -> dict[str, Any]:
    identity = "@".join(one.opened.identity) if one.opened else None
    return {"party": one.fingerprint, "kinds": sorted(one.kinds), "identity": identity}
