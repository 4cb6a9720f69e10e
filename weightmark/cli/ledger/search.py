"""`weightmark ledger search`: find entries."""

from typing import TYPE_CHECKING, NamedTuple

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import MAX_INDEX, entry_facts, entry_line, kind_of
from weightmark.cli.ledger.parties import identified, party_named, subject_of_entries
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import tell_witnesses, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent
    from weightmark.provenance.ledger.store.interface import Query

__all__ = ["search"]


@command("ledger search")
@click.argument("words", metavar="[TEXT]...", nargs=-1)
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@option("--artifact", metavar="PATH", type=click.Path(), help="About this model or dataset")
@option("--subject", metavar="DIGEST|PATH|KEY|IDENTITY@ISSUER", help="About this")
@option("--signer", metavar="KEY|IDENTITY@ISSUER", help="With a claim signed by this one")
@option("--kind", metavar="KIND", help="Of this kind")
@option("--verdict", metavar="WORD", help="With a claim that says so: passed, failed, clean, …")
@option("--since", metavar="DATE", help="Entered from then on, by the log's clock")
@option("--until", metavar="DATE", help="Entered before then, by the log's clock")
@option(
    "--start", type=click.IntRange(0, MAX_INDEX), default=0, show_default=True, help="First index"
)
@option("--complete", is_flag=True, help="Read every entry, so that no index can hide one")
@option(
    "--limit",
    type=click.IntRange(1, MAX_INDEX),
    default=100,
    show_default=True,
    help="At most so many",
)
@pass_console
def search(
    console: Console,
    words: tuple[str, ...],
    *,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
    artifact: str | None,
    subject: str | None,
    signer: str | None,
    kind: str | None,
    verdict: str | None,
    since: str | None,
    until: str | None,
    start: int,
    complete: bool,
    limit: int,
) -> None:
    """List the entries that fit everything that is asked for, oldest first; TEXT stands in their claims.

    Every entry that is shown is proven to be in the log. That none is missing is the ledger's own
    index's word, unless `--complete`. TEXT and `--verdict` use an index of yours; where a claim cannot be
    read, it may fit as well: exit code 4.
    """
    from weightmark.provenance.ledger.event import format_time
    from weightmark.provenance.ledger.store.interface import Query

    _require_text((*words, verdict or ""))
    if artifact and subject:
        raise CallError("`--artifact` and `--subject` both name what the entries are about")
    if artifact:
        subject = identified(console, artifact)
    times = [parse_beginning(one) for one in (since, until)]
    begin, end = (format_time(one) if one else None for one in times)
    with open_ledger(ledger, log_key) as log:
        tell_witnesses(console, log, witness_policy)
        subject = subject_of_entries(console, log, subject) if subject else None
        who = party_named(log, signer) if signer else None
        chosen = kind_of(kind)
        query = Query(subject=subject, kind=chosen, signer=who, since=begin, until=end)
        wanted = _Wanted(query, words, verdict or "", start, limit + 1)
        found, unread = _found(log, wanted, complete=complete)
        facts = {
            "origin": log.origin,
            "size": log.refresh().size,
            "more": len(found) > limit,
            "unread": unread,
            "entries": [entry_facts(one) for one in found[:limit]],
        }
    if unread:
        console.note(f"{counted(unread, 'claim')} could not be read, so more entries may match")
    elif not found:
        console.note("no entries match")
    elif len(found) > limit:
        console.note(f"there are more; use `--start {found[limit].index}` or `--limit`")
    console.finish(
        Document(
            schema="weightmark/ledger-search/v1",
            exit=Exit.UNCHECKED if unread else Exit.GOOD,
            facts=facts,
            lines=tuple(entry_line(one.index, one.event) for one in found[:limit]),
        )
    )


class _Wanted(NamedTuple):
    """What is looked for."""

    query: "Query"
    words: tuple[str, ...]
    verdict: str
    start: int
    limit: int


def _found(
    log: "Ledger", wanted: _Wanted, *, complete: bool
) -> "tuple[tuple[LoggedEvent, ...], int]":
    """Return what is found, and how many claims could not be read that may fit as well."""
    query, start, limit = wanted.query, wanted.start, wanted.limit
    if not wanted.words and not wanted.verdict:
        return log.search(query, start=start, complete=complete, limit=limit), 0
    from weightmark.attestations.ledger.claim_index import ClaimIndex

    with ClaimIndex.of(log) as index:
        indices = index.search(words=wanted.words, verdict=wanted.verdict)
        unread = sum(query.matches(one) for one in index.untold())
    found: list[LoggedEvent] = []
    with log.snapshot() as snapshot:
        for one in snapshot.events([index for index in indices if index >= start]):
            if query.matches(one.event):
                found.append(one)
            if len(found) == limit:
                break
    return tuple(found), unread


def _require_text(words: tuple[str, ...]) -> None:
    """Raise `CallError` for bytes that are no text: no claim holds them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise CallError(f"`{word[:100]!a}` is no UTF-8 text", fix="search for text") from error
