"""Group commit: what waits is entered together as soon as the commit before it is durable.

Threads hand work on in one direction: judges (`judging`), one committer, one publisher. Each has a
`Ledger` of its own, because one thread uses one object. A submission is answered after its entry is
durable; publishing files and remembering the checkpoint follow, for all that was committed meanwhile.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import field
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Protocol

from weightmark.errors import LimitError, UncheckedError, WeightmarkError
from weightmark.provenance.ledger.admission import (
    Admitted,
    ClaimVerifier,
    RegistrationPolicy,
    Submission,
)
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.plan import numbered
from weightmark.provenance.ledger.proof import Receipt
from weightmark.provenance.ledger.service.judging import Judge
from weightmark.values import dataclass

__all__ = ["MAX_GROUP", "Answer", "LedgerOpener", "Observer", "Sequencer", "Silent"]

LedgerOpener = Callable[[], Ledger]
"""opens the ledger anew, for the thread that calls it"""

MAX_GROUP = 256
"""entries of one commit"""
_JUDGED_AT_ONCE = 16
_PUBLISHING_SECONDS = 0.25
"""between two publications; commits wait for neither"""


class Observer(Protocol):
    """Is told how the work goes; methods are called by any thread."""

    def committed(self, entries: int, seconds: float, size: int) -> None:
        """`entries` were answered by one commit; the log has `size` entries now."""
        ...

    def failed(self, error: Exception) -> None:
        """A commit or a publication did not succeed."""
        ...


class Silent:
    """An `Observer` that says nothing."""

    def committed(self, entries: int, seconds: float, size: int) -> None:
        """Say nothing."""

    def failed(self, error: Exception) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a submission that was entered, or stood there already."""

    receipt: Receipt
    """of its entry"""
    is_new: bool
    """whether this very submission made the entry"""
    submitter: str
    """who submitted it now, `key:<hex>` or `salted:<hex>`; the entry names who did first"""

    @property
    def index(self) -> int:
        """Of the entry."""
        return self.receipt.index


@dataclass(slots=True, eq=False)
class _Waiting:
    """Submissions on their way, which are entered together or not at all."""

    submissions: tuple[Submission, ...]
    answer: Future[tuple[Answer, ...]] = field(default_factory=Future)
    policy: RegistrationPolicy | None = None
    """by which they were judged"""
    outcome: tuple[Admitted, ...] | WeightmarkError | None = None
    """once they were judged: the first refusal is that of all"""

    def accept(self, answers: tuple[Answer, ...]) -> None:
        if not self.answer.done():
            self.answer.set_result(answers)

    def judged(
        self, policy: RegistrationPolicy, outcomes: Sequence[Admitted | WeightmarkError]
    ) -> None:
        """Keep what was found out about each submission."""
        self.policy = policy
        admitted: list[Admitted] = []
        for number, one in enumerate(outcomes):
            if isinstance(one, WeightmarkError):
                self.outcome = numbered(one, self.submissions[number], number, len(outcomes))
                return
            admitted.append(one)
        self.outcome = tuple(admitted)

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


_Line = SimpleQueue[_Waiting | None]
"""None ends it"""


