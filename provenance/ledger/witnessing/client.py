"""The log's side: ask a witness for its cosignature, and hold what it says against the log's key."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from weightmark.errors import (
    LedgerInconsistentError,
    LimitError,
    MalformedError,
    NetworkError,
    RefusedError,
)
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.merkle import NodeReader, consistency_proof
from weightmark.provenance.ledger.note import (
    MAX_NOTE_SIZE,
    NoteVerifier,
    SignatureLine,
    parse_lines,
)
from weightmark.provenance.ledger.snapshot import require_extends
from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier
from weightmark.provenance.ledger.witnessing.exchange import Answer, exchange, require_http, words
from weightmark.provenance.ledger.witnessing.quorum import (
    CLOCK_TOLERANCE,
    merge_cosignatures,
    verify_cosigned,
)
from weightmark.provenance.ledger.witnessing.request import (
    SIZE_TYPE,
    AddCheckpoint,
    checkpoint_path,
    parse_size,
)
from weightmark.values import dataclass

__all__ = ["LogHead", "WitnessClient", "shown_checkpoint"]

_MAX_ANSWER = 64 * 1024
_OK, _MISMATCH = 200, 409
_INCONSISTENT = frozenset([409, 422])
_BUSY = frozenset([408, 425, 429, 500, 502, 503, 504])


def shown_checkpoint(
    url: str, log: NoteVerifier, *, timeout: float = 10.0
) -> VerifiedCheckpoint | None:
    """Ask a witness for the newest checkpoint of a log that it saw; None when it shows none.

    Raises `NetworkError`, `LimitError`, and what verifying the checkpoint raises.
    """
    require_http(url)
    place = f"{url.rstrip('/')}/{checkpoint_path(log.name)}"
    answer = exchange(place, timeout=timeout, max_size=MAX_NOTE_SIZE)
    return verify_checkpoint(answer.body, log) if answer.status == _OK else None


@dataclass(frozen=True, slots=True)
class LogHead:
    """What a log shows to witnesses: its newest checkpoint, and the tree to prove it from."""

    checkpoint: VerifiedCheckpoint
    """signed by the log"""
    verifier: NoteVerifier
    """the log's key"""
    nodes: NodeReader
    """the tree of the checkpoint"""

    def prove_since(self, size: int) -> tuple[bytes, ...]:
        """Return the proof that the log extends its own first `size` entries."""
        return tuple(consistency_proof(self.nodes, size, self.checkpoint.size))


@dataclass(frozen=True, slots=True)
class WitnessClient:
    """Asks one witness."""

    url: str
    """its submission prefix, `http` or `https`"""
    witnesses: tuple[WitnessVerifier, ...]
    """its keys; lines by others are ignored"""
    timeout: float = 10.0
    """seconds for one question, answer included"""
    attempts: int = 3
    """how often a question is asked that gets no answer"""
    conflicts: int = 3
    """how often the witness may name another size"""
    pause: Callable[[float], None] = time.sleep
    """waits so many seconds between two attempts"""

    def __post_init__(self) -> None:
        """Refuse addresses that are none; raises `CallError`."""
        require_http(self.url)

    def cosign(
        self, head: LogHead, *, old_size: int = 0, now: datetime | None = None
    ) -> tuple[SignatureLine, ...]:
        """Return the witness's lines over the head, verified and freshly dated.

        `old_size` is what the witness is thought to know. Raises `LedgerInconsistentError` when the
        witness shows a checkpoint by the log's own key that the head does not extend, and
        `NetworkError` for everything else: what a witness only says is not believed.
        """
        for _ in range(1 + self.conflicts):
            proof = head.prove_since(old_size)
            answer = self._post(AddCheckpoint(old_size, proof, head.checkpoint.note).to_bytes())
            if answer.status == _OK:
                return self._accepted(answer.body, head, now or datetime.now(UTC))
            size = self._named_size(answer)
            if size is None or size == old_size or size > head.checkpoint.size:
                raise self._refusal(answer, head, size)
            old_size = size
        raise self._failure(f"it named another size {self.conflicts + 1} times in a row")

    def _accepted(self, body: bytes, head: LogHead, now: datetime) -> tuple[SignatureLine, ...]:
        try:
            lines = parse_lines(body)
            own = [line for line in lines if any(one.wrote(line) for one in self.witnesses)]
            note = merge_cosignatures(head.checkpoint.note, own)
            cosigned = verify_cosigned(note, head.verifier, self.witnesses, now)
        except (RefusedError, LimitError) as error:
            raise self._failure(f"its cosignature is not good: {error.what}") from error
        fresh = {
            (one.witness.name, one.witness.key_id)
            for one in cosigned.cosignatures
            if one.at >= now - CLOCK_TOLERANCE
        }
        good = {(line.name, line.key_id): line for line in own}
        if not fresh & good.keys():
            raise self._failure("it sent no cosignature of now by a key that is known of it")
        return tuple(line for key, line in good.items() if key in fresh)

    def _named_size(self, answer: Answer) -> int | None:
        if answer.status != _MISMATCH or answer.kind != SIZE_TYPE:
            return None
        try:
            return parse_size(answer.body)
        except MalformedError as error:
            raise self._failure(f"it named no size: {error.what}") from error

    def _refusal(self, answer: Answer, head: LogHead, size: int | None) -> Exception:
        """Ask for what the witness saw, where it says that the log contradicts itself."""
        if answer.status not in _INCONSISTENT:
            return self._failure(f"HTTP {answer.status}: {words(answer.body)}")
        said = f"it knows {size} entries" if size is not None else words(answer.body)
        seen = self._shown(head)
        if seen is None:
            return self._failure(
                f"it refused ({said}) and shows no checkpoint of the log that would prove it right"
            )
        where = f"the checkpoint that the witness at `{self.url}` shows, signed by the log,"
        try:
            require_extends(head.checkpoint, head.nodes, seen, where)
        except LedgerInconsistentError as error:
            return error
        return self._failure(f"it refused ({said}), and what it shows does not contradict the log")

    def _shown(self, head: LogHead) -> VerifiedCheckpoint | None:
        try:
            return shown_checkpoint(self.url, head.verifier, timeout=self.timeout)
        except (NetworkError, RefusedError, LimitError):
            return None

    def _post(self, body: bytes) -> Answer:
        url = f"{self.url.rstrip('/')}/add-checkpoint"
        said = ""
        for attempt in range(self.attempts):
            if attempt:
                self.pause(0.5 * 2 ** (attempt - 1))
            try:
                answer = exchange(
                    url, body=body, timeout=self.timeout, max_size=_MAX_ANSWER, kind="text/plain"
                )
            except NetworkError as error:
                said = f"{error.what}; {error.why}" if error.why else error.what
                continue
            if answer.status not in _BUSY:
                return answer
            said = f"HTTP {answer.status}: {words(answer.body)}"
        raise self._failure(f"no answer after {self.attempts} attempts: {said}")

    def _failure(self, why: str) -> NetworkError:
        return NetworkError(
            f"no cosignature from the witness at `{self.url}`",
            why=why,
            fix="try again later, or ask whoever runs the witness",
        )
