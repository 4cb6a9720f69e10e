"""A ledger too large to be read each time: its reader's own index answers, and nobody hides an entry from it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    admitted,
    derived,
    enter,
    identity_of,
    make_ledger,
    release,
)
from weightmark.attestations.ledger.consulting import revoked_content
from weightmark.attestations.ledger.descent import ancestors_of
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.trust import Trust
from weightmark.errors import LedgerInconsistentError, RevokedError
from weightmark.provenance.ledger.binding_index import MAX_WALK, BindingIndex
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.plan import make_addition, unique_keys
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Row

BASE, CHILD, GRANDCHILD = (identity_of(name) for name in ("base", "child", "grandchild"))


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Ledger]:
    with make_ledger(tmp_path / "l", [admitted(ALICE), admitted(BOB)]) as made:
        fill(made, MAX_WALK)
        yield made


def fill(ledger: Ledger, count: int) -> None:
    """Write entries as the log does, without a signature for each."""
    signer = ledger.home.read_signer(ledger.verifier)
    with ledger.home.store.write() as store:
        snapshot = LedgerSnapshot.of(store, ledger.verifier)
        size = snapshot.head.size
        rows = [
            Row(size + n, one.to_bytes(), one, unique_keys(one))
            for n, one in enumerate(events(ledger, count))
        ]
        store.add(make_addition(rows, size, store.tile, snapshot.nodes, signer))
    ledger.publish()
    ledger.refresh()


def events(ledger: Ledger, count: int) -> Iterator[Event]:
    party = ALICE.identity.name
    for number in range(count):
        digest = f"{number:064x}"
        yield Event(
            Kind.RELEASE,
            ledger.origin,
            f"e-{number}",
            digest,
            digest,
            digest,
            f"wm1:{digest}",
            party,
            party,
            "2026-11-21T12:00:00Z",
        )


def hide(ledger: Ledger, kind: Kind) -> None:
    """What an operator can do: the search table is signed by nobody."""
    with closing(sqlite3.connect(ledger.path / "ledger.db")) as database:
        assert database.execute("delete from search where kind = ?", (kind,)).rowcount
        database.commit()


def in_force(ledger: Ledger) -> set[str]:
    return {one.subject.text for one in Revocations.read(ledger, complete=True).in_force}


def test_a_revocation_that_the_operator_hides_binds(large: Ledger) -> None:
    revoke(large, BOB, RevocationSubject(BASE), "bad")
    hide(large, Kind.REVOKE)
    assert large.can_be_read_whole()
    assert {one.index for one in large.find(kind=Kind.REVOKE)} == set(), "it is hidden"
    assert in_force(large) == {BASE}


def test_the_index_follows_the_log(large: Ledger) -> None:
    revoke(large, BOB, RevocationSubject(BASE), "bad")
    assert in_force(large) == {BASE}
    for one in (ALICE, BOB):
        reinstate(large, one, revocations_of(large, BASE), "fine")
    assert in_force(large) == set()
    revoke(large, BOB, RevocationSubject(BASE), "bad")
    assert in_force(large) == {BASE}


def test_descent_that_the_operator_hides_taints(large: Ledger) -> None:
    enter(large, ALICE, derived(ALICE, CHILD, BASE), derived(ALICE, GRANDCHILD, CHILD))
    revoke(large, BOB, RevocationSubject(BASE), "bad")
    hide(large, Kind.PROVENANCE)
    assert ancestors_of(large, [GRANDCHILD], complete=False).reached == {}
    found = ancestors_of(large, [GRANDCHILD], complete=True)
    assert found.reached == {CHILD: GRANDCHILD, BASE: CHILD}
    revocations = Revocations.read(large, complete=True)
    assert revoked_content(str(large.path), revocations, GRANDCHILD, None).outcome == "fail"


def test_a_key_that_the_operator_hides_as_revoked_counts_no_more(large: Ledger) -> None:
    revoke(large, BOB, RevocationSubject(ALICE.identity.name), "lost")
    hide(large, Kind.REVOKE)
    trust = Revocations.read(large, complete=True).bind(Trust.in_keys([ALICE.public]))
    with pytest.raises(RevokedError):
        trust.verify(release(ALICE, "m"))


def test_an_index_of_another_log_is_made_anew(large: Ledger, tmp_path: Path) -> None:
    """Whatever file stands in its place, what does not lead to the signed root is not believed."""
    revoke(large, BOB, RevocationSubject(BASE), "bad")
    with make_ledger(tmp_path / "other" / "l", [admitted(ALICE)]) as other:
        fill(other, MAX_WALK + 1)
        assert in_force(other) == set()
        (source,) = (tmp_path / "other" / "state").glob("*.binding.db")
    assert in_force(large) == {BASE}
    (target,) = (tmp_path / "state").glob("*.binding.db")
    target.write_bytes(source.read_bytes())
    assert in_force(large) == {BASE}


def test_an_index_of_an_edited_log_is_not_kept(large: Ledger, tmp_path: Path) -> None:
    with closing(sqlite3.connect(large.path / "ledger.db")) as database:
        guards = "select name, sql from sqlite_schema where type = 'trigger' and tbl_name = 'entry'"
        found = database.execute(guards).fetchall()
        for name, _ in found:
            database.execute(f"drop trigger {name}")
        database.execute(
            "update entry set body = cast(replace(cast(body as text), 'e-7', 'e-8') as blob) where idx = 8"
        )
        for _, sql in found:
            database.execute(sql)
        database.commit()
    memory = CheckpointMemory(tmp_path / "fresh")
    with Ledger.open(large.path, memory=memory) as reader:
        for _ in range(2):
            with pytest.raises(LedgerInconsistentError, match="do not lead to the signed root"):
                reader.find(kind=Kind.REVOKE, complete=True)
        with reader.snapshot() as snapshot:
            assert BindingIndex(memory.folder, reader.vkey).missing(snapshot) == snapshot.head.size