class Sequencer:
    """Takes submissions from many threads and gives each a receipt."""

    def __init__(
        self,
        open_ledger: LedgerOpener,
        verifier: ClaimVerifier,
        *,
        workers: int,
        observer: Observer | None = None,
    ) -> None:
        """Judge in `workers` processes; with 0 in one thread of this process.

        Raises what opening the ledger raises, and what says that nothing can be appended to it.
        """
        self._open = open_ledger
        self._silencer = verifier.silenced
        self._observer = observer or Silent()
        self._arrived: _Line = SimpleQueue()
        self._judged: _Line = SimpleQueue()
        self._news = threading.Event()
        self._closing = threading.Event()
        self.problem: str = ""
        """why the last commit or publication failed; empty when it did not"""
        with open_ledger() as ledger:
            ledger.home.read_signer(ledger.verifier)
            self._policy = ledger.policy()
            self._size = ledger.refresh().size
        judges = [Judge(verifier, own_process=bool(workers)) for _ in range(workers or 1)]
        for judge in judges:
            judge.start(self._policy)
        self._judges = [_thread("judge", self._judge, one) for one in judges]
        self._committer = _thread("committer", self._commit_all)
        self._publisher = _thread("publisher", self._publish_all)

    def submit(self, *submissions: Submission) -> Future[tuple[Answer, ...]]:
        """Hand in submissions, which are entered together or not at all; the future gives the answer to each.

        It raises why there is none. Raises `LimitError` for over 256 of them.
        """
        if len(submissions) > MAX_GROUP:
            raise LimitError(f"a batch has {len(submissions)} submissions, over {MAX_GROUP}")
        one = _Waiting(submissions)
        if self._closing.is_set():
            one.refuse(_stopping())
        else:
            self._arrived.put(one)
        return one.answer

    def close(self) -> None:
        """Enter what was handed in, publish it, and end the threads."""
        self._closing.set()
        self._arrived.put(None)
        for thread in self._judges:
            thread.join()
        self._judged.put(None)
        self._committer.join()
        self._news.set()
        self._publisher.join()
        self._arrived.put(None)
        while late := _take(self._arrived, MAX_GROUP):
            for one in late:
                one.refuse(_stopping())

    def _judge(self, judge: Judge) -> None:
        while chunk := _take(self._arrived, _JUDGED_AT_ONCE):
            policy = self._policy
            try:
                all_of_them = [submission for one in chunk for submission in one.submissions]
                outcomes = iter(judge.judge(policy, all_of_them))
            except Exception as error:  # noqa: BLE001 - whoever waits is told, and the thread goes on
                self._refuse(chunk, error)
                continue
            for one in chunk:
                one.judged(policy, list(islice(outcomes, len(one.submissions))))
                self._judged.put(one)
        judge.close()

    def _commit_all(self) -> None:
        ledger: Ledger | None = None
        while group := _take(self._judged, MAX_GROUP):
            ledger = self._answer(ledger, group)
        _close(ledger)

    def _answer(self, ledger: Ledger | None, group: Sequence[_Waiting]) -> Ledger | None:
        """Answer a group; returns the ledger to go on with.

        What fails is tried once more with the ledger opened anew: its key may have been rotated, or a
        connection lost. Nothing is entered twice.
        """
        start = time.perf_counter()
        admitted: list[tuple[_Waiting, tuple[Admitted, ...]]] | None = None
        for is_last in (False, True):
            try:
                ledger = ledger or self._open()
                ledger.home.standing().require_served(ledger.origin)
                if admitted is None:
                    admitted = self._admitted_of(ledger, group)
                self._commit(ledger, admitted)
            except Exception as error:  # noqa: BLE001 - whoever waits is told, and the thread goes on
                _close(ledger)
                ledger = None
                if is_last:
                    self._refuse(group, error)
            else:
                self.problem = ""
                self._news.set()
                count = sum(len(one.submissions) for one in group)
                self._observer.committed(count, time.perf_counter() - start, self._size)
                break
        return ledger

    def _commit(
        self, ledger: Ledger, group: Sequence[tuple[_Waiting, tuple[Admitted, ...]]]
    ) -> None:
        if not group:
            return
        batches = [admitted for _, admitted in group]
        recorded = ledger.record_groups(batches, silencer=self._silencer)
        entered = [one for one in recorded.outcomes if not isinstance(one, WeightmarkError)]
        places = sorted({place for one in entered for place in one})
        receipts = dict(zip(places, ledger.receipts(places), strict=True))
        fresh = sorted(recorded.new)
        if fresh == list(range(self._size, self._size + len(fresh))):
            self._size += len(fresh)
        left = set(fresh)
        for (one, items), outcome in zip(group, recorded.outcomes, strict=True):
            if isinstance(outcome, WeightmarkError):
                one.refuse(outcome)
                continue
            answers = []
            for place, item in zip(outcome, items, strict=True):
                answers.append(Answer(receipts[place], place in left, item.request.submitter))
                left.discard(place)
            one.accept(tuple(answers))

    def _admitted_of(
        self, ledger: Ledger, group: Sequence[_Waiting]
    ) -> list[tuple[_Waiting, tuple[Admitted, ...]]]:
        """Return what is admitted by the policy in force; what was judged by an older one is judged again."""
        self._follow_policy(ledger)
        admitted: list[tuple[_Waiting, tuple[Admitted, ...]]] = []
        for one in group:
            if one.policy is not self._policy or one.outcome is None:
                self._arrived.put(one)
            elif isinstance(one.outcome, WeightmarkError):
                one.refuse(one.outcome)
            else:
                admitted.append((one, one.outcome))
        return admitted

    def _follow_policy(self, ledger: Ledger) -> None:
        """Read the policy again if anybody else wrote to the log."""
        with ledger.home.store.read() as store:
            size = store.head().size
        if size == self._size:
            return
        policy, known = ledger.policy(), self._policy
        self._size = size
        if (policy, policy.private_values) != (known, known.private_values):
            self._policy = policy

    def _publish_all(self) -> None:
        ledger: Ledger | None = None
        last = False
        while not last:
            self._news.wait()
            self._news.clear()
            last = self._closing.is_set() and not self._committer.is_alive()
            try:
                ledger = ledger or self._open()
                ledger.publish()
                ledger.refresh()
            except Exception as error:  # noqa: BLE001 - entries are durable; publishing is tried again
                self._note(error)
                _close(ledger)
                ledger = None
            self._closing.wait(_PUBLISHING_SECONDS)
        _close(ledger)

    def _refuse(self, group: Sequence[_Waiting], error: Exception) -> None:
        self._note(error)
        for one in group:
            one.refuse(error)

    def _note(self, error: Exception) -> None:
        self.problem = str(error) or type(error).__name__
        self._observer.failed(error)


def _stopping() -> UncheckedError:
    return UncheckedError("the service of the ledger is stopping", fix="try again later")


def _close(ledger: Ledger | None) -> None:
    """Close a ledger, so that the next turn opens it anew."""
    if ledger:
        ledger.close()


def _take(line: _Line, most: int) -> list[_Waiting]:
    """Wait for one, and take what waits with it, until that is `most` submissions; empty when the line has ended."""
    taken: list[_Waiting] = []
    size = 0
    one = line.get()
    while one is not None:
        taken.append(one)
        size += len(one.submissions)
        if size >= most:
            return taken
        try:
            one = line.get_nowait()
        except Empty:
            return taken
    line.put(None)
    return taken


def _thread(name: str, work: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=args, name=f"weightmark-{name}", daemon=True)
    thread.start()
    return thread
