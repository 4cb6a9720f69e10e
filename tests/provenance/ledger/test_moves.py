"""Moving, backing up, restoring, reindexing: nothing changes on the way, and never do two places grow."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim, subject_of
from tests.provenance.ledger.stores import StoredLog
from tests.sim.postgres import PostgresServer
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    LedgerNotLiveError,
    MalformedError,
    ReadError,
    TrustMissingError,
    UnsupportedError,
)
from weightmark.provenance.atomic import exclusive
from weightmark.provenance.ledger.backup import back_up, reconcile, reindex, restore
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.opening import home_of, view_of
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.standing import Role, Standing
from weightmark.provenance.ledger.store.interface import Query

JUDGE = ClaimVerifierSim()


@pytest.fixture
def grown(ledger: Ledger, alice: SubmitterSim) -> Ledger:
    """A ledger of 300 entries, over a full tile."""
    ledger.append([alice.submit(str(number)) for number in range(299)], JUDGE)
    return ledger


@pytest.fixture
def empty(tmp_path: Path) -> CheckpointMemory:
    """The memory of a machine that never saw the ledger."""
    return CheckpointMemory(tmp_path / "elsewhere")


def opened(place: Path | str, memory: CheckpointMemory, key: Path | None = None) -> Ledger:
    return Ledger.open(place, memory=memory, log_key=key, clock=lambda: NOW)


# --- migrate --------------------------------------------------------------------------------------


@pytest.mark.needs("postgresql")
def test_a_ledger_keeps_every_index_root_and_receipt_on_the_way_to_a_database_and_back(
    grown: Ledger,
    memory: CheckpointMemory,
    alice: SubmitterSim,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    server: PostgresServer = request.getfixturevalue("postgres")
    before, receipt, key = grown.refresh(), grown.prove(7), grown.path / "log.key"
    bodies = [one.body for one in grown.entries(0, 400)]
    database = server.database()
    there = migrate(grown, database)
    assert (there.head, there.blobs, there.absent) == (before, 600, 0)
    with opened(database, memory, key) as moved:
        assert [one.body for one in moved.entries(0, 400)] == bodies
        assert moved.prove(7) == receipt
        assert moved.verify(JUDGE).problems == ()
        assert moved.append([alice.submit("more")], JUDGE)[0].index == 300
        migrate(moved, tmp_path / "back", log_key=key)
    with opened(tmp_path / "back", memory) as back:
        assert back.refresh().size == 301
        assert back.verify(JUDGE).problems == ()
        assert verify_receipt(receipt.text, back.verifier).index == 7
        assert back.append([alice.submit("again")], JUDGE)[0].index == 301


def test_the_old_place_signs_nothing_after_a_move(
    grown: Ledger, memory: CheckpointMemory, alice: SubmitterSim, tmp_path: Path
) -> None:
    migrate(grown, tmp_path / "new")
    with pytest.raises(LedgerNotLiveError, match="has moved"):
        grown.append([alice.submit("x")], JUDGE)
    with opened(tmp_path / "new", memory) as new:
        assert new.append([alice.submit("x")], JUDGE)[0].index == 300
    with pytest.raises(CallError, match="has moved"):
        migrate(grown, tmp_path / "new")
    with pytest.raises(LedgerNotLiveError, match="has moved"):
        migrate(grown, tmp_path / "third")


def test_a_writer_that_was_open_before_the_move_signs_nothing_afterwards(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim, tmp_path: Path
) -> None:
    from weightmark.provenance.ledger.admission import admit

    with opened(ledger.path, memory) as other:
        admitted = admit(other.policy(), alice.submit("x"), JUDGE)
        migrate(ledger, tmp_path / "new")
        with pytest.raises(LedgerNotLiveError, match="has moved"):
            other.record([admitted])


def test_a_move_that_fails_leaves_the_old_place_alive(
    grown: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/x").write_text("mine")
    grown.publish(view_of(tmp_path / "view"))
    with pytest.raises(CallError, match="not an empty folder"):
        migrate(grown, tmp_path / "taken")
    with pytest.raises(UnsupportedError, match="cannot live at"):
        migrate(grown, tmp_path / "view")
    assert grown.append([alice.submit("x")], JUDGE)[0].index == 300


def test_a_move_that_was_killed_is_finished_by_asking_again(
    grown: Ledger, memory: CheckpointMemory, tmp_path: Path
) -> None:
    grown.home.set_standing(Standing(Role.MOVED, str(tmp_path / "new")))
    migrate(grown, tmp_path / "new")
    with opened(tmp_path / "new", memory) as new:
        assert new.verify(JUDGE).problems == ()


def test_a_damaged_ledger_is_not_moved(
    grown: Ledger, memory: CheckpointMemory, tmp_path: Path
) -> None:
    grown.close()
    edit(grown.path / "ledger.db", "update entry set body = x'7b7d' where idx = 5")
    with opened(grown.path, memory) as damaged, pytest.raises(MalformedError, match="event"):
        migrate(damaged, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*tmp"))
    assert FolderHome(grown.path).standing().role is Role.LIVE


def edit(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        triggers = db.execute(
            "select name, sql from sqlite_schema where type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            db.execute(f"drop trigger {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in triggers:
            db.execute(sql)


def test_a_ledger_made_of_a_published_view_signs_nothing_until_reconciled(
    tmp_path: Path, alice: SubmitterSim, memory: CheckpointMemory
) -> None:
    log = StoredLog("static", tmp_path, lambda: pytest.fail("no server"))
    log.grow("a", "b")
    key = log.writer().path / "log.key"
    with log.reader() as view:
        migrate(view, tmp_path / "new", log_key=key)
    with opened(tmp_path / "new", log.memory) as made:
        assert made.verify(JUDGE).problems == ()
        with pytest.raises(LedgerNotLiveError, match="not yet reconciled"):
            made.append([alice.submit("c")], JUDGE)
        with pytest.raises(TrustMissingError, match="newer than the backup"):
            reconcile(made.home, [], view=view_of(tmp_path / "view"), memory=log.memory)
        reconcile(made.home, [], memory=log.memory, nothing_newer=True)
        assert made.append([alice.submit("c")], JUDGE)[0].index == 3
    log.close()


# --- backup and restore ---------------------------------------------------------------------------


def test_a_backup_is_whole_holds_no_private_key_and_signs_nothing(
    grown: Ledger, memory: CheckpointMemory, alice: SubmitterSim, tmp_path: Path
) -> None:
    report = back_up(grown, tmp_path / "backup")
    assert (report.head, report.blobs) == (grown.refresh(), 600)
    names = {one.name for one in (tmp_path / "backup").iterdir()}
    assert not names & {"log.key", "recovery.key"}
    with opened(tmp_path / "backup", memory, grown.path / "log.key") as backup:
        assert backup.verify(JUDGE).problems == ()
        with pytest.raises(LedgerNotLiveError, match="is a backup"):
            backup.append([alice.submit("x")], JUDGE)
    grown.append([alice.submit("x")], JUDGE)


def test_a_restored_ledger_that_is_as_new_as_what_is_known_signs_again(
    grown: Ledger, memory: CheckpointMemory, alice: SubmitterSim, tmp_path: Path
) -> None:
    back_up(grown, tmp_path / "backup")
    key = grown.path / "log.key"
    restore(tmp_path / "backup", tmp_path / "new", log_key=key)
    reconcile(FolderHome(tmp_path / "new"), [], memory=memory, nothing_newer=True)
    with opened(tmp_path / "new", memory) as new:
        assert new.append([alice.submit("x")], JUDGE)[0].index == 300
        assert new.verify(JUDGE).problems == ()


def test_a_restored_old_copy_refuses_to_sign_until_it_was_reconciled(
    grown: Ledger,
    memory: CheckpointMemory,
    empty: CheckpointMemory,
    alice: SubmitterSim,
    tmp_path: Path,
) -> None:
    back_up(grown, tmp_path / "backup")
    (newest,) = grown.append([alice.submit("late")], JUDGE)
    view = view_of(tmp_path / "view")
    grown.publish(view)
    note = grown.refresh().note
    restore(tmp_path / "backup", tmp_path / "old", log_key=grown.path / "log.key")
    home = FolderHome(tmp_path / "old")
    with (
        opened(tmp_path / "old", empty) as old,
        pytest.raises(LedgerNotLiveError, match="not yet"),
    ):
        old.append([alice.submit("fork")], JUDGE)
    for known in (memory, empty):
        with pytest.raises(LedgerInconsistentError, match="lacks 1 entries"):
            reconcile(home, [note], memory=known)
    with pytest.raises(LedgerInconsistentError, match="lacks 1 entries"):
        reconcile(home, [], memory=memory)
    assert home.standing().role is Role.RESTORED
    assert reconcile(home, [note], view=view, memory=memory).head.size == 301
    with opened(tmp_path / "old", memory) as old:
        assert old.entry(300).event == newest.event
        assert old.append([alice.submit("next")], JUDGE)[0].index == 301


def test_without_any_known_checkpoint_a_restored_ledger_signs_nothing(
    grown: Ledger, empty: CheckpointMemory, tmp_path: Path
) -> None:
    back_up(grown, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new")
    with pytest.raises(TrustMissingError, match="newer than the backup"):
        reconcile(FolderHome(tmp_path / "new"), [], memory=empty)


def test_a_view_of_another_history_does_not_fill_a_restored_ledger(
    grown: Ledger,
    memory: CheckpointMemory,
    empty: CheckpointMemory,
    alice: SubmitterSim,
    tmp_path: Path,
) -> None:
    back_up(grown, tmp_path / "backup")
    grown.close()
    shutil.copytree(grown.path, tmp_path / "twin")
    with opened(grown.path, memory) as one:
        one.append([alice.submit("one")], JUDGE)
        note = one.refresh().note
    with opened(tmp_path / "twin", empty) as other:
        other.append([alice.submit("other"), alice.submit("more")], JUDGE)
        other.publish(view_of(tmp_path / "view"))
    restore(tmp_path / "backup", tmp_path / "new")
    home = FolderHome(tmp_path / "new")
    with pytest.raises(LedgerInconsistentError, match="forked"):
        reconcile(
            home, [note], view=view_of(tmp_path / "view"), memory=CheckpointMemory(tmp_path / "m")
        )
    assert home.standing().role is Role.RESTORED


def test_only_a_backup_is_restored_and_nothing_is_overwritten(
    grown: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(CallError, match="is no backup"):
        restore(grown.path, tmp_path / "new")
    back_up(grown, tmp_path / "backup")
    for place in (grown.path, tmp_path / "backup"):
        with pytest.raises(CallError, match="not an empty folder"):
            restore(tmp_path / "backup", place)
        with pytest.raises(CallError, match="not an empty folder"):
            back_up(grown, place)
    with pytest.raises(CallError, match="signs already"):
        reconcile(home_of(grown.path), [])


def test_a_backup_without_a_claim_says_so(
    ledger: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    (ledger.path / "claims" / ledger.entry(1).event.claim_sha256).unlink()
    assert back_up(ledger, tmp_path / "backup").absent == 1


def test_a_backup_of_a_ledger_with_an_edited_claim_is_refused(
    ledger: Ledger, alice: SubmitterSim, tmp_path: Path
) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    (ledger.path / "claims" / ledger.entry(1).event.claim_sha256).write_bytes(b"{}")
    with pytest.raises(LedgerInconsistentError, match="was changed"):
        back_up(ledger, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.needs("postgresql")
def test_a_backup_of_a_folder_is_restored_into_a_database(
    grown: Ledger, memory: CheckpointMemory, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres").database()
    back_up(grown, tmp_path / "backup")
    restore(tmp_path / "backup", database)
    with closing(home_of(database)) as home:
        reconcile(home, [], memory=memory, nothing_newer=True)
    with opened(database, memory) as restored:
        assert restored.verify(JUDGE).problems == ()
    with pytest.raises(CallError, match="already"):
        restore(tmp_path / "backup", database)


# --- reindex --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "delete from search",
        "update search set subject = ''",
        "delete from unique_key",
        "update unique_key set idx = 0",
        "insert into search values(900, '', '', '', '', '')",
    ],
)
def test_damaged_derived_tables_are_made_anew(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim, statement: str
) -> None:
    ledger.append([alice.submit("a"), alice.submit("b")], JUDGE)
    ledger.close()
    edit(ledger.path / "ledger.db", statement)
    with opened(ledger.path, memory) as damaged:
        assert damaged.verify().problems != ()
        reindex(damaged)
        assert damaged.verify(JUDGE).problems == ()
        assert [one.index for one in damaged.find(subject=subject_of("b"))] == [2]
        assert damaged.append([alice.submit("a")], JUDGE)[0].index == 1


def test_an_edited_entry_is_not_indexed(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim
) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    ledger.close()
    edit(
        ledger.path / "ledger.db",
        "update entry set body = cast(replace(body, 'release', 'approve') as blob) where idx = 1",
    )
    with (
        opened(ledger.path, memory) as damaged,
        pytest.raises(LedgerInconsistentError, match="lead"),
    ):
        reindex(damaged)


def test_an_entry_hidden_from_the_search_table_is_found_by_a_complete_search_and_by_the_audit(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim
) -> None:
    ledger.append([alice.submit("a"), alice.submit("a", "revoke")], JUDGE)
    ledger.close()
    edit(ledger.path / "ledger.db", "delete from search where kind = 'revoke'")
    with opened(ledger.path, memory) as hidden:
        query = Query(subject=subject_of("a"))
        assert [one.index for one in hidden.search(query)] == [1]
        assert [one.index for one in hidden.search(query, complete=True)] == [1, 2]
        assert "entry 2" in {one.where for one in hidden.verify().problems}


def test_an_index_that_lost_a_row_is_found_by_the_audit(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim
) -> None:
    """The table is right and the index beside it is not: an edit of pages, not of rows."""
    ledger.append([alice.submit("a"), alice.submit("b")], JUDGE)
    ledger.close()
    path = ledger.path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        (page,) = db.execute(
            "select rootpage from sqlite_schema where name = 'search_subject'"
        ).fetchone()
    whole = path.read_bytes()
    start = (page - 1) * 8192
    index = whole[start : start + 8192].replace(subject_of("b").encode(), subject_of("z").encode())
    path.write_bytes(whole[:start] + index + whole[start + 8192 :])
    with opened(ledger.path, memory) as damaged:
        assert damaged.find(subject=subject_of("b")) == ()
        assert [one.index for one in damaged.find(subject=subject_of("b"), complete=True)] == [2]
        assert any("index" in one.what for one in damaged.verify().problems)
        reindex(damaged)
        assert [one.index for one in damaged.find(subject=subject_of("b"))] == [2]


@pytest.mark.needs("postgresql")
def test_a_database_is_reindexed(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim, request: pytest.FixtureRequest
) -> None:
    import psycopg

    ledger.append([alice.submit("a")], JUDGE)
    database = request.getfixturevalue("postgres").database()
    migrate(ledger, database)
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("delete from weightmark.search")
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
            db.execute("delete from weightmark.entry")
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="only grow"):
            db.execute("update weightmark.tile set hashes = '\\x00'")
    with opened(database, memory) as damaged:
        assert "entry 1" in {one.where for one in damaged.verify().problems}
        reindex(damaged)
        assert damaged.verify(JUDGE).problems == ()


@pytest.mark.needs("postgresql")
def test_an_edited_database_of_postgresql_is_found(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim, request: pytest.FixtureRequest
) -> None:
    import psycopg

    ledger.append([alice.submit("a"), alice.submit("b")], JUDGE)
    database = request.getfixturevalue("postgres").database()
    migrate(ledger, database)
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("set session_replication_role = replica")
        db.execute("update weightmark.entry set body = set_byte(body, 30, 65) where idx = 1")
        db.execute("update weightmark.blob set data = '\\x7b7d'")
    with opened(database, memory) as damaged:
        with pytest.raises(LedgerInconsistentError, match=r"entry 1 .* was changed"):
            damaged.prove(1)
        with pytest.raises(LedgerInconsistentError, match="was changed"):
            damaged.claim(2)
        assert {"head", "entry 1"} <= {one.where for one in damaged.verify().problems}
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("set session_replication_role = replica")
        db.execute("update weightmark.tile set hashes = set_byte(hashes, 3, 65)")
    with pytest.raises(LedgerInconsistentError, match="root that was signed"):
        opened(database, memory)
    with pytest.raises(ReadError, match="cannot read or write"):
        opened(database + "&dbname=absent", memory)


# --- what a killed process left -------------------------------------------------------------------


def test_what_a_killed_move_left_is_removed_by_the_next(ledger: Ledger, tmp_path: Path) -> None:
    """It may hold a copy of the log's private key."""
    left = tmp_path / ".new.0123456789abcdef.tmp"
    left.mkdir()
    (left / "log.key").write_text("secret")
    others = [tmp_path / name for name in (".new.tmp", ".newer.0123456789abcdef.tmp", "x.tmp")]
    for one in others:
        one.mkdir()
    migrate(ledger, tmp_path / "new")
    assert not left.exists()
    assert all(one.exists() for one in others)
    assert (tmp_path / "new" / "log.key").exists()


def test_what_another_process_is_making_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    busy = tmp_path / ".new.0123456789abcdef.tmp"
    busy.mkdir()
    with exclusive(busy):
        back_up(ledger, tmp_path / "new")
    assert busy.exists()


def test_a_link_in_the_place_of_a_leftover_leads_nowhere(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / ".new.0123456789abcdef.tmp").symlink_to(tmp_path / "precious")
    back_up(ledger, tmp_path / "new")
    assert (tmp_path / "precious").exists()
