"""`weightmark ledger init`: make a ledger."""

import secrets
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import succeeded_facts
from weightmark.cli.ledger.parties import admissions, load_roots
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_place, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.admission import Owners, Predecessor
    from weightmark.provenance.ledger.note import NoteSigner
    from weightmark.provenance.ledger.registration import Succession

__all__ = ["init"]

_MAX_KEY_FILE = 4096
_MAX_CHECKPOINT = 1024 * 1024


@command("ledger init")
@click.argument("path", metavar="[PATH]", required=False)
@option(
    "--admit",
    metavar="[KEY|IDENTITY@ISSUER][:KIND]",
    multiple=True,
    help="Who may write, all kinds or the one named; may be given several times",
)
@option(
    "--trusted-root",
    metavar="FILE",
    type=click.Path(),
    help="Trusted root that proves identities (default: Sigstore's public good instance)",
)
@option("--staging", is_flag=True, help="Identities are proven by Sigstore's staging instance")
@option(
    "--owners",
    metavar="N",
    type=click.IntRange(min=1, max=99),
    help="Make keys for so many owners, who change who may write (default: the recovery key)",
)
@option(
    "--threshold",
    metavar="K",
    type=click.IntRange(min=1),
    help="How many of them it takes (default: all)",
)
@option(
    "--succeeds",
    metavar="PLACE",
    help="Take over from this ledger, whose log key was lost or leaked, and freeze it",
)
@option(
    "--old-recovery-key",
    metavar="FILE",
    type=click.Path(),
    help="Its recovery key, which alone can say who goes on",
)
@option(
    "--checkpoint",
    metavar="FILE",
    type=click.Path(),
    help="Its last checkpoint that is believed, best one that witnesses cosigned (default: the newest)",
)
@option(
    "--origin",
    metavar="NAME",
    help="Name of the log, for example `ledger.example.com/models` (default: a random one)",
)
@option(
    "--keys",
    "keys_folder",
    metavar="DIR",
    type=click.Path(),
    help="New folder for the private keys of a ledger in `postgresql://…`",
)
@pass_console
def init(
    console: Console,
    path: str | None,
    *,
    admit: tuple[str, ...],
    trusted_root: str | None,
    staging: bool,
    owners: int | None,
    threshold: int | None,
    succeeds: str | None,
    old_recovery_key: str | None,
    checkpoint: str | None,
    origin: str | None,
    keys_folder: str | None,
) -> None:
    """Make a ledger: its log key, its recovery key, and entry 0, which says who may write.

    Move `recovery.key`, and the keys of owners, to places that are offline. Without PATH
    the ledger is made in your data folder; PATH may be the URL of an empty `postgresql://` database.
    """
    from weightmark.provenance.ledger.log import Ledger

    if not admit:
        raise CallError(
            "nobody would be allowed to write to this ledger",
            why="who may write stands in entry 0, and only its owners change that later",
            fix=f"name at least one public key: `{_init_command(path)} --admit release.pub`",
        )
    place = ledger_place(path)
    if isinstance(place, str) and keys_folder is None:
        raise CallError(
            "where the private keys of the ledger go was not said",
            why="a database does not hold them",
            fix="name a new folder with `--keys DIR`",
        )
    folder = Path(keys_folder) if keys_folder else Path(place)
    name = str(place) if isinstance(place, Path) else _name_of(place)
    if origin:
        _check_origin(origin)
        if succeeds is None:
            _require_unseen(origin)
    origin = origin or f"weightmark.local/{secrets.token_hex(8)}"
    keys = _owner_keys(origin, owners or 0)
    agreed = _agreed(keys, threshold)
    root, roots = load_roots(trusted_root, staging=staging)
    with ExitStack() as stack:
        old, succession = _taken_over(
            stack, origin, succeeds, old_recovery_key, checkpoint, place=place
        )
        ledger = stack.enter_context(
            Ledger.create(
                place,
                keys=Path(keys_folder) if keys_folder else None,
                origin=origin,
                submitters=admissions(admit, root),
                owners=agreed,
                owner_keys=keys,
                roots=roots,
                succession=succession,
            )
        )
        facts: dict[str, Any] = {
            "path": name,
            "origin": ledger.origin,
            "log_key": ledger.vkey,
            "succeeds": succeeded_facts(ledger.policy().succeeds),
        }
    if old and succession:
        _tell_taken_over(console, old, succession.before)
    console.hint(f"move `{folder / 'recovery.key'}` to a place that is offline")
    if keys:
        console.hint(f"hand the keys `{folder}/owner-*.key` to their owners, and remove them here")
    lines = (
        f"ledger   {facts['path']}",
        f"origin   {facts['origin']}",
        f"log key  {facts['log_key']}",
    )
    console.finish(
        Document(schema="weightmark/ledger-init/v1", exit=Exit.GOOD, facts=facts, notices=lines)
    )


