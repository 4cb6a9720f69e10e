"""`weightmark ledger backup`: copy a ledger, in use or not."""

from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.copies import copy_document
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger

__all__ = ["backup"]


@command("ledger backup")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@pass_console
def backup(console: Console, folder: Path, *, ledger: str | None, log_key: str | None) -> None:
    """Copy the ledger into the new FOLDER, proven entry by entry, without its private keys.

    The copy can be read and verified, and signs nothing. Keep `log.key` apart from it.
    """
    from weightmark.provenance.ledger.backup import back_up

    with open_ledger(ledger, log_key) as log:
        report = back_up(log, folder)
    console.finish(copy_document("ledger-backup", report, str(folder), "copied"))
