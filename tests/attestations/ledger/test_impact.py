"""The reader's own index: descent, words and verdicts, from proven entries only."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    deployed,
    derived,
    enter,
    identity_of,
    manifest_of,
    release,
    state,
)
from weightmark.attestations.ledger.claim_index import ClaimIndex, cache_folder, said_by
from weightmark.attestations.ledger.impact import Impact, find_impact
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.errors import LedgerInconsistentError, ReadError
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.store.interface import Query

A, B, C, D, E = (identity_of(name) for name in "abcde")


def impact(ledger: Ledger, root: str, folder: Path | None = None) -> Impact:
    with ClaimIndex.of(ledger, folder) as index:
        return find_impact(index, ledger, root)


def children(found: Impact) -> set[str]:
    return {one.identity for one in found.descendants}


def test_everything_that_descends_is_found_whatever_the_order(ledger: Ledger) -> None:
    steps = [(C, B), (D, C), (B, A), (E, D)]
    indices = [enter(ledger, ALICE, derived(ALICE, *step))[0] for step in steps]
    found = impact(ledger, A)
    assert children(found) == {B, C, D, E}
    assert {one.identity: one.entries for one in found.descendants}[C] == (indices[0],)
    assert children(impact(ledger, D)) == {E}
    assert children(impact(ledger, E)) == set()


def test_a_merge_has_every_parent_that_descends(ledger: Ledger) -> None:
    enter(ledger, ALICE, derived(ALICE, B, A), derived(ALICE, C, A), derived(ALICE, D, B, C, E))
    merged = next(one for one in impact(ledger, A).descendants if one.identity == D)
    assert merged.parents == tuple(sorted((B, C))), "what does not descend from it is no way to it"


def test_a_circle_ends(ledger: Ledger) -> None:
    enter(ledger, ALICE, derived(ALICE, B, A), derived(ALICE, A, B))
    assert children(impact(ledger, A)) == {B}


def test_decisions_and_deployments_of_descendants_are_listed(ledger: Ledger) -> None:
    enter(ledger, ALICE, derived(ALICE, B, A))
    vsa = {"verificationResult": "PASSED"}
    (decision,) = enter(ledger, BOB, state(BOB, B, VSA_PREDICATE, vsa))
    (deployment,) = enter(ledger, BOB, deployed(BOB, B))
    enter(ledger, BOB, deployed(BOB, C))
    uses = impact(ledger, A).uses
    assert [(one.index, one.kind, one.verdict) for one in uses] == [
        (decision, Kind.DECISION, "passed"),
        (deployment, Kind.DEPLOY, ""),
    ]


def test_a_file_is_the_artifact_that_is_this_file_alone(ledger: Ledger) -> None:
    """A dataset named by the digest of its file, and by its identity, is one thing."""
    claim = manifest_of("a", ".")
    digest = f"sha256:{claim.sha256['.']}"
    enter(ledger, ALICE, release(ALICE, "a", "."))
    enter(ledger, ALICE, derived(ALICE, B, digest), derived(ALICE, C, claim.manifest.identity))
    assert children(impact(ledger, digest)) >= {B, C}
    assert children(impact(ledger, claim.manifest.identity)) >= {B, C}


def test_observed_claims_make_nobody_a_descendant(ledger: Ledger) -> None:
    enter(ledger, ALICE, derived(ALICE, B, A), kind="observed")
    assert children(impact(ledger, A)) == set()


def test_the_drawings_hold_no_syntax_of_others(ledger: Ledger) -> None:
    evil = '"]; click n0 "javascript:x'
    enter(ledger, ALICE, derived(ALICE, B, A))
    enter(ledger, BOB, state(BOB, B, VSA_PREDICATE, {"verificationResult": evil}))
    drawing = impact(ledger, A).drawing()
    assert evil not in drawing.to_mermaid() + drawing.to_dot()
    assert '"]; click' not in drawing.to_mermaid()
    assert '\\"]; click' in drawing.to_dot()


def test_an_index_goes_on_where_it_stopped_and_is_the_same_as_a_new_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for child, parent in ((B, A), (C, B), (D, C)):
        enter(ledger, ALICE, derived(ALICE, child, parent))
        impact(ledger, A, first)
    assert impact(ledger, A, first) == impact(ledger, A, second)


def test_an_index_of_another_history_is_made_anew(ledger: Ledger, tmp_path: Path) -> None:
    enter(ledger, ALICE, derived(ALICE, B, A))
    folder = tmp_path / "cache"
    impact(ledger, A, folder)
    (path,) = folder.glob("*.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("update meta set peaks = ?", ("00" * 32,))
        db.execute("delete from edge")
        db.commit()
    assert children(impact(ledger, A, folder)) == {B}


def test_an_index_that_is_no_database_says_what_to_do(ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    impact(ledger, A, folder)
    (path,) = folder.glob("*.db")
    path.write_bytes(b"words" * 1000)
    with pytest.raises(ReadError, match="cannot be used"):
        impact(ledger, A, folder)


def test_entries_that_do_not_lead_to_the_signed_root_are_not_indexed(ledger: Ledger) -> None:
    enter(ledger, ALICE, derived(ALICE, B, A))
    with closing(sqlite3.connect(ledger.path / "ledger.db", isolation_level=None)) as db:
        triggers = db.execute(
            "select name, sql from sqlite_schema where type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            db.execute(f"drop trigger {name}")
        db.execute("update entry set body = cast(replace(body, 'provenance', 'observed') as blob)")
        for _, sql in triggers:
            db.execute(sql)
    with pytest.raises(LedgerInconsistentError):
        impact(ledger, A)


def test_what_was_erased_is_found_by_no_word(ledger: Ledger) -> None:
    claim = release(ALICE, "secret-name-of-a-person")
    (index,) = enter(ledger, ALICE, claim)
    with ClaimIndex.of(ledger) as found:
        assert found.search(words=["secret-name"]) == (index,)
    digest = hashlib.sha256(claim.to_bytes()).hexdigest()
    redact(ledger, f"sha256:{digest}", "asked for")
    with ClaimIndex.of(ledger) as found:
        assert found.search(words=["secret-name"]) == ()
    assert b"secret-name" not in b"".join(one.read_bytes() for one in cache_folder().glob("*.db*"))


@pytest.mark.parametrize("word", ["%", "_", "100%", "a_b", "\\"])
def test_wildcards_are_searched_for_as_they_stand(ledger: Ledger, word: str) -> None:
    enter(ledger, ALICE, release(ALICE, "abc"), release(ALICE, f"x{word}x"))
    with ClaimIndex.of(ledger) as index:
        (only,) = index.search(words=[f"x{word}x"])
        assert only == 2
        assert index.search(words=[f"y{word}"]) == ()


def test_verdict_and_words_must_both_fit(ledger: Ledger) -> None:
    for result in ("PASSED", "FAILED"):
        enter(
            ledger,
            ALICE,
            state(ALICE, A, VSA_PREDICATE, {"verificationResult": result, "by": "gate one"}),
        )
    with ClaimIndex.of(ledger) as index:
        assert index.search(verdict="failed") == (2,)
        assert index.search(verdict="Failed", words=["gate", "one"]) == (2,)
        assert index.search(verdict="failed", words=["two"]) == ()
        assert index.search() == (0, 1, 2)
        assert index.search(limit=1) == (0,)


def test_a_search_by_signer_kind_subject_and_time(ledger: Ledger) -> None:
    enter(ledger, ALICE, release(ALICE, "a"), derived(ALICE, B, A))
    enter(ledger, BOB, release(BOB, "a", title="b"))
    alice = ALICE.identity.name
    for query, expected in (
        (Query(signer=alice), [1, 2]),
        (Query(signer=alice, kind=Kind.RELEASE), [1]),
        (Query(subject=A), [1, 3]),
        (Query(since="2999-01-01T00:00:00Z"), []),
        (Query(until="2999-01-01T00:00:00Z", kind=Kind.PROVENANCE), [2]),
    ):
        for complete in (False, True):
            assert [one.index for one in ledger.search(query, complete=complete)] == expected


@given(st.binary(max_size=300))
def test_claims_that_break_their_format_say_nothing(data: bytes) -> None:
    assert said_by(data).parents == ()


def test_the_only_file_of_an_artifact_is_no_descendant_of_it(ledger: Ledger) -> None:
    enter(ledger, ALICE, release(ALICE, "a"), derived(ALICE, B, A))
    digest = manifest_of("a").sha256["model.safetensors"]
    assert children(impact(ledger, A)) == {B}
    assert B in children(impact(ledger, f"sha256:{digest}"))
