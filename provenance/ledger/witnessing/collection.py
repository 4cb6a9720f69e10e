"""Collect the cosignatures that a policy asks for, and keep them with the published checkpoint."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from queue import SimpleQueue

from weightmark.errors import (
    LedgerInconsistentError,
    NetworkError,
    PolicyError,
    ProofMissingError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint import (
    VerifiedCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
)
from weightmark.provenance.ledger.cosigned import CosignedNote, CosignedNotes
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE, NoteVerifier, SignatureLine, split_note
from weightmark.provenance.ledger.view.interface import CHECKPOINT
from weightmark.provenance.ledger.witnessing.client import LogHead, WitnessClient
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy, Witness
from weightmark.provenance.ledger.witnessing.quorum import (
    CosignedCheckpoint,
    WitnessedCheckpoint,
    another_log,
    merge_cosignatures,
    verify_cosigned,
    verify_witnessed,
)
from weightmark.values import dataclass

__all__ = [
    "Collection",
    "Outcome",
    "collect_cosignatures",
    "keep_cosigned",
    "read_cosigned",
    "witnessed_before",
    "witnessed_checkpoint",
]

_AT_ONCE = 16
_TREE_SECONDS = 30.0
_LOOKED_AT = 100
"""kept checkpoints that are looked at for a quorum; older ones say nothing about now"""


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


def read_cosigned(note: bytes, log: NoteVerifier, policy: TlogPolicy, now: datetime) -> Collection:
    """Read a checkpoint that witnesses of the policy cosigned, wherever it comes from.

    Whether the log extends it, the caller checks. Raises `PolicyError` as `collect_cosignatures`,
    `ProofMissingError` when no witness of the policy cosigned it, and as `verify_cosigned`.
    """
    _require_about(policy, log)
    cosigned = verify_cosigned(note, log, [one.verifier for one in policy.witnesses], now)
    if not cosigned.cosignatures:
        raise ProofMissingError(
            "the checkpoint bears no cosignature by a witness of the policy",
            fix="name what `weightmark ledger witness cosign` printed",
        )
    met = policy.is_met_by(one.witness for one in cosigned.cosignatures)
    return Collection(cosigned, (), met)


def keep_cosigned(home: Home, cosigned: CosignedCheckpoint, log: NoteVerifier) -> bool:
    """Keep a cosigned checkpoint where the ledger lives; returns whether there is a place for it.

    The published checkpoint gets the lines as long as the log has not grown since; beside it every
    checkpoint that was cosigned is kept (`CosignedNotes`). Raises `ReadError`, and
    `LedgerInconsistentError` when another process publishes past the lock.
    """
    if isinstance(home, ViewHome):
        return False
    note = cosigned.checkpoint.note
    with home.publishing():
        _keep(home.cosigned, cosigned.checkpoint)
        view = home.view
        published = view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE) if view else None
        if view and published is not None and _same_text(published, note):
            verified = verify_checkpoint(published, log)
            view.swap_checkpoint(_merged(verified.note, note), published)
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
    for note in islice(_notes(home), _LOOKED_AT):
        try:
            return verify_witnessed(note, policy, now, log=log, since=since)
        except ProofMissingError as error:
            missing = error
        except WrongSignerError:
            if parse_checkpoint(split_note(note)[0]).origin != log.name:
                raise
    raise missing or ProofMissingError(f"the ledger `{log.name}` has no checkpoint")


def witnessed_before(
    home: Home,
    logs: Sequence[NoteVerifier],
    policy: TlogPolicy,
    moment: datetime,
    now: datetime,
) -> WitnessedCheckpoint | None:
    """Return the newest checkpoint of which a quorum says that it was there before `moment`.

    `logs` are the keys that the log has and had. None when no such checkpoint is kept; whether the
    log extends it, the caller checks. Raises as `verify_witnessed`.
    """
    quorum = replace(policy, logs=())
    for size in reversed(home.cosigned.sizes()):
        kept = home.cosigned.get(size)
        if kept is None:
            continue
        for log in logs:
            try:
                seen = verify_witnessed(kept.first, quorum, now, log=log)
            except (ProofMissingError, WrongSignerError):
                continue
            if seen.quorum_at(quorum) < moment:
                return seen
            break
    return None


def _notes(home: Home) -> Iterator[bytes]:
    """Yield what may be cosigned: the head, as it is published, and what was kept. Newest first."""
    with home.store.read() as store:
        yield store.head().checkpoint
    published = home.view.get(CHECKPOINT, max_size=MAX_NOTE_SIZE) if home.view else None
    if published is not None:
        yield published
    for size in reversed(home.cosigned.sizes()):
        kept = home.cosigned.get(size)
        if kept is not None:
            yield kept.newest


def _keep(notes: CosignedNotes, checkpoint: VerifiedCheckpoint) -> None:
    """Add lines to what is kept of this size; of each witness the first and the newest stay."""
    note, kept = checkpoint.note, notes.get(checkpoint.size)
    if kept is None:
        notes.put(checkpoint.size, CosignedNote(note, note))
    elif _same_text(kept.newest, note):
        first = _merged(note, kept.first)
        notes.put(checkpoint.size, CosignedNote(_merged(kept.newest, note), first))


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
        raise another_log(log)


def _merged(present: bytes, note: bytes) -> bytes:
    """Add the lines of `note` to `present`; where both have one by the same key, that of `note` stays."""
    return merge_cosignatures(present, split_note(note)[1])


def _same_text(one: bytes, other: bytes) -> bool:
    return split_note(one)[0] == split_note(other)[0]
