"""The witness's side: cosign a checkpoint only if it extends the one that was cosigned last."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    MalformedError,
    TrustMissingError,
    UncheckedError,
    UnknownAuthorityError,
    read_failure,
)
from weightmark.provenance.atomic import sync_folder
from weightmark.provenance.ledger.checkpoint import (
    VerifiedCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
)
from weightmark.provenance.ledger.files import make_folders, read_file, write_text_file
from weightmark.provenance.ledger.merkle import EMPTY_ROOT, check_consistency
from weightmark.provenance.ledger.note import NoteVerifier, SignatureLine, split_note
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.quorum import merge_cosignatures
from weightmark.provenance.ledger.witnessing.request import (
    AddCheckpoint,
    checkpoint_path,
    parse_add_checkpoint,
)
from weightmark.provenance.ledger.witnessing.state import (
    Seen,
    WitnessState,
    WitnessTransaction,
    create_state,
)
from weightmark.values import dataclass

__all__ = ["Clock", "Conflict", "Cosigned", "Witness"]

Clock = Callable[[], datetime]
"""gives an aware time"""
_MAX_KEY_SIZE = 64 * 1024


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness cosigned."""

    checkpoint: VerifiedCheckpoint
    """signed by the log"""
    lines: tuple[SignatureLine, ...]
    """one a key of the witness"""

    @property
    def note(self) -> bytes:
        """The checkpoint with the lines that it came with and those of the witness."""
        return merge_cosignatures(self.checkpoint.note, self.lines)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The proof does not begin where the witness stopped; nothing was judged or stored."""

    size: int
    """entries of the checkpoint that the witness cosigned last; 0 for none"""


@dataclass(frozen=True, slots=True)
class _WitnessFolder:
    """`witness.key`, `witness.vkey` and `witness.db`."""

    path: Path
    """the folder"""

    @property
    def database(self) -> Path:
        """What was seen."""
        return self.path / "witness.db"

    def read_signers(self) -> tuple[WitnessSigner, ...]:
        """Read `witness.key`; raises `CallError` when the folder is no witness's."""
        data = read_file(self.path / "witness.key", max_size=_MAX_KEY_SIZE)
        if data is None and not self.database.exists():
            raise CallError(
                f"there is no witness at `{self.path}`",
                fix=f"make one with `weightmark ledger witness init {self.path} --name NAME`",
            )
        if data is None:
            raise TrustMissingError(
                f"`{self.path / 'witness.key'}` is missing",
                fix="restore it; without it nothing can be cosigned in this witness's name",
            )
        try:
            lines = data.decode("utf-8").split()
        except UnicodeDecodeError as error:
            raise MalformedError(f"`{self.path / 'witness.key'}` is not text") from error
        return tuple(WitnessSigner.parse(line) for line in lines)

    def write(self, signers: Sequence[WitnessSigner]) -> None:
        """Write the files of a new witness; the private one is for the owner only."""
        make_folders([self.path], mode=0o700)
        create_state(self.database, _vkeys(signers))
        write_text_file(self.path / "witness.vkey", _vkeys(signers))
        write_text_file(
            self.path / "witness.key", "\n".join(one.skey for one in signers), mode=0o600
        )


