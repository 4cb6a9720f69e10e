"""An older lock that is put back together with its older claims: signed, and still not the present one."""

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attestations.gate_makers import KEY, SIGNER
from tests.attestations.locking.test_lock_file import BERT, LOCK
from weightmark.attestations.checks import Outcome
from weightmark.attestations.locking.lock_file import LockFile
from weightmark.attestations.locking.seen import SeenLocks, require_signed_since
from weightmark.attestations.locking.signing import Vouched, sign_lock, vouched_for
from weightmark.attestations.trust import Trust
from weightmark.errors import MalformedError, ReadError, RefusedError, UncheckedError

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
NEWER = LOCK.with_artifact(replace(BERT, uri="hf://acme/bert@v2"))
Sign = Callable[..., Vouched]


@pytest.fixture
def seen(tmp_path: Path) -> SeenLocks:
    return SeenLocks(tmp_path / "state/locks")


@pytest.fixture
def sign(tmp_path: Path) -> Sign:
    def signed(lock: LockFile, minutes: float = 0) -> Vouched:
        claims, at = tmp_path / "claims", NOW + timedelta(minutes=minutes)
        sign_lock(lock, [SIGNER], claims, at)
        trust = Trust.in_keys([KEY.public])
        return vouched_for(lock, claims, trust, NOW + timedelta(days=1))

    return signed


def place(tmp_path: Path) -> Path:
    return tmp_path / "weightmark.lock"


