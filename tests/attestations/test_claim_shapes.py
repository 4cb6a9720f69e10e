"""Attestations as other tools hand them over, read from a store that the caller names."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.bundles.dsse import pre_authentication_encoding
from weightmark.attestations.bundles.shapes import split_shapes
from weightmark.attestations.claims import parse_store
from weightmark.errors import LimitError, MalformedError, UnsupportedError

_PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
_TYPE = "application/vnd.in-toto+json"


def _envelope(*hints: str) -> dict[str, Any]:
    return {
        "payload": base64.b64encode(_PAYLOAD).decode(),
        "payloadType": _TYPE,
        "signatures": [{"keyid": hint, "sig": base64.b64encode(b"s").decode()} for hint in hints],
    }


def _bundle(hint: str = "k") -> dict[str, Any]:
    envelope = _envelope(hint)
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "dsseEnvelope": envelope | {"signatures": [{"sig": envelope["signatures"][0]["sig"]}]},
    }


def _dump(value: object, *, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent).encode()


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (_dump(_bundle()), ["line 1"]),
        (_dump(_bundle(), indent=2), ["line 1"]),
        (_dump(_bundle()) + b"\n\n" + _dump(_bundle("l")) + b"\n", ["line 1", "line 3"]),
        (_dump(_envelope("a")), ["line 1"]),
        (_dump(_envelope("a", "b")), ["signature 1 of line 1", "signature 2 of line 1"]),
        (
            _dump({"attestations": [{"bundle": _bundle()}, {"bundle": _bundle("l")}]}, indent=1),
            ["attestation 1 of line 1", "attestation 2 of line 1"],
        ),
        (_dump({"predicateType": "x", "bundle": _bundle()}), ["line 1"]),
    ],
    ids=["bundle", "pretty", "lines", "envelope", "two signatures", "list", "entry"],
)
def test_known_shapes_become_bundles_with_the_very_payload(data: bytes, places: list[str]) -> None:
    lines = parse_store(data)
    assert [line.where for line in lines] == places
    for line in lines:
        assert line.bundle is not None, line.error
        assert line.bundle.envelope.pae == pre_authentication_encoding(_TYPE, _PAYLOAD)


def test_a_certificate_beside_the_signature_is_kept() -> None:
    envelope = _envelope("")
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    envelope["signatures"][0]["cert"] = pem
    (line,) = parse_store(_dump(envelope))
    assert line.bundle is not None
    assert line.bundle.certificate_chain is not None
    assert line.bundle.certificate_chain.leaf == b"\0\0\0"


def test_one_bad_line_or_entry_does_not_hide_the_others() -> None:
    data = b'{"x":1}\n' + _dump({"attestations": [{"bundle": None}, {"bundle": _bundle()}]})
    bad, worse, good = parse_store(data)
    assert isinstance(bad.error, MalformedError)
    assert isinstance(worse.error, MalformedError)
    assert good.bundle is not None


def test_a_cut_first_line_does_not_hide_the_others() -> None:
    cut, good = parse_store(_dump(_bundle())[:-20] + b"\n" + _dump(_bundle()))
    assert isinstance(cut.error, MalformedError)
    assert good.bundle is not None


@pytest.mark.parametrize(
    "value",
    [
        {"base64Signature": "AA==", "cert": "x"},
        {"rekorBundle": {}, "base64Signature": "AA=="},
        {"signed": {"_type": "link"}, "signatures": []},
    ],
)
def test_shapes_that_are_sound_but_say_nothing_of_a_model_are_unsupported(value: object) -> None:
    (line,) = parse_store(_dump(value))
    assert isinstance(line.error, UnsupportedError)


def test_two_bundles_in_one_line_are_no_claim() -> None:
    (line,) = parse_store(_dump(_bundle()) + _dump(_bundle()))
    assert isinstance(line.error, MalformedError)


def test_a_doubled_key_in_an_envelope_is_refused() -> None:
    data = _dump(_envelope("a"))
    (line,) = parse_store(data[:-1] + b',"payload":"AAAA"}')
    assert isinstance(line.error, MalformedError)


def test_too_many_claims_are_a_limit() -> None:
    with pytest.raises(LimitError):
        parse_store(b'{"x":1}\n' * 10_001)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for line in parse_store(data):
        assert (line.bundle is None) is (line.error is not None)
    assert list(split_shapes(data, "x"))
