"""Damage and dishonesty, each detected by name: the database, the view, the keys, the receipts."""

import shutil
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from weightmark.errors import (
    Exit,
    LedgerInconsistentError,
    MalformedError,
    NewerSchemaError,
    ReadError,
    TamperedError,
    TrustMissingError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.proof import (
    Receipt,
    format_proof,
    parse_proof,
    verify_proof,
    verify_receipt,
)

JUDGE = ClaimVerifierSim()
Opener = Callable[[], Ledger]


@pytest.fixture(autouse=True)
def _grown(ledger: Ledger, alice: SubmitterSim) -> None:
    ledger.append([alice.submit(name) for name in "abcd"], JUDGE)


def edit_database(ledger: Ledger, *statements: str) -> None:
    """Change the database as somebody who owns the file can: without the triggers."""
    with closing(sqlite3.connect(ledger.path / "ledger.db", isolation_level=None)) as db:
        triggers = db.execute(
            "select name, sql from sqlite_schema where type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            db.execute(f"drop trigger {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in triggers:
            db.execute(sql)


def assert_sound(ledger: Ledger) -> None:
    for one in ledger.verify().problems:
        raise LedgerInconsistentError(one.what)


def copy_of(ledger: Ledger, to: Path) -> Path:
    ledger.close()
    shutil.copytree(ledger.path, to)
    return to


# --- the database ---------------------------------------------------------------------------------


def test_a_truncated_database_is_called_damaged(ledger: Ledger, reopen: Opener) -> None:
    ledger.close()
    path = ledger.path / "ledger.db"
    whole = path.read_bytes()
    for size in (len(whole) // 2, 8192, 100):
        path.write_bytes(whole[:size])
        with pytest.raises(LedgerInconsistentError):
            assert_sound(reopen())


def test_an_empty_or_foreign_database_is_no_ledger(ledger: Ledger, reopen: Opener) -> None:
    ledger.close()
    for content in (b"", b"not a database" * 1000):
        (ledger.path / "ledger.db").write_bytes(content)
        with pytest.raises(LedgerInconsistentError, match=r"not a ledger|damaged"):
            reopen()


def test_a_lost_database_is_never_replaced_by_an_empty_one(ledger: Ledger, reopen: Opener) -> None:
    ledger.close()
    (ledger.path / "ledger.db").unlink()
    with pytest.raises(LedgerInconsistentError, match="lost its database"):
        reopen()
    assert not (ledger.path / "ledger.db").exists()


def test_a_flipped_byte_in_an_entry_is_found_by_whoever_reads_it(
    ledger: Ledger, reopen: Opener
) -> None:
    ledger.close()
    edit_database(
        ledger,
        "update entry set body = cast(replace(body, 'release', 'approve') as blob) where idx = 2",
    )
    again = reopen()
    assert again.entry(1).index == 1
    for read in (again.entry, again.prove):
        with pytest.raises(LedgerInconsistentError, match=r"entry 2 .* was changed"):
            read(2)
    with pytest.raises(LedgerInconsistentError, match=r"entry 2 .* was changed"):
        again.entries()
    audit = again.verify()
    assert audit.exit == Exit.BAD
    assert {"head", "tile/0/000.p/5", "entry 2"} <= {one.where for one in audit.problems}


def test_a_byte_flipped_anywhere_in_the_file_never_passes_or_crashes(
    ledger: Ledger, reopen: Opener
) -> None:
    ledger.close()
    path = ledger.path / "ledger.db"
    whole = path.read_bytes()
    harmless = 0
    for at in range(0, len(whole), 977):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            reopened = reopen()
            try:
                harmless += not reopened.verify().problems
            finally:
                reopened.close()
        except WeightmarkError:
            continue
    assert harmless < len(range(0, len(whole), 977))


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("update tile set hashes = zeroblob(160)", "root that was signed"),
        ("delete from tile", "missing"),
        ("update head set size = 4", "root that was signed"),
        ("update head set root = zeroblob(32)", "root that was signed"),
        ("update head set checkpoint = cast('x' as blob)", "not signed by its key"),
        ("delete from head", "no head"),
        ("create table more(x)", "schema"),
        ("drop index search_subject", "schema"),
        ("pragma application_id = 1", "not a ledger"),
    ],
)
def test_an_edited_table_is_found_when_the_ledger_is_opened(
    ledger: Ledger, reopen: Opener, statement: str, match: str
) -> None:
    ledger.close()
    edit_database(ledger, statement)
    with pytest.raises(LedgerInconsistentError, match=match):
        reopen()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("delete from entry where idx = 3", "entry 3"),
        ("insert into entry values(5, x'00')", "database"),
        ("update search set subject = '' where idx = 2", "entry 2"),
        ("delete from search where idx = 2", "entry 2"),
        ("insert into search values(9, '', '', '', '', '')", "database"),
        ("delete from unique_key where idx = 4", "entry 4"),
        ("update unique_key set idx = 1 where idx = 4", "entry 4"),
        ("insert into tile values(3, 0, x'00')", "database"),
    ],
)
def test_an_edited_table_is_found_by_the_audit(
    ledger: Ledger, reopen: Opener, statement: str, where: str
) -> None:
    ledger.close()
    edit_database(ledger, statement)
    audit = reopen().verify()
    assert audit.exit == Exit.BAD
    assert where in {one.where for one in audit.problems}


