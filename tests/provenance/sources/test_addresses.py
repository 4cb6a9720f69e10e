"""Where a secret may go, and what of an address is printed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import CallError, NetworkError, SettingsError
from weightmark.provenance.sources.addresses import (
    is_private_way,
    is_same_origin,
    is_web_address,
    printable_address,
)
from weightmark.provenance.sources.choice import known_addresses, open_source, pinned_address
from weightmark.provenance.sources.huggingface.address import HubAddress
from weightmark.provenance.sources.mlflow_registry.address import MlflowAddress
from weightmark.provenance.sources.object_store.address import ObjectAddress
from weightmark.provenance.sources.schemes import SCHEMES, Scheme
from weightmark.provenance.sources.web.address import WebAddress


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://hub.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]/x", True),
        ("http://localhost", True),
        ("http://hub.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://2130706433", False),
        ("ftp://127.0.0.1", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_a_token_goes_over_tls_or_stays_on_this_machine(url: str, private: bool) -> None:
    assert is_private_way(url) is private


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://hub.example/x?y", True),
        ("https://hub.example:443", True),
        ("https://HUB.example", True),
        ("https://hub.example:444", False),
        ("http://hub.example", False),
        ("https://hub.example.evil.example", False),
        ("https://hub.example@evil.example", False),
        ("https://hub.example:99999999", False),
        ("//hub.example", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(other: str, same: bool) -> None:
    assert is_same_origin("https://hub.example", other) is same


def test_what_can_be_no_address_has_no_origin() -> None:
    assert not is_same_origin("http://[", "http://[")


def test_secrets_in_an_address_are_not_printed() -> None:
    shown = printable_address("https://user:pw@host:1/a/b?X-Amz-Signature=s#t")
    assert shown == "https://host:1/a/b"


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_addresses(text: str) -> None:
    for url in (text, f"https://{text}", f"https://host:{text}"):
        printable_address(url)
        is_private_way(url)
        is_same_origin(url, url)
        is_web_address(url)


@pytest.mark.parametrize(
    "endpoint", ["nonsense", "ftp://host", "http://[", "https://", "file:///x"]
)
def test_an_endpoint_that_is_none_is_a_wrong_setting(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(SettingsError, match="HF_ENDPOINT"):
        open_source("hf://acme/bert")


@pytest.mark.parametrize(
    ("uri", "name", "value", "address"),
    [
        ("hf://acme/bert@main", "gitCommit", "c" * 40, f"hf://models/acme/bert@{'c' * 40}"),
        ("oci://r.example/m:v1", "sha256", "a" * 64, f"oci://r.example/m@sha256:{'a' * 64}"),
        ("hf://acme/bert@main", "sha256", "a" * 64, ""),
        ("oci://r.example/m:v1", "gitCommit", "c" * 40, ""),
        ("git+https://hub.example/x", "gitCommit", "c" * 40, ""),
        ("hf://../x", "gitCommit", "c" * 40, ""),
        ("", "gitCommit", "c" * 40, ""),
    ],
)
def test_an_address_is_pinned_by_its_own_kind_of_digest(
    uri: str, name: str, value: str, address: str
) -> None:
    assert pinned_address(uri, name, value) == address


@given(st.text(max_size=80), st.sampled_from(["", "s3://", "gs://", "https://", "mlflow:models:/", "mlflow:runs:/", "hf://"]))  # fmt: skip
def test_any_text_is_an_address_that_names_no_other_place_or_is_refused(
    text: str, scheme: str
) -> None:
    uri = scheme + text
    kinds: tuple[type[ObjectAddress | WebAddress | MlflowAddress | HubAddress], ...]
    kinds = (ObjectAddress, WebAddress, MlflowAddress, HubAddress)
    for kind in kinds:
        try:
            found = kind.parse(uri)
        except CallError:
            continue
        assert kind.parse(found.uri).uri == found.uri
        assert found.uri.isprintable()


# --- the table of schemes -------------------------------------------------------------------------

_TABLE = sorted({one.names: one for one in SCHEMES.values() if one.names != ("",)}.items())


def test_a_scheme_stands_in_the_table_once() -> None:
    named = [name for names in {one.names for one in SCHEMES.values()} for name in names]
    assert sorted(named) == sorted(SCHEMES)


@pytest.mark.parametrize("scheme", [one for _, one in _TABLE], ids=lambda one: one.names[0])
def test_the_page_and_the_error_tell_every_kind_of_address(scheme: Scheme) -> None:
    page = (Path(__file__).parents[3] / "docs" / "hub.md").read_text(encoding="utf-8")
    needs = f"`weightmark[{scheme.needs}]`" if scheme.needs else "nothing more"
    assert f"| `{scheme.example}` | {scheme.pinned_by} | {needs} |" in page
    assert f"`{scheme.example}`" in known_addresses()


@pytest.mark.parametrize("scheme", [one for _, one in _TABLE], ids=lambda one: one.names[0])
def test_every_example_is_an_address_of_its_kind(scheme: Scheme) -> None:
    assert scheme.rules.printable(scheme.example) == scheme.example
    assert scheme.rules.key(scheme.example)
    assert not scheme.rules.is_pin(scheme.example, f"{scheme.example}x", {"sha256": "0" * 64})


@pytest.mark.parametrize("scheme", ["oci", "s3", "gs", "https", "mlflow"])
def test_what_no_cache_holds_is_not_read_without_network(scheme: str) -> None:
    with pytest.raises(NetworkError, match="--offline"):
        open_source(SCHEMES[scheme].example, offline=True)
