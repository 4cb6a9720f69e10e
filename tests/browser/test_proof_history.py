"""What one browser remembers of a log: growth is followed, and a log that goes back or splits is found out."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browser.proof_script import ProofScript
from tests.browser.trees import LOG, OTHER, STRANGER, checkpoint_of, entries_of, site_of
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.merkle import EMPTY_ROOT

pytestmark = pytest.mark.needs("node")

KEY = LOG.verifier


def forked(count: int, at: int) -> list[bytes]:
    """A log that has another entry at `at`."""
    return [*entries_of(at), b"another past", *entries_of(count)[at + 1 :]]


def test_the_first_visit_is_remembered_and_says_that_nothing_was_compared(
    script: ProofScript,
) -> None:
    site = site_of(entries_of(5))
    answer = script.history(KEY, shown=site["checkpoint"], seen=None, site=site)
    assert answer["state"] == "proven"
    assert "for the first time" in answer["says"]
    assert answer["newest"] == site["checkpoint"].decode()


@given(sizes=st.lists(st.integers(1, 700), min_size=2, max_size=3).map(sorted))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_that_grew_is_followed_over_its_tiles(script: ProofScript, sizes: list[int]) -> None:
    entries = entries_of(sizes[-1])
    seen, shown = checkpoint_of(entries[: sizes[0]]), checkpoint_of(entries[: sizes[1]])
    answer = script.history(KEY, shown=shown, seen=seen, site=site_of(entries))
    assert answer["state"] == "proven", answer
    assert answer["newest"] == checkpoint_of(entries).decode()


@given(size=st.integers(2, 600), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_past_never_passes_for_growth(
    script: ProofScript, size: int, data: st.DataObject
) -> None:
    seen = data.draw(st.integers(1, size - 1))
    at = data.draw(st.integers(0, seen - 1))
    site = site_of(forked(size, at))
    kept = checkpoint_of(entries_of(seen))
    answer = script.history(KEY, shown=site["checkpoint"], seen=kept, site=site)
    assert answer["state"] == "failed", answer
    assert "past was changed" in answer["says"]


def test_entries_taken_back_are_found_out(script: ProofScript) -> None:
    seen = checkpoint_of(entries_of(9))
    site = site_of(entries_of(7))
    answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=site)
    assert answer["state"] == "failed"
    assert "taken back" in answer["says"]


def test_a_page_that_is_ahead_of_the_sites_checkpoint_is_not_believed(script: ProofScript) -> None:
    entries = entries_of(9)
    answer = script.history(KEY, shown=checkpoint_of(entries), seen=None, site=site_of(entries[:7]))
    assert answer["state"] == "failed"


def test_another_root_at_the_same_size_is_a_split_view(script: ProofScript) -> None:
    site = site_of(forked(8, 3))
    for seen in (checkpoint_of(entries_of(8)), checkpoint_of(forked(8, 7))):
        answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=site)
        assert answer["state"] == "failed"
        assert "split view" in answer["says"]


def test_a_page_of_another_tree_than_the_site_is_a_split_view(script: ProofScript) -> None:
    shown = checkpoint_of(forked(6, 2))
    for count in (6, 9):
        answer = script.history(KEY, shown=shown, seen=None, site=site_of(entries_of(count)))
        assert answer["state"] == "failed"


def test_an_old_page_of_a_log_that_grew_is_fine(script: ProofScript) -> None:
    entries = entries_of(300)
    shown, seen = checkpoint_of(entries[:3]), checkpoint_of(entries[:270])
    answer = script.history(KEY, shown=shown, seen=seen, site=site_of(entries))
    assert answer["state"] == "proven"


def test_a_site_that_hides_its_tiles_is_not_believed(script: ProofScript) -> None:
    entries = entries_of(20)
    seen, site = checkpoint_of(entries[:11]), site_of(entries)
    for left in ({}, {"checkpoint": site["checkpoint"]}):
        answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=left)
        assert answer["state"] == "unchecked"


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 32 * 19 + 5])
def test_a_short_tile_is_could_not_be_checked(script: ProofScript, cut: int) -> None:
    entries = entries_of(20)
    site = site_of(entries)
    site["tile/0/000.p/20"] = site["tile/0/000.p/20"][:cut]
    seen = checkpoint_of(entries[:11])
    answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=site)
    assert answer["state"] == "unchecked"


def test_a_tile_that_lies_is_found_out(script: ProofScript) -> None:
    entries = entries_of(20)
    site = site_of(entries)
    tile = bytearray(site["tile/0/000.p/20"])
    tile[32 * 15] ^= 1
    site["tile/0/000.p/20"] = bytes(tile)
    seen = checkpoint_of(entries[:11])
    answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=site)
    assert answer["state"] == "failed"


def test_the_whole_tile_stands_in_for_a_partial_one_that_is_gone(script: ProofScript) -> None:
    entries = entries_of(40)
    site = site_of(entries)
    site["tile/0/000"] = site.pop("tile/0/000.p/40")
    seen = checkpoint_of(entries[:33])
    answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=site)
    assert answer["state"] == "proven"


def test_a_checkpoint_of_the_site_by_another_key_fails(script: ProofScript) -> None:
    entries = entries_of(5)
    site = site_of(entries, OTHER)
    answer = script.history(KEY, shown=checkpoint_of(entries), seen=None, site=site)
    assert answer["state"] == "failed"


def test_an_empty_log_has_one_root(script: ProofScript) -> None:
    entries = entries_of(3)
    site = site_of(entries)
    empty = Checkpoint(LOG.name, 0, EMPTY_ROOT).sign(LOG)
    odd = Checkpoint(LOG.name, 0, b"\1" * 32).sign(LOG)
    shown = site["checkpoint"]
    assert script.history(KEY, shown=shown, seen=empty, site=site)["state"] == "proven"
    assert script.history(KEY, shown=shown, seen=odd, site=site)["state"] == "unchecked"
    assert script.history(KEY, shown=odd, seen=None, site={})["state"] == "failed"


def test_a_damaged_memory_is_no_alarm_and_no_proof(script: ProofScript) -> None:
    site = site_of(entries_of(5))
    for seen in (b"", checkpoint_of(entries_of(5), OTHER), site["checkpoint"][:-3]):
        answer = script.history(KEY, shown=site["checkpoint"], seen=seen, site=site)
        assert answer["state"] == "unchecked"


def test_an_old_receipt_is_compared_and_no_rollback(script: ProofScript) -> None:
    entries = entries_of(12)
    receipt, seen = checkpoint_of(entries[:4]), checkpoint_of(entries[:10])
    answer = script.history(KEY, shown=receipt, seen=seen, site=site_of(entries), is_page=False)
    assert answer["state"] == "proven"
    old = checkpoint_of(forked(4, 1))
    answer = script.history(KEY, shown=old, seen=seen, site=site_of(entries), is_page=False)
    assert answer["state"] == "failed"


def test_a_receipt_that_is_ahead_of_the_site_shows_that_entries_were_taken_back(
    script: ProofScript,
) -> None:
    entries = entries_of(12)
    answer = script.history(
        KEY, shown=checkpoint_of(entries), seen=None, site=site_of(entries[:7]), is_page=False
    )
    assert answer["state"] == "failed"
    assert "taken back" in answer["says"]


def test_a_receipt_of_another_log_than_the_sites_is_checked_by_itself(script: ProofScript) -> None:
    receipt, site = checkpoint_of(entries_of(4)), site_of(entries_of(9), STRANGER)
    answer = script.history(KEY, shown=receipt, seen=None, site=site, is_page=False)
    assert (answer["state"], answer["newest"]) == ("proven", None)
    assert script.history(KEY, shown=receipt, seen=None, site=site)["state"] == "failed"


def test_a_bad_signature_of_the_site_fails_a_receipt_as_well(script: ProofScript) -> None:
    site = site_of(entries_of(9))
    site["checkpoint"] = site["checkpoint"].replace(b"\n9\n", b"\n8\n")
    receipt = checkpoint_of(entries_of(4))
    answer = script.history(KEY, shown=receipt, seen=None, site=site, is_page=False)
    assert answer["state"] == "failed"


def test_a_site_that_gives_nothing_hides_no_fork_behind_a_receipt(script: ProofScript) -> None:
    """Without tiles nobody can tell an old receipt from one of a fork: neither is proven."""
    entries = entries_of(12)
    receipt = checkpoint_of(entries[:4])
    answer = script.history(KEY, shown=receipt, seen=checkpoint_of(entries), site={}, is_page=False)
    assert answer["state"] == "unchecked"
    fork = checkpoint_of(forked(4, 1))
    answer = script.history(KEY, shown=fork, seen=checkpoint_of(entries), site={}, is_page=False)
    assert answer["state"] == "unchecked"
    split = checkpoint_of(forked(4, 0))
    answer = script.history(KEY, shown=receipt, seen=split, site={}, is_page=False)
    assert answer["state"] == "failed"


def test_a_copy_without_a_site_that_is_older_is_not_proven(script: ProofScript) -> None:
    entries = entries_of(12)
    answer = script.history(
        KEY, shown=checkpoint_of(entries[:4]), seen=checkpoint_of(entries), site={}
    )
    assert answer["state"] == "unchecked"