def test_a_search_table_that_lies_is_not_believed(ledger: Ledger, reopen: Opener) -> None:
    subject = ledger.entry(2).event.subject
    ledger.close()
    edit_database(ledger, f"update search set subject = '{subject}' where idx = 1")  # noqa: S608 - the attack itself
    with pytest.raises(LedgerInconsistentError, match="search table"):
        reopen().find(subject=subject)


def test_the_database_itself_refuses_to_rewrite_history(ledger: Ledger) -> None:
    ledger.close()
    with closing(sqlite3.connect(ledger.path / "ledger.db", isolation_level=None)) as db:
        db.execute("pragma recursive_triggers=on")
        for statement in (
            "update entry set body = x'00'",
            "delete from entry",
            "insert or replace into entry values(1, x'00')",
            "insert into entry values(9, x'00')",
            "update unique_key set idx = 0",
            "delete from unique_key",
            "update tile set hashes = zeroblob(length(hashes))",
            "update tile set hashes = substr(hashes, 1, 32)",
            "delete from tile",
            "update head set size = 1",
            "delete from head",
        ):
            with pytest.raises(sqlite3.IntegrityError, match=r"append-only|grow|gaps"):
                db.execute(statement)


def test_a_ledger_of_a_newer_schema_is_not_judged(ledger: Ledger, reopen: Opener) -> None:
    ledger.close()
    edit_database(ledger, "pragma user_version = 2")
    with pytest.raises(NewerSchemaError, match="newer weightmark"):
        reopen()


# --- rollback and fork ----------------------------------------------------------------------------


def test_an_old_database_put_back_is_a_rollback_and_nothing_is_signed(
    ledger: Ledger, reopen: Opener, tmp_path: Path, alice: SubmitterSim
) -> None:
    old = copy_of(ledger, tmp_path / "old")
    with reopen() as grown:
        grown.append([alice.submit("e")], JUDGE)
    shutil.copy(old / "ledger.db", ledger.path / "ledger.db")
    with pytest.raises(LedgerInconsistentError, match="rolled back: it has 5 entries"):
        reopen()


def test_an_old_folder_put_back_whole_is_caught_by_the_users_memory(
    ledger: Ledger, reopen: Opener, tmp_path: Path, alice: SubmitterSim
) -> None:
    old = copy_of(ledger, tmp_path / "old")
    with reopen() as grown:
        grown.append([alice.submit("e")], JUDGE)
    shutil.rmtree(ledger.path)
    old.rename(ledger.path)
    with pytest.raises(LedgerInconsistentError, match="your checkpoint memory knows 6"):
        reopen()


def test_a_stranger_without_memory_sees_the_published_checkpoint_ahead(
    ledger: Ledger, reopen: Opener, tmp_path: Path, alice: SubmitterSim
) -> None:
    old = copy_of(ledger, tmp_path / "old")
    with reopen() as grown:
        grown.append([alice.submit("e")], JUDGE)
    shutil.copy(old / "ledger.db", ledger.path / "ledger.db")
    with pytest.raises(LedgerInconsistentError, match="the published checkpoint knows 6"):
        Ledger.open(ledger.path, memory=CheckpointMemory(tmp_path / "fresh"))


def test_a_rollback_under_an_open_ledger_stops_the_next_append(
    ledger: Ledger, tmp_path: Path, alice: SubmitterSim, memory: CheckpointMemory
) -> None:
    old = copy_of(ledger, tmp_path / "old")
    opened = Ledger.open(old, memory=CheckpointMemory(tmp_path / "fresh"), clock=lambda: NOW)
    with Ledger.open(ledger.path, memory=memory, clock=lambda: NOW) as grown:
        grown.append([alice.submit("e")], JUDGE)
    shutil.copy(ledger.path / "tiles/checkpoint", old / "tiles/checkpoint")
    with pytest.raises(LedgerInconsistentError, match="rolled back"):
        opened.append([alice.submit("f")], JUDGE)
    opened.close()


