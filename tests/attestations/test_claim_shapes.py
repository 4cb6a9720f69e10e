"""Attestations as other tools hand them over, read from a store that the caller names."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.signers.parties import Chain
from tests.attestations.trust.makers import Stamps, certified
from weightmark.attestations.bundles.dsse import pre_authentication_encoding
from weightmark.attestations.bundles.shapes import split_shapes
from weightmark.attestations.claims import parse_store
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
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


def test_all_signatures_of_an_envelope_share_one_payload_and_no_line_is_kept() -> None:
    """An envelope with many signatures must not fill the memory with copies of its payload."""
    lines = parse_store(_dump(_envelope(*(f"k{number}" for number in range(32)))))
    payloads = {id(line.bundle.envelope.payload) for line in lines if line.bundle}
    assert (len(lines), len(payloads)) == (32, 1)
    assert {line.raw for line in lines} == {b""}


def test_an_envelope_with_thousands_of_signatures_is_a_limit_and_no_flood() -> None:
    (line,) = parse_store(_dump(_envelope(*(["k"] * 33))))
    assert isinstance(line.error, LimitError)
    (bad, good) = parse_store(_dump(_envelope(*(["k"] * 10_000))) + b"\n" + _dump(_bundle()))
    assert isinstance(bad.error, LimitError)
    assert good.bundle is not None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_witness_envelope_brings_its_chain_and_its_timestamps() -> None:
    """`certificate` and `intermediates` are base64 of PEM, `timestamps` hold bare RFC 3161 tokens."""
    chain, key, stamps = Chain(), PrivateKey.generate(), Stamps()
    leaf = chain.leaf(key)
    bundle = certified(key, leaf, chain.middle)
    payload, signature = bundle.envelope.payload, bundle.envelope.signature
    response = stamps.over(signature)
    token = response[response.index(b"\x30\x03\x02\x01\x00") + 5 :]
    witness = {
        "payload": _base64(payload),
        "payloadType": _TYPE,
        "signatures": [
            {
                "keyid": "x",
                "sig": _base64(signature),
                "certificate": _base64(leaf.public_bytes(Encoding.PEM)),
                "intermediates": [_base64(chain.middle.public_bytes(Encoding.PEM))],
                "timestamps": [
                    {"type": "other", "data": "AAAA"},
                    {"type": "tsp", "data": _base64(token)},
                ],
            }
        ],
    }
    (line,) = parse_store(_dump(witness))
    assert line.bundle is not None, line.error
    assert line.bundle.material == bundle.material
    anybody = CertificateRule.parse(anybody=True)
    anchor = CertificateAnchor((chain.root,), anybody, clocks=stamps.clocks())
    verified = Trust((anchor,)).verify(line.bundle)
    assert len(verified.times) == 1


@pytest.mark.parametrize(
    "beside",
    [
        {"certificate": "LS0tLS1"},
        {"certificate": _base64(b"-----BEGIN CERTIFICATE-----\n")},
        {"certificate": "AAAA", "intermediates": "AAAA"},
        {"certificate": "AAAA", "intermediates": [7]},
        {"certificate": "AAAA", "intermediates": ["AAAA"] * 40},
        {"timestamps": ["AAAA"]},
        {"timestamps": [{"type": "tsp", "data": 7}]},
        {"timestamps": [{"type": "tsp", "data": "AAAA"}] * 33},
    ],
    ids=str,
)
def test_what_stands_wrongly_beside_a_signature_makes_it_no_claim(beside: dict[str, Any]) -> None:
    envelope = _envelope("k")
    envelope["signatures"][0] |= beside
    (line,) = parse_store(_dump(envelope))
    assert line.bundle is None
    assert isinstance(line.error, MalformedError | LimitError)
