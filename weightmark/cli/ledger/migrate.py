"""`weightmark ledger migrate`: move a ledger to another place."""

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.copies import copy_document
from weightmark.cli.options.ledger import (
    ledger_place,
    log_key_option,
    private_key_file,
    read_log_key,
)

__all__ = ["migrate"]


@command("ledger migrate")
@click.argument("source", metavar="FROM")
@click.argument("place", metavar="TO")
@log_key_option("Key of the log: its verifier key, or the file of its private key")
@pass_console
def migrate(console: Console, source: str, place: str, *, log_key: str | None) -> None:
    """Move a ledger from FROM to TO, an empty folder or `postgresql://…`.

    Every index, root and receipt stays good. From then on FROM signs nothing. What is made of a
    published view may be older than the log: reconcile it with `weightmark ledger restore`.
    """
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.migration import migrate as move

    private = private_key_file(log_key)
    vkey = read_log_key(log_key) if log_key else ""
    with Ledger.open(ledger_place(source), vkey=vkey, log_key=private) as ledger:
        report = move(ledger, ledger_place(place), log_key=private)
    console.finish(copy_document("ledger-migrate", report, place, "moved"))
