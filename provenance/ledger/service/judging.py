"""Judging submissions in a process of its own: checking signatures holds the interpreter's lock.

The process says what a request and its claim are; only `admit`, here, makes an admitted submission of it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.provenance.ledger.admission import (
    Admitted,
    ClaimVerifier,
    RegistrationPolicy,
    Submission,
    VerifiedClaim,
    VerifiedRequest,
    admit,
)
from weightmark.provenance.ledger.ruling import Silence

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from weightmark.provenance.ledger.log import Ledger

__all__ = ["Judge"]

Verdict = tuple[VerifiedRequest, VerifiedClaim] | WeightmarkError
"""what was found out about a submission"""


class Judge:
    """Judges batches, in a process of its own or in the calling thread; one thread uses it."""

    def __init__(self, verifier: ClaimVerifier, *, own_process: bool) -> None:
        """Judge by `verifier`, which is sent to the process."""
        self._verifier = verifier
        self._own_process = own_process
        self._policy: RegistrationPolicy | None = None
        self._process: ProcessPoolExecutor | None = None

    def judge(
        self, policy: RegistrationPolicy, batch: Sequence[Submission]
    ) -> list[Admitted | WeightmarkError]:
        """Judge each submission by `policy`.

        If the process ends meanwhile, each is judged alone in a new one: whichever ends that as well
        is `UncheckedError`, and its neighbours are not harmed.
        """
        verdicts = self._verdicts(policy, batch)
        if verdicts is None:
            alone = [self._verdicts(policy, [one]) for one in batch]
            verdicts = [one[0] if one else _died() for one in alone]
        return [_admit(policy, *one) for one in zip(batch, verdicts, strict=True)]

    def start(self, policy: RegistrationPolicy) -> None:
        """Start the process before there is work."""
        self._verdicts(policy, [])

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.shutdown(cancel_futures=True)
            self._process = None

    def _verdicts(
        self, policy: RegistrationPolicy, batch: Sequence[Submission]
    ) -> list[Verdict] | None:
        """Return a verdict on each; None when the process ended meanwhile."""
        from concurrent.futures.process import BrokenProcessPool

        if not self._own_process:
            return [_verdict(one, policy, self._verifier) for one in batch]
        try:
            return self._ready(policy).submit(_judge_here, batch).result()
        except BrokenProcessPool:
            self.close()
            return None

    def _ready(self, policy: RegistrationPolicy) -> "ProcessPoolExecutor":
        """Return a process that knows `policy`."""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        if self._process is None or self._policy is not policy:
            self.close()
            self._policy = policy
            self._process = ProcessPoolExecutor(
                1,
                mp_context=get_context("spawn"),
                initializer=_begin,
                initargs=(policy, self._verifier),
            )
        return self._process


class _Known:
    """A `ClaimVerifier` that repeats what was found out about one submission."""

    def __init__(self, request: VerifiedRequest, claim: VerifiedClaim) -> None:
        self._request = request
        self._claim = claim

    def verify_request(self, request: bytes, policy: RegistrationPolicy) -> VerifiedRequest:  # noqa: ARG002 - as in `ClaimVerifier`
        return self._request

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:  # noqa: ARG002 - as in `ClaimVerifier`
        return self._claim

    def silenced(self, ledger: "Ledger") -> Mapping[str, Silence]:  # noqa: ARG002 - as in `ClaimVerifier`
        """Nobody: that is judged when the entry is written."""
        return {}

    def written_in_silence(self, ledger: "Ledger") -> Mapping[int, str]:  # noqa: ARG002 - as in `ClaimVerifier`
        """None: that is what an audit asks for."""
        return {}


def _admit(
    policy: RegistrationPolicy, submission: Submission, verdict: Verdict
) -> Admitted | WeightmarkError:
    if isinstance(verdict, WeightmarkError):
        return verdict
    try:
        return admit(policy, submission, _Known(*verdict), if_known=True)
    except WeightmarkError as error:
        return error


def _verdict(
    submission: Submission, policy: RegistrationPolicy, verifier: ClaimVerifier
) -> Verdict:
    try:
        admitted = admit(policy, submission, verifier, if_known=True)
    except WeightmarkError as error:
        return error
    return admitted.request, admitted.claim


def _died() -> UncheckedError:
    return UncheckedError(
        "the submission could not be judged: the process that judged it ended",
        why="memory may have run out, or somebody ended it",
    )


_rule: tuple[RegistrationPolicy, ClaimVerifier] | None = None
"""in a judging process: by what it judges"""


def _begin(policy: RegistrationPolicy, verifier: ClaimVerifier) -> None:
    """Prepare a judging process; the parent alone answers Ctrl-C and SIGTERM: it ends the others."""
    import signal
    import threading

    global _rule  # noqa: PLW0603 - a process pool has no other place for what its tasks share
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _rule = policy, verifier


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, which may be killed without a word."""
    import multiprocessing
    import os

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _judge_here(batch: Sequence[Submission]) -> list[Verdict]:
    if _rule is None:
        raise RuntimeError("the judging process was not prepared")
    return [_verdict(one, *_rule) for one in batch]
