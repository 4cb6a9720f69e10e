"""What an append adds: which submissions are new, which are known, which are refused. Pure."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from weightmark.errors import SubmissionRefusedError, WeightmarkError
from weightmark.provenance.ledger.admission import OWN_KINDS, Admitted, Submission
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.merkle import NodeReader, leaf_hash, tree_root
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.ruling import Ruling
from weightmark.provenance.ledger.store.interface import Addition, Head, Row
from weightmark.provenance.ledger.tiles import TileReader, grow_tiles, node_reader
from weightmark.values import dataclass

__all__ = [
    "EventReader",
    "Finder",
    "Outcome",
    "Plan",
    "make_addition",
    "make_plan",
    "numbered",
    "unique_keys",
    "whole",
]

Finder = Callable[[Sequence[bytes]], Mapping[bytes, int]]
"""unique keys to the entries that they belong to; unknown keys are left out"""

EventReader = Callable[[int], Event]
"""the index of an entry of the log to what it records"""

Outcome = tuple[int, ...] | WeightmarkError
"""the entries of a group of submissions, or why none of them is entered"""


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of a batch before anything is written."""

    rows: tuple[Row, ...]
    """new entries, in order"""
    outcomes: tuple[Outcome, ...]
    """for each group of submissions their entries, new or known, or why it is refused; groups after one
    that revokes a signer are not judged, and have none: who may write has changed"""
    blobs: dict[str, bytes]
    """claims and requests of the new entries by SHA-256 hex"""

    def require_whole(self) -> tuple[int, ...]:
        """Return the entries of all groups; raises the first refusal."""
        return whole(self.outcomes)


