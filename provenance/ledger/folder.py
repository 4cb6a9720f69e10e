"""What lies where in a ledger folder, and its keys."""

from pathlib import Path

from weightmark.errors import CallError, LedgerInconsistentError, MalformedError, TrustMissingError
from weightmark.provenance.ledger.blobs import BlobStore
from weightmark.provenance.ledger.files import read_file, write_text_file
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.publish import StaticView
from weightmark.values import dataclass

__all__ = ["LedgerFolder"]

_MAX_KEY_SIZE = 4096


@dataclass(frozen=True, slots=True)
class LedgerFolder:
    """A ledger on disk."""

    path: Path
    """the folder"""

    @property
    def database(self) -> Path:
        """The truth."""
        return self.path / "ledger.db"

    @property
    def view(self) -> StaticView:
        """The files that any web server can serve."""
        return StaticView(self.path / "tiles")

    @property
    def blobs(self) -> BlobStore:
        """Claims and requests."""
        return BlobStore(self.path / "claims")

    @property
    def publish_lock(self) -> Path:
        """Held while the view is written."""
        return self.path / "publish.lock"

    def read_verifier(self) -> NoteVerifier:
        """Read `log.vkey`; raises `CallError` when the folder is no ledger."""
        text = self._read("log.vkey")
        if text is None:
            raise CallError(
                f"there is no ledger at `{self.path}`",
                why="the folder has no `log.vkey`",
                fix=f"make one with `weightmark ledger init {self.path} --admit KEY`",
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
        text = self._read("log.key")
        if text is None:
            raise TrustMissingError(
                f"`{self.path / 'log.key'}` is missing, so nothing can be appended",
                fix="restore it, or append on the machine that holds it",
            )
        signer = NoteSigner.parse(text)
        if signer.verifier != verifier:
            raise LedgerInconsistentError(
                f"`{self.path / 'log.key'}` is not the key of `log.vkey`",
                why="checkpoints that it signs would not be this ledger's",
                fix="put back the key that the ledger was made with",
            )
        return signer

    def write_keys(self, log: NoteSigner, recovery: NoteSigner) -> None:
        """Write the three key files of a new ledger; the private ones are for the owner only."""
        write_text_file(self.path / "log.key", log.skey, mode=0o600)
        write_text_file(self.path / "recovery.key", recovery.skey, mode=0o600)
        write_text_file(self.path / "log.vkey", log.verifier.vkey)

    def _read(self, name: str) -> str | None:
        data = read_file(self.path / name, max_size=_MAX_KEY_SIZE)
        if data is None:
            return None
        try:
            return data.decode().strip()
        except UnicodeDecodeError as error:
            raise MalformedError(f"`{self.path / name}` is not text") from error
