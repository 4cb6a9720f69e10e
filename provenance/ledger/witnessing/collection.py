"""Collect the cosignatures that a policy asks for, and keep them with the published checkpoint."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from queue import SimpleQueue

from weightmark.errors import (
    LedgerInconsistentError,
    NetworkError,
    PolicyError,
    ProofMissingError,
    WeightmarkError,
)
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.files import read_file
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE, NoteVerifier, SignatureLine, split_note
from weightmark.provenance.ledger.view.interface import CHECKPOINT
from weightmark.provenance.ledger.witnessing.client import LogHead, WitnessClient
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy, Witness
from weightmark.provenance.ledger.witnessing.quorum import (
    CosignedCheckpoint,
    WitnessedCheckpoint,
    merge_cosignatures,
    verify_cosigned,
    verify_witnessed,
)
from weightmark.values import dataclass

__all__ = ["Collection", "Outcome", "collect_cosignatures", "keep_cosigned", "witnessed_checkpoint"]

_AT_ONCE = 16
_TREE_SECONDS = 30.0
_WITNESSED = "witnessed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one witness did."""

    witness: Witness
    """who was asked"""
    error: WeightmarkError | None
    """why there is no cosignature; None when there is one"""


@dataclass(frozen=True, slots=True)
class Collection:
    """What all witnesses of a policy did."""

    cosigned: CosignedCheckpoint
    """the checkpoint with every line that is good"""
    outcomes: tuple[Outcome, ...]
    """in the order of the policy"""
    quorum: bool
    """whether the policy's quorum saw the checkpoint"""

    @property
    def contradicted(self) -> bool:
        """Whether a witness shows a checkpoint, signed by the log, that the log does not extend."""
        return any(isinstance(one.error, LedgerInconsistentError) for one in self.outcomes)


def collect_cosignatures(
    head: LogHead,
    policy: TlogPolicy,
    *,
    timeout: float = 10.0,
    attempts: int = 3,
    now: datetime | None = None,
) -> Collection:
    """Ask every witness of the policy that has an address, several at once.

    A witness with two keys is asked once. Errors are listed in the result; raises `PolicyError` for a
    policy about other logs, or without a witness to ask, and `CallError` for an address that is none.
    """
    _require_about(policy, head.verifier)
    now = now or datetime.now(UTC)
    addresses = dict.fromkeys(one.url for one in policy.witnesses if one.url)
    clients = {url: _client(url, policy, timeout, attempts) for url in addresses}
    if not clients:
        raise PolicyError(
            "the witness policy has no witness with an address",
            fix="write `witness NAME VKEY URL`",
        )
    answers = _ask_all(clients, head, now)
    lines = [line for answer in answers.values() if isinstance(answer, tuple) for line in answer]
    note = merge_cosignatures(head.checkpoint.note, lines)
    keys = [one.verifier for one in policy.witnesses]
    cosigned = verify_cosigned(note, head.verifier, keys, now)
    outcomes = tuple(
        Outcome(one, _error_of(one, answers[one.url])) for one in policy.witnesses if one.url
    )
    met = policy.is_met_by(one.witness for one in cosigned.cosignatures)
    return Collection(cosigned, outcomes, met)


def keep_cosigned(home: Home, cosigned: CosignedCheckpoint, log: NoteVerifier) -> bool:
    """Keep a cosigned checkpoint where the ledger lives; returns whether there is a place for it.

    The published checkpoint gets the lines as long as the log has not grown since. The file
    `witnessed` holds the newest checkpoint that was cosigned. Raises `ReadError`, and
    `LedgerInconsistentError` when another process publishes past the lock.
    """
    if not isinstance(home, FolderHome):
        return False
    note = cosigned.checkpoint.note
    with home.publishing():
        place = home.path / _WITNESSED
        kept = _verified(read_file(place, max_size=MAX_NOTE_SIZE), log)
        if kept is None or kept.size < cosigned.checkpoint.size or _same_text(kept.note, note):
            replace_file(place, _merged(kept, note))
            sync_folder(home.path)
        published = home.view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE)
        if published is not None and _same_text(published, note):
            home.view.swap_checkpoint(_merged(_verified(published, log), note), published)
    return True


