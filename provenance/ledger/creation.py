"""Making a ledger in a folder or a database: whole or not at all, and never over something that exists."""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TypedDict, Unpack

from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    UnsupportedError,
    WeightmarkError,
    read_failure,
)
from weightmark.provenance.atomic import exclusive, sync_folder
from weightmark.provenance.ledger.admission import Owners, Submitter
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import check_origin
from weightmark.provenance.ledger.files import is_locked, make_folders
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.opening import home_of
from weightmark.provenance.ledger.plan import make_addition, unique_keys
from weightmark.provenance.ledger.publish import publish
from weightmark.provenance.ledger.registration import Founding, Succession, found
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Row

__all__ = [
    "Beginning",
    "Further",
    "create_anywhere",
    "create_folder",
    "found_log",
    "new_folder",
    "refuse_occupied",
    "stands_at",
    "vkey_at",
    "write_founding",
]


class Further(TypedDict, total=False):
    """What a ledger need not begin with."""

    owners: Owners | None
    """who may change it; None for the recovery key"""
    owner_keys: Sequence[NoteSigner]
    """their private keys, which are written beside the log's own, `owner-1.key` and so on"""
    roots: Mapping[str, str] | None
    """trusted roots of identities: `sha256:<hex>` and the JSON text"""
    succession: Succession | None
    """the log that it takes over from"""


class Beginning(Further):
    """What a ledger begins with."""

    origin: str
    """its name; empty for a random one"""
    submitters: Sequence[Submitter]
    """who may write"""
    memory: CheckpointMemory
    """what was seen of logs before: no origin begins twice"""
    clock: Callable[[], datetime]
    """gives an aware time"""


def create_anywhere(
    place: Path | str, keys: Path | None, **founding: Unpack[Beginning]
) -> Path | None:
    """Make a ledger in a folder, or in an empty database with its keys in the new folder `keys`.

    Returns the file of the private key where the ledger does not hold it. Raises `CallError` when
    something stands at either place, or `keys` is missing or not wanted, and `ReadError`.
    """
    home = home_of(place)
    with closing(home):
        if isinstance(home, FolderHome):
            if keys is not None:
                raise CallError("a ledger in a folder holds its keys itself", fix="name no other")
            create_folder(home.path, **founding)
            return None
        if isinstance(home, ViewHome):
            raise UnsupportedError(
                f"a ledger cannot be made at `{home.name}`",
                fix="name a folder or `postgresql://…`; publish with `weightmark ledger publish`",
            )
        if keys is None:
            raise CallError(
                f"where the private keys of the ledger in `{home.name}` go was not said",
                why="a database does not hold them",
                fix="name a new folder with `--keys DIR`",
            )
        _create_in_database(home, keys.absolute(), **founding)
        return keys / "log.key"


def create_folder(path: Path, **founding: Unpack[Beginning]) -> None:
    """Make a ledger at `path`, which must be absent or an empty folder.

    Raises `CallError` when something stands there and `ReadError` when it cannot be written.
    """
    log, recovery, entry = found_log(**founding)
    with new_folder(path) as home:
        home.write_keys(log, recovery, founding.get("owner_keys", ()))
        write_founding(home, log, entry)
        with home.store.read() as reader:
            publish(LedgerSnapshot.of(reader, log.verifier), None, home.view)
        home.close()


def _create_in_database(home: Home, keys: Path, **founding: Unpack[Beginning]) -> None:
    """Write the keys before the log, and leave them when nobody can tell whether it is there.

    A log whose key was lost could never grow.
    """
    log, recovery, entry = found_log(**founding)
    refuse_occupied(keys)
    make_folders([keys])
    FolderHome(keys).write_keys(log, recovery, founding.get("owner_keys", ()))
    try:
        write_founding(home, log, entry)
    except CallError:
        shutil.rmtree(keys, ignore_errors=True)
        raise


def stands_at(place: Path | str, origin: str) -> bool:
    """Tell whether the log `origin` stands at a place, or may: where nobody can tell, it may."""
    try:
        home = home_of(place)
    except WeightmarkError:
        return False
    with closing(home):
        try:
            return home.read_verifier().name == origin
        except CallError:
            return False
        except WeightmarkError:
            return True


def vkey_at(place: Path | str, origin: str) -> str:
    """Return the verifier key of the log `origin` that stands at a place; empty where nobody can tell."""
    try:
        with closing(home_of(place)) as home:
            verifier = home.read_verifier()
    except WeightmarkError:
        return ""
    return verifier.vkey if verifier.name == origin else ""


def found_log(**founding: Unpack[Beginning]) -> tuple[NoteSigner, NoteSigner, Founding]:
    """Make the log key, the recovery key and entry 0 of a new log; an empty origin is made up."""
    origin = founding["origin"]
    origin = origin or f"weightmark.local/{secrets.token_hex(8)}"
    check_origin(origin)
    log, recovery = NoteSigner.generate(origin), NoteSigner.generate(f"{origin}/recovery")
    entry = found(
        log,
        recovery,
        founding["submitters"],
        founding["clock"](),
        owners=founding.get("owners"),
        roots=founding.get("roots"),
        succession=founding.get("succession"),
    )
    founding["memory"].recall(log.verifier)
    return log, recovery, entry


def write_founding(home: Home, log: NoteSigner, founding: Founding) -> None:
    """Write entry 0 into an empty store."""
    event, submission = founding.event, founding.submission
    with home.store.write() as writer:
        writer.found(log.verifier.vkey)
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
    with exclusive(path.parent):
        _tidy(path)
        make_folders([home.path])
        held = ExitStack()
        held.enter_context(exclusive(home.path))
    try:
        with held:
            make_folders([home.view.folder, home.blobs.folder])
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


def _tidy(path: Path) -> None:
    """Remove what was left of attempts to make `path` that were killed: it may hold a private key.

    Whoever is at it holds a lock on its folder.
    """
    half_made = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.tmp\Z")
    with suppress(OSError):
        for folder in path.parent.iterdir():
            if half_made.match(folder.name) and not is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)


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
