"""What must not begin a second history or undo an erasure: repeated rotations, old backups, broken moves, copies."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim
from tests.sim.object_store import ObjectStore
from tests.sim.postgres import PostgresServer
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    LedgerNotLiveError,
    ReadError,
    SubmissionRefusedError,
    TrustMissingError,
)
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.admission import admit_operation
from weightmark.provenance.ledger.backup import back_up, reconcile, restore
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.operations import operation_text, sign_operation, verify_operation
from weightmark.provenance.ledger.publish import publish_claims
from weightmark.provenance.ledger.rotation import OverlapSigner, finish_rotation, rotate
from weightmark.provenance.ledger.standing import LIVE, Role

JUDGE = ClaimVerifierSim()
BOB = SubmitterSim(seed=2)


@pytest.fixture
def shared(tmp_path: Path, alice: SubmitterSim) -> Iterator[Ledger]:
    """Another ledger, which admits two."""
    made = Ledger.create(
        tmp_path / "shared",
        origin=alice.origin,
        submitters=[alice.admitted, BOB.admitted],
        memory=CheckpointMemory(tmp_path / "shared state"),
        clock=lambda: NOW,
    )
    yield made
    made.close()


def opened(place: Path | str, memory: CheckpointMemory, key: Path | None = None) -> Ledger:
    return Ledger.open(place, memory=memory, log_key=key, clock=lambda: NOW)


def recovery_of(ledger: Ledger) -> NoteSigner:
    return NoteSigner.parse((ledger.path / "recovery.key").read_text().strip())


# --- rotation -------------------------------------------------------------------------------------


def test_rotating_twice_does_not_hand_the_log_back_to_the_old_key(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim
) -> None:
    rotate(ledger, recovery_of(ledger))
    with opened(ledger.path, memory) as again:
        new = again.vkey
        assert new != ledger.vkey
        with pytest.raises(SubmissionRefusedError, match="given over already"):
            rotate(again, recovery_of(ledger))
    with opened(ledger.path, memory) as reader:
        assert (reader.vkey, reader.refresh().size) == (new, 2)
        assert reader.verify(JUDGE).problems == ()
        finish_rotation(reader)
    with opened(ledger.path, memory) as reader:
        assert rotate(reader, recovery_of(ledger)).index == 2
    with opened(ledger.path, memory) as reader:
        assert len(reader.policies().log_keys) == 3
        assert reader.append([alice.submit("a")], JUDGE)[0].index == 3


def test_no_reader_follows_an_entry_back_to_a_key_that_the_log_had(
    ledger: Ledger, memory: CheckpointMemory
) -> None:
    """The operator's own build records what `rotate` refuses, signed by every key that must sign."""
    rotate(ledger, recovery_of(ledger))
    with opened(ledger.path, memory) as newer:
        both = newer.home.read_signer(newer.verifier)
        assert isinstance(both, OverlapSigner)
        now, back, recovery = NoteSigner(both.name, both.seed), both.also, recovery_of(ledger)
        fields = {"new": ledger.vkey, "old": newer.vkey, "origin": newer.origin, "v": 1}
        text = operation_text(Kind.KEY, fields)
        claim = now.sign(text) + recovery.line(text) + back.line(text)
        submission = sign_operation(Kind.KEY, claim, now, NOW)
        required = (recovery.verifier, back.verifier)
        subject = back.verifier.fingerprint
        operation = verify_operation(submission, Kind.KEY, subject, now.verifier, required)
        newer.record([admit_operation(operation)])
        with pytest.raises(LedgerInconsistentError, match="hands back"):
            newer.policies()
        assert newer.verify(JUDGE).problems != ()


# --- old backups ----------------------------------------------------------------------------------


@pytest.fixture
def outgrown(ledger: Ledger, alice: SubmitterSim, tmp_path: Path) -> Ledger:
    """A live ledger of 5 entries with a backup of 3 of them, restored at `old` on another machine."""
    ledger.append([alice.submit("a"), alice.submit("b")], JUDGE)
    ledger.publish(view_of(tmp_path / "stale"))
    back_up(ledger, tmp_path / "backup")
    ledger.append([alice.submit("c"), alice.submit("d")], JUDGE)
    restore(tmp_path / "backup", tmp_path / "old", log_key=ledger.path / "log.key")
    return ledger