def test_an_older_lock_with_its_own_claims_is_refused_where_a_newer_one_was_seen(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    old, new = sign(LOCK), sign(NEWER, minutes=1)
    seen.admit(place(tmp_path), old)
    seen.admit(place(tmp_path), new)
    with pytest.raises(RefusedError, match="was seen there"):
        seen.admit(place(tmp_path), old)
    seen.admit(place(tmp_path), new)


def test_two_locks_of_one_moment_can_not_be_told_apart(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    seen.admit(place(tmp_path), sign(LOCK))
    with pytest.raises(RefusedError):
        seen.admit(place(tmp_path), sign(NEWER))


def test_older_claims_of_the_same_lock_lower_nothing(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    """Signed again without a change: either set of claims is as good, and the newer time stays."""
    first, again = sign(LOCK), sign(LOCK, minutes=10)
    seen.admit(place(tmp_path), again)
    seen.admit(place(tmp_path), first)
    with pytest.raises(RefusedError):
        seen.admit(place(tmp_path), sign(NEWER, minutes=5))


def test_a_lock_whose_claims_say_no_time_is_older_than_any_that_do(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    untimed = replace(sign(LOCK), signed=None)
    seen.admit(place(tmp_path), untimed)
    seen.admit(place(tmp_path), sign(NEWER))
    with pytest.raises(RefusedError):
        seen.admit(place(tmp_path), untimed)


def test_who_accepts_an_older_lock_says_so_and_it_counts_from_then_on(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    old, new = sign(LOCK), sign(NEWER, minutes=1)
    seen.admit(place(tmp_path), new)
    seen.admit(place(tmp_path), old, older=True)
    seen.admit(place(tmp_path), old)


def test_locks_at_other_places_are_others(seen: SeenLocks, sign: Sign, tmp_path: Path) -> None:
    seen.admit(place(tmp_path), sign(NEWER, minutes=1))
    seen.admit(tmp_path / "other.lock", sign(LOCK))


def test_a_link_to_the_lock_is_the_same_place(seen: SeenLocks, sign: Sign, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project")
    old = sign(LOCK)
    seen.admit(tmp_path / "project/weightmark.lock", sign(NEWER, minutes=1))
    with pytest.raises(RefusedError):
        seen.admit(tmp_path / "link/weightmark.lock", old)


def test_a_link_put_in_place_of_the_folder_hides_no_newer_lock(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    """`rm -r deps; ln -s v1 deps`: the older lock lies elsewhere, and is reached by the same name."""
    old, new = sign(LOCK), sign(NEWER, minutes=1)
    lock = tmp_path / "deps/weightmark.lock"
    (tmp_path / "v1").mkdir()
    lock.parent.mkdir()
    seen.admit(lock, new)
    lock.parent.rmdir()
    lock.parent.symlink_to("v1")
    with pytest.raises(RefusedError, match="was seen there"):
        seen.admit(lock, old)
    with pytest.raises(UncheckedError, match="clock"):
        seen.require_past(lock, NOW)
    seen.admit(lock, old, older=True)
    seen.admit(tmp_path / "v1/weightmark.lock", old)


def test_a_link_led_elsewhere_hides_no_newer_lock(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    old, new = sign(LOCK), sign(NEWER, minutes=1)
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
    (tmp_path / "deps").symlink_to("v2")
    seen.admit(tmp_path / "deps/weightmark.lock", new)
    (tmp_path / "deps").unlink()
    (tmp_path / "deps").symlink_to("v1")
    with pytest.raises(RefusedError, match="was seen there"):
        seen.admit(tmp_path / "deps/weightmark.lock", old)


def test_a_memory_that_somebody_keeps_is_not_waited_for_without_end(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    seen.folder.mkdir(parents=True)
    descriptor = os.open(seen.folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(UncheckedError, match="keeps"):
            replace(seen, seconds=0.1).admit(place(tmp_path), sign(LOCK))
    finally:
        os.close(descriptor)
    seen.admit(place(tmp_path), sign(LOCK))


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_memory_of_a_moment_that_no_calendar_has_is_damaged(
    seen: SeenLocks, sign: Sign, tmp_path: Path, moment: str
) -> None:
    seen.admit(place(tmp_path), sign(LOCK))
    (note,) = seen.folder.glob("*.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "signed": moment}))
    with pytest.raises(MalformedError):
        seen.require_past(place(tmp_path), NOW)
    with pytest.raises(MalformedError):
        seen.admit(place(tmp_path), sign(NEWER))


def test_a_lock_of_the_future_can_not_push_later_ones_out(sign: Sign, tmp_path: Path) -> None:
    ahead = sign(LOCK, minutes=2 * 24 * 60)
    assert ahead.check.outcome is Outcome.UNCHECKED
    assert not ahead.digest


def test_without_a_memory_a_moment_can_be_demanded(sign: Sign, tmp_path: Path) -> None:
    vouched = sign(LOCK)
    require_signed_since(place(tmp_path), vouched, NOW)
    for bad in (vouched, replace(vouched, signed=None)):
        with pytest.raises(RefusedError):
            require_signed_since(place(tmp_path), bad, NOW + timedelta(seconds=1))


def test_nobody_signs_by_a_clock_that_is_behind(
    seen: SeenLocks, sign: Sign, tmp_path: Path
) -> None:
    seen.admit(place(tmp_path), sign(LOCK))
    seen.require_past(place(tmp_path), NOW + timedelta(microseconds=1))
    with pytest.raises(UncheckedError, match="clock"):
        seen.require_past(place(tmp_path), NOW)


def test_a_memory_that_can_not_be_written_is_an_error_of_reading(
    sign: Sign, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ReadError):
        SeenLocks(tmp_path / "state/locks").admit(place(tmp_path), sign(LOCK))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    data=st.binary(max_size=60)
    | st.sampled_from(
        [b"{}", b'{"path":"/x","sha256":"a","signed":"2026-11-21T14:00:00","v":1}', b"[1]"]
    )
)
def test_a_damaged_memory_admits_nothing(
    seen: SeenLocks, sign: Sign, tmp_path: Path, data: bytes
) -> None:
    vouched = sign(LOCK)
    seen.admit(place(tmp_path), vouched, older=True)
    (note,) = seen.folder.glob("*.json")
    note.write_bytes(data)
    with pytest.raises(MalformedError):
        seen.admit(place(tmp_path), vouched)
