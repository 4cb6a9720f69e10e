"""`weightmark ledger list`: list the entries."""

from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import MAX_INDEX, entry_facts, entry_line, kind_of
from weightmark.cli.ledger.parties import subject_of_entries
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import tell_witnesses, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["list_"]


@command("ledger list")
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@option("--subject", metavar="DIGEST|PATH|KEY|IDENTITY@ISSUER", help="Only entries about this")
@option("--kind", metavar="KIND", help="Only entries of this kind")
@option(
    "--start", type=click.IntRange(0, MAX_INDEX), default=0, show_default=True, help="First index"
)
@option(
    "--limit",
    type=click.IntRange(1, MAX_INDEX),
    default=100,
    show_default=True,
    help="At most so many entries",
)
@pass_console
def list_(
    console: Console,
    *,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
    subject: str | None,
    kind: str | None,
    start: int,
    limit: int,
) -> None:
    """List the entries of a ledger, each proven against its signed checkpoint.

    The last column is the predicate type of the claim, where the claim is at hand and is a statement.
    """
    with open_ledger(ledger, log_key) as log:
        subject = subject_of_entries(console, log, subject) if subject else None
        tell_witnesses(console, log, witness_policy)
        size = log.refresh().size
        if subject or kind:
            matching = log.find(subject=subject, kind=kind_of(kind), start=start)
            found, more = matching[:limit], len(matching) - limit
        else:
            found = log.entries(start, limit)
            more = size - start - len(found)
        types = [_predicate_type(log, one) for one in found]
        facts = {
            "origin": log.origin,
            "size": size,
            "entries": [
                {**entry_facts(one), "predicate_type": said}
                for one, said in zip(found, types, strict=True)
            ],
        }
    if not found:
        console.note("no entries match")
    elif more > 0:
        console.note(f"{more} more; use `--start {found[-1].index + 1}` or `--limit`")
    lines = tuple(
        f"{entry_line(one.index, one.event)}  {said or '-'}"
        for one, said in zip(found, types, strict=True)
    )
    console.finish(
        Document(schema="weightmark/ledger-list/v1", exit=Exit.GOOD, facts=facts, lines=lines)
    )


def _predicate_type(log: "Ledger", logged: "LoggedEvent") -> str | None:
    """Return what kind of statement the claim is; None where it is not at hand: no claim is fetched for a list."""
    from weightmark.attestations.ledger.claim_index import predicate_type_of

    return predicate_type_of(log, logged.event) if log.home.near else None
