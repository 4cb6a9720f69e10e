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
    manifest_of,
    release,
)
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.consulting import revoked_content
from weightmark.attestations.ledger.descent import ancestors_of
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.trust import Trust
from weightmark.errors import LedgerInconsistentError, LimitError, ReadError, RevokedError
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


def fill(ledger: Ledger, count: int, kind: Kind = Kind.RELEASE) -> None:
    """Write entries as the log does, without a signature for each."""
    signer = ledger.home.read_signer(ledger.verifier)
    with ledger.home.store.write() as store:
        snapshot = LedgerSnapshot.of(store, ledger.verifier)
        size = snapshot.head.size
        rows = [
            Row(size + n, one.to_bytes(), one, unique_keys(one))
            for n, one in enumerate(events(ledger, count, kind))
        ]
        store.add(make_addition(rows, size, store.tile, snapshot.nodes, signer))
    ledger.publish()
    ledger.refresh()


def events(ledger: Ledger, count: int, kind: Kind) -> Iterator[Event]:
    party = ALICE.identity.name
    for number in range(count):
        digest = f"{number:064x}"
        yield Event(
            kind,
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


def crowd(ledger: Ledger) -> None:
    """Make it large with entries that tell nothing of descent."""
    fill(ledger, MAX_WALK, Kind.TEST)


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


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Ledger]:
    """A chain of 90 artifacts, each made from the one before, and the last from the one file of another."""
    with make_ledger(tmp_path / "l", [admitted(ALICE), admitted(BOB)]) as made:
        links = [
            derived(ALICE, NAMES[at], NAMES[at - 1] if at else ONE_FILE) for at in range(len(NAMES))
        ]
        enter(made, ALICE, release(ALICE, "one"), derived(ALICE, identity_of("one"), BASE), *links)
        yield made


NAMES = [f"wm1:{number:064x}" for number in range(1, 91)]
ONE_FILE = f"sha256:{manifest_of('one').sha256['model.safetensors']}"


def test_a_large_ledger_tells_the_same_descent_as_a_small_one(family: Ledger) -> None:
    """First by asking for a few names, then by the reader's own index of claims, which stays."""
    small = ancestors_of(family, [NAMES[-1]], complete=True)
    assert {BASE, identity_of("one"), ONE_FILE} < set(small.reached)
    crowd(family)
    for _ in range(2):
        large = ancestors_of(family, [NAMES[-1]], complete=True)
        assert (dict(large.reached), large.problem) == (dict(small.reached), None)
    assert ClaimIndex.missing(family) == 0
    hide(family, Kind.PROVENANCE)
    assert set(ancestors_of(family, [NAMES[-1]], complete=False).reached) == set(small.reached)


def test_a_release_that_cannot_be_read_is_a_problem_in_a_large_ledger_too(family: Ledger) -> None:
    (gone,) = enter(family, ALICE, release(ALICE, "gone"))
    crowd(family)
    claim = family.path / "claims" / family.entry(gone).event.claim_sha256
    data = claim.read_bytes()
    claim.unlink()
    assert isinstance(ancestors_of(family, [NAMES[0]], complete=True).problem, ReadError)
    assert isinstance(ancestors_of(family, [NAMES[0]], complete=True).problem, ReadError)
    claim.write_bytes(data)
    assert ancestors_of(family, [NAMES[0]], complete=True).problem is None


def test_more_ancestors_than_the_bound_are_said_to_be_unchecked(family: Ledger) -> None:
    problem = ancestors_of(family, [NAMES[-1]], complete=True, limit=50).problem
    assert isinstance(problem, LimitError)


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
