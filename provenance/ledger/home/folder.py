"""A ledger in a folder: `ledger.db`, its keys, `tiles/` and `claims/`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path

from weightmark.errors import CallError, LedgerInconsistentError, MalformedError, TrustMissingError
from weightmark.provenance.ledger.blobs import BlobStore
from weightmark.provenance.ledger.cosigned import CosignedFolder
from weightmark.provenance.ledger.files import locked, read_file, write_text_file
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.private import PrivateValues
from weightmark.provenance.ledger.standing import LIVE, Role, Standing
from weightmark.provenance.ledger.store.interface import Store
from weightmark.provenance.ledger.view.folder import FolderView

__all__ = ["FolderHome", "read_log_signer", "require_key_of"]

_MAX_KEY_SIZE = 4096


class FolderHome:
    """A ledger on disk."""

    def __init__(self, path: Path, *, log_key: Path | None = None) -> None:
        """Name the folder; `log_key` is the log's private key when it lies elsewhere."""
        self.path = path
        self._log_key = log_key or path / "log.key"

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.path)

    @property
    def foreign(self) -> bool:
        """No: its key lies beside it."""
        return False

    @property
    def near(self) -> bool:
        """Yes."""
        return True

    @property
    def database(self) -> Path:
        """The file that holds the truth."""
        return self.path / "ledger.db"

    @cached_property
    def store(self) -> Store:
        """The truth."""
        from weightmark.provenance.ledger.store.sqlite import SqliteStore

        return SqliteStore(self.database)

    @property
    def view(self) -> FolderView:
        """The files that any web server can serve."""
        return FolderView(self.path / "tiles")

    @property
    def blobs(self) -> BlobStore:
        """Claims and requests."""
        return BlobStore(self.path / "claims")

    @property
    def private(self) -> PrivateValues:
        """What opens salted commitments."""
        return PrivateValues(self.path / "private")

    @property
    def cosigned(self) -> CosignedFolder:
        """Checkpoints that witnesses cosigned."""
        return CosignedFolder(self.path / "cosigned")

    def read_verifier(self) -> NoteVerifier:
        """Read `log.vkey`; raises `CallError` when the folder is no ledger."""
        if self.path.is_file() or (self.path / "receipts").is_dir():
            raise CallError(
                f"`{self.path}` is no ledger" + (", but an exported bundle" * self.path.is_dir()),
                why="a ledger is a folder; a bundle holds entries with their receipts, for one look",
                fix="unpack it, and verify `receipts/N.tlog-proof` by `weightmark ledger verify --receipt FILE "
                "--log-key log.vkey`",
            )
        text = _read_key(self.path / "log.vkey")
        if text is None:
            raise CallError(
                f"there is no ledger at `{self.path}`",
                why="the folder has no `log.vkey`",
                fix=f"check `--ledger`, or make one with `weightmark ledger init {self.path} --admit KEY`",
            )
        if not self.database.exists():
            raise LedgerInconsistentError(
                f"the ledger at `{self.path}` has lost its database",
                why="`ledger.db` is missing; a new one would begin another history",
                fix="restore the folder from a backup",
            )
        return NoteVerifier.parse(text)

    def read_signer(self, verifier: NoteVerifier) -> NoteSigner:
        """Read `log.key`; raises `TrustMissingError` when absent, `LedgerInconsistentError` when it is another log's."""
        return read_log_signer(self._log_key, verifier)

    def write_keys(
        self, log: NoteSigner, recovery: NoteSigner, owners: Sequence[NoteSigner] = ()
    ) -> None:
        """Write the key files of a new ledger; the private ones are for the owner only."""
        self.write_signer(log)
        write_text_file(self.path / "recovery.key", recovery.skey, mode=0o600)
        for number, one in enumerate(owners, start=1):
            write_text_file(self.path / f"owner-{number}.key", one.skey, mode=0o600)
        self.write_verifier(log.verifier)

    def write_signer(self, log: NoteSigner) -> None:
        """Write `log.key`, for the owner only."""
        write_text_file(self.path / "log.key", log.skey, mode=0o600)

    def write_signers(self, *signers: NoteSigner) -> None:
        """Write the private key of the log, or both while two overlap."""
        write_text_file(self._log_key, "\n".join(one.skey for one in signers), mode=0o600)

    def write_verifier(self, verifier: NoteVerifier) -> None:
        """Write `log.vkey`; the one before stays as `log.vkey.1`, older ones count on."""
        path = self.path / "log.vkey"
        before = _read_key(path)
        if before not in {None, verifier.vkey}:
            write_text_file(_free_name(path), str(before))
        write_text_file(self.path / "log.vkey", verifier.vkey)

    def standing(self) -> Standing:
        """Read `standing.json`; without it a ledger is live."""
        data = read_file(self.path / "standing.json", max_size=65536)
        return LIVE if data is None else Standing.parse(data)

    def set_standing(self, standing: Standing) -> None:
        """Write `standing.json`."""
        if standing.role is not Role.LIVE or self.standing() != LIVE:
            write_text_file(self.path / "standing.json", standing.to_bytes().decode())

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold `publish.lock`."""
        with locked(self.path / "publish.lock"):
            yield

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def read_log_signer(path: Path, verifier: NoteVerifier) -> NoteSigner:
    """Read a log's private key; raises `TrustMissingError` when absent, `LedgerInconsistentError` for another log's."""
    text = _read_key(path)
    if text is None:
        raise TrustMissingError(
            f"`{path}` is missing, so nothing can be appended",
            fix="restore it, or append on the machine that holds it",
        )
    from weightmark.provenance.ledger.rotation import parse_signers

    return require_key_of(parse_signers(text, verifier), verifier, str(path))


def require_key_of(signer: NoteSigner, verifier: NoteVerifier, name: str) -> NoteSigner:
    """Return `signer` if it is the private half of `verifier`; raises `LedgerInconsistentError`."""
    if signer.verifier != verifier:
        raise LedgerInconsistentError(
            f"`{name}` is not the key of `log.vkey`",
            why="checkpoints that it signs would not be this ledger's",
            fix="put back the private key of that `log.vkey`; of a backup from before a rotation nothing can be restored "
            "but by `weightmark ledger migrate VIEW NEW --log-key log.key`, then `weightmark ledger restore NEW`",
        )
    return signer


def _free_name(path: Path) -> Path:
    return next(
        free
        for number in count(1)
        if not (free := path.with_name(f"{path.name}.{number}")).exists()
    )


def _read_key(path: Path) -> str | None:
    data = read_file(path, max_size=_MAX_KEY_SIZE)
    if data is None:
        return None
    try:
        return data.decode().strip()
    except UnicodeDecodeError as error:
        raise MalformedError(f"`{path}` is not text") from error
