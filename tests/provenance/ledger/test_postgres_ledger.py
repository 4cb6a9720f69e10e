"""A ledger that lives in PostgreSQL from its first entry: founded, rotated, erased, cosigned, moved."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from tests.sim.postgres import PostgresServer
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    ReadError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    propose_policy,
    redact,
    sign_proposal,
)
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.backup import back_up
from weightmark.provenance.ledger.checkpoint import verify_checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, split_note
from weightmark.provenance.ledger.private import PrivateValue
from weightmark.provenance.ledger.rotation import finish_rotation, rotate
from weightmark.provenance.ledger.witnessing.collection import (
    keep_cosigned,
    witnessed_before,
    witnessed_checkpoint,
)
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.policy import parse_policy
from weightmark.provenance.ledger.witnessing.quorum import merge_cosignatures, verify_cosigned

pytestmark = pytest.mark.needs("postgresql")
JUDGE = ClaimVerifierSim()
WITNESS = WitnessSigner("w.example/1", CosignatureType.ED25519, b"\x31" * 32)
RULES = parse_policy(f"witness w {WITNESS.verifier.vkey}\nquorum w\n".encode())
Again = Callable[[], "closing[Ledger]"]


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def again(database: str, keys: Path, memory: CheckpointMemory, alice: SubmitterSim) -> Again:
    """Make a ledger in the database; opens it as the next process would."""
    Ledger.create(
        database,
        keys=keys,
        origin=ORIGIN,
        submitters=[alice.admitted],
        memory=memory,
        clock=lambda: NOW,
    ).close()

    def opened() -> "closing[Ledger]":
        key = keys / "log.key"
        return closing(Ledger.open(database, log_key=key, memory=memory, clock=lambda: NOW))

    return opened


def recovery(keys: Path) -> NoteSigner:
    return NoteSigner.parse((keys / "recovery.key").read_text().strip())


def test_a_ledger_begins_in_a_database_with_its_keys_in_a_folder(
    again: Again, keys: Path, alice: SubmitterSim
) -> None:
    assert {one.name for one in keys.iterdir()} == {"log.key", "log.vkey", "recovery.key"}
    assert (keys / "log.key").stat().st_mode & 0o777 == 0o600
    with again() as ledger:
        assert ledger.append([alice.submit("m")], JUDGE)[0].index == 1
        assert ledger.verify(JUDGE).problems == ()


def test_a_ledger_is_never_made_over_another_and_its_keys_stay(
    again: Again, database: str, keys: Path, tmp_path: Path, memory: CheckpointMemory
) -> None:
    before = (keys / "log.key").read_bytes()
    for folder in (keys, tmp_path / "more"):
        with pytest.raises(CallError):
            Ledger.create(database, keys=folder, memory=memory)
    assert (keys / "log.key").read_bytes() == before
    assert not (tmp_path / "more").exists(), "keys of no log"
    with again() as ledger:
        assert ledger.refresh().size == 1


def test_where_the_keys_go_must_be_said(
    database: str, tmp_path: Path, memory: CheckpointMemory
) -> None:
    with pytest.raises(CallError, match="was not said"):
        Ledger.create(database, memory=memory)
    with pytest.raises(CallError, match="holds its keys itself"):
        Ledger.create(tmp_path / "l", keys=tmp_path / "keys", memory=memory)
    with pytest.raises(UnsupportedError):
        Ledger.create("ftp://example.com/log", keys=tmp_path / "keys", memory=memory)


def test_a_server_that_is_gone_leaves_no_log_without_its_key(
    tmp_path: Path, memory: CheckpointMemory
) -> None:
    """Nobody can tell whether a commit whose answer was lost happened, so the keys stay."""
    gone = f"postgresql://postgres@/x?host={tmp_path}"
    with pytest.raises(ReadError):
        Ledger.create(gone, keys=tmp_path / "keys", memory=memory)
    assert (tmp_path / "keys" / "log.key").exists()


def test_the_log_key_is_rotated_in_the_file_that_was_named(
    again: Again, keys: Path, alice: SubmitterSim
) -> None:
    with again() as ledger:
        old = ledger.vkey
        ledger.append([alice.submit("before")], JUDGE)
        assert rotate(ledger, recovery(keys)).index == 2
    with again() as ledger:
        assert ledger.vkey != old
        ledger.append([alice.submit("both")], JUDGE)
        assert verify_checkpoint(ledger.refresh().note, NoteVerifier.parse(old)).size == 4
        finish_rotation(ledger)
    with again() as ledger:
        ledger.append([alice.submit("after")], JUDGE)
        assert ledger.verify(JUDGE).problems == ()
        with pytest.raises(WrongSignerError):
            verify_checkpoint(ledger.refresh().note, NoteVerifier.parse(old))


def test_a_rotation_needs_the_recovery_key(again: Again) -> None:
    with again() as ledger, pytest.raises(WrongSignerError, match="not the recovery key"):
        rotate(ledger, NoteSigner.generate(f"{ORIGIN}/recovery"))


def test_whom_a_commitment_means_is_erased_for_ever(
    again: Again, keys: Path, database: str
) -> None:
    person = Submitter.of_identity("ada@example.com", "https://id.example.com")
    with again() as ledger:
        for change in ({"admit": [person]}, {"remove": [person.fingerprint]}):
            text = sign_proposal(propose_policy(ledger, **change), recovery(keys))
            apply_proposal(ledger, text)
        opened = ledger.home.private.get(person.fingerprint)
        assert opened is not None
        assert "ada@example.com" in opened.value
        redact(ledger, person.fingerprint, "left the company")
        assert ledger.home.private.names() == ()
        assert ledger.verify(JUDGE).problems == ()
    assert b"ada@" not in dump(database)


def test_a_private_value_that_was_swapped_is_noticed(again: Again, database: str) -> None:
    value, other = PrivateValue.hide("ada"), PrivateValue.hide("eve")
    with again() as ledger:
        ledger.home.private.put(value)
        with psycopg.connect(database) as db:
            db.execute(
                "update weightmark.private_value set salt = %s, value = %s",
                (other.salt, other.value),
            )
        with pytest.raises(LedgerInconsistentError, match="was changed"):
            ledger.home.private.get(value.name)


def test_a_claim_is_erased_from_the_database_and_the_log_stays_whole(
    again: Again, alice: SubmitterSim, database: str
) -> None:
    with again() as ledger:
        (receipt,) = ledger.append([alice.submit("lovelace")], JUDGE)
        redact(ledger, f"sha256:{receipt.event.claim_sha256}", "asked for")
        with pytest.raises(ReadError):
            ledger.claim(receipt.index)
        assert ledger.verify(JUDGE).problems == ()
    assert b"lovelace" not in dump(
        database,
        "select data from weightmark.blob where digest = %s",
        bytes.fromhex(receipt.event.claim_sha256),
    )


def test_cosignatures_are_kept_in_the_database_and_move_along(
    again: Again, alice: SubmitterSim, tmp_path: Path, memory: CheckpointMemory
) -> None:
    with again() as ledger:
        cosign(ledger)
        ledger.append([alice.submit("younger")], JUDGE)
        assert witnessed_checkpoint(ledger.home, ledger.verifier, RULES, NOW).checkpoint.size == 1
        assert witnessed_before(ledger.home, [ledger.verifier], RULES, NOW, NOW) is None
        back_up(ledger, tmp_path / "copy")
        migrate(ledger, tmp_path / "moved")
    for place in ("copy", "moved"):
        with closing(Ledger.open(tmp_path / place, memory=memory)) as there:
            seen = witnessed_checkpoint(there.home, there.verifier, RULES, NOW)
            assert seen.checkpoint.size == 1


def test_a_move_into_a_database_that_dies_leaves_the_old_place_alive(
    ledger: Ledger, alice: SubmitterSim, tmp_path: Path, memory: CheckpointMemory
) -> None:
    """Whatever statement is the last that the server answers, one place grows afterwards."""
    ledger.append([alice.submit(str(number)) for number in range(300)], JUDGE)
    (tmp_path / "log.key").write_bytes((ledger.path / "log.key").read_bytes())
    server = PostgresServer()
    database = ""
    try:
        for table in ("entry", "tile", "head", "blob", "unique_key", "search"):
            database = server.database()
            with psycopg.connect(database, autocommit=True) as db:
                db.execute(SABOTAGE.format(table=table).encode())
            with pytest.raises((ReadError, LedgerInconsistentError)):
                migrate(ledger, database)
            with pytest.raises(CallError, match="there is no ledger"):
                Ledger.open(database, memory=memory)
        server.crash()
        with pytest.raises(ReadError):
            migrate(ledger, database)
        index = ledger.append([alice.submit("alive")], JUDGE)[0].index
        server.start()
        database = server.database()
        migrate(ledger, database)
        key = tmp_path / "log.key"
        with closing(Ledger.open(database, log_key=key, memory=memory)) as moved:
            assert moved.append([alice.submit("alive")], JUDGE)[0].index == index
            assert moved.verify(JUDGE).problems == ()
    finally:
        server.stop()


SABOTAGE = """
create function die() returns event_trigger language plpgsql as $$ begin
  if exists (select 1 from pg_event_trigger_ddl_commands() where object_identity = 'weightmark.{table}') then
    execute 'alter table weightmark.{table} add constraint full_disk check (false) not valid';
  end if;
end $$;
create event trigger sabotage on ddl_command_end when tag in ('CREATE TABLE') execute function die();
"""


def cosign(ledger: Ledger) -> None:
    head = ledger.refresh()
    line = WITNESS.cosign(split_note(head.note)[0], int(NOW.timestamp()))
    note = merge_cosignatures(head.note, [line])
    cosigned = verify_cosigned(note, ledger.verifier, [WITNESS.verifier], NOW)
    assert keep_cosigned(ledger.home, cosigned, ledger.verifier)


def dump(
    database: str,
    query: str = "select name, salt, value from weightmark.private_value",
    *values: object,
) -> bytes:
    with psycopg.connect(database) as db:
        return repr(db.execute(query.encode(), values).fetchall()).encode()
