"""Group commit: what waits is entered together, and nobody's submission is a neighbour's trouble."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim
from weightmark.errors import (
    LimitError,
    MalformedError,
    ReadError,
    SubmissionRefusedError,
    TrustMissingError,
    UncheckedError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    propose_policy,
    sign_proposal,
)
from weightmark.provenance.ledger.admission import (
    RegistrationPolicy,
    Submission,
    VerifiedRequest,
)
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.service.decisions import Decision
from weightmark.provenance.ledger.service.sequencer import MAX_GROUP, Sequencer

JUDGE = ClaimVerifierSim()
SECONDS = 60


@dataclass
class Watch:
    """Remembers what an observer is told."""

    groups: list[int] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def committed(self, entries: int, seconds: float, size: int) -> None:
        assert seconds >= 0
        assert size
        self.groups.append(entries)

    def failed(self, error: Exception) -> None:
        self.errors.append(error)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@contextmanager
def sequencing(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, *, workers: int = 0
) -> Iterator[Sequencer]:
    made = Sequencer(
        lambda: Ledger.open(ledger.path, memory=memory, clock=lambda: NOW),
        JUDGE if not workers else DeadlyVerifier(),
        workers=workers,
        observer=watch,
    )
    try:
        yield made
    finally:
        made.close()


class DeadlyVerifier(ClaimVerifierSim):
    """Judges as the sim does, but one claim ends the process that judges it."""

    def verify_request(self, request: bytes, policy: RegistrationPolicy) -> VerifiedRequest:
        if b"deadly" in request:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().verify_request(request, policy)


def test_each_submission_gets_a_receipt_of_its_own(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    names = [f"m{number}" for number in range(300)]
    with sequencing(ledger, memory, watch) as sequencer:
        answers = [sequencer.submit(alice.submit(name)) for name in names]
        receipts = [answer.result(SECONDS)[0].receipt for answer in answers]
    assert sorted(one.index for one in receipts) == list(range(1, 301))
    for name, one in zip(names, receipts, strict=True):
        assert one.event.event_id == f"event-1-{name}-release"
        assert verify_receipt(one.text, ledger.verifier).index == one.index
    assert sum(watch.groups) == 300
    assert max(watch.groups) <= MAX_GROUP
    assert len(watch.groups) < 300
    assert ledger.verify(JUDGE).problems == ()


def test_what_waits_while_a_commit_runs_is_one_group(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    """Somebody else holds the write lock: the first waits for it, all others for the first."""
    with sequencing(ledger, memory, watch) as sequencer:
        with ledger.home.store.write():
            answers = [sequencer.submit(alice.submit(f"m{number}")) for number in range(600)]
            assert not any(answer.done() for answer in answers)
        places = {answer.result(SECONDS)[0].index for answer in answers}
    assert places == set(range(1, 601))
    assert MAX_GROUP in watch.groups
    assert len(watch.groups) <= 5


def test_a_submission_doubled_in_one_group_is_one_entry(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    same = alice.submit("same")
    with sequencing(ledger, memory, watch) as sequencer:
        with ledger.home.store.write():
            answers = [sequencer.submit(same) for _ in range(40)]
        told = [answer.result(SECONDS)[0] for answer in answers]
        assert sequencer.submit(same).result(SECONDS)[0].index == 1
    assert len({one.receipt.text for one in told}) == 1
    assert sum(one.is_new for one in told) == 1
    assert ledger.refresh().size == 2


def test_whoever_hands_in_a_known_claim_is_named_and_made_no_entry(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    """The operator's log must not say that the first submitter came back from another address."""
    bob = alice.but(seed=2)
    owner = NoteSigner.parse((ledger.path / "recovery.key").read_text().strip())
    apply_proposal(ledger, sign_proposal(propose_policy(ledger, admit=[bob.admitted]), owner))
    with sequencing(ledger, memory, watch) as sequencer:
        (first,) = sequencer.submit(alice.submit("m")).result(SECONDS)
        claim = ledger.home.blobs.get(first.receipt.event.claim_sha256)
        again = bob.submit("m", claim=claim)
        (known,) = sequencer.submit(again).result(SECONDS)
    assert (first.is_new, known.is_new, first.index) == (True, False, known.index)
    assert known.submitter != first.submitter == known.receipt.event.submitter
    line = json.loads(Decision.of_answer(known, "::1", 0.1).to_line())
    assert (line["outcome"], line["submitter"]) == ("known", known.submitter)


@pytest.mark.parametrize("workers", [0, 1])
def test_one_bad_submission_does_not_fail_its_neighbours(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim, workers: int
) -> None:
    known = alice.submit("known")
    bad = {
        "stranger": alice.but(seed=9).submit("x"),
        "other log": alice.but(origin="other.example").submit("x"),
        "wrong kind": alice.submit("x", "policy"),
        "no claim": Submission(b"{}", alice.submit("x").request),
        "claim again": alice.submit("known", event_id="another"),
        "expired": alice.but(now=NOW.replace(year=2020)).submit("late"),
    }
    good = [alice.submit(f"m{number}") for number in range(6)]
    with sequencing(ledger, memory, watch, workers=workers) as sequencer:
        sequencer.submit(known).result(SECONDS)
        with ledger.home.store.write():
            failing = {name: sequencer.submit(one) for name, one in bad.items()}
            passing = [sequencer.submit(one) for one in good]
        assert {one.result(SECONDS)[0].index for one in passing} == set(range(2, 8))
        for name, answer in failing.items():
            with pytest.raises((SubmissionRefusedError, MalformedError)):
                pytest.fail(f"{name}: {answer.result(SECONDS)}")
    assert ledger.refresh().size == 8
    assert ledger.verify(JUDGE).problems == ()


