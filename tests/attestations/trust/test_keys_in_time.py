"""Keys with a window and a revocation: what counts when, and what proves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.trust.makers import Stamps, signed
from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.clocks import NO_CLOCKS
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import (
    Exit,
    ExpiredError,
    RevokedError,
    TrustNotSaidError,
    WeightmarkError,
    WrongSignerError,
)

KEY = PrivateKey.generate()
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def judged(validity: Validity, *stamped_at: datetime, trusted: bool = True) -> VerifiedBundle:
    """Verify a bundle that was stamped at these times, for a key with this validity."""
    stamps = Stamps()
    bundle = signed(KEY)
    tokens = tuple(stamps.over(bundle.envelope.signature, at) for at in stamped_at)
    clocks = stamps.clocks() if trusted else NO_CLOCKS
    anchor = KeyAnchor(KEY.public, validity, clocks, "release")
    return Trust((anchor,)).verify(replace(bundle, timestamps=tokens), now=NOW)


def test_within_its_window_a_key_counts() -> None:
    assert judged(Validity(NOW - DAY, NOW + DAY)).time is None
    judged(Validity(NOW, NOW))


def test_a_key_past_its_time_could_not_be_checked_without_a_timestamp() -> None:
    with pytest.raises(ExpiredError, match="nothing proves when"):
        judged(Validity(not_after=NOW - DAY))


def test_a_timestamp_within_the_window_keeps_a_signature_good() -> None:
    verified = judged(Validity(NOW - 9 * DAY, NOW - DAY), NOW - 2 * DAY)
    assert verified.time is not None
    assert verified.time.at == NOW - 2 * DAY


def test_a_timestamp_outside_of_the_window_is_a_refusal() -> None:
    with pytest.raises(WrongSignerError, match="after its time"):
        judged(Validity(not_after=NOW - 5 * DAY), NOW - DAY)
    with pytest.raises(WrongSignerError, match="before its time"):
        judged(Validity(not_before=NOW - DAY), NOW - 5 * DAY)


def test_a_key_whose_time_has_not_begun_is_refused() -> None:
    with pytest.raises(WrongSignerError, match="before its time"):
        judged(Validity(not_before=NOW + DAY))


def test_a_revoked_key_counts_only_for_what_is_proven_to_be_older() -> None:
    revoked = Validity(revoked=NOW - DAY, reason="laptop stolen")
    with pytest.raises(RevokedError, match="laptop stolen"):
        judged(revoked)
    with pytest.raises(RevokedError):
        judged(revoked, NOW - DAY)
    judged(revoked, NOW - 2 * DAY)


def test_a_timestamp_by_nobody_known_does_not_save_a_revoked_key() -> None:
    with pytest.raises(RevokedError):
        judged(Validity(revoked=NOW - DAY), NOW - 2 * DAY, trusted=False)


def test_a_second_stamp_by_an_honest_clock_hides_no_earlier_one() -> None:
    verified = judged(Validity(revoked=NOW - DAY), NOW, NOW - 3 * DAY)
    assert [time.at for time in verified.times] == [NOW - 3 * DAY, NOW]


def test_an_unknown_timestamp_is_told_and_changes_nothing() -> None:
    verified = judged(Validity(), NOW, trusted=False)
    assert verified.time is None
    assert "timestamp" in verified.notices[0]


def test_a_missing_timestamp_that_was_asked_for_is_no_good_signature() -> None:
    anchor = KeyAnchor(KEY.public, clocks=Stamps().clocks(timestamps=1))
    with pytest.raises(WeightmarkError, match="timestamp") as caught:
        Trust((anchor,)).verify(signed(KEY))
    assert caught.value.exit in (Exit.BAD, Exit.UNCHECKED)


def test_one_good_anchor_suffices_and_what_can_be_told_is_said() -> None:
    expired = KeyAnchor(KEY.public, Validity(not_after=NOW - DAY))
    stranger = KeyAnchor(PrivateKey.generate().public)
    with pytest.raises(ExpiredError):
        Trust((stranger, expired)).verify(signed(KEY), now=NOW)
    Trust((expired, KeyAnchor(KEY.public))).verify(signed(KEY), now=NOW)


def test_trust_in_nobody_is_a_wrong_call() -> None:
    with pytest.raises(TrustNotSaidError):
        Trust.in_anchors([])
    with pytest.raises(WrongSignerError):
        Trust(()).verify(signed(KEY))


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(
    st.builds(Validity, st.none() | moments, st.none() | moments, st.none() | moments, st.just("")),
    st.lists(moments, max_size=3),
    moments,
)
def test_no_signature_counts_outside_of_its_time(
    validity: Validity, stamped: list[datetime], now: datetime
) -> None:
    times = [VerifiedTime(at, "timestamp it") for at in stamped]
    try:
        validity.require("release", times, now)
    except (ExpiredError, RevokedError, WrongSignerError):
        return
    moment = min(stamped) if stamped else now
    assert validity.not_before is None or validity.not_before <= moment
    assert validity.not_after is None or moment <= validity.not_after
    assert validity.revoked is None or moment < validity.revoked


@pytest.mark.parametrize("first", [True, False])
def test_a_key_that_is_revoked_anywhere_counts_nowhere(first: bool) -> None:
    plain = KeyAnchor(KEY.public)
    revoked = KeyAnchor(KEY.public, Validity(revoked=NOW - DAY))
    anchors = (plain, revoked) if first else (revoked, plain)
    with pytest.raises(RevokedError):
        Trust(anchors).verify(signed(KEY), now=NOW)
