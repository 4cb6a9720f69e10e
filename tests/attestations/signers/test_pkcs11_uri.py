"""PKCS#11 URIs: the examples of RFC 7512, and everything that two readers could read in two ways."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri
from weightmark.errors import CallError

RFC_EXAMPLES = {
    "pkcs11:": {},
    "pkcs11:object=my-pubkey;type=public": {"object": "my-pubkey", "type": "public"},
    "pkcs11:object=my-key;type=private?pin-source=file:/etc/token": {
        "object": "my-key",
        "type": "private",
    },
    "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
    "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin": {
        "token": "The Software PKCS#11 Softtoken",
        "manufacturer": "Snake Oil, Inc.",
        "model": "1.0",
        "object": "my-certificate",
        "type": "cert",
        "serial": "",
    },
    "pkcs11:object=my-sign-key;type=private?module-name=mypkcs11": {
        "object": "my-sign-key",
        "type": "private",
    },
    "pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1": {
        "object": "my-sign-key",
        "type": "private",
    },
    "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.?pin-value=the-pin": {
        "token": "Software PKCS#11 softtoken",
        "manufacturer": "Snake Oil, Inc.",
    },
    "pkcs11:slot-description=Sun%20Metaslot": {"slot-description": "Sun Metaslot"},
    "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23": {
        "library-manufacturer": "Snake Oil, Inc.",
        "library-description": "Soft Token Library",
        "library-version": "1.23",
    },
    "pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06": {
        "token": "My token% created by Joe",
        "library-version": "3",
    },
    "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=A%20name%20with%20a%20substring%20%3B%23;type=cert": {
        "token": "A name with a substring %;",
        "object": "A name with a substring ;#",
        "type": "cert",
    },
    "pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert": {
        "token": "Name with a small A with acute: \u00e1",
        "object": "my-certificate",
        "type": "cert",
    },
    "pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a?pin-source=file:/etc/token_pin&vendor-bbb=value-b": {
        "token": "my-token",
        "object": "my-certificate",
        "type": "cert",
    },
}
"""the URIs of RFC 7512 section 3, and what they say"""


@pytest.mark.parametrize("uri", RFC_EXAMPLES)
def test_an_example_of_the_rfc_is_read_as_the_rfc_says(uri: str) -> None:
    assert Pkcs11Uri.parse(uri).attributes == RFC_EXAMPLES[uri]


def test_what_the_rfc_says_about_ids_pins_modules_and_vendors() -> None:
    everything = Pkcs11Uri.parse(list(RFC_EXAMPLES)[9])
    assert everything.object_id == bytes.fromhex("010203baddcafe040506")
    assert Pkcs11Uri.parse("pkcs11:?pin-value=the-pin").pin == "the-pin"
    assert Pkcs11Uri.parse("pkcs11:?pin-source=file:/etc/token").pin_file == Path("/etc/token")
    assert Pkcs11Uri.parse("pkcs11:?pin-source=file:///etc/token").pin_file == Path("/etc/token")
    assert Pkcs11Uri.parse("pkcs11:?pin-source=/etc/token").pin_file == Path("/etc/token")
    assert Pkcs11Uri.parse("pkcs11:?module-path=/m.so").module_path == Path("/m.so")
    assert Pkcs11Uri.parse("pkcs11:?module-name=mypkcs11").module_name == "mypkcs11"
    assert Pkcs11Uri.parse("pkcs11:vendor-aaa=x;object=k").vendor == ("vendor-aaa",)


WRONG = {
    "another scheme": "http:object=k",
    "capital scheme": "PKCS11:object=k",
    "an attribute twice": "pkcs11:object=a;object=b",
    "a PIN twice": "pkcs11:object=a?pin-value=1&pin-value=2",
    "both kinds of PIN": "pkcs11:object=a?pin-value=1&pin-source=/x",
    "a PIN from a command": "pkcs11:object=a?pin-source=|/bin/echo",
    "a relative PIN file": "pkcs11:object=a?pin-source=pin.txt",
    "a PIN from the network": "pkcs11:object=a?pin-source=https://example.com/pin",
    "a relative module": "pkcs11:object=a?module-path=evil.so",
    "a module name that is a path": "pkcs11:object=a?module-name=../evil",
    "an empty part": "pkcs11:object=a;;token=b",
    "a part without a value": "pkcs11:object",
    "a bare percent": "pkcs11:object=a%",
    "a half escape": "pkcs11:object=a%4",
    "a raw blank": "pkcs11:object=my key",
    "a raw hash sign": "pkcs11:object=a#b",
    "a raw line feed": "pkcs11:object=a\nb",
    "raw non-ASCII": "pkcs11:object=\u00e1",
    "an escape that is not UTF-8": "pkcs11:object=%ff",
    "a NUL in a label": "pkcs11:object=a%00b",
    "an unknown type": "pkcs11:object=a;type=key",
    "a slot that is no number": "pkcs11:slot-id=one",
    "a version that is no number": "pkcs11:library-version=1.2.3",
    "a lonely question mark": "pkcs11:object=a?",
    "endless": "pkcs11:object=" + "a" * 9000,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_doubtful_uri_is_a_wrong_call(name: str) -> None:
    with pytest.raises(CallError, match="URI is wrong"):
        Pkcs11Uri.parse(WRONG[name])


def test_no_message_and_no_repr_repeats_a_pin() -> None:
    uri = Pkcs11Uri.parse("pkcs11:object=k?pin-value=hunter2")
    assert "hunter2" not in repr(uri) + str(uri)
    with pytest.raises(CallError) as caught:
        Pkcs11Uri.parse("pkcs11:object=k;bad?pin-value=hunter2&x")
    assert "hunter2" not in caught.value.what + caught.value.why + caught.value.fix


@given(st.text(max_size=60))
def test_any_text_is_a_uri_or_a_wrong_call(text: str) -> None:
    with contextlib.suppress(CallError):
        Pkcs11Uri.parse(f"pkcs11:{text}")


@given(st.binary(min_size=1, max_size=40))
def test_an_escaped_id_comes_back_byte_for_byte(raw: bytes) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in raw)
    assert Pkcs11Uri.parse(f"pkcs11:id={escaped}").object_id == raw