def _init_command(path: str | None) -> str:
    return "weightmark ledger init" + (f" {shlex.quote(path)}" if path else "")


def _name_of(url: str) -> str:
    """Return a database URL without its user and password."""
    from weightmark.provenance.ledger.store.postgres import public_name

    return public_name(url)


def _check_origin(origin: str) -> None:
    from weightmark.errors import MalformedError
    from weightmark.provenance.ledger.event import check_origin

    try:
        check_origin(origin)
    except MalformedError as error:
        raise CallError(error.what, why=error.why, fix=error.fix) from error


def _tell_taken_over(console: Console, old: str, before: "Predecessor") -> None:
    """Say what became of the old ledger, of its revocations and of what it told of descent."""
    console.note(f"`{old}` signs nothing any more; tell its readers the new log key")
    revoked = counted(len(before.revoked or ()), "revocation")
    console.note(f"of it, {revoked} will bind in the new ledger, too")
    for one in before.left:
        if one.signer:
            console.note(
                f"which own claims `{one.signer}` took back in `{one.origin}` is not known here"
            )
        for subject in one.subjects:
            console.note(
                f"`{subject}` is not revoked in the new ledger; the role has to revoke it again"
            )
        if not one.signer and not one.subjects:
            console.note(f"not everything that was revoked in `{one.origin}` is known here")
    if before.descent != b"":
        console.hint(
            "enter the releases and provenance claims of the old ledger here: until then, what was made "
            "from what is unchecked"
        )


def _taken_over(
    stack: ExitStack,
    origin: str,
    succeeds: str | None,
    recovery_key: str | None,
    checkpoint: str | None,
    *,
    place: Path | str,
) -> "tuple[str, Succession | None]":
    """Freeze the ledger that is to be succeeded, if any, until `stack` ends, and return how the new one at `place` takes over.

    It is frozen before its revocations are read: none is entered in between.
    """
    if succeeds is None:
        if recovery_key or checkpoint:
            raise CallError(
                "`--old-recovery-key` and `--checkpoint` go with `--succeeds`",
                fix="name the ledger that is to be succeeded",
            )
        return "", None
    if recovery_key is None:
        raise CallError(
            "only the recovery key of the old ledger can say who goes on",
            fix="name it with `--old-recovery-key recovery.key`",
        )
    from weightmark.attestations.ledger.succession import inheritance_of
    from weightmark.provenance.ledger.administration import frozen, succession_of
    from weightmark.provenance.ledger.note import NoteSigner
    from weightmark.provenance.sidecars import read_named

    data = read_named(Path(recovery_key), "recovery key", limit=_MAX_KEY_FILE)
    recovery = NoteSigner.parse(data.decode("utf-8", "replace").strip())
    note = read_named(Path(checkpoint), "checkpoint", limit=_MAX_CHECKPOINT) if checkpoint else None
    old = stack.enter_context(open_ledger(succeeds))
    succession_of(old, recovery, note).check(origin)
    stack.enter_context(frozen(old, origin, place))
    found = inheritance_of(old)
    return succeeds, succession_of(
        old, recovery, note, revoked=found.carried, left=found.left, descent=found.descent
    )


def _require_unseen(origin: str) -> None:
    """Refuse a name that another log had: readers who saw it would take the new one for a forgery."""
    from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory

    if CheckpointMemory.of_user().known_key(origin):
        raise CallError(
            f"a ledger of the origin `{origin}` was seen here before",
            why="an origin names one log for ever, and its readers would take another for a forgery",
            fix="name another one with `--origin`",
        )


def _owner_keys(origin: str, count: int) -> "list[NoteSigner]":
    from weightmark.provenance.ledger.note import NoteSigner

    return [NoteSigner.generate(f"{origin}/owner-{number}") for number in range(1, count + 1)]


def _agreed(keys: "Sequence[NoteSigner]", threshold: int | None) -> "Owners | None":
    """Return who owns the ledger; None for the recovery key. Raises `CallError` for a threshold out of reach."""
    from weightmark.provenance.ledger.admission import Owners

    if threshold and threshold > len(keys):
        raise CallError(
            f"{threshold} of {len(keys)} owners could never agree",
            fix="name more with `--owners N`",
        )
    vkeys = tuple(sorted(one.verifier.vkey for one in keys))
    return Owners(vkeys, threshold or len(vkeys)) if vkeys else None
