"""Moving a ledger to another place: same log, same key, and never two places that grow.

The old place says that it moved before the new one exists; a move that was killed is finished by
asking for it again.
"""

from contextlib import closing, nullcontext, suppress
from pathlib import Path

from weightmark.errors import (
    CallError,
    ReadError,
    TrustMissingError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.copying import CopyReport, copy_log
from weightmark.provenance.ledger.creation import new_folder, refuse_occupied
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.log import Ledger, utc_now
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.opening import home_of
from weightmark.provenance.ledger.publish import publish
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.standing import LIVE, Role, Standing

__all__ = ["copy_ledger", "migrate"]


def migrate(source: Ledger, place: Path | str, *, log_key: Path | None = None) -> CopyReport:
    """Move `source` to an empty folder or database; every index, root and receipt stays good.

    A folder takes the log's private key along, from the file `log_key` or the source; a database
    never holds it. What is made of a published view may be older than the log: it signs nothing
    until `restore --checkpoint` reconciled it. Raises `CallError` when something stands at `place`,
    `LedgerInconsistentError` for a source that moved elsewhere, is a backup, or is damaged, and
    `ReadError` when nobody can tell whether the log arrived: the source then signs nothing more.
    """
    target = home_of(place, log_key=log_key)
    with closing(target):
        if isinstance(source.home, ViewHome):
            return copy_ledger(source.home, target, Standing(Role.RESTORED), keys=True)
        moved = Standing(Role.MOVED, target.name)
        _refuse_view(target)
        if source.home.standing() == moved and _has_arrived(source, target):
            raise CallError(
                f"the ledger has moved to `{target.name}` already", fix="use the new place"
            )
        _require_empty(target)
        _freeze(source.home, moved)
        try:
            return copy_ledger(source.home, target, LIVE, keys=True)
        except BaseException as error:
            if _holds_no_log(target):
                source.home.set_standing(LIVE)
                raise
            raise _unknown_end(target, error) from error


def copy_ledger(source: Home, target: Home, standing: Standing, *, keys: bool) -> CopyReport:
    """Copy everything into the empty place `target`, whole or not at all.

    With `keys`, a folder takes the private key along where the source or `target` has one.
    Raises `CallError` when something stands there, `UnsupportedError` for a view.
    """
    if isinstance(target, FolderHome):
        return _copy_to_folder(source, target, standing, keys=keys)
    _refuse_view(target)
    verifier = source.read_verifier()
    with source.store.read() as reader, target.store.write() as writer:
        writer.found(verifier.vkey)
        target.set_standing(standing)
        return copy_log(LedgerSnapshot.of(reader, verifier), source, target, writer)


def _copy_to_folder(
    source: Home, target: FolderHome, standing: Standing, *, keys: bool
) -> CopyReport:
    verifier = source.read_verifier()
    with new_folder(target.path) as made:
        with source.store.read() as reader, made.store.write() as writer:
            report = copy_log(LedgerSnapshot.of(reader, verifier), source, made, writer)
        for earlier in _earlier_keys(source, verifier):
            made.write_verifier(earlier)
        made.write_verifier(verifier)
        made.set_standing(standing)
        with made.store.read() as reader:
            publish(LedgerSnapshot.of(reader, verifier), None, made.view)
        if keys:
            _copy_key(source, target, made, verifier)
    return report


def _earlier_keys(source: Home, verifier: NoteVerifier) -> tuple[NoteVerifier, ...]:
    """Return the keys that handed over to this one, so that old receipts can be checked in the copy, too.

    None where the log's own entries cannot tell: its audit says so.
    """
    with suppress(WeightmarkError):
        ledger = Ledger(source, verifier, CheckpointMemory.of_user(), utc_now)
        keys = ledger.policies().log_keys
        return tuple(map(NoteVerifier.parse, keys[: keys.index(verifier.vkey)]))
    return ()


def _copy_key(source: Home, named: Home, target: FolderHome, verifier: NoteVerifier) -> None:
    """Copy the private key from the file that was named, or from the source if it has one."""
    for home in (named, source):
        try:
            target.write_signer(home.read_signer(verifier))
        except (TrustMissingError, UnsupportedError):
            continue
        return


def _freeze(home: Home, moved: Standing) -> None:
    """Let whoever writes finish, and nobody write afterwards."""
    with home.store.write():
        if home.standing() != moved:
            home.standing().require_live(home.name)
            home.set_standing(moved)


def _refuse_view(target: Home) -> None:
    if isinstance(target, ViewHome):
        raise UnsupportedError(
            f"a ledger cannot live at `{target.name}`, only be published there",
            fix="name a folder or `postgresql://…`; publish with `weightmark ledger publish`",
        )


def _require_empty(target: Home) -> None:
    """Raise `CallError` when something stands at the new place, and what reading it raises."""
    if isinstance(target, FolderHome):
        refuse_occupied(target.path)
    elif _holds_log(target):
        raise CallError(
            f"there is a ledger in `{target.name}` already",
            why="a ledger is never made over something that exists",
            fix="name another database",
        )


def _has_arrived(source: Ledger, target: Home) -> bool:
    """Say whether the whole log stands at the new place; raises what reading the place raises."""
    if not _holds_log(target):
        return False
    verifier = target.read_verifier()
    with source.snapshot() as old, target.store.read() as reader:
        LedgerSnapshot.of(reader, verifier).require_extends(old.head, "the old place")
    return verifier == source.verifier


def _holds_log(target: Home) -> bool:
    """Say whether there is a log at a place; raises when nobody can tell.

    In a database it waits for the writer whose connection broke: the server may still commit it.
    """
    with nullcontext() if isinstance(target, FolderHome) else target.store.write():
        try:
            target.read_verifier()
        except CallError:
            return False
    return True


def _holds_no_log(target: Home) -> bool:
    """Say whether there is certainly no log at a place: only then may the old one go on."""
    try:
        return not _holds_log(target)
    except WeightmarkError:
        return False


def _unknown_end(target: Home, error: BaseException) -> BaseException:
    """Say what to do after a move of which nobody can tell whether it ended; other errors stay."""
    if not isinstance(error, WeightmarkError):
        return error
    return ReadError(
        f"the move to `{target.name}` broke off, and the log may have arrived there: {error.what}",
        why="so nothing more is signed at the old place: two places that grow would be two histories",
        fix="ask for the same move again, once the new place can be read",
    )
