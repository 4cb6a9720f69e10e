"""Backups, and what is made of them: a restored copy signs nothing before it was reconciled.

Entries may have been added after a backup. Signing on the older state would begin a second history,
which cannot be mended; so a restored ledger first has to be as new as the newest known checkpoint.
What is missing is filled from a published view, whose checkpoint the log itself signed.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    ReadError,
    TrustMissingError,
    WrongSignerError,
)
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.copying import CopyReport, copy_log, proven_rows
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.log import Ledger, utc_now
from weightmark.provenance.ledger.merkle import Frontier
from weightmark.provenance.ledger.migration import copy_ledger
from weightmark.provenance.ledger.opening import home_of
from weightmark.provenance.ledger.publish import BINDING_KINDS
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.standing import LIVE, Role, Standing
from weightmark.provenance.ledger.store.interface import Query
from weightmark.provenance.ledger.view.interface import ViewFiles

__all__ = ["back_up", "reconcile", "reindex", "restore"]

_ANOTHER_KEY = (
    "take a backup from after the rotation; without one make the ledger of the published view: "
    "`weightmark ledger migrate VIEW NEW --log-key log.key`, then `weightmark ledger restore NEW`"
)


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
) -> CopyReport:
    """Compare a restored ledger with the newest known checkpoints, and let it sign again.

    `notes` are signed checkpoints of the log, for example what a web server or a witness holds, or
    the tail of a receipt. Entries that `view` has beyond the backup are filled in, and the report says
    what came with them. One of these must
    be newer than the backup, or `nothing_newer` says that no entry was added after it; the user's
    own memory may be as old as the backup, so it forbids only. Raises `TrustMissingError` when
    nothing newer is known, `ReadError` when a claim is missing without which nobody can tell what
    counts, and `LedgerInconsistentError` when entries are missing or history differs.
    """
    memory = memory or CheckpointMemory.of_user()
    ledger = Ledger(home, home.read_verifier(), memory, utc_now)
    if home.standing().role is Role.LIVE:
        raise CallError(f"the ledger at `{home.name}` signs already", why="it was reconciled")
    if home.standing().role is not Role.RESTORED:
        home.standing().require_live(home.name)
    known = [_verify_known(ledger, note) for note in notes]
    remembered = memory.recall(ledger.verifier)
    with ledger.snapshot() as snapshot:
        restored = snapshot.head
    filled = None
    if view is not None:
        filled = _fill_from(ledger, view)
        known.append(filled.head)
    _require_grown_from(ledger, [*known, *([remembered] if remembered else [])])
    if not nothing_newer:
        _require_newer(restored, known)
    with ledger.snapshot() as snapshot:
        _require_binding_claims(snapshot, home)
    head = _release(ledger)
    return CopyReport(head, filled.blobs if filled else 0, filled.absent if filled else 0)


def _require_newer(restored: VerifiedCheckpoint, known: Sequence[VerifiedCheckpoint]) -> None:
    """Raise `TrustMissingError` unless something was named that is newer than the backup."""
    newest = max((one.size for one in known), default=0)
    if newest > restored.size:
        return
    what = f"no checkpoint of `{restored.origin}` that is newer than the backup was named"
    if known:
        what += f": the newest has {newest} of its {restored.size} entries"
    raise TrustMissingError(
        what,
        why="entries may have been added after the backup; signing without them would begin another history",
        fix="name the newest one with `--checkpoint FILE` or the published view with `--view PLACE`; "
        "`--nothing-newer` says that there is none",
    )


def _verify_known(ledger: Ledger, note: bytes) -> VerifiedCheckpoint:
    """Check a checkpoint that was named, under any key that the log had until the backup was made."""
    try:
        return ledger.verify_own(note)
    except WrongSignerError as error:
        raise WrongSignerError(
            f"the checkpoint is signed by no key that the backup of `{ledger.origin}` knows",
            why=f"{error.what}; the log may have got a new key since",
            fix=_ANOTHER_KEY,
        ) from error


def reindex(ledger: Ledger) -> VerifiedCheckpoint:
    """Make the search table and the unique keys anew from the entries, which must lead to the signed root."""
    with ledger.home.store.write() as writer:
        snapshot = LedgerSnapshot.of(writer, ledger.verifier)
        writer.reindex(proven_rows(snapshot, Frontier()))
        return snapshot.head


def _fill_from(ledger: Ledger, view: ViewFiles) -> CopyReport:
    """Append what a view has beyond this ledger, under the checkpoint that the log's present key signed.

    Nothing is left of it when claims are missing without which nobody can tell what counts.
    """
    source = ViewHome(view, ledger.vkey)
    with source.store.read() as files, ledger.home.store.write() as writer:
        own = LedgerSnapshot.of(writer, ledger.verifier)
        seen = _verify_known(ledger, files.head().checkpoint)
        if seen.size <= own.head.size:
            return CopyReport(seen, 0, 0)
        published = LedgerSnapshot.of(files, ledger.verifier)
        published.require_extends(own.head, "the backup")
        report = copy_log(published, source, ledger.home, writer, start=own.head.size)
        _require_binding_claims(LedgerSnapshot.of(writer, ledger.verifier), ledger.home)
        return report


def _require_binding_claims(snapshot: LedgerSnapshot, home: Home) -> None:
    """Raise `ReadError` when a claim is not there that whoever consults the ledger has to read."""
    index = snapshot.store.index
    if index is None:
        return
    for kind in sorted(BINDING_KINDS):
        for one in snapshot.events(tuple(index.search(Query(kind=kind)))):
            for digest in (one.event.claim_sha256, one.event.request_sha256):
                if home.blobs.state(digest) is not BlobState.PRESENT:
                    raise ReadError(
                        f"`claims/{digest}` of entry {one.index} is missing, an entry of the kind `{kind}`",
                        why="without it nobody can tell what is revoked, or who may write",
                        fix=f"put the old `claims/` into `{home.name}`, or name a view that `weightmark ledger publish` wrote",
                    )


def _require_grown_from(ledger: Ledger, known: Sequence[VerifiedCheckpoint]) -> None:
    """Raise `LedgerInconsistentError` unless the log grew out of every checkpoint that is known."""
    with ledger.snapshot() as snapshot:
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


def _release(ledger: Ledger) -> VerifiedCheckpoint:
    """Let a copy sign that was compared; nobody writes to one that signs nothing."""
    with ledger.home.store.write() as writer:
        ledger.home.set_standing(LIVE)
        head = LedgerSnapshot.of(writer, ledger.verifier).head
    ledger.publish()
    return head
