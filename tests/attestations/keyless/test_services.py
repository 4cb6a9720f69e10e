"""Calls to services: bounded in time and size, repeated within reason, and errors that say who said what."""

import time

import pytest
import requests

from tests.sim.faults import Fault, FaultKind
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.signers.keyless.services import (
    BoundedSession,
    Patience,
    shown_url,
)
from weightmark.errors import NetworkError
from weightmark.provenance.bounded_time import within

QUICK = Patience(connect=1, answer=0.5, attempts=3, pause=0.01)


def ask(sim: LoopbackSigstore, *secrets: str) -> str:
    with requests.Session() as inner:
        session = BoundedSession(inner, "provider", QUICK, secrets)
        return session.get(f"{sim.oidc.url}/keys").text


def asked(sim: LoopbackSigstore) -> int:
    return len(sim.server.requests("oidc"))


@pytest.mark.parametrize(
    "fault",
    [Fault.down(2), Fault.error(503, times=2), Fault.error(429, times=1), Fault.slow(2, 1)],
    ids=lambda fault: fault.kind,
)
def test_a_service_that_recovers_is_asked_again(sim: LoopbackSigstore, fault: Fault) -> None:
    sim.faults["oidc"] = fault
    assert '"kid"' in ask(sim)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_refusal_is_final(sim: LoopbackSigstore, status: int) -> None:
    sim.faults["oidc"] = Fault.error(status, '{"code": 3, "message": "no such tenant"}')
    with pytest.raises(NetworkError, match=f"HTTP {status}") as refused:
        ask(sim)
    assert refused.value.why == "it said: no such tenant"
    assert asked(sim) == 1


def test_a_service_that_stays_down_is_asked_three_times(sim: LoopbackSigstore) -> None:
    sim.faults["oidc"] = Fault.error(503, "overloaded")
    with pytest.raises(NetworkError, match="HTTP 503") as refused:
        ask(sim)
    assert refused.value.why == "it said: overloaded"
    assert asked(sim) == QUICK.attempts


@pytest.mark.parametrize("kind", [FaultKind.DRIP, FaultKind.SLOW])
def test_no_answer_keeps_anybody_waiting_for_long(sim: LoopbackSigstore, kind: FaultKind) -> None:
    sim.faults["oidc"] = Fault(kind, seconds=30)
    begin = time.monotonic()
    with pytest.raises(NetworkError) as refused:
        ask(sim)
    assert refused.value.why == "no answer within 0.5 s"
    assert time.monotonic() - begin < 10


def test_an_answer_without_end_is_cut_off(sim: LoopbackSigstore) -> None:
    sim.faults["oidc"] = Fault(FaultKind.HUGE)
    with requests.Session() as inner, pytest.raises(NetworkError, match="could not") as refused:
        BoundedSession(inner, "provider", Patience(answer=20, attempts=1)).get(sim.oidc.url + "/")
    assert "longer than" in refused.value.why


def test_a_page_for_people_is_no_answer(sim: LoopbackSigstore) -> None:
    sim.faults["oidc"] = Fault(FaultKind.HTML)
    with pytest.raises(NetworkError) as refused:
        ask(sim)
    assert "something else than JSON" in refused.value.why
    assert "captive portal" in refused.value.why


@pytest.mark.parametrize("kind", [FaultKind.DOWN, FaultKind.TRUNCATED])
def test_half_an_answer_is_none(sim: LoopbackSigstore, kind: FaultKind) -> None:
    sim.faults["oidc"] = Fault(kind)
    with pytest.raises(NetworkError, match=sim.oidc.url):
        ask(sim)


def test_a_closed_port_is_named(sim: LoopbackSigstore) -> None:
    sim.server.stop()
    with pytest.raises(NetworkError, match=sim.oidc.url) as refused:
        ask(sim)
    assert refused.value.why == "connection refused"


def test_a_service_cannot_print_our_secret_or_steer_the_terminal(sim: LoopbackSigstore) -> None:
    secret, other = "very-secret", sim.oidc.token()
    sim.faults["oidc"] = Fault.error(400, f"\x1b[31mgot {secret} and {other}\r\n\x07\u202e done")
    with pytest.raises(NetworkError) as refused:
        ask(sim, secret)
    assert refused.value.why == "it said: [31mgot [secret] and [token] done"


@pytest.mark.parametrize("wait", ["1", "999999999999", "-1", "soon", "1e9", "²"])
def test_a_service_may_ask_for_a_pause_but_not_for_any(sim: LoopbackSigstore, wait: str) -> None:
    if not wait.isascii():
        wait = "Wed, 21 Oct 2099 07:28:00 GMT"
    sim.faults["oidc"] = Fault.error(429, times=1, retry_after=wait)
    begin = time.monotonic()
    ask(sim)
    took = time.monotonic() - begin
    assert took < 5
    assert (took >= 1) == (wait == "1")


def test_a_proxy_of_the_environment_is_used(
    sim: LoopbackSigstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(NetworkError) as refused:
        ask(sim)
    assert "proxy" in refused.value.why
    assert asked(sim) == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://id.example/x?token=1#y", "https://id.example/x"),
        ("https://ann:secret@id.example:8443/x", "https://id.example:8443/x"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_secrets_in_addresses_are_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_what_takes_too_long_is_left_behind() -> None:
    with pytest.raises(TimeoutError):
        within(0.05, lambda: time.sleep(0.5))
    assert within(5, lambda: "done") == "done"
