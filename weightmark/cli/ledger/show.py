"""`weightmark ledger show`: show one entry."""

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import entry_facts
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

__all__ = ["show"]


@command("ledger show")
@click.argument("index", type=click.IntRange(min=0))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@pass_console
def show(console: Console, index: int, *, ledger: str | None, log_key: str | None) -> None:
    """Show one entry in full."""
    with open_ledger(ledger, log_key) as log:
        facts = entry_facts(log.entry(index))
        admitted = [
            {"key": one.fingerprint, "kinds": sorted(one.kinds)}
            for one in (log.policy().submitters if index == 0 else ())
        ]
    lines = [f"{name:<15} {'-' if value is None else value}" for name, value in facts.items()]
    lines += [f"{'admitted':<15} {one['key']} {' '.join(one['kinds'])}" for one in admitted]
    facts["admitted"] = admitted if index == 0 else None
    console.finish(
        Document(
            schema="weightmark/ledger-show/v1", exit=Exit.GOOD, facts=facts, lines=tuple(lines)
        )
    )
