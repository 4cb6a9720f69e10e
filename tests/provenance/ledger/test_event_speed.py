"""The fast way to read and write a leaf gives what the strict way gives."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.ledger.test_event import BODY, EVENT
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.provenance.ledger.event import Event, check_origin, parse_event
from weightmark.provenance.strict_json import canonical_json

FIELDS = ("event_id", "claim_id", "claim_sha256", "request_sha256", "subject", "signer")


def is_origin(text: str) -> bool:
    with suppress(MalformedError):
        check_origin(text)
        return True
    return False


@given(st.text(min_size=1, max_size=40).filter(is_origin))
def test_any_origin_is_written_canonically_and_read_back(origin: str) -> None:
    event = replace(EVENT, origin=origin)
    body = event.to_bytes()
    assert body == canonical_json(
        {"v": 1, **{name: getattr(event, name) for name in Event.__dataclass_fields__}}
    )
    assert parse_event(body) == event


@given(st.integers(0, len(BODY) - 1), st.binary(max_size=3))
def test_bytes_that_were_changed_are_refused_or_mean_what_they_say(at: int, new: bytes) -> None:
    body = BODY[:at] + new + BODY[at + 1 :]
    try:
        event = parse_event(body)
    except WeightmarkError:
        return
    assert event.to_bytes() == body
    fields = json.loads(body)
    assert {name: getattr(event, name) for name in Event.__dataclass_fields__} | {"v": 1} == fields


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("other", FIELDS)
def test_a_newline_in_a_field_does_not_shift_the_others(name: str, other: str) -> None:
    for joined in ("\n", f"\n{getattr(EVENT, other)}", f"{getattr(EVENT, other)}\n"):
        changed: dict[str, Any] = {name: f"{getattr(EVENT, name)}{joined}"}
        with pytest.raises(MalformedError, match=f"`{name}`"):
            replace(EVENT, **changed)
