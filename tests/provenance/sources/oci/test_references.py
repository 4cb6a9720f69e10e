"""What a reference to a registry may look like, and to whom plain HTTP goes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import CallError, UnsupportedError
from weightmark.provenance.sources.choice import pinned_address
from weightmark.provenance.sources.oci.reference import Reference, is_loopback

HEX = "ab" * 32


@pytest.mark.parametrize(
    ("uri", "api", "path", "name"),
    [
        ("oci://ghcr.io/acme/m:v1", "https://ghcr.io/v2/", "acme/m", "v1"),
        (f"oci://ghcr.io/acme/m@sha256:{HEX}", "https://ghcr.io/v2/", "acme/m", f"sha256:{HEX}"),
        (f"oci://h:5000/m:v@sha256:{HEX}", "https://h:5000/v2/", "m", f"sha256:{HEX}"),
        ("oci://localhost:5000/m:v", "http://localhost:5000/v2/", "m", "v"),
        ("oci://127.0.0.1/m:v", "http://127.0.0.1/v2/", "m", "v"),
        ("oci://[::1]:5000/m:v", "http://[::1]:5000/v2/", "m", "v"),
        ("oci://docker.io/m:v", "https://registry-1.docker.io/v2/", "library/m", "v"),
        ("oci://docker.io/acme/m:v", "https://registry-1.docker.io/v2/", "acme/m", "v"),
    ],
)
def test_a_reference_says_where_to_ask(uri: str, api: str, path: str, name: str) -> None:
    found = Reference.parse(uri)
    assert (found.api, found.path, found.name, str(found)) == (api, path, name, uri)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1.evil.example", "localhost.evil.example", "2130706433", "127.1", "0x7f000001"],
)
def test_a_name_that_looks_like_this_machine_gets_no_plain_http(host: str) -> None:
    assert not is_loopback(host)
    assert Reference.parse(f"oci://{host}/m:v").api.startswith("https://")


@pytest.mark.parametrize(
    "uri",
    [
        "oci://ghcr.io/acme/m",
        "oci://ghcr.io",
        "oci://ghcr.io/:v",
        "oci:///m:v",
        "oci://ghcr.io/Acme/m:v",
        "oci://ghcr.io/acme/../m:v",
        "oci://ghcr.io/acme//m:v",
        "oci://ghcr.io/acme/m:v/../x",
        "oci://ghcr.io/acme/m:-v",
        "oci://ghcr.io/acme/m:" + "v" * 129,
        "oci://ghcr.io/acme/m@sha256:" + "AB" * 32,
        "oci://ghcr.io/acme/m@sha256:ab",
        "oci://ghcr.io:99999/m:v",
        "oci://gh cr.io/m:v",
        "oci://ghcr.io\n.evil/m:v",
        "oci://ghcr.io/m:v?x=1",
        "oci://ghcr.io/m:v#x",
        "https://ghcr.io/m:v",
        "oci://-x/m:v",
    ],
)
def test_what_is_no_reference_is_a_wrong_call(uri: str) -> None:
    with pytest.raises(CallError):
        Reference.parse(uri)


def test_a_password_in_a_reference_is_refused_and_not_repeated() -> None:
    with pytest.raises(CallError) as refused:
        Reference.parse("oci://bob:hunter2@ghcr.io/acme/m:v1")
    assert "hunter2" not in f"{refused.value.what} {refused.value.why} {refused.value.fix}"


def test_another_digest_than_sha256_is_unsupported_and_no_wrong_call() -> None:
    with pytest.raises(UnsupportedError):
        Reference.parse("oci://ghcr.io/acme/m@sha512:" + "ab" * 64)


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_a_wrong_call(text: str) -> None:
    for uri in (text, f"oci://{text}", f"oci://h/{text}", f"oci://h/m:{text}", f"oci://h/m@{text}"):
        with suppress(CallError, UnsupportedError):
            found = Reference.parse(uri)
            assert Reference.parse(str(found)) == found


def test_a_digest_beside_an_address_pins_it_whatever_the_address_says_of_a_tag() -> None:
    pinned = f"oci://ghcr.io/acme/m@sha256:{HEX}"
    for uri in (
        "oci://ghcr.io/acme/m",
        "oci://ghcr.io/acme/m:v1",
        f"oci://ghcr.io/acme/m@sha256:{'cd' * 32}",
    ):
        assert pinned_address(uri, "sha256", HEX) == pinned
    assert not pinned_address("oci://ghcr.io/acme/m", "sha512", HEX)
    assert not pinned_address("oci://Evil/..", "sha256", HEX)
