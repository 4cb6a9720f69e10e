"""Making a ledger in a folder: whole or not at all, and never over something that exists."""

import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from weightmark.errors import CallError, LedgerInconsistentError, read_failure
from weightmark.provenance.atomic import sync_folder
from weightmark.provenance.ledger.admission import Owners, Submitter
from weightmark.provenance.ledger.event import check_origin
from weightmark.provenance.ledger.files import make_folders
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.memory import CheckpointMemory
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.plan import make_addition, unique_keys
from weightmark.provenance.ledger.publish import publish
from weightmark.provenance.ledger.registration import Founding, Succession, found
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Row

__all__ = ["create_folder", "found_log", "new_folder", "refuse_occupied", "write_founding"]


def create_folder(
    path: Path,
    *,
    origin: str,
    submitters: Sequence[Submitter],
    memory: CheckpointMemory,
    clock: Callable[[], datetime],
    owners: Owners | None = None,
    roots: Mapping[str, str] | None = None,
    succession: Succession | None = None,
) -> None:
    """Make a ledger at `path`, which must be absent or an empty folder.

    Raises `CallError` when something stands there and `ReadError` when it cannot be written.
    """
    log, recovery, founding = found_log(
        origin, submitters, memory, clock(), owners=owners, roots=roots, succession=succession
    )
    with new_folder(path) as home:
        home.write_keys(log, recovery)
        write_founding(home, log, founding)
        with home.store.read() as reader:
            publish(LedgerSnapshot.of(reader, log.verifier), log.verifier, home.view)
        home.close()


def found_log(
    origin: str,
    submitters: Sequence[Submitter],
    memory: CheckpointMemory,
    now: datetime,
    *,
    owners: Owners | None = None,
    roots: Mapping[str, str] | None = None,
    succession: Succession | None = None,
) -> tuple[NoteSigner, NoteSigner, Founding]:
    """Make the log key, the recovery key and entry 0 of a new log; an empty origin is made up."""
    origin = origin or f"weightmark.local/{secrets.token_hex(8)}"
    check_origin(origin)
    log, recovery = NoteSigner.generate(origin), NoteSigner.generate(f"{origin}/recovery")
    founding = found(
        log, recovery, submitters, now, owners=owners, roots=roots, succession=succession
    )
    memory.recall(log.verifier)
    return log, recovery, founding


def write_founding(home: Home, log: NoteSigner, founding: Founding) -> None:
    """Write entry 0 into an empty store."""
    event, submission = founding.event, founding.submission
    with home.store.write() as writer:
        home.blobs.put_all(
            {event.claim_sha256: submission.claim, event.request_sha256: submission.request}
        )
        for hidden in founding.policy.private_values:
            home.private.put(hidden)
        row = Row(0, event.to_bytes(), event, unique_keys(event))
        writer.add(make_addition([row], 0, writer.tile, _no_node, log))


@contextmanager
def new_folder(path: Path) -> Iterator[FolderHome]:
    """Give an empty folder with an empty database, which becomes `path` when everything went well."""
    from weightmark.provenance.ledger.store.sqlite import create_database

    path = path.absolute()
    refuse_occupied(path)
    make_folders([path.parent])
    home = FolderHome(path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp"))
    try:
        make_folders([home.path, home.view.folder, home.blobs.folder])
        create_database(home.database)
        yield home
        home.close()
        sync_folder(home.path)
        home.path.rename(path)
    except BaseException as error:
        home.close()
        shutil.rmtree(home.path, ignore_errors=True)
        if isinstance(error, OSError):
            raise read_failure(path, error) from error
        raise
    sync_folder(path.parent)


def refuse_occupied(path: Path) -> None:
    """Raise `CallError` unless `path` is absent or an empty folder."""
    try:
        if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
            raise CallError(
                f"`{path}` is not an empty folder",
                why="a ledger is never made over something that exists",
                fix="name a new folder",
            )
    except OSError as error:
        raise read_failure(path, error) from error


def _no_node(_height: int, _index: int) -> bytes:
    """Stand for the tree of a log without entries."""
    raise LedgerInconsistentError("an empty log has no nodes")
