"""What travels between client and service: whatever arrives is read strictly or refused."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    CallError,
    Exit,
    LedgerInconsistentError,
    LimitError,
    MalformedError,
    NetworkError,
    ReadError,
    SubmissionRefusedError,
    WeightmarkError,
    error_catalogue,
)
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.service.decisions import Decision
from weightmark.provenance.ledger.service.wire import (
    MAX_BATCH,
    About,
    Search,
    encode_about,
    encode_batch,
    encode_error,
    encode_submission,
    parse_about,
    parse_batch,
    parse_error,
    parse_found,
    parse_receipts,
    parse_search,
    parse_submission,
    search_parameters,
    status_of,
)
from weightmark.provenance.ledger.store.interface import Query

MOST = 1_000_000
TIMES = st.datetimes().map(lambda one: format_time(one.replace(tzinfo=UTC)))
EVERYTHING = Search(Query(), 0, 100)
VKEY = NoteSigner("log.example", b"\x01" * 32).verifier.vkey


@given(st.binary(), st.binary())
def test_a_submission_arrives_byte_for_byte(claim: bytes, request: bytes) -> None:
    submission = Submission(claim, request)
    assert parse_submission(encode_submission(submission), MOST) == submission


@given(st.binary())
def test_any_bytes_are_a_submission_or_refused(data: bytes) -> None:
    with pytest.raises((MalformedError, LimitError)):
        parse_submission(data, MOST)


@given(st.lists(st.builds(Submission, st.binary(), st.binary()), min_size=1, max_size=8))
def test_a_batch_arrives_byte_for_byte(batch: list[Submission]) -> None:
    assert parse_batch(encode_batch(batch), MOST) == tuple(batch)


@given(st.binary())
def test_any_bytes_are_a_batch_or_receipts_or_refused(data: bytes) -> None:
    with pytest.raises((MalformedError, LimitError)):
        parse_batch(data, MOST)
    with pytest.raises((MalformedError, LimitError)):
        parse_receipts(data, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"submissions":[]}',
        b'{"submissions":{}}',
        b'{"submissions":[[]]}',
        b'{"submissions":["e30="]}',
        b'{"submissions":[{"claim":"e30="}]}',
        b'{"submissions":[{"claim":"e30=","request":"e30=","more":1}]}',
        b'{"submissions":[{"claim":"e30=","request":"e30="}],"more":1}',
    ],
)
def test_what_is_no_batch_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_batch(body, MOST)


def test_a_batch_is_bounded_on_both_sides() -> None:
    one = Submission(b"{}", b"{}")
    body = json.dumps({"submissions": [json.loads(encode_submission(one))] * (MAX_BATCH + 1)})
    with pytest.raises(LimitError):
        parse_batch(body.encode(), MOST)
    with pytest.raises(LimitError):
        encode_batch([one] * (MAX_BATCH + 1))
    assert len(parse_batch(encode_batch([one] * MAX_BATCH), MOST)) == MAX_BATCH


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"claim":"e30="}',
        b'{"claim":"e30=","request":"e30=","more":1}',
        b'{"claim":"e30=","claim":"e30=","request":"e30="}',
        b'{"claim":{},"request":"e30="}',
        b'{"claim":"e30","request":"e30="}',
        b'{"claim":"e31=","request":"e30="}',
        b'{"claim":"e30=\\n","request":"e30="}',
        b'{"claim":"e30=","request":"e30="}{}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_malformed_submission_is_refused(body: bytes) -> None:
    with pytest.raises((MalformedError, LimitError)):
        parse_submission(body, MOST)


def test_a_submission_over_the_limit_is_not_parsed() -> None:
    with pytest.raises(LimitError):
        parse_submission(encode_submission(Submission(bytes(100), b"")), 100)


def test_every_refusal_comes_back_as_the_same_refusal() -> None:
    for kind in error_catalogue().values():
        error = kind("what it is", why="why it is so", fix="how to mend it")
        back = parse_error(encode_error(error), "https://log.example/add", status_of(error))
        if kind.exit is Exit.BAD and kind is not LedgerInconsistentError:
            assert (type(back), back.what, back.why, back.fix) == (
                kind,
                error.what,
                error.why,
                error.fix,
            )


def test_the_services_own_trouble_is_not_told_to_the_world() -> None:
    error = ReadError("cannot write `/srv/secret/ledger.db`: no space left on device")
    assert status_of(error) == 503
    assert b"secret" not in encode_error(error)
    assert isinstance(parse_error(encode_error(error), "x", 503), NetworkError)
    damaged = LedgerInconsistentError("`/srv/secret/ledger.db` is damaged")
    assert b"secret" not in encode_error(damaged)
    assert isinstance(parse_error(encode_error(damaged), "x", 500), LedgerInconsistentError)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>not found</html>",
        b"{}",
        b'{"schema":"weightmark/ledger-service-error/v1"}',
        b'{"schema":"weightmark/ledger-service-error/v1","code":"no-such","what":"x"}',
        b'{"schema":"weightmark/ledger-service-error/v1","code":"tampered","what":""}',
        b'{"schema":"weightmark/ledger-service-error/v1","code":"tampered","what":7}',
        b'{"code":"tampered","what":"x"}',
        b'{"schema":"weightmark/ledger-service-error/v1","code":"bug","what":"x"}',
    ],
)
def test_an_answer_that_refuses_nothing_we_know_is_no_refusal(answer: bytes) -> None:
    """A proxy's page must not read as *tampered*, nor a made-up code as anything."""
    assert parse_error(answer, "https://log.example/add", 502).exit is Exit.UNCHECKED


