"""`weightmark ledger init`: make a ledger."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import kind_of
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_path
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.admission import Submitter

__all__ = ["init"]


@command("ledger init")
@click.argument("path", metavar="[PATH]", required=False)
@option(
    "--admit",
    metavar="KEY[:KIND]",
    multiple=True,
    help="Public key that may write, all kinds or the one named; may be given several times",
)
@option(
    "--origin",
    metavar="NAME",
    help="Name of the log, for example `ledger.example.com/models` (default: a random one)",
)
@pass_console
def init(console: Console, path: str | None, *, admit: tuple[str, ...], origin: str | None) -> None:
    """Make a ledger: its log key, its recovery key, and entry 0, which says who may write.

    Move `recovery.key` to a place that is offline. Without PATH the ledger is made in your data folder.
    """
    from weightmark.provenance.ledger.log import Ledger

    if not admit:
        raise CallError(
            "nobody would be allowed to write to this ledger",
            why="who may write stands in entry 0, which never changes",
            fix=f"name at least one public key: `{_init_command(path)} --admit release.pub`",
        )
    folder = ledger_path(path)
    if origin:
        _check_origin(origin)
    with Ledger.create(folder, origin=origin or "", submitters=_submitters(admit)) as ledger:
        facts = {"path": str(folder), "origin": ledger.origin, "log_key": ledger.vkey}
    console.hint(f"move `{folder / 'recovery.key'}` to a place that is offline")
    lines = (f"ledger   {folder}", f"origin   {facts['origin']}", f"log key  {facts['log_key']}")
    console.finish(
        Document(schema="weightmark/ledger-init/v1", exit=Exit.GOOD, facts=facts, notices=lines)
    )


def _init_command(path: str | None) -> str:
    return "weightmark ledger init" + (f" {shlex.quote(path)}" if path else "")


def _check_origin(origin: str) -> None:
    from weightmark.errors import MalformedError
    from weightmark.provenance.ledger.event import check_origin

    try:
        check_origin(origin)
    except MalformedError as error:
        raise CallError(error.what, why=error.why, fix=error.fix) from error


def _submitters(admit: Sequence[str]) -> "list[Submitter]":
    from weightmark.attestations.keys import PublicKey
    from weightmark.provenance.ledger.admission import SUBMITTED_KINDS, Submitter

    kinds: dict[str, set[Any]] = {}
    pems: dict[str, bytes] = {}
    for text in admit:
        name, _, kind = text.rpartition(":")
        if not name or Path(text).exists():
            name, kind = text, ""
        pem = PublicKey.load(name).pem
        pems[name] = pem
        kinds.setdefault(name, set()).update({kind_of(kind)} if kind else SUBMITTED_KINDS)
    return [Submitter.from_pem(pem, frozenset(kinds[name])) for name, pem in pems.items()]
