"""`weightmark ledger redact`: erase what must not stay."""

import re

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import entry_line, receipt_facts
from weightmark.cli.ledger.parties import parse_identity, party_named
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

__all__ = ["redact"]

_SUBJECT = re.compile(r"(?:sha256|salted):[0-9a-f]{64}")


@command("ledger redact")
@click.argument("word", metavar="sha256:HEX|IDENTITY@ISSUER")
@ledger_option()
@log_key_option("Verifier key that the ledger must have, or its private key for PostgreSQL")
@option("--reason", metavar="TEXT", help="Why; it stays in the log for ever, so it names nobody")
@pass_console
def redact(
    console: Console, word: str, *, ledger: str | None, log_key: str | None, reason: str | None
) -> None:
    """Erase a stored claim or request, or whom a commitment in the log means, and enter that it was erased.

    The log stays whole: it holds digests only. Claims that revoke, reinstate, or say who may write
    are never erased. Copies that others have are not erased.
    """
    from weightmark.provenance.ledger.administration import copies_of
    from weightmark.provenance.ledger.administration import redact as erase

    if not reason:
        raise CallError("no reason is given", fix="say why with `--reason TEXT`; name nobody in it")
    with open_ledger(ledger, log_key) as log:
        subject = party_named(log, word) if parse_identity(word) else word
        if not _SUBJECT.fullmatch(subject):
            raise CallError(
                f"`{word[:100]}` is nothing that can be erased",
                fix="name `claim_sha256` or `request_sha256` of an entry as `ledger show` prints it, or `IDENTITY@ISSUER`",
            )
        receipt = erase(log, subject, reason)
        copies = copies_of(log, subject)
        facts = {"origin": log.origin, "subject": subject, "entry": receipt_facts(receipt)}
    console.finish(
        Document(
            schema="weightmark/ledger-redact/v1",
            exit=Exit.GOOD,
            facts=facts,
            notices=(
                entry_line(receipt.index, receipt.event),
                "erased here; backups and published copies keep it until they are replaced",
                *(
                    f"entry {one.index} holds the same claim in other bytes: erase `sha256:{one.event.claim_sha256}` as well"
                    for one in copies
                ),
            ),
        )
    )
