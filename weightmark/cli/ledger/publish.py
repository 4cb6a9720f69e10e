"""`weightmark ledger publish`: write the files that any web server can serve."""

from pathlib import Path

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.copies import said_place
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

__all__ = ["publish"]


@command("ledger publish")
@click.argument("place", metavar="PLACE")
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option("--claims", is_flag=True, help="Publish every claim and request too, for anybody to read")
@option("--rebuild", is_flag=True, help="Write every file again, also over other bytes")
@pass_console
def publish(
    console: Console,
    place: str,
    *,
    ledger: str | None,
    log_key: str | None,
    claims: bool,
    rebuild: bool,
) -> None:
    """Bring the files at PLACE up to the ledger: a folder, or an http(s) URL that takes conditional PUTs.

    Tiles, entry bundles and `checkpoint` follow C2SP tlog-tiles; the checkpoint is written last, and
    only over the one that was read. Claims of policies and revocations are always published. A
    backup, and a ledger that moved or was succeeded, is not: its readers would take it for the live one.
    """
    from weightmark.provenance.ledger.opening import view_of
    from weightmark.provenance.ledger.publish import publish as write_view
    from weightmark.provenance.ledger.publish import publish_claims, published_checkpoint

    if "://" not in place and (Path(place) / "log.vkey").exists():
        raise CallError(
            f"`{place}` is the folder of a ledger, with its keys",
            why="whoever serves it would publish them",
            fix="name another folder; `tiles/` in the ledger is published with every append",
        )
    view = view_of(place)
    with open_ledger(ledger, log_key) as log, log.home.publishing():
        log.home.standing().require_live(log.home.name)
        before = None if rebuild else published_checkpoint(view, log.verify_own)
        with log.snapshot() as snapshot:
            published = publish_claims(snapshot, log.home.blobs, view, every=claims)
            size = write_view(snapshot, before, view, rebuild=rebuild).size
    console.finish(
        Document(
            schema="weightmark/ledger-publish/v1",
            exit=Exit.GOOD,
            facts={
                "place": said_place(place),
                "origin": log.origin,
                "size": size,
                "claims": published,
            },
            notices=(
                f"`{said_place(place)}` holds {counted(size, 'entry', 'entries')} of `{log.origin}`",
            ),
        )
    )