def test_a_submission_that_kills_its_judge_does_not_fail_its_neighbours(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    with sequencing(ledger, memory, watch, workers=1) as sequencer:
        with ledger.home.store.write():
            first = sequencer.submit(alice.submit("first"))
            answers = [sequencer.submit(alice.submit(f"m{number}")) for number in range(4)]
            deadly = sequencer.submit(alice.submit("deadly"))
            answers += [sequencer.submit(alice.submit(f"n{number}")) for number in range(4)]
        assert {one.result(SECONDS)[0].index for one in [first, *answers]} == set(range(1, 10))
        with pytest.raises(UncheckedError, match="process"):
            deadly.result(SECONDS)


def test_a_batch_is_entered_whole_or_not_at_all(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    """A refusal of one leaves nothing of the others, neither when it is judged nor when it is written."""
    with sequencing(ledger, memory, watch) as sequencer:
        sequencer.submit(alice.submit("known")).result(SECONDS)
        judged = sequencer.submit(alice.submit("a"), alice.but(seed=9).submit("b"))
        written = sequencer.submit(alice.submit("a"), alice.submit("known", event_id="another"))
        good = sequencer.submit(*(alice.submit(name) for name in "abc"), alice.submit("a"))
        for bad in (judged, written):
            with pytest.raises(SubmissionRefusedError, match="submission 2 of 2"):
                bad.result(SECONDS)
        assert [one.index for one in good.result(SECONDS)] == [2, 3, 4, 2]
        with pytest.raises(LimitError):
            sequencer.submit(*[alice.submit("a")] * (MAX_GROUP + 1))


def test_stopping_enters_what_was_accepted_and_refuses_the_rest(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    with sequencing(ledger, memory, watch) as sequencer:
        with ledger.home.store.write():
            answers = [sequencer.submit(alice.submit(f"m{number}")) for number in range(300)]
            stopping = threading.Thread(target=sequencer.close)
            stopping.start()
        stopping.join(SECONDS)
        assert {one.result(0)[0].index for one in answers} == set(range(1, 301))
        with pytest.raises(UncheckedError, match="stopping"):
            sequencer.submit(alice.submit("late")).result(0)
    assert ledger.home.view
    assert (ledger.path / "tiles" / "tile" / "0" / "001.p" / "45").exists()


def test_whoever_is_admitted_meanwhile_may_write_and_whoever_is_not_may_not(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    """The policy in force is that of the log, whoever changes it: not the one the service began with."""
    bob = alice.but(seed=2)
    with sequencing(ledger, memory, watch) as sequencer:
        sequencer.submit(alice.submit("a")).result(SECONDS)
        with pytest.raises(SubmissionRefusedError):
            sequencer.submit(bob.submit("b")).result(SECONDS)
        change_submitters(ledger, bob, alice)
        assert sequencer.submit(bob.submit("b")).result(SECONDS)[0].receipt.event.kind == "release"
        with pytest.raises(SubmissionRefusedError):
            sequencer.submit(alice.submit("after")).result(SECONDS)
    audit = ledger.verify(JUDGE)
    assert audit.problems == ()


def test_a_ledger_that_was_rolled_back_takes_nothing(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    other = Ledger.create(
        ledger.path.with_name("other"),
        origin="other.example",
        submitters=[alice.admitted],
        memory=memory,
        clock=lambda: NOW,
    )
    with sequencing(ledger, memory, watch) as sequencer:
        sequencer.submit(alice.submit("a")).result(SECONDS)
        state = next(memory.folder.glob("*.json")), (ledger.path / "tiles" / "checkpoint")
        assert all(path.exists() for path in state)
        (ledger.path / "tiles" / "checkpoint").write_bytes(
            (other.path / "tiles" / "checkpoint").read_bytes()
        )
        with pytest.raises(Exception, match=r"sign|another|trust"):
            sequencer.submit(alice.submit("b")).result(SECONDS)
        assert sequencer.problem
    assert watch.errors
    other.close()


def test_a_disk_that_fails_is_told_and_a_retry_succeeds(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch, alice: SubmitterSim
) -> None:
    aside = ledger.path / "claims.aside"
    with sequencing(ledger, memory, watch) as sequencer:
        (ledger.path / "claims").rename(aside)
        (ledger.path / "claims").write_bytes(b"")
        with pytest.raises(ReadError):
            sequencer.submit(alice.submit("a")).result(SECONDS)
        assert sequencer.problem
        (ledger.path / "claims").unlink()
        aside.rename(ledger.path / "claims")
        assert sequencer.submit(alice.submit("a")).result(SECONDS)[0].index == 1
        assert not sequencer.problem


def test_a_ledger_without_its_key_is_not_served_for_writing(
    ledger: Ledger, memory: CheckpointMemory, watch: Watch
) -> None:
    (ledger.path / "log.key").unlink()
    with pytest.raises(TrustMissingError), sequencing(ledger, memory, watch):
        pass


def change_submitters(ledger: Ledger, new: SubmitterSim, old: SubmitterSim) -> None:
    """Admit one and remove the other, as an owner does from elsewhere."""
    owner = NoteSigner.parse((ledger.path / "recovery.key").read_text().strip())
    text = propose_policy(ledger, admit=[new.admitted], remove=[old.admitted.fingerprint])
    apply_proposal(ledger, sign_proposal(text, owner))
