"""`weightmark ledger reindex`: make the search table anew."""

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

__all__ = ["reindex"]


@command("ledger reindex")
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@pass_console
def reindex(console: Console, *, ledger: str | None, log_key: str | None) -> None:
    """Make the search table and the unique keys anew from the entries, which are proven meanwhile."""
    from weightmark.provenance.ledger.backup import reindex as rebuild

    with open_ledger(ledger, log_key) as log:
        head = rebuild(log)
    console.finish(
        Document(
            schema="weightmark/ledger-reindex/v1",
            exit=Exit.GOOD,
            facts={"origin": head.origin, "size": head.size},
            notices=(f"the search table holds {head.size} entries",),
        )
    )
