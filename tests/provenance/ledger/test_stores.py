"""What every store does: SQLite, PostgreSQL, and the static files of a published view."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, SubmitterSim, subject_of
from tests.provenance.ledger.stores import JUDGE, KINDS, StoredLog
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    MalformedError,
    ReadError,
    SubmissionRefusedError,
    TrustMissingError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.merkle import leaf_hash, node_hash
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.store.interface import Query

WRITABLE = ("sqlite", "postgres")


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoredLog]:
    made = StoredLog(request.param, tmp_path, lambda: request.getfixturevalue("postgres"))
    yield made
    made.close()


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, by its own recursive definition."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def test_a_new_log_has_entry_0_and_a_sound_audit(log: StoredLog) -> None:
    with log.reader() as ledger:
        assert [one.event.kind for one in ledger.entries()] == [Kind.POLICY]
        assert ledger.policy().submitters == (log.alice.admitted,)
        assert ledger.verify(JUDGE).problems == ()


def test_entries_come_back_as_they_went_in_and_lead_to_the_root(log: StoredLog) -> None:
    receipts = log.grow(*(str(number) for number in range(300)))
    assert [one.index for one in receipts] == list(range(1, 301))
    with log.reader() as ledger:
        entries = ledger.entries(0, 1000)
        assert [one.index for one in entries] == list(range(301))
        assert entries[7].event == receipts[6].event
        assert root_of([leaf_hash(one.body) for one in entries]) == ledger.refresh().root
        assert ledger.verify(JUDGE).problems == ()
        assert [one.index for one in ledger.entries(254, 4)] == [254, 255, 256, 257]


def test_tiles_are_those_of_the_specification(log: StoredLog) -> None:
    log.grow(*(str(number) for number in range(299)))
    with log.reader() as ledger, ledger.snapshot() as snapshot:
        leaves = [leaf_hash(body) for _, body in snapshot.store.entries(0, 300)]
        assert list(snapshot.store.tile_names()) == [(0, 0), (0, 1), (1, 0)]
        assert snapshot.store.tile(0, 0) == b"".join(leaves[:256])
        assert snapshot.store.tile(0, 1) == b"".join(leaves[256:])
        assert snapshot.store.tile(1, 0) == root_of(leaves[:256])
        with pytest.raises(LedgerInconsistentError, match="missing"):
            snapshot.store.tile(0, 2)


def test_receipts_of_every_store_verify_offline(log: StoredLog) -> None:
    (old,) = log.grow("a")
    log.grow("b", "c")
    verifier = NoteVerifier.parse(log.vkey)
    assert verify_receipt(old.text, verifier).event.subject == subject_of("a")
    with log.reader() as ledger:
        assert [verify_receipt(ledger.prove(i).text, verifier).index for i in (1, 3)] == [1, 3]
        with pytest.raises(CallError, match="there is no entry 4"):
            ledger.prove(4)


def test_claims_and_requests_lie_with_the_log(log: StoredLog) -> None:
    log.grow("a")
    with log.reader() as ledger:
        assert ledger.claim(1) == log.alice.claim("a")
        assert hashlib.sha256(ledger.request(1)).hexdigest() == ledger.entry(1).event.request_sha256
        assert ledger.verify(JUDGE).blobs == {BlobState.PRESENT: 4}


def test_a_claim_is_read_in_pieces_that_make_the_whole(log: StoredLog) -> None:
    log.grow("a")
    with log.reader() as ledger:
        blobs, event = ledger.home.blobs, ledger.entry(1).event
        whole = blobs.get(event.claim_sha256)
        size = blobs.size(event.claim_sha256)
        pieces = [blobs.piece(event.claim_sha256, start, 7) for start in range(0, size, 7)]
        assert b"".join(pieces) == whole
        assert {len(one) for one in pieces[:-1]} == {7}
        assert blobs.piece(event.claim_sha256, size, 7) == b""
        with pytest.raises(ReadError):
            blobs.size("0" * 64)
        with pytest.raises(ReadError):
            blobs.piece("0" * 64, 0, 1)


def test_entries_are_found_by_what_they_say(log: StoredLog) -> None:
    log.grow("a", "b")
    log.grow("a", claim_kind="scan", now=NOW + timedelta(hours=1))
    alice = log.alice.admitted.fingerprint
    asked = {
        (1, 3): Query(subject=subject_of("a")),
        (3,): Query(subject=subject_of("a"), kind="scan"),
        (1, 2): Query(kind="release"),
        (1, 2, 3): Query(signer=alice, submitter=alice),
        (): Query(subject=subject_of("z")),
    }
    with log.reader() as ledger:
        for complete in (False, True):
            for indices, query in asked.items():
                found = ledger.search(query, complete=complete)
                assert tuple(one.index for one in found) == indices, (query, complete)
        later = ledger.search(Query(since="2026-11-21T13:00:00Z"))
        assert [one.index for one in later] == [3]
        before = ledger.search(Query(until="2026-11-21T13:00:00Z", signer=alice))
        assert [one.index for one in before] == [1, 2]
        assert [one.index for one in ledger.search(Query(signer=alice), start=2, limit=1)] == [2]


def test_a_snapshot_stays_what_it_was_while_the_log_grows(log: StoredLog) -> None:
    log.grow("a")
    with log.reader() as ledger, ledger.snapshot() as snapshot:
        before = snapshot.head
        log.grow("b")
        assert snapshot.store.head().checkpoint == before.note
        assert len(list(snapshot.events(range(before.size)))) == 2
        assert snapshot.receipt(1).index == 1
    with log.reader() as ledger:
        assert ledger.refresh().size == 3


def test_another_key_than_the_pinned_one_is_refused(log: StoredLog) -> None:
    other = NoteSigner.generate(ORIGIN).verifier.vkey
    place = log.writer().home.name if log.kind == "sqlite" else log.place
    with pytest.raises(WrongSignerError, match="another key"):
        Ledger.open(place, vkey=other, memory=log.memory)


# --- stores that are written ----------------------------------------------------------------------


@pytest.fixture(params=WRITABLE)
def grown(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoredLog]:
    made = StoredLog(request.param, tmp_path, lambda: request.getfixturevalue("postgres"))
    made.grow("a")
    yield made
    made.close()


def test_the_same_event_again_gets_its_old_index(grown: StoredLog) -> None:
    again = grown.grow("b", "a", "c")
    assert [one.index for one in again] == [2, 1, 3]
    assert grown.writer().verify(JUDGE).problems == ()


def test_a_refused_batch_leaves_nothing(grown: StoredLog) -> None:
    ledger, alice = grown.writer(), grown.alice
    before = ledger.refresh()
    doubled = alice.submit("a", event_id="another")
    with pytest.raises(SubmissionRefusedError, match=r"submission 2 of 2: .* entry 1"):
        ledger.append([alice.submit("b"), doubled], JUDGE)
    assert ledger.refresh() == before
    assert ledger.verify(JUDGE).blobs == {BlobState.PRESENT: 4}


def test_a_group_commit_records_the_good_beside_the_refused(grown: StoredLog) -> None:
    from weightmark.provenance.ledger.admission import admit

    ledger, alice = grown.writer(), grown.alice
    batch = [
        alice.submit("b"),
        alice.submit("a", event_id="another"),
        alice.submit("x", event_id="no event id"),
        alice.submit("c"),
    ]
    admitted = [admit(ledger.policy(), one, JUDGE) for one in batch]
    first, refused, malformed, last = ledger.record_groups([[one] for one in admitted]).outcomes
    assert (first, last) == ((2,), (3,))
    assert isinstance(refused, SubmissionRefusedError)
    assert isinstance(malformed, MalformedError)
    assert ledger.verify(JUDGE).problems == ()


def test_a_group_is_recorded_whole_or_not_at_all(grown: StoredLog) -> None:
    """What the refused group would have entered leaves no trace: the next one takes its places and keys."""
    from weightmark.provenance.ledger.admission import admit

    ledger, alice = grown.writer(), grown.alice
    judged = {
        name: admit(ledger.policy(), one, JUDGE)
        for name, one in {
            "b": alice.submit("b"),
            "a again": alice.submit("a", event_id="another"),
            "c": alice.submit("c"),
        }.items()
    }
    groups = [[judged["b"], judged["a again"]], [judged["c"], judged["b"], judged["b"]]]
    refused, entered = ledger.record_groups(groups).outcomes
    assert isinstance(refused, SubmissionRefusedError)
    assert refused.what.startswith("submission 2 of 2: ")
    assert entered == (2, 3, 3)
    assert ledger.verify(JUDGE).problems == ()


def test_an_append_that_fails_halfway_leaves_the_old_state(grown: StoredLog) -> None:
    store = grown.writer().home.store
    before = grown.writer().refresh()

    def fail_halfway() -> None:
        with store.write() as writer:
            writer.reindex([])
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert grown.writer().refresh() == before
    assert grown.writer().verify(JUDGE).problems == ()


def test_threads_with_a_ledger_each_get_contiguous_indices(grown: StoredLog) -> None:
    key = grown.writer().path / "log.key" if grown.kind == "sqlite" else grown._key
    indices: list[int] = []

    def write(number: int) -> None:
        with Ledger.open(
            grown.place, log_key=key, memory=grown.memory, clock=lambda: NOW
        ) as ledger:
            for step in range(5):
                one = grown.alice.submit(f"w{number}-{step}")
                indices.extend(receipt.index for receipt in ledger.append([one], JUDGE))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(indices) == list(range(2, 22))
    assert grown.writer().verify(JUDGE).problems == ()


# --- what only one kind does ----------------------------------------------------------------------


def test_a_published_view_is_never_written_through(tmp_path: Path, alice: SubmitterSim) -> None:
    log = StoredLog("static", tmp_path, lambda: pytest.fail("no server"))
    with log.reader() as ledger:
        with pytest.raises(UnsupportedError, match="only read"):
            ledger.append([alice.submit("a")], JUDGE)
        with pytest.raises(UnsupportedError, match="only read"):
            ledger.home.store.write()
    log.close()


def test_a_published_view_without_a_named_key_is_not_believed(tmp_path: Path) -> None:
    from weightmark.errors import TrustNotSaidError

    StoredLog("static", tmp_path, lambda: pytest.fail("no server")).close()
    with pytest.raises(TrustNotSaidError, match="whose log"):
        Ledger.open(tmp_path / "view", memory=CheckpointMemory(tmp_path / "fresh"))


@pytest.mark.needs("postgresql")
def test_a_database_does_not_hold_the_private_key(
    tmp_path: Path, request: pytest.FixtureRequest, alice: SubmitterSim
) -> None:
    log = StoredLog("postgres", tmp_path, lambda: request.getfixturevalue("postgres"))
    with Ledger.open(log.place, memory=log.memory, clock=lambda: NOW) as ledger:
        assert ledger.refresh().size == 1
        with pytest.raises(TrustMissingError, match="was not named"):
            ledger.append([alice.submit("a")], JUDGE)
    log.close()
