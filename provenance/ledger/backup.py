"""Backups, and what is made of them: a restored copy signs nothing before it was reconciled.

Entries may have been added after a backup. Signing on the older state would begin a second history,
which cannot be mended; so a restored ledger first has to be as new as the newest known checkpoint.
What is missing is filled from a published view, whose checkpoint the log itself signed.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from weightmark.errors import CallError, LedgerInconsistentError, TrustMissingError
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.copying import CopyReport, copy_log, proven_rows
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.merkle import Frontier
from weightmark.provenance.ledger.migration import copy_ledger
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.opening import home_of
from weightmark.provenance.ledger.publish import publish
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.standing import LIVE, Role, Standing
from weightmark.provenance.ledger.view.interface import ViewFiles

__all__ = ["back_up", "reconcile", "reindex", "restore"]


def back_up(ledger: Ledger, folder: Path) -> CopyReport:
    """Copy a ledger, in use or not, into a new folder that signs nothing; without its private keys.

    The copy is proven as it is made: its entries lead to the signed root. Raises `CallError` when
    something stands at `folder`, `LedgerInconsistentError` when the ledger is damaged.
    """
    target = FolderHome(folder.absolute())
    return copy_ledger(ledger.home, target, Standing(Role.BACKUP), keys=False)


def restore(backup: Path, place: Path | str, *, log_key: Path | None = None) -> CopyReport:
    """Make a ledger at `place`, an empty folder or database, out of a backup.

    It can be read at once, and signs nothing before `reconcile`. Raises `CallError` when `backup` is
    no backup, and what `copy_ledger` raises.
    """
    source = FolderHome(backup.absolute())
    source.read_verifier()
    if source.standing().role is not Role.BACKUP:
        raise CallError(
            f"`{backup}` is no backup",
            why="a ledger in use is moved, not restored",
            fix="name a folder that `weightmark ledger backup` made",
        )
    with closing(source), closing(home_of(place, log_key=log_key)) as target:
        return copy_ledger(source, target, Standing(Role.RESTORED), keys=True)


def reconcile(
    home: Home,
    notes: Sequence[bytes],
    *,
    view: ViewFiles | None = None,
    memory: CheckpointMemory | None = None,
    nothing_newer: bool = False,
) -> VerifiedCheckpoint:
    """Compare a restored ledger with the newest known checkpoints, and let it sign again.

    `notes` are signed checkpoints of the log, for example what a web server or a witness holds, or
    the tail of a receipt. Entries that `view` has beyond the backup are filled in. One of these must
    be newer than the backup, or `nothing_newer` says that no entry was added after it; the user's
    own memory may be as old as the backup, so it forbids only. Raises `TrustMissingError` when
    nothing newer is known, and `LedgerInconsistentError` when entries are missing or history differs.
    """
    memory = memory or CheckpointMemory.of_user()
    verifier = home.read_verifier()
    if home.standing().role is Role.LIVE:
        raise CallError(f"the ledger at `{home.name}` signs already", why="it was reconciled")
    if home.standing().role is not Role.RESTORED:
        home.standing().require_live(home.name)
    known = [verify_checkpoint(note, verifier) for note in notes]
    remembered = memory.recall(verifier)
    with home.store.read() as reader:
        restored = LedgerSnapshot.of(reader, verifier).head
    if view is not None:
        known.append(_fill_from(home, view, verifier))
    newer = nothing_newer or any(one.size > restored.size for one in known)
    _require_grown_from(home, verifier, [*known, *([remembered] if remembered else [])])
    if not newer:
        raise TrustMissingError(
            f"no checkpoint of `{verifier.name}` that is newer than the backup was named",
            why="entries may have been added after the backup; signing without them would begin another history",
            fix="name the newest one with `--checkpoint FILE` or the published view with `--view PLACE`; "
            "`--nothing-newer` says that there is none",
        )
    return _release(home, verifier)


def reindex(ledger: Ledger) -> VerifiedCheckpoint:
    """Make the search table and the unique keys anew from the entries, which must lead to the signed root."""
    with ledger.home.store.write() as writer:
        snapshot = LedgerSnapshot.of(writer, ledger.verifier)
        writer.reindex(proven_rows(snapshot, Frontier()))
        return snapshot.head


def _fill_from(home: Home, view: ViewFiles, verifier: NoteVerifier) -> VerifiedCheckpoint:
    """Append what a view has beyond this ledger, under the checkpoint that the log itself signed."""
    source = ViewHome(view, verifier.vkey)
    with source.store.read() as files:
        published = LedgerSnapshot.of(files, verifier)
        with home.store.write() as writer:
            own = LedgerSnapshot.of(writer, verifier)
            if own.head.size < published.head.size:
                published.require_extends(own.head, "the backup")
                copy_log(published, source, home, writer, start=own.head.size)
        return published.head


def _require_grown_from(
    home: Home, verifier: NoteVerifier, known: Sequence[VerifiedCheckpoint]
) -> None:
    """Raise `LedgerInconsistentError` unless the log grew out of every checkpoint that is known."""
    with home.store.read() as reader:
        snapshot = LedgerSnapshot.of(reader, verifier)
        newest = max((one.size for one in known), default=0)
        if newest > snapshot.head.size:
            raise LedgerInconsistentError(
                f"the restored ledger lacks {newest - snapshot.head.size} entries: it has "
                f"{snapshot.head.size}, a known checkpoint {newest}",
                why="entries were added after the backup; signing now would begin another history",
                fix="fill them in from the published view with `--view PLACE`, or restore a newer backup",
            )
        for one in known:
            snapshot.require_extends(one, "a known checkpoint")


def _release(home: Home, verifier: NoteVerifier) -> VerifiedCheckpoint:
    """Let a copy sign that was compared; nobody writes to one that signs nothing."""
    with home.store.write() as writer:
        home.set_standing(LIVE)
        head = LedgerSnapshot.of(writer, verifier).head
    if home.view is not None:
        with home.publishing(), home.store.read() as reader:
            publish(LedgerSnapshot.of(reader, verifier), verifier, home.view)
    return head