def test_the_memory_that_the_backup_run_wrote_does_not_release_the_backup(
    outgrown: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    elsewhere = CheckpointMemory(tmp_path / "elsewhere")
    with opened(tmp_path / "old", elsewhere) as seen:
        assert seen.refresh().size == 3, "the memory now holds the head of the backup"
    home = FolderHome(tmp_path / "old")
    with pytest.raises(TrustMissingError, match="newer than the backup"):
        reconcile(home, [], memory=elsewhere)
    with (
        opened(tmp_path / "old", elsewhere) as old,
        pytest.raises(LedgerNotLiveError, match="not yet reconciled"),
    ):
        old.append([alice.submit("fork")], JUDGE)
    assert outgrown.refresh().size == 5


def test_evidence_as_old_as_the_backup_does_not_release_it(
    outgrown: Ledger, tmp_path: Path
) -> None:
    home, fresh = FolderHome(tmp_path / "old"), CheckpointMemory(tmp_path / "elsewhere")
    note = home.view.get("checkpoint")
    assert note is not None
    with pytest.raises(TrustMissingError, match="newer than the backup"):
        reconcile(home, [note], view=view_of(tmp_path / "stale"), memory=fresh)
    assert home.standing().role is Role.RESTORED
    outgrown.publish(view_of(tmp_path / "fresh"))
    assert reconcile(home, [note], view=view_of(tmp_path / "fresh"), memory=fresh).head.size == 5


def test_saying_that_nothing_is_newer_does_not_outweigh_what_is_known(
    outgrown: Ledger, memory: CheckpointMemory, tmp_path: Path
) -> None:
    home = FolderHome(tmp_path / "old")
    with pytest.raises(LedgerInconsistentError, match="lacks 2 entries"):
        reconcile(home, [], memory=memory, nothing_newer=True)
    note = outgrown.refresh().note
    with pytest.raises(LedgerInconsistentError, match="lacks 2 entries"):
        reconcile(home, [note], memory=CheckpointMemory(tmp_path / "x"), nothing_newer=True)
    assert home.standing().role is Role.RESTORED


# --- moves that break off -------------------------------------------------------------------------


class CuttingDoor:
    """Stands before a database, and loses the answer to the COMMIT of whoever founds a ledger; then it closes."""

    def __init__(self, url: str) -> None:
        self._inside = f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432"
        self._door = socket.create_server(("127.0.0.1", 0))
        port = self._door.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{port}{urlsplit(url).path}?sslmode=disable"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server, cut = socket.socket(socket.AF_UNIX), threading.Event()
            server.connect(self._inside)
            for work in (self._forward, self._answer):
                threading.Thread(target=work, args=(client, server, cut), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        founds = False
        with closing(client), closing(server):
            while data := _received(client):
                founds = founds or b"insert into weightmark.log" in data
                if founds and b"COMMIT" in data:
                    cut.set()
                    self._door.shutdown(socket.SHUT_RDWR)
                    self._door.close()
                server.sendall(data)

    def _answer(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        while data := _received(server):
            if cut.is_set():
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(data)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


@pytest.mark.needs("postgresql")
def test_a_move_whose_commit_was_not_answered_never_leaves_two_ledgers_that_sign(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim, request: pytest.FixtureRequest
) -> None:
    server: PostgresServer = request.getfixturevalue("postgres")
    ledger.append([alice.submit("a")], JUDGE)
    database = server.database()
    with closing(CuttingDoor(database)) as door, pytest.raises(ReadError, match="may have arrived"):
        migrate(ledger, door.url)
    with opened(database, memory, ledger.path / "log.key") as arrived:
        assert (arrived.refresh().size, arrived.home.standing()) == (2, LIVE)
    assert ledger.home.standing().role is Role.MOVED
    with pytest.raises(LedgerNotLiveError, match="has moved"):
        ledger.append([alice.submit("b")], JUDGE)


@pytest.mark.needs("postgresql")
def test_a_database_that_cannot_be_reached_stops_a_move_before_it_began(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(ReadError):
        migrate(ledger, f"postgresql://postgres@127.0.0.1:{port}/absent")
    assert ledger.append([alice.submit("a")], JUDGE)[0].index == 1


@pytest.mark.needs("postgresql")
def test_a_database_that_holds_another_ledger_stops_a_move_before_it_began(
    ledger: Ledger, shared: Ledger, alice: SubmitterSim, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres").database()
    migrate(shared, database)
    with pytest.raises(CallError, match="already"):
        migrate(ledger, database)
    assert ledger.append([alice.submit("a")], JUDGE)[0].index == 1


# --- redactions -----------------------------------------------------------------------------------


def test_a_redacted_claim_does_not_come_back_as_observed_by_somebody_else(
    shared: Ledger, alice: SubmitterSim
) -> None:
    claim = alice.claim("secret")
    (receipt,) = shared.append([alice.submit("secret", claim=claim)], JUDGE)
    digest = receipt.event.claim_sha256
    redact(shared, f"sha256:{digest}", "asked for")
    with pytest.raises(SubmissionRefusedError, match="was redacted"):
        shared.append([BOB.submit("secret", "observed", claim=claim)], JUDGE)
    assert shared.home.blobs.state(digest) is BlobState.MISSING
    (again,) = shared.append([alice.submit("secret", claim=claim)], JUDGE)
    assert again.index == receipt.index
    assert shared.home.blobs.state(digest) is BlobState.MISSING
    assert shared.refresh().size == 3


def test_a_redacted_claim_that_lies_in_the_ledger_again_is_never_sent_to_a_web_server(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    claim = alice.claim("secret")
    (receipt,) = ledger.append([alice.submit("secret", claim=claim)], JUDGE)
    digest = receipt.event.claim_sha256
    redact(ledger, f"sha256:{digest}", "asked for")
    ledger.home.blobs.put_all({digest: claim})
    with closing(ObjectStore()) as bucket, ledger.snapshot() as snapshot:
        publish_claims(snapshot, ledger.home.blobs, view_of(bucket.url), every=True)
        sent = {one.partition(" claims/")[2] for one in bucket.requests if one.startswith("PUT")}
    assert receipt.event.request_sha256 in sent
    assert digest not in sent


def test_a_backup_and_a_move_leave_out_what_an_entry_says_was_erased(
    ledger: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    claim = alice.claim("secret")
    digest = hashlib.sha256(claim).hexdigest()
    ledger.append([alice.submit("secret", claim=claim)], JUDGE)
    redact(ledger, f"sha256:{digest}", "asked for")
    ledger.home.blobs.put_all({digest: claim})
    assert back_up(ledger, tmp_path / "backup").absent == 1
    migrate(ledger, tmp_path / "new")
    for name in ("backup", "new"):
        assert FolderHome(tmp_path / name).blobs.state(digest) is BlobState.MISSING


def test_a_backup_from_before_a_redaction_is_restored_without_what_was_erased(
    ledger: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    (receipt,) = ledger.append([alice.submit("secret")], JUDGE)
    digest = receipt.event.claim_sha256
    back_up(ledger, tmp_path / "backup")
    redact(ledger, f"sha256:{digest}", "asked for")
    view = view_of(tmp_path / "view")
    ledger.publish(view)
    with ledger.snapshot() as snapshot:
        publish_claims(snapshot, ledger.home.blobs, view, every=True)
    restore(tmp_path / "backup", tmp_path / "old", log_key=ledger.path / "log.key")
    home, fresh = FolderHome(tmp_path / "old"), CheckpointMemory(tmp_path / "elsewhere")
    assert home.blobs.state(digest) is BlobState.PRESENT, "the backup cannot know yet"
    assert reconcile(home, [], view=view, memory=fresh).head.size == 3
    assert home.blobs.state(digest) is BlobState.MISSING
    with opened(tmp_path / "old", fresh) as restored:
        assert restored.verify(JUDGE).problems == ()
