"""A decision that is to be kept and is not kept in time allows nothing, and a redirect is no answer."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import make_signed, policy
from weightmark.attestations.checks import Check
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.serving.app import gate_app
from weightmark.attestations.gate.serving.questions import Answer, Question
from weightmark.attestations.gate.serving.service import Bounds, GateService
from weightmark.attestations.gate.sources import Sources


def ask(service: GateService, place: Path) -> Answer:
    return asyncio.run(service.answer(Question.of({"path": place.name}, [place.parent])))


def test_a_decision_that_nobody_could_write_down_in_time_is_no_yes(tmp_path: Path) -> None:
    """As while somebody else holds the lock of the ledger."""
    model = make_signed(tmp_path / "model")
    held = threading.Event()

    def keep(_decision: Decision) -> tuple[tuple[Check, ...], dict[str, Any] | None]:
        held.wait(60)
        return (), None

    bounds = Bounds(seconds=5)
    with GateService(policy(), Sources(), roots=[tmp_path], keep=keep, bounds=bounds) as service:
        try:
            late = ask(service, model)
        finally:
            held.set()
    assert late.decision is None
    assert late.error is not None
    assert "was not kept within 5 s" in late.error.summary


def test_a_decision_that_is_kept_in_time_is_a_yes(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    with GateService(
        policy(), Sources(), roots=[tmp_path], keep=lambda _: ((), {"index": 1})
    ) as service:
        answer = ask(service, model)
    assert answer.decision is not None
    assert answer.decision.allows
    assert answer.record == {"index": 1}


@pytest.mark.parametrize("address", ["/v1/decide/", "/v1/admission/", "/health/"])
def test_an_address_with_a_stroke_more_is_none(address: str) -> None:
    from starlette.testclient import TestClient

    with GateService(policy(), Sources()) as service:
        found = TestClient(gate_app(service, token="")).post(
            address, content=b"{}", follow_redirects=False
        )
    assert found.status_code == 404