@given(st.binary() | st.text().map(str.encode), st.integers(200, 599))
def test_any_answer_is_an_error_of_ours(answer: bytes, status: int) -> None:
    assert isinstance(parse_error(answer, "https://log.example/add", status), WeightmarkError)


def test_a_refusal_cannot_speak_to_the_terminal() -> None:
    hostile = SubmissionRefusedError("no\x1b[2J\r\nerror: verified\u202e", why="\x07" * 3)
    back = parse_error(encode_error(hostile), "x", 403)
    assert back.what.isprintable()
    assert back.why == "???"
    assert len(parse_error(encode_error(SubmissionRefusedError("x" * 10_000)), "x", 403).what) < 600


@given(
    st.builds(
        Query,
        subject=st.none() | st.text(),
        kind=st.sampled_from([None, "release", "scan"]),
        signer=st.none() | st.text(),
        submitter=st.none() | st.text(),
        since=st.none() | TIMES,
        until=st.none() | TIMES,
    ),
    st.integers(0, 10**9),
    st.integers(1, 1000),
)
def test_a_search_arrives_as_it_was_meant(query: Query, start: int, limit: int) -> None:
    search = Search(query, start, limit)
    assert parse_search(list(search_parameters(search).items())) == search


@pytest.mark.parametrize(
    "parameters",
    [
        [("kind", "releases")],
        [("sort", "asc")],
        [("start", "-1")],
        [("start", "1e3")],
        [("start", "٣")],
        [("limit", "9" * 400)],
        [("kind", "scan"), ("kind", "release")],
        [("limit", "")],
    ],
)
def test_a_search_that_is_not_understood_finds_nothing(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(CallError):
        parse_search(parameters)


def test_no_search_may_ask_for_everything_at_once() -> None:
    assert parse_search([("limit", "999999")]).limit == 1000
    assert parse_search([("limit", "0")]).limit == 1


def found(*entries: object, schema: str = "weightmark/ledger-service-search/v1") -> bytes:
    return json.dumps({"schema": schema, "size": 9, "entries": entries}).encode()


def test_an_answer_to_a_search_keeps_the_leafs_bytes() -> None:
    (one,) = parse_found(found({"index": 3, "event": {"v": 1, "a": "ä"}}), EVERYTHING)
    assert one == type(one)(3, '{"a":"ä","v":1}'.encode())


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        found(schema="other"),
        found(7),
        found({"index": 1}),
        found({"index": -1, "event": {}}),
        found({"index": True, "event": {}}),
        found({"index": 1.0, "event": {}}),
        found({"index": 1, "event": []}),
        found({"index": 1, "event": {"v": 1.5}}),
        found({"index": 2, "event": {}}, {"index": 1, "event": {}}),
        found({"index": 2, "event": {}}, {"index": 2, "event": {}}),
    ],
)
def test_an_answer_out_of_order_or_form_is_refused(answer: bytes) -> None:
    with pytest.raises((MalformedError, LedgerInconsistentError)):
        parse_found(answer, EVERYTHING)


def test_an_answer_from_before_the_asked_start_is_refused() -> None:
    """Else a service could keep a client turning pages for ever."""
    with pytest.raises(LedgerInconsistentError):
        parse_found(found({"index": 4, "event": {}}), Search(Query(), 5, 10))


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(found))
def test_any_answer_to_a_search_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        parse_found(data, EVERYTHING)


def test_what_a_service_says_of_itself_is_read_back() -> None:
    about = About("log.example", VKEY, writable=True)
    assert parse_about(encode_about(about)) == about
    for broken in (b"{}", b"<html>", encode_about(about).replace(b"true", b'"yes"')):
        with pytest.raises(MalformedError):
            parse_about(broken)


def test_a_decision_is_one_line_whatever_the_client_sent() -> None:
    error = SubmissionRefusedError('no\n{"outcome": "entered"}\x85\u2028')
    line = Decision.of_error(error, "::1", 0.25).to_line(datetime(2026, 11, 21, tzinfo=UTC))
    assert len(line.splitlines()) == 1
    assert line.isascii()
    fields = json.loads(line)
    assert (fields["outcome"], fields["ms"], fields["code"]) == (
        "refused",
        250,
        "submission-refused",
    )


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_search_by_what_is_no_time_is_refused_and_finds_not_nothing(name: str) -> None:
    with pytest.raises(CallError, match="is no time"):
        parse_search([(name, "zz")])
