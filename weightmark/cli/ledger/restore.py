"""`weightmark ledger restore`: make a ledger of a backup, and let it sign once it is as new as what is known."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.copies import said_absent, said_place
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_place, log_key_option, private_key_file
from weightmark.cli.options.witnesses import read_witness_policy
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, TrustMissingError, UnsupportedError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.home.interface import Home

__all__ = ["restore"]

_MAX_CHECKPOINT = 2 * 1024 * 1024


@command("ledger restore")
@click.argument("places", metavar="[BACKUP] TO", nargs=-1, required=True)
@log_key_option("File of the log's private key, which a backup does not hold")
@option(
    "--checkpoint",
    "checkpoints",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Newest known checkpoint, or a receipt that holds one; may be given several times",
)
@option("--view", metavar="PLACE", help="Published view to fill in what is newer than the backup")
@option(
    "--nothing-newer",
    is_flag=True,
    help="No entry was added after the backup: sign without a newer checkpoint",
)
@option(
    "--witness-policy",
    metavar="FILE",
    type=click.Path(),
    help="Ask the witnesses of this C2SP tlog-policy file what they saw last: it counts as a known checkpoint",
)
@pass_console
def restore(
    console: Console,
    places: tuple[str, ...],
    *,
    log_key: str | None,
    checkpoints: tuple[Path, ...],
    view: str | None,
    nothing_newer: bool,
    witness_policy: str | None,
) -> None:
    """Make a ledger at TO out of BACKUP; with TO alone, go on with one that was restored before.

    It signs nothing before it is as new as every checkpoint that is known: your own memory, those
    that you name, and that of the published view, which also supplies missing entries. One that you
    name, or the view, or a witness, must be newer than the backup; or say that nothing is. What is
    newer than all of them is lost, and whoever saw it will call this ledger forked: ask the witnesses.
    """
    from weightmark.provenance.ledger.backup import reconcile
    from weightmark.provenance.ledger.backup import restore as make
    from weightmark.provenance.ledger.opening import home_of, view_of

    *backups, place = places
    if len(backups) > 1:
        raise CallError("too many places were named", fix="name one backup and one new place")
    target = ledger_place(place)
    key = private_key_file(log_key)
    for backup in backups:
        report = make(Path(backup), target, log_key=key)
        console.note(
            f"{counted(report.head.size, 'entry', 'entries')} restored to `{said_place(place)}`; it signs nothing yet"
        )
    home = home_of(target, log_key=key)
    notes = [_read_checkpoint(path) for path in checkpoints]
    if witness_policy:
        notes += _ask_witnesses(console, home, witness_policy)
    files = view_of(view) if view else None
    report = reconcile(home, notes, view=files, nothing_newer=nothing_newer)
    head = report.head
    signs = _said_signing(home)
    home.close()
    console.hint(
        "stop the ledger that the backup is of, if it still runs: two that sign part for ever"
    )
    console.finish(
        Document(
            schema="weightmark/ledger-restore/v1",
            exit=Exit.GOOD,
            facts={
                "place": said_place(place),
                "origin": head.origin,
                "size": head.size,
                "absent": report.absent,
            },
            notices=(
                f"the ledger at `{said_place(place)}` has {counted(head.size, 'entry', 'entries')} and {signs}",
                *said_absent(report),
            ),
        )
    )


def _said_signing(home: "Home") -> str:
    """Say whether it can sign: the private key may come later."""
    try:
        home.read_signer(home.read_verifier())
    except TrustMissingError:
        return "signs again as soon as the log's private key is there: put it into the folder as `log.key`"
    return "signs again"


def _ask_witnesses(console: Console, home: "Home", policy: str) -> list[bytes]:
    """Return what each witness saw last; raises `NetworkError` when one does not answer."""
    from weightmark.provenance.ledger.witnessing.client import shown_checkpoint

    if console.offline:
        raise UnsupportedError("witnesses cannot be asked with `--offline`")
    log = home.read_verifier()
    addresses = dict.fromkeys(one.url for one in read_witness_policy(policy).witnesses if one.url)
    shown = {url: shown_checkpoint(url, log) for url in addresses}
    for url, seen in shown.items():
        console.note(f"the witness at `{url}` saw {seen.size if seen else 0} entries")
    return [seen.note for seen in shown.values() if seen]


def _read_checkpoint(path: Path) -> bytes:
    from weightmark.provenance.ledger.proof import parse_proof
    from weightmark.provenance.sidecars import read_named

    data = read_named(path, "checkpoint", limit=_MAX_CHECKPOINT)
    return parse_proof(data).checkpoint if data.startswith(b"c2sp.org/tlog-proof@") else data