def witnessed_checkpoint(
    home: Home,
    log: NoteVerifier,
    policy: TlogPolicy,
    now: datetime,
    *,
    since: datetime | None = None,
) -> WitnessedCheckpoint:
    """Return the newest checkpoint of a ledger that the policy's quorum saw, from `since` on.

    Whether the log extends it, the caller checks. Raises as `verify_witnessed`; `ProofMissingError`
    when there is none.
    """
    missing: ProofMissingError | None = None
    for note in _notes(home):
        try:
            return verify_witnessed(note, policy, now, log=log, since=since)
        except ProofMissingError as error:
            missing = error
    raise missing or ProofMissingError(f"the ledger `{log.name}` has no checkpoint")


def _notes(home: Home) -> Iterator[bytes]:
    """Yield what may be cosigned: the head, as it is published, and what was kept. Newest first."""
    with home.store.read() as store:
        yield store.head().checkpoint
    published = home.view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE) if home.view else None
    aside = (
        read_file(home.path / _WITNESSED, max_size=MAX_NOTE_SIZE)
        if isinstance(home, FolderHome)
        else None
    )
    yield from (note for note in (published, aside) if note is not None)


def _client(url: str, policy: TlogPolicy, timeout: float, attempts: int) -> WitnessClient:
    keys = tuple(one.verifier for one in policy.witnesses if one.url == url)
    return WitnessClient(url, keys, timeout=timeout, attempts=attempts)


def _ask_all(
    clients: Mapping[str, WitnessClient], head: LogHead, now: datetime
) -> dict[str, tuple[SignatureLine, ...] | WeightmarkError]:
    """Ask at once; the tree is read in this thread, because a database belongs to one."""
    questions: SimpleQueue[tuple[int, int, Future[bytes]] | None] = SimpleQueue()

    def node(height: int, index: int) -> bytes:
        found: Future[bytes] = Future()
        questions.put((height, index, found))
        return found.result(_TREE_SECONDS)

    asked = replace(head, nodes=node)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = {url: pool.submit(_ask, one, asked, now) for url, one in clients.items()}
        for answer in answers.values():
            answer.add_done_callback(lambda _: questions.put(None))
        left = len(answers)
        while left:
            question = questions.get()
            if question is None:
                left -= 1
            else:
                _read_node(head, *question)
    return {url: answer.result() for url, answer in answers.items()}


def _read_node(head: LogHead, height: int, index: int, found: "Future[bytes]") -> None:
    try:
        found.set_result(head.nodes(height, index))
    except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits for it
        found.set_exception(error)


def _ask(
    client: WitnessClient, head: LogHead, now: datetime
) -> tuple[SignatureLine, ...] | WeightmarkError:
    try:
        return client.cosign(head, now=now)
    except WeightmarkError as error:
        return error


def _error_of(
    witness: Witness, answer: tuple[SignatureLine, ...] | WeightmarkError
) -> WeightmarkError | None:
    if isinstance(answer, WeightmarkError):
        return answer
    if any(witness.verifier.wrote(line) for line in answer):
        return None
    return NetworkError(
        f"the witness at `{witness.url}` sent no cosignature by `{witness.verifier.name}`",
        why="it has another key than the policy says",
    )


def _require_about(policy: TlogPolicy, log: NoteVerifier) -> None:
    if policy.logs and log not in {one.verifier for one in policy.logs}:
        raise PolicyError(
            f"the witness policy is about other logs than `{log.name}`",
            fix=f"add `log {log.vkey}`",
        )


def _verified(note: bytes | None, log: NoteVerifier) -> VerifiedCheckpoint | None:
    return None if note is None else verify_checkpoint(note, log)


def _merged(present: VerifiedCheckpoint | None, note: bytes) -> bytes:
    if present is None or not _same_text(present.note, note):
        return note
    return merge_cosignatures(present.note, split_note(note)[1])


def _same_text(one: bytes, other: bytes) -> bool:
    return split_note(one)[0] == split_note(other)[0]
