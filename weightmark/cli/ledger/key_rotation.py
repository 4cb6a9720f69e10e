"""`weightmark ledger rotate`: give a ledger a new log key."""

from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

__all__ = ["rotate"]

_MAX_KEY_FILE = 4096


@command("ledger rotate")
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--recovery-key",
    metavar="FILE",
    type=click.Path(),
    help="The ledger's recovery key, from offline",
)
@option("--finish", is_flag=True, help="End the overlap: the old key signs no more")
@pass_console
def rotate(
    console: Console,
    *,
    ledger: str | None,
    log_key: str | None,
    recovery_key: str | None,
    finish: bool,
) -> None:
    """Give a ledger a new log key under the same name.

    Old and new key both sign until `--finish`, so that readers have time to learn the new
    `log.vkey`. The old one stays as `log.vkey.1`, to check old receipts. For a key that leaked, begin a new log
    instead: `weightmark ledger init --succeeds`.
    """
    from weightmark.provenance.ledger.home.folder import FolderHome
    from weightmark.provenance.ledger.note import NoteSigner
    from weightmark.provenance.ledger.rotation import finish_rotation
    from weightmark.provenance.ledger.rotation import rotate as hand_over
    from weightmark.provenance.sidecars import read_named

    if finish == bool(recovery_key):
        raise CallError(
            "neither or both of `--recovery-key` and `--finish` are given",
            fix="begin with `--recovery-key FILE`, and end with `--finish`",
        )
    index = None
    with open_ledger(ledger, log_key) as log:
        if recovery_key:
            data = read_named(Path(recovery_key), "recovery key", limit=_MAX_KEY_FILE)
            recovery = NoteSigner.parse(data.decode("utf-8", "replace").strip())
            index = hand_over(log, recovery).index
        else:
            finish_rotation(log)
        keys, beside = log.policies().log_keys, isinstance(log.home, FolderHome)
        facts = {
            "origin": log.origin,
            "index": index,
            "log_key": keys[-1],
            "old_log_keys": list(keys[:-1]),
        }
    console.hint(
        "the verifier key from before lies beside `log.vkey` as `log.vkey.1` and so on: it checks old receipts"
        if beside
        else f"keep the verifier key from before, which checks old receipts: {keys[-2]}"
    )
    console.hint(
        "whoever names the key anew: addresses behind `#`, `--log-key` files, and a `log` line in every witness policy"
    )
    notice = f"entry {index}: the log key is now {keys[-1]}, and the old one signs beside it"
    if finish:
        notice = "the overlap has ended; readers need the new `log.vkey` from now on"
    console.finish(
        Document(
            schema="weightmark/ledger-rotate/v1",
            exit=Exit.GOOD,
            facts=facts,
            notices=(notice,),
        )
    )
