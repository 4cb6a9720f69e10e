"""The leaf: strict, canonical, bounded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.ledger.event import (
    Event,
    Kind,
    check_origin,
    format_time,
    parse_event,
    parse_time,
)

EVENT = Event(
    kind=Kind.RELEASE,
    origin="example.com/models",
    event_id="e-1",
    claim_id="1" * 64,
    claim_sha256="2" * 64,
    request_sha256="3" * 64,
    subject=f"wm1:{'4' * 64}",
    signer=f"key:{'5' * 64}",
    submitter=f"salted:{'6' * 64}",
    at="2026-11-21T12:00:00Z",
)
BODY = EVENT.to_bytes()


def test_the_canonical_bytes_are_fixed() -> None:
    assert BODY.decode() == (
        '{"at":"2026-11-21T12:00:00Z","claim_id":"'
        + "1" * 64
        + '","claim_sha256":"'
        + "2" * 64
        + '","event_id":"e-1","kind":"release","origin":"example.com/models","request_sha256":"'
        + "3" * 64
        + '","signer":"key:'
        + "5" * 64
        + '","subject":"wm1:'
        + "4" * 64
        + '","submitter":"salted:'
        + "6" * 64
        + '","v":1}'
    )
    assert parse_event(BODY) == EVENT


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b'"v":1', b'"v":1,"v":1'),
        BODY.replace(b'"v":1', b'"v":0'),
        BODY.replace(b'"v":1', b'"v":true'),
        BODY.replace(b'"v":1', b'"v":1,"x":"y"'),
        BODY.replace(b',"v":1', b""),
        BODY.replace(b'"e-1"', b"1"),
        BODY.replace(b'"e-1"', b'""'),
        BODY.replace(b'"e-1"', b'"e 1"'),
        BODY.replace(b":", b": "),
        BODY.replace(b'"at"', b'"\\u0061t"'),
        BODY.replace(b"wm1:", b"md5:"),
        BODY.replace(b"1111", b"111A"),
        BODY.replace(b"1111", b"111"),
        BODY.replace(b"key:", b"alice"),
        BODY.replace(b"12:00:00Z", b"12:00:00+00:00"),
        BODY.replace(b"12:00:00Z", b"12:00:60Z"),
        BODY.replace(b"example.com/models", b"example.com models"),
        BODY + b"\n",
        b"[]",
        b"",
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_event(body)


@pytest.mark.parametrize("change", [(b'"v":1', b'"v":2'), (b'"release"', b'"rewrite"')])
def test_a_later_version_is_not_called_malformed(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(UnsupportedError):
        parse_event(BODY.replace(*change))


def test_an_event_is_never_over_the_entry_limit() -> None:
    longest = replace(EVENT, origin="é" * 127, event_id="e" * 128)
    assert len(longest.to_bytes()) < 65_535


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        parse_event(data)


@pytest.mark.parametrize(
    "origin", ["", "a b", "a+b", "a\nb", "a\u00a0b", "\x7f", "x" * 256, "\ud800"]
)
def test_an_origin_that_cannot_name_a_note_is_refused(origin: str) -> None:
    with pytest.raises(MalformedError):
        check_origin(origin)


def test_times_are_utc_in_whole_seconds() -> None:
    moment = datetime(2026, 11, 21, 13, 0, 0, 999, timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-11-21T12:00:00Z"
    assert parse_time("2026-11-21T12:00:00Z") == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "2026-11-21", "2026-11-21t12:00:00z", "2026-13-01T00:00:00Z", "2026-11-21T12:00:00Z\n", "٢026-11-21T12:00:00Z"])  # fmt: skip
def test_another_form_of_time_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_time(text)