def test_two_histories_of_one_origin_are_a_fork(
    ledger: Ledger, tmp_path: Path, alice: SubmitterSim, memory: CheckpointMemory
) -> None:
    twin = copy_of(ledger, tmp_path / "twin")
    with Ledger.open(ledger.path, memory=memory, clock=lambda: NOW) as one:
        one.append([alice.submit("e")], JUDGE)
    elsewhere = CheckpointMemory(tmp_path / "elsewhere")
    with Ledger.open(twin, memory=elsewhere, clock=lambda: NOW) as other:
        other.append([alice.submit("f"), alice.submit("g")], JUDGE)
    with pytest.raises(LedgerInconsistentError, match="forked: its first 6 entries"):
        Ledger.open(twin, memory=memory)


def test_a_fork_in_the_published_checkpoint_is_found(
    ledger: Ledger, tmp_path: Path, alice: SubmitterSim, memory: CheckpointMemory
) -> None:
    twin = copy_of(ledger, tmp_path / "twin")
    with Ledger.open(ledger.path, memory=memory, clock=lambda: NOW) as one:
        one.append([alice.submit("e")], JUDGE)
    with Ledger.open(twin, memory=CheckpointMemory(tmp_path / "m"), clock=lambda: NOW) as other:
        other.append([alice.submit("f")], JUDGE)
    shutil.copy(twin / "tiles/checkpoint", ledger.path / "tiles/checkpoint")
    with pytest.raises(LedgerInconsistentError, match="forked"):
        Ledger.open(ledger.path, memory=memory)


def test_two_ledgers_with_one_origin_are_not_mixed_up(
    ledger: Ledger, tmp_path: Path, memory: CheckpointMemory
) -> None:
    second = Ledger.create(
        tmp_path / "second", origin=ORIGIN, memory=CheckpointMemory(tmp_path / "other")
    )
    second.close()
    with pytest.raises(LedgerInconsistentError, match="with another key"):
        Ledger.open(second.path, memory=memory)
    assert Ledger.open(ledger.path, memory=memory).refresh().size == 5


def test_a_damaged_memory_is_not_taken_for_an_empty_one(
    ledger: Ledger, reopen: Opener, memory: CheckpointMemory
) -> None:
    (path,) = memory.folder.glob("*.json")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MalformedError):
        reopen()


# --- keys -----------------------------------------------------------------------------------------


def test_a_wrong_log_key_signs_nothing(ledger: Ledger, reopen: Opener, alice: SubmitterSim) -> None:
    (ledger.path / "log.key").write_text(NoteSigner.generate(ORIGIN).skey)
    again = reopen()
    with pytest.raises(LedgerInconsistentError, match="not the key of"):
        again.append([alice.submit("e")], JUDGE)
    assert again.refresh().size == 5


def test_a_missing_log_key_leaves_the_ledger_readable(
    ledger: Ledger, reopen: Opener, alice: SubmitterSim
) -> None:
    (ledger.path / "log.key").unlink()
    again = reopen()
    assert again.verify(JUDGE).problems == ()
    with pytest.raises(TrustMissingError, match="is missing"):
        again.append([alice.submit("e")], JUDGE)


def test_another_verifier_key_in_the_folder_is_noticed(ledger: Ledger, reopen: Opener) -> None:
    (ledger.path / "log.vkey").write_text(NoteSigner.generate(ORIGIN).verifier.vkey)
    with pytest.raises(LedgerInconsistentError, match="with another key"):
        reopen()


def test_a_forged_registration_policy_is_refused(
    ledger: Ledger, reopen: Opener, alice: SubmitterSim
) -> None:
    path = ledger.path / "claims" / ledger.entry(0).event.claim_sha256
    path.write_bytes(path.read_bytes().replace(b"release", b"approve"))
    with pytest.raises(LedgerInconsistentError, match="was changed"):
        reopen().append([alice.submit("e")], JUDGE)


# --- the view and the blobs -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tile/0/000.p/5", "tile/entries/000.p/5"])
def test_an_edited_tile_file_is_found(ledger: Ledger, name: str) -> None:
    path = ledger.path / "tiles" / name
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    (problem,) = ledger.verify().problems
    assert (problem.where, problem.exit) == (name, Exit.BAD)
    path.unlink()
    assert "missing" in ledger.verify().problems[0].what
    ledger.publish(rebuild=True)
    assert ledger.verify().problems == ()


