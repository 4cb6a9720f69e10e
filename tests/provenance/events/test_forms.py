"""Forms of events: other systems read them, and no name of an artifact becomes syntax."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.events.makers import AT, DENIED, EVENTS, FOUND, HOSTILE, SIGNED, poisoned
from tests.provenance.events.ocsf_schema import problems, schema
from weightmark.errors import CallError
from weightmark.provenance.events.event import CheckFact, Event, Kind, PolicyFact, new_uid
from weightmark.provenance.events.forms import FORM_NAMES, named
from weightmark.provenance.events.message import Message, pack, unpack
from weightmark.provenance.events.plain import is_cut, plain
from weightmark.visible import visible

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def told(event: Event, form: str = "ocsf") -> str:
    return Message.of(event, named(form)).body.decode()


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: f"{one.kind}-{one.verdict}-{one.exit}")
def test_every_event_follows_the_published_ocsf_schema(event: Event) -> None:
    assert problems(json.loads(told(event))) == []
    assert problems(json.loads(Message.of(event, named("ocsf")).short)) == []


@given(st.sampled_from(EVENTS), ANY_TEXT)
def test_whatever_names_say_the_event_follows_the_schema(event: Event, text: str) -> None:
    assert problems(json.loads(told(poisoned(event, text)))) == []


def test_the_validator_sees_what_is_wrong() -> None:
    event = json.loads(told(DENIED))
    changes: tuple[dict[str, Any], ...] = (
        {"severity_id": 9},
        {"severity": "Low"},
        {"surprise": 1},
        {"time": "now"},
        {"type_uid": 1},
        {"finding_info": {}},
        {"compliance": {"status_id": 7}},
        {"resources": [{}]},
        {"resources": {"name": "x"}},
    )
    for change in changes:
        assert problems({**event, **change}), change
    assert problems(
        {name: one for name, one in event.items() if name != "metadata"} | {"metadata": {}}
    )
    assert problems({**event, "metadata": {**event["metadata"], "profiles": []}})


def test_kinds_are_the_classes_that_a_siem_expects() -> None:
    classes = {event.kind: json.loads(told(event))["class_uid"] for event in EVENTS}
    assert classes == {
        Kind.DECISION: 2003,
        Kind.FINDING: 2004,
        Kind.ACTIVITY: 6003,
        Kind.SCAN: 6007,
    }
    assert set(classes.values()) < {one["uid"] for one in schema()["classes"].values()}


def test_a_denial_says_fail_and_blocked_and_a_dry_denial_fail_and_allowed() -> None:
    denied, allowed, would = (json.loads(told(one)) for one in EVENTS[:3])
    assert (denied["compliance"]["status_id"], denied["disposition_id"]) == (3, 2)
    assert (allowed["compliance"]["status_id"], allowed["disposition_id"]) == (1, 1)
    assert (would["compliance"]["status_id"], would["disposition_id"]) == (3, 1)


def test_what_could_not_be_checked_is_never_told_as_passed() -> None:
    event = json.loads(told(EVENTS[3]))
    assert (event["compliance"]["status"], event["action"]) == ("Warning", "Denied")


@pytest.mark.parametrize("form", FORM_NAMES)
@pytest.mark.parametrize("event", [DENIED, FOUND, SIGNED], ids=lambda one: one.command)
def test_no_name_ends_a_line_or_reaches_a_terminal(event: Event, form: str) -> None:
    text = told(poisoned(event), form)
    assert text.isprintable()
    assert len(text.splitlines()) == 1


def parse_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Read CEF as its specification says: an unescaped pipe ends a header field, an unescaped `=` a key."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    pairs = re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|\Z)", parts[7])
    return parts, {key: re.sub(r"\\(.)", r"\1", value) for key, value in pairs}


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: f"{one.kind}-{one.verdict}")
def test_no_name_breaks_out_of_cef(event: Event) -> None:
    honest = set(parse_cef(told(event, "cef"))[1])
    parts, pairs = parse_cef(told(poisoned(event), "cef"))
    assert parts[:4] == ["CEF:0", "weightmark", "weightmark", "1.2.3"]
    assert 0 <= int(parts[6]) <= 10
    assert set(pairs) - honest <= {"cs1", "cs1Label", "cs3", "cs3Label", "cs5", "cs5Label",
                                   "suser", "dvchost", "fname"}  # fmt: skip
    assert pairs["externalId"] == event.uid
    assert pairs["rt"] == str(int(AT.timestamp() * 1000))


def test_json_lines_hold_every_fact() -> None:
    members = json.loads(told(DENIED, "json"))
    assert members["schema"] == "weightmark/event/v1"
    assert members["at"] == "2026-11-21T12:00:00.123Z"
    assert [one["outcome"] for one in members["checks"]] == ["fail", "pass", "unchecked", "info"]
    assert DENIED.policy is not None
    assert members["policy"]["digest"] == DENIED.policy.digest


def test_ten_thousand_checks_and_characters_stay_a_small_event_that_says_so() -> None:
    many = tuple(CheckFact(f"c{number}", "fail", "y" * 10_000) for number in range(10_000))
    event = poisoned(DENIED, "z" * 100_000)
    message = Message.of(replace(event, checks=many), named("json"))
    assert len(message.body) < 64 * 1024
    assert json.loads(message.body)["truncated"] is True
    assert len(message.short) < 8_000


def lengthened(event: Event) -> list[Event]:
    """Return the event with one text after the other longer than its bound."""
    finding = event.finding
    assert finding is not None
    long = "y" * 1200
    return [
        replace(event, subject=replace(event.subject, name=long)),
        replace(event, message=long),
        replace(event, host=long),
        replace(event, signers=(long,)),
        replace(event, labels={"origin": long}),
        replace(event, checks=(CheckFact("c", "fail", long),)),
        replace(event, policy=PolicyFact(long, "sha256:0")),
        replace(event, finding=replace(finding, location=long)),
        replace(event, finding=replace(finding, title=long)),
        replace(event, finding=replace(finding, detail=long)),
        replace(event, finding=replace(finding, title="\n" * 150)),
    ]


def test_an_event_that_was_cut_anywhere_says_so_in_every_form() -> None:
    assert not FOUND.bounded().truncated
    for event in lengthened(FOUND):
        assert json.loads(told(event, "json"))["truncated"] is True
        assert json.loads(told(event))["metadata"]["is_truncated"] is True
        assert parse_cef(told(event, "cef"))[1]["cn2"] == "1"
    assert "cn2" not in parse_cef(told(FOUND, "cef"))[1]


@given(ANY_TEXT | st.text("a\n\ud800", min_size=90, max_size=110))
def test_what_fits_exactly_is_not_called_cut(text: str) -> None:
    written = plain(text, 10_000)
    assert is_cut(text, 100) is (len(written) > 100)
    assert (plain(text, 100) == written) is (len(written) <= 100)


def test_a_name_of_bytes_is_spelt_as_on_the_terminal() -> None:
    name = os.fsdecode(b"m\xff\x80 \x1b")
    assert plain(name) == visible(name) == r"m\xff\x80 \x1b"


def test_no_form_writes_where_an_artifact_lies(tmp_path: Path) -> None:
    """The path is kept to the letter for responses; what is told of it has no secrets any more."""
    event = replace(DENIED, subject=replace(DENIED.subject, place=f"{tmp_path}/hunter2"))
    for form in FORM_NAMES:
        assert "hunter2" not in told(event, form)
        assert "hunter2" not in Message.of(event, named(form)).short.decode()


def test_an_unknown_form_is_a_wrong_call() -> None:
    with pytest.raises(CallError):
        named("leef")


@given(st.sampled_from(EVENTS), ANY_TEXT, st.sampled_from(FORM_NAMES))
def test_a_spooled_event_comes_back_to_the_byte(event: Event, text: str, form: str) -> None:
    message = Message.of(poisoned(event, text), named(form))
    assert unpack(pack([message])) == (message,)


def test_ids_are_new_each_time() -> None:
    assert len({new_uid() for _ in range(100)}) == 100
    assert HOSTILE not in told(poisoned(DENIED))
