"""`weightmark ledger prove`: write the receipt of an entry."""

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import receipt_facts
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import tell_witnesses, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

__all__ = ["prove"]


@command("ledger prove")
@click.argument("index", type=click.IntRange(min=0))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@pass_console
def prove(
    console: Console,
    index: int,
    *,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
) -> None:
    """Print the receipt of an entry: a C2SP tlog-proof that anybody can check offline."""
    with open_ledger(ledger, log_key) as log:
        tell_witnesses(console, log, witness_policy)
        receipt = log.prove(index)
    text = receipt.text.decode("utf-8")
    facts = {**receipt_facts(receipt), "receipt": text}
    console.finish(
        Document(
            schema="weightmark/ledger-prove/v1",
            exit=Exit.GOOD,
            facts=facts,
            lines=tuple(text.splitlines()),
        )
    )