@pytest.mark.parametrize("name", ["tile/0/000.p/5", "tile/entries/000.p/5"])
def test_an_edited_tile_of_an_older_size_is_found(
    ledger: Ledger, alice: SubmitterSim, name: str
) -> None:
    """Whoever compares with an older checkpoint is given it."""
    ledger.append([alice.submit("e")], JUDGE)
    path = ledger.path / "tiles" / name
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    (problem,) = ledger.verify().problems
    assert (problem.where, problem.exit) == (name, Exit.BAD)
    assert f"ledger publish {ledger.path / 'tiles'} --rebuild" in problem.fix
    ledger.publish(rebuild=True)
    assert ledger.verify().problems == ()


def test_a_missing_claim_is_named_with_a_way_out(ledger: Ledger) -> None:
    digest = ledger.entry(2).event.claim_sha256
    (ledger.path / "claims" / digest).unlink()
    (problem,) = ledger.verify().problems
    assert (problem.exit, digest in problem.what) == (Exit.UNCHECKED, True)
    assert "backup" in problem.fix
    assert len(problem.where) < 24


def test_an_edited_or_foreign_checkpoint_file_is_refused(ledger: Ledger, reopen: Opener) -> None:
    path = ledger.path / "tiles/checkpoint"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n5\n", b"\n4\n"))
    with pytest.raises(TamperedError):
        reopen()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MalformedError):
        reopen()


def test_a_tile_that_was_put_in_the_way_is_not_overwritten(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    (ledger.path / "tiles/tile/0/000.p/6").write_bytes(b"mine")
    with pytest.raises(LedgerInconsistentError, match="holds other bytes"):
        ledger.append([alice.submit("e")], JUDGE)
    ledger.publish(rebuild=True)
    assert [one.index for one in ledger.append([alice.submit("e")], JUDGE)] == [5]


def test_a_missing_claim_could_not_be_checked_and_an_edited_one_is_damaged(
    ledger: Ledger,
) -> None:
    path = ledger.path / "claims" / ledger.entry(3).event.claim_sha256
    whole = path.read_bytes()
    path.unlink()
    audit = ledger.verify(JUDGE)
    assert (audit.exit, audit.blobs[BlobState.MISSING]) == (Exit.UNCHECKED, 1)
    with pytest.raises(ReadError, match="is missing"):
        ledger.claim(3)
    path.write_bytes(whole + b" ")
    audit = ledger.verify(JUDGE)
    assert (audit.exit, audit.blobs[BlobState.DAMAGED]) == (Exit.BAD, 1)
    with pytest.raises(LedgerInconsistentError, match="was changed"):
        ledger.claim(3)


def test_a_claim_that_is_no_regular_file_is_not_followed(ledger: Ledger, tmp_path: Path) -> None:
    path = ledger.path / "claims" / ledger.entry(3).event.claim_sha256
    (tmp_path / "moved").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "moved")
    with pytest.raises(ReadError):
        ledger.claim(3)
    assert ledger.verify().exit == Exit.UNCHECKED


