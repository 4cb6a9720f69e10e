"""What this user saw last of every log, so that a rollback or a fork shows (docs/formats/ledger.md).

One file an origin in `$XDG_STATE_HOME/weightmark/ledgers`: the log's key and its newest checkpoint.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weightmark.errors import LedgerInconsistentError, MalformedError, ReadError
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.files import locked, make_folders, read_file
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE, NoteVerifier
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["CheckpointMemory"]


@dataclass(frozen=True, slots=True)
class CheckpointMemory:
    """The newest verified checkpoint of each origin."""

    folder: Path
    """made when something is remembered"""

    @classmethod
    def of_user(cls) -> "CheckpointMemory":
        """Use the user's state directory; raises `ReadError` when there is none."""
        base = os.environ.get("XDG_STATE_HOME", "")
        if not Path(base).is_absolute():
            try:
                base = str(Path.home() / ".local" / "state")
            except RuntimeError as error:
                raise ReadError(
                    "there is no home directory to remember ledgers in",
                    fix="set `XDG_STATE_HOME` to a folder that stays",
                ) from error
        return cls(Path(base) / "weightmark" / "ledgers")

    def known_key(self, origin: str) -> str:
        """Return the verifier key under which a log was seen last; empty for a log that never was."""
        data = read_file(self._path(origin), max_size=2 * MAX_NOTE_SIZE)
        if data is None:
            return ""
        return str(parse_object(data, what=f"`{self._path(origin)}`").get("vkey", ""))

    def recall(self, verifier: NoteVerifier) -> VerifiedCheckpoint | None:
        """Return the newest checkpoint seen of a log.

        Raises `LedgerInconsistentError` when a log of this origin was seen with another key.
        """
        path = self._path(verifier.name)
        data = read_file(path, max_size=2 * MAX_NOTE_SIZE)
        if data is None:
            return None
        fields = parse_object(data, what=f"`{path}`")
        note, vkey = fields.get("checkpoint"), fields.get("vkey")
        if not isinstance(note, str) or not isinstance(vkey, str):
            raise MalformedError(f"`{path}` is not what weightmark wrote there")
        if vkey != verifier.vkey:
            raise LedgerInconsistentError(
                f"another ledger of the origin `{verifier.name}` was seen before, with another key",
                why="an origin names one log, and a log keeps its key",
                fix="is it a copy from before `ledger rotate`? name a newer one; if the ledger is gone for good "
                f"and this one is in its place, remove `{path}`, which forgets what was seen of it",
            )
        return verify_checkpoint(note.encode(), verifier)

    @contextmanager
    def updating(self, verifier: NoteVerifier) -> Iterator[Callable[[VerifiedCheckpoint], None]]:
        """Lock the memory of one log, so that what is read of the log afterwards is at least as new."""
        make_folders([self.folder], mode=0o700)
        path = self._path(verifier.name)
        with locked(path.with_suffix(".lock")):
            yield lambda checkpoint: self._remember(path, verifier, checkpoint)

    def remember_unlocked(
        self, verifier: NoteVerifier, read: Callable[[], VerifiedCheckpoint]
    ) -> VerifiedCheckpoint:
        """Remember what `read` returns, without holding the memory while somebody else's server is asked.

        It may be a service of this very user, whose threads want the memory for their answer. `read`
        compares with what is remembered, and is asked again when that changed meanwhile.
        """
        while True:
            before = self._held(verifier)
            head = read()
            with self.updating(verifier) as remember:
                if self._held(verifier) == before:
                    remember(head)
                    return head

    def _held(self, verifier: NoteVerifier) -> bytes | None:
        return read_file(self._path(verifier.name), max_size=2 * MAX_NOTE_SIZE)

    def _remember(self, path: Path, verifier: NoteVerifier, newest: VerifiedCheckpoint) -> None:
        fields = {"checkpoint": newest.note.decode(), "v": 1, "vkey": verifier.vkey}
        data = canonical_json(fields)
        if read_file(path, max_size=2 * MAX_NOTE_SIZE) != data:
            replace_file(path, data, mode=0o600)
            sync_folder(path.parent)

    def _path(self, origin: str) -> Path:
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"
