"""`weightmark ledger export`: entries in forms that other tools read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit
from weightmark.provenance.ledger.export.interface import FORM_NAMES

if TYPE_CHECKING:
    from weightmark.attestations.pages.source import PageOptions
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["export"]

_BATCH = 1000


@command("ledger export", own_output=True)
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--as",
    "form",
    type=click.Choice(FORM_NAMES),
    default="jsonl",
    show_default=True,
    help="Form: JSON lines, CSV, OCSF, CEF, syslog (RFC 5424), or a tar with proofs and claims",
)
@option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="First index")
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    default="-",
    help="Where to write it; `-` is stdout",
)
@option(
    "--html",
    metavar="DIR",
    type=click.Path(),
    help="Write the pages of `ledger serve` into the new folder DIR instead, to be opened or served by any web server",
)
@option(
    "--show-identities",
    is_flag=True,
    help="With `--html`: name whom commitments stand for, where this ledger knows",
)
@witness_policy_option()
@pass_console
def export(
    console: Console,
    *,
    ledger: str | None,
    log_key: str | None,
    form: str,
    start: int,
    output: str,
    html: str | None,
    show_identities: bool,
    witness_policy: str | None,
) -> None:
    """Write the entries of a ledger, each proven, in a form that other tools or people read."""
    from weightmark.attestations.pages.source import PageOptions
    from weightmark.provenance.atomic import stream_file
    from weightmark.provenance.ledger.export.forms import form_of

    if html is not None:
        if output != "-" or start:
            raise CallError(
                "`--html` writes the whole ledger into a folder",
                fix="leave `--output` and `--start` out",
            )
        witnesses = read_witness_policy(witness_policy) if witness_policy else None
        options = PageOptions(identities=show_identities, witnesses=witnesses)
        with open_ledger(ledger, log_key) as log:
            _write_pages(console, log, html, options)
    if show_identities or witness_policy:
        raise CallError(
            "`--show-identities` and `--witness-policy` are about pages", fix="add `--html DIR`"
        )
    to_stdout = output == "-"
    if to_stdout and (form == "bundle" or console.format != "text"):
        raise CallError(
            "the export and the answer cannot both go to stdout",
            why="a bundle is a tar" if form == "bundle" else "JSON is an answer about the export",
            fix="name a file with `--output`",
        )
    with open_ledger(ledger, log_key) as log:
        size = log.refresh().size
        pieces = form_of(form, log).render(_entries(log, start, size))
        if to_stdout:
            console.write(b"".join(pieces).decode())
            raise SystemExit(int(Exit.GOOD))
        stream_file(Path(output), pieces)
        facts = {
            "origin": log.origin,
            "form": form,
            "path": output,
            "start": start,
            "entries": max(0, size - start),
        }
    console.finish(
        Document(
            schema="weightmark/ledger-export/v1",
            exit=Exit.GOOD,
            facts=facts,
            notices=(
                f"{counted(max(0, size - start), 'entry', 'entries')} written to `{output}` as {form}",
                f"go on with `--start {max(start, size)}`",
            ),
        )
    )


def _write_pages(console: Console, log: "Ledger", folder: str, options: "PageOptions") -> NoReturn:
    from weightmark.attestations.pages.static_site import write_site

    site = write_site(log, Path(folder), options)
    console.finish(
        Document(
            schema="weightmark/ledger-export/v1",
            exit=Exit.GOOD,
            facts={
                "origin": log.origin,
                "form": "html",
                "path": folder,
                "start": 0,
                "entries": site.size,
            },
            notices=(
                f"{counted(site.pages, 'page')} about {counted(site.size, 'entry', 'entries')} written to `{folder}`",
                f"open `{Path(folder) / 'index.html'}`",
            ),
        )
    )


def _entries(log: "Ledger", start: int, size: int) -> "Iterator[LoggedEvent]":
    for first in range(start, size, _BATCH):
        yield from log.entries(first, min(_BATCH, size - first))
