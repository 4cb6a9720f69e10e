"""`weightmark ledger serve`: a ledger for many clients."""

from typing import TYPE_CHECKING, Unpack

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.decision_lines import decision_lines
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import (
    ledger_option,
    ledger_place,
    log_key_option,
    private_key_file,
    read_log_key,
)
from weightmark.cli.options.listening import Listening, ListeningValues, listening_options
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.service.sequencer import LedgerOpener

__all__ = ["serve"]

_MEGABYTE = 1024 * 1024
_BODIES = 16
"""requests of the largest size that fit into memory at the same time"""


@command("ledger serve", formats=("text",))
@ledger_option()
@log_key_option("File of the log's private key, for a ledger that does not hold it")
@listening_options(7379)
@option("--read-only", is_flag=True, help="Take no submissions")
@option(
    "--max-body",
    metavar="MIB",
    type=click.IntRange(min=1, max=1024),
    default=16,
    show_default=True,
    help="Largest submission",
)
@option(
    "--rate",
    metavar="N",
    type=click.FloatRange(min=0),
    default=200.0,
    show_default=True,
    help="Submissions and searches of one address a second; 0 is no bound",
)
@option(
    "--access-log",
    metavar="FILE",
    type=click.Path(),
    help="Add a JSON line for each decision to FILE (default: stderr)",
)
@option(
    "--no-pages", is_flag=True, help="Serve no pages for people (docs/guides/auditors-pages.md)"
)
@option(
    "--show-identities",
    is_flag=True,
    help="Name on the pages whom commitments stand for, where this ledger knows; everybody can read it",
)
@witness_policy_option()
@pass_console
def serve(
    console: Console,
    *,
    ledger: str | None,
    log_key: str | None,
    read_only: bool,
    max_body: int,
    rate: float,
    access_log: str | None,
    no_pages: bool,
    show_identities: bool,
    witness_policy: str | None,
    **listening: Unpack[ListeningValues],
) -> None:
    """Serve a ledger over HTTP until stopped: others append, search, prove and audit with `--ledger https://…`.

    A submission is answered with its receipt once its entry is durable. Signatures are checked in
    `--jobs` processes. People see the ledger at the same address in a browser: entries, artifacts,
    decisions, revocations, each with a JSON twin. Stopping finishes what was accepted. A backup, and a ledger that moved, is not
    served: it does not know what was revoked since.
    """
    from weightmark.attestations.ledger.submission import BundleVerifier
    from weightmark.attestations.pages.routes import page_routes
    from weightmark.attestations.pages.source import PageOptions
    from weightmark.provenance.ledger.service.app import service_app
    from weightmark.provenance.ledger.service.limits import Limits
    from weightmark.provenance.ledger.service.service import LedgerService

    place = Listening.of(console, "a ledger", **listening)
    witnesses = read_witness_policy(witness_policy) if witness_policy else None
    options = PageOptions(identities=show_identities, witnesses=witnesses)
    body = max_body * _MEGABYTE
    limits = Limits(body=body, bodies=max(_BODIES * body, 256 * _MEGABYTE), rate=rate)
    verifier = None if read_only else BundleVerifier()
    with (
        decision_lines(access_log) as write,
        LedgerService.open(
            _opener(ledger, log_key),
            verifier,
            workers=console.jobs,
            limits=limits,
            tell=lambda one: write(one.to_line()),
        ) as service,
    ):
        console.note(f"serving `{service.about.origin}`")
        pages = () if no_pages else page_routes(service, options)
        place.serve(console, service_app(service, pages))
    console.finish(Document("weightmark/ledger-serve/v1", Exit.GOOD, notices=("stopped",)))


def _opener(place: str | None, log_key: str | None) -> "LedgerOpener":
    """Return what opens the ledger, as often as there are threads."""
    from weightmark.provenance.ledger.log import Ledger

    where, key = ledger_place(place), private_key_file(log_key)
    if str(where).startswith(("http://", "https://")):
        raise CallError(
            f"`{where}` is served already", fix="name a folder or a database with `--ledger`"
        )
    vkey = read_log_key(log_key) if log_key else ""

    def open_it() -> "Ledger":
        return Ledger.open(where, vkey=vkey, log_key=key)

    return open_it