def whole(outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    """Return the entries of all groups; raises the first refusal."""
    indices: list[int] = []
    for outcome in outcomes:
        if isinstance(outcome, WeightmarkError):
            raise outcome
        indices += outcome
    return tuple(indices)


def make_plan(
    groups: Sequence[Sequence[Admitted]],
    size: int,
    find: Finder,
    read: EventReader,
    *,
    now: datetime,
    ruling: Ruling,
) -> Plan:
    """Give the admitted submissions of each group their indices in a log of `size`, or the reason of its refusal.

    Nothing new is made of what `ruling` refuses, and nothing of a group of which one is refused. The
    same event again gets its old index, and so does a claim that somebody else entered: it enters
    once per kind and signer, for ever. A new revocation of a signer ends the plan with its group.
    """
    made = [[_event_of(item, now) for item in group] for group in groups]
    known = (one for some in made for one in some if isinstance(one, _Made))
    taken = dict(find([key for one in known for key in one.keys]))
    planner = _Planner(size, taken, read, now, ruling)
    outcomes: list[Outcome] = []
    for group, some in zip(groups, made, strict=True):
        if planner.has_silenced:
            break
        outcomes.append(planner.enter(group, some))
    return Plan(tuple(planner.rows), tuple(outcomes), planner.blobs())


def make_addition(
    rows: Sequence[Row], old_size: int, read: TileReader, nodes: NodeReader, signer: NoteSigner
) -> Addition:
    """Grow the tree by `rows` and sign its new head; `nodes` is the old tree, already proven."""
    changed = grow_tiles(read, old_size, [leaf_hash(row.body) for row in rows])

    def grown(level: int, index: int) -> bytes:
        return changed[level, index] if (level, index) in changed else read(level, index)

    new_nodes = node_reader(grown)

    def node(height: int, index: int) -> bytes:
        is_old = (index + 1) << height <= old_size
        return nodes(height, index) if is_old else new_nodes(height, index)

    size = old_size + len(rows)
    root = tree_root(node, size)
    note = Checkpoint(signer.name, size, root).sign(signer)
    return Addition(rows, changed, Head(size, root, note))


def unique_keys(event: Event) -> tuple[bytes, bytes]:
    """Return what may stand in a log once: (kind, claim, signer) and (submitter, event id)."""
    claim = f"claim\0{event.kind}\0{event.claim_id}\0{event.signer}"
    request = f"event\0{event.submitter}\0{event.event_id}"
    return hashlib.sha256(claim.encode()).digest(), hashlib.sha256(request.encode()).digest()


def numbered(
    error: WeightmarkError, submission: Submission, number: int, count: int
) -> WeightmarkError:
    """Name the submission of a batch that an error is about."""
    if count == 1:
        return error
    name = submission.name or f"submission {number + 1} of {count}"
    return type(error)(f"{name}: {error.what}", why=error.why, fix=error.fix)


class _Made(NamedTuple):
    event: Event
    body: bytes
    keys: tuple[bytes, bytes]


class _Planner:
    """Gives indices to one group after the other."""

    def __init__(
        self, size: int, taken: dict[bytes, int], read: EventReader, now: datetime, ruling: Ruling
    ) -> None:
        self.rows: list[Row] = []
        self._submissions: list[Submission] = []
        self._silencing: list[Event] = []
        self._size = size
        self._taken = taken
        self._read = read
        self._now = now
        self._ruling = ruling

    @property
    def has_silenced(self) -> bool:
        """Whether one of the rows revokes a signer, so that the ruling holds no longer."""
        return bool(self._silencing)

    def enter(self, group: Sequence[Admitted], made: Sequence[_Made | WeightmarkError]) -> Outcome:
        """Enter a group, all or none."""
        start = len(self.rows)
        indices: list[int] = []
        for number, (item, one) in enumerate(zip(group, made, strict=True)):
            try:
                indices.append(self._place(item, one))
            except WeightmarkError as error:
                self._take_back(start)
                return numbered(error, item.submission, number, len(group))
        return tuple(indices)

    def blobs(self) -> dict[str, bytes]:
        """Return claims and requests of the new entries by SHA-256 hex."""
        blobs: dict[str, bytes] = {}
        for row, submission in zip(self.rows, self._submissions, strict=True):
            blobs[row.event.claim_sha256] = submission.claim
            blobs[row.event.request_sha256] = submission.request
        return blobs

    def _place(self, item: Admitted, one: _Made | WeightmarkError) -> int:
        if isinstance(one, WeightmarkError):
            raise one
        known = _known_index(one.event, *map(self._taken.get, one.keys), read=self._event_at)
        if known is not None:
            return known
        self._ruling.refuse(item, self._now)
        self._refuse_after_revocation(one.event)
        index = self._size + len(self.rows)
        self.rows.append(Row(index, one.body, one.event, one.keys))
        self._submissions.append(item.submission)
        if _silences(one.event):
            self._silencing.append(one.event)
        self._taken |= dict.fromkeys(one.keys, index)
        return index

    def _refuse_after_revocation(self, event: Event) -> None:
        """Refuse what follows the revocation of a signer in one batch, but for further ones by the same hand."""
        before = self._silencing
        goes_on = event.kind in OWN_KINDS and all(
            one.submitter == event.submitter != one.subject for one in before
        )
        if before and not goes_on:
            raise SubmissionRefusedError(
                f"a batch ends with its revocations, and one of `{before[-1].subject}` comes before",
                why="whoever is revoked writes nothing any more, not in the same batch either",
                fix="submit what follows it apart",
            )

    def _take_back(self, start: int) -> None:
        """Forget the rows from `start` on: their keys were new with them."""
        for row in self.rows[start:]:
            for key in row.keys:
                del self._taken[key]
        del self.rows[start:], self._submissions[start:]
        self._silencing.clear()

    def _event_at(self, index: int) -> Event:
        return self._read(index) if index < self._size else self.rows[index - self._size].event


def _silences(event: Event) -> bool:
    return event.kind is Kind.REVOKE and event.subject.startswith(("key:", "salted:"))


def _event_of(item: Admitted, now: datetime) -> _Made | WeightmarkError:
    """Make the leaf of a submission, or say why there can be none."""
    try:
        event = item.event(now)
        return _Made(event, event.to_bytes(), unique_keys(event))
    except WeightmarkError as error:
        return error


def _known_index(
    event: Event, by_claim: int | None, by_event: int | None, *, read: EventReader
) -> int | None:
    """Return the entry that an event has already; raises `SubmissionRefusedError` when it is another's.

    The same claim in the same kind is the same event: also when somebody else entered it, and when
    its signer was not admitted yet, and so had another name.
    """
    if by_claim == by_event:
        return by_claim
    if by_event is None:
        return None if by_claim is None else _entered_before(event, by_claim, read)
    known = read(by_event)
    if (known.kind, known.claim_id) != (event.kind, event.claim_id):
        raise SubmissionRefusedError(
            f"the event id `{event.event_id}` belongs to entry {by_event}, which is another claim",
            fix="sign a new request with a new event id",
        )
    return by_event


def _entered_before(event: Event, index: int, read: EventReader) -> int:
    """Return the entry that somebody else made of this claim; its own submitter cannot double it."""
    if read(index).submitter != event.submitter:
        return index
    raise SubmissionRefusedError(
        f"the claim stands in the ledger as entry {index}",
        why="a claim enters once per kind, for ever",
        fix=f"use the receipt of entry {index}: `weightmark ledger prove {index}`",
    )