class Witness:
    """A witness with its keys and its memory. Threads and processes may share the folder."""

    def __init__(
        self,
        signers: Sequence[WitnessSigner],
        state: WitnessState,
        logs: Mapping[str, Sequence[NoteVerifier]],
        clock: Clock,
    ) -> None:
        self._signers = signers
        self._state = state
        self._logs = logs
        self._clock = clock

    @classmethod
    def create(
        cls,
        path: Path,
        name: str,
        kinds: Iterable[CosignatureType] = (CosignatureType.ED25519,),
    ) -> tuple[str, ...]:
        """Make a witness at `path`, which must be absent or empty; returns its verifier keys.

        Raises `CallError` when something stands there, `MalformedError` for a bad name, `ReadError`.
        """
        signers = [WitnessSigner.generate(name, kind) for kind in dict.fromkeys(kinds)]
        path = path.absolute()
        if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
            raise CallError(f"`{path}` is not an empty folder", fix="name a new folder")
        make_folders([path.parent])
        temporary = _WitnessFolder(path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp"))
        try:
            temporary.write(signers)
            temporary.path.rename(path)
        except BaseException as error:
            _remove_tree(temporary.path)
            if isinstance(error, OSError):
                raise read_failure(path, error) from error
            raise
        sync_folder(path.parent)
        return tuple(one.verifier.vkey for one in signers)

    @classmethod
    def open(cls, path: Path, logs: Iterable[NoteVerifier], *, clock: Clock = _utc_now) -> Self:
        """Open a witness that cosigns for these logs.

        A log may have several keys, one counts. Raises `CallError` when there is no witness,
        or a log has one of the witness's own keys, `LedgerInconsistentError` when its memory is
        lost or of another witness.
        """
        folder = _WitnessFolder(path.absolute())
        signers = folder.read_signers()
        if not folder.database.exists():
            raise LedgerInconsistentError(
                f"the witness at `{path}` has lost its memory",
                why="`witness.db` is missing; with a new one it could cosign a second history",
                fix="restore the newest copy, or make a witness with a new name and key",
            )
        state = WitnessState(folder.database)
        if state.vkeys() != _vkeys(signers):
            raise LedgerInconsistentError(
                f"the memory of the witness at `{path}` is of other keys",
                fix="put back the `witness.key` that it was made with",
            )
        return cls(signers, state, _by_origin(logs, signers), clock)

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys, as a witness policy takes them."""
        return tuple(one.verifier.vkey for one in self._signers)

    def add_checkpoint(self, body: bytes) -> Cosigned | Conflict:
        """Answer the body of an `add-checkpoint` request, as `cosign`."""
        return self.cosign(parse_add_checkpoint(body))

    def cosign(self, request: AddCheckpoint) -> Cosigned | Conflict:
        """Cosign a checkpoint; it is remembered durably before the answer.

        Raises `MalformedError` for what is no request, `UnknownAuthorityError` for a log that is not
        served, `WrongSignerError` or `TamperedError` when the log did not sign,
        `LedgerInconsistentError` when the log does not extend what was seen, `UncheckedError` when
        the clock is wrong, `ReadError`. Two heads of one size are kept as evidence.
        """
        head = self.verify(request.checkpoint)
        if request.old_size > head.size:
            raise MalformedError("the old size is over the size of the checkpoint")
        with self._state.transaction() as transaction:
            seen = transaction.seen(head.origin)
            known = seen.size if seen else 0
            conflict = request.old_size != known
            inconsistency = None if conflict else _inconsistency(request, head, seen)
            if not conflict and inconsistency is None:
                return self._answer(transaction, head, seen)
            if seen is not None and seen.size == head.size and seen.root != head.root:
                transaction.keep_evidence(seen, head.root, head.note, self._now())
        if inconsistency is not None:
            raise inconsistency
        return Conflict(known)

    def latest(self, path: str) -> bytes | None:
        """Return the cosigned checkpoint that is shown at `checkpoint_path(origin)`."""
        return self._state.shown(path)

    def evidence(self, origin: str) -> tuple[tuple[bytes, bytes], ...]:
        """Return pairs of checkpoints that a log signed for one size: what was seen, and the other."""
        return self._state.evidence(origin)

    def seen(self, origin: str) -> Seen | None:
        """Return what was cosigned last of a log."""
        with self._state.transaction() as transaction:
            return transaction.seen(origin)

    def verify(self, note: bytes) -> VerifiedCheckpoint:
        """Check that a log which is served signed the checkpoint; errors as `cosign`."""
        text, lines = split_note(note)
        origin = parse_checkpoint(text).origin
        keys = self._logs.get(origin, ())
        if not keys:
            raise UnknownAuthorityError(f"this witness does not serve the log `{origin[:80]}`")
        written = {(line.name, line.key_id) for line in lines}
        used = [one for one in keys if (one.name, one.key_id) in written]
        heads = [verify_checkpoint(note, one) for one in used or keys]
        return heads[0]

    def _answer(
        self, transaction: WitnessTransaction, head: VerifiedCheckpoint, seen: Seen | None
    ) -> Cosigned:
        again = self._repeated(head, seen)
        if again is not None:
            return again
        cosigned, remembered = self._sign(head, seen)
        transaction.remember(remembered, checkpoint_path(head.origin))
        return cosigned

    def _repeated(self, head: VerifiedCheckpoint, seen: Seen | None) -> Cosigned | None:
        """Return the answer of this very second, so that whoever repeats a request writes nothing."""
        if seen is None or seen.at != self._now():
            return None
        text, lines = split_note(seen.checkpoint)
        if text != split_note(head.note)[0]:
            return None
        own = {(one.name, one.verifier.key_id) for one in self._signers}
        return Cosigned(head, tuple(one for one in lines if (one.name, one.key_id) in own))

    def _sign(self, head: VerifiedCheckpoint, seen: Seen | None) -> tuple[Cosigned, Seen]:
        """Make the lines, and what is to be remembered: without lines of others."""
        at = self._now()
        if seen is not None and at < seen.at:
            raise UncheckedError(
                f"the clock of the witness is {seen.at - at} s behind its last cosignature",
                why="a witness never dates a cosignature back",
                fix="set the clock of the machine right",
            )
        text, lines = split_note(head.note)
        own = tuple(signer.cosign(text, at) for signer in self._signers)
        keys = {(one.name, one.key_id) for one in self._logs[head.origin]}
        by_log = tuple(line for line in lines if (line.name, line.key_id) in keys)
        shown = text + b"\n" + b"".join(line.to_bytes() for line in (*by_log, *own))
        return Cosigned(head, own), Seen(head.origin, head.size, head.root, shown, at)

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _inconsistency(
    request: AddCheckpoint, head: VerifiedCheckpoint, seen: Seen | None
) -> LedgerInconsistentError | None:
    """Say why the checkpoint does not extend what was seen, which has the old size."""
    root = seen.root if seen else EMPTY_ROOT
    try:
        check_consistency(request.old_size, head.size, root, head.root, request.proof)
    except LedgerInconsistentError as error:
        return LedgerInconsistentError(
            f"the log `{head.origin}` does not extend what this witness saw: {error.what}",
            why="history was rewritten, or the proof is wrong",
            fix="keep the checkpoint: two heads of one size prove it",
        )
    return None


def _by_origin(
    logs: Iterable[NoteVerifier], signers: Sequence[WitnessSigner]
) -> dict[str, tuple[NoteVerifier, ...]]:
    own = {signer.verifier.public_key for signer in signers}
    found: dict[str, tuple[NoteVerifier, ...]] = {}
    for log in dict.fromkeys(logs):
        if log.public_key in own:
            raise CallError(
                f"the log `{log.name}` has the key of this witness",
                why="a log that vouches for itself is no witness",
            )
        found[log.name] = (*found.get(log.name, ()), log)
    return found


def _vkeys(signers: Sequence[WitnessSigner]) -> str:
    return "\n".join(one.verifier.vkey for one in signers)


def _remove_tree(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