def test_an_operator_who_logs_what_nobody_requested_is_found(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    class Lying(ClaimVerifierSim):
        """The operator's own build, which reads another subject into the claim."""

        def describe_claim(self, claim, policy):  # type: ignore[no-untyped-def]  # stands for foreign code
            return replace(super().describe_claim(claim, policy), subject="")

    ledger.append([alice.submit("e")], Lying())
    assert ledger.verify().problems == ()
    (problem,) = ledger.verify(JUDGE).problems
    assert (problem.where, problem.exit) == ("entry 5", Exit.BAD)


# --- receipts -------------------------------------------------------------------------------------


def rebuilt(receipt: Receipt, **changes: object) -> bytes:
    return format_proof(replace(parse_proof(receipt.text), **changes))  # type: ignore[arg-type]  # one field at a time


def test_a_receipt_with_an_edited_index_is_refused(ledger: Ledger) -> None:
    receipt = ledger.prove(2)
    for index in (0, 1, 3, 4, 5, 10**6):
        with pytest.raises(LedgerInconsistentError):
            verify_receipt(rebuilt(receipt, index=index), ledger.verifier)


def test_a_receipt_for_another_leaf_is_refused(ledger: Ledger) -> None:
    receipt = ledger.prove(2)
    with pytest.raises(LedgerInconsistentError):
        verify_receipt(rebuilt(receipt, extra=ledger.entry(3).body), ledger.verifier)
    edited = ledger.entry(2).body.replace(b"release", b"approve")
    with pytest.raises(LedgerInconsistentError):
        verify_receipt(rebuilt(receipt, extra=edited), ledger.verifier)
    with pytest.raises(LedgerInconsistentError):
        verify_proof(receipt.text, ledger.entry(3).body, ledger.verifier)


def test_a_proof_of_another_size_is_refused(ledger: Ledger, alice: SubmitterSim) -> None:
    old = parse_proof(ledger.prove(2).text)
    ledger.append([alice.submit(name) for name in "efgh"], JUDGE)
    with pytest.raises(LedgerInconsistentError):
        verify_receipt(rebuilt(ledger.prove(2), hashes=old.hashes), ledger.verifier)
    with pytest.raises(LedgerInconsistentError):
        verify_receipt(rebuilt(ledger.prove(2), checkpoint=old.checkpoint), ledger.verifier)


def test_a_receipt_of_another_ledger_of_the_same_name_is_refused(
    ledger: Ledger, tmp_path: Path
) -> None:
    memory = CheckpointMemory(tmp_path / "other")
    with Ledger.create(tmp_path / "twin", origin=ORIGIN, memory=memory) as twin:
        with pytest.raises(WrongSignerError):
            verify_receipt(twin.prove(0).text, ledger.verifier)
        mixed = rebuilt(ledger.prove(2), checkpoint=parse_proof(twin.prove(0).text).checkpoint)
    with pytest.raises(WrongSignerError):
        verify_receipt(mixed, ledger.verifier)


def test_a_receipt_without_its_event_says_so(ledger: Ledger) -> None:
    with pytest.raises(MalformedError, match="does not hold its event"):
        verify_receipt(rebuilt(ledger.prove(2), extra=None), ledger.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"index 2\n", b"index 02\n"),
        (b"index 2\n", b"index -2\n"),
        (b"index 2\n", b"index \n"),
        (b"index 2\n", b""),
        (b"index 2\n", b"index 2\nAAAA\n"),
        (b"index 2\n", b"index 2\n" + b64encode(bytes(32)) + b"\n" * 1 + b"=\n"),
        (b"extra ", b"extra  "),
        (b"\n\n", b"\n"),
        (b"\n", b"\r\n"),
        (b"extra ", b"extra QQ==\nextra "),
    ],
)
def test_a_malformed_receipt_is_refused(ledger: Ledger, old: bytes, new: bytes) -> None:
    with pytest.raises(MalformedError):
        verify_receipt(ledger.prove(2).text.replace(old, new, 1), ledger.verifier)


def test_a_receipt_cut_or_flipped_anywhere_is_refused(ledger: Ledger) -> None:
    text = ledger.prove(2).text
    for at in range(0, len(text), 7):
        flipped = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        for damaged in (text[:at], flipped):
            with pytest.raises(WeightmarkError):
                verify_receipt(damaged, ledger.verifier)


def test_a_leaf_with_a_duplicate_key_is_refused_even_in_a_valid_tree(ledger: Ledger) -> None:
    """Nobody but the log's key can make such a tree; the reader stays strict all the same."""
    from weightmark.provenance.ledger.checkpoint import Checkpoint
    from weightmark.provenance.ledger.merkle import leaf_hash

    body = ledger.entry(1).body.replace(b'"v":1', b'"v":1,"v":1')
    signer = NoteSigner.parse((ledger.path / "log.key").read_text().strip())
    note = Checkpoint(ORIGIN, 1, leaf_hash(body)).sign(signer)
    parsed = replace(parse_proof(ledger.prove(1).text), index=0, hashes=(), checkpoint=note)
    with pytest.raises(MalformedError, match="duplicate key"):
        verify_receipt(format_proof(replace(parsed, extra=body)), ledger.verifier)


def test_the_extra_line_is_the_leaf(ledger: Ledger) -> None:
    line = ledger.prove(2).text.split(b"\n")[1]
    assert b64decode(line.removeprefix(b"extra ")) == ledger.entry(2).body


def test_a_replayed_submission_of_a_removed_claim_blob_does_not_enter_twice(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    submission: Submission = alice.submit("a")
    (ledger.path / "claims" / ledger.entry(1).event.claim_sha256).unlink()
    (again,) = ledger.append([submission], JUDGE)
    assert (again.index, ledger.refresh().size) == (1, 5)
