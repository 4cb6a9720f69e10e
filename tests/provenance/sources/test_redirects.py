"""Redirects: a public host leads to public addresses only, however they are spelled or looked up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Session

from tests.sim.website import Website
from weightmark.errors import NetworkError
from weightmark.provenance.sources.redirects import RedirectGuard, is_public, spells_inward

PUBLIC = "https://models.example/x"

INWARD = [
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://0x7f.1/x",
    "https://2130706433/x",
    "https://0.0.0.0/x",
    "https://[::]/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[2002:7f00:1::]/x",
    "https://[fe80::1]/x",
    "https://[fc00::1]/x",
    "https://10.0.0.1/x",
    "https://100.64.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://172.16.0.1:8443/x",
    "https://192.168.1.1/x",
    "https://224.0.0.1/x",
    "https://localhost/x",
    "https://LOCALHOST./x",
    "https://x.localhost/x",
    "https://ip6-localhost/x",
    "https://[::1/x",
]


@pytest.mark.parametrize("target", INWARD)
def test_a_redirect_inward_is_refused_however_it_is_spelled(target: str) -> None:
    with pytest.raises(NetworkError, match="leads to"):
        RedirectGuard(PUBLIC).follow(target)


@pytest.mark.parametrize(
    "target", ["https://cdn.example/y", "https://8.8.8.8/y", "https://[2606:4700::1]/y"]
)
def test_a_redirect_outward_is_followed(target: str) -> None:
    RedirectGuard(PUBLIC).follow(target)
    assert not spells_inward(target)


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "fe80::1%eth0", "::ffff:192.168.0.1"])
def test_a_public_name_that_is_looked_up_to_a_private_address_is_refused(peer: str) -> None:
    guard = RedirectGuard(PUBLIC)
    guard.meet("93.184.215.14")
    guard.follow("https://rebound.example/x")
    with pytest.raises(NetworkError, match="leads to the address"):
        guard.meet(peer)


def test_a_private_host_may_lead_to_its_own_network() -> None:
    guard = RedirectGuard("https://models.corp.example/x")
    guard.meet("10.0.0.7")
    guard.follow("https://10.0.0.8/x")
    guard.meet("10.0.0.8")
    RedirectGuard("https://10.0.0.7/x").follow("https://10.0.0.8/x")


def test_nothing_is_sent_to_the_private_address() -> None:
    with Website.running() as site, Session() as session:
        guard = RedirectGuard(PUBLIC)
        guard.meet("93.184.215.14")
        guard.watch(session)
        with pytest.raises(NetworkError, match="127"):
            session.get(f"{site.url}/x", timeout=5)
        assert not site.server.seen


def test_the_address_that_was_asked_for_is_the_callers_own_choice() -> None:
    with Website.running() as site, Session() as session:
        site.files["/x"] = b"x"
        guard = RedirectGuard(PUBLIC)
        guard.watch(session)
        assert session.get(f"{site.url}/x", timeout=5).content == b"x"
        guard.follow("https://10.0.0.8/x")


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    assert is_public(text) in {True, False}
    assert spells_inward(f"https://{text}/x") in {True, False}
