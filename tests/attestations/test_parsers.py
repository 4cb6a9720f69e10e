"""Parsers meet anything: they answer with a value or with an error of the tree, and never with a crash."""

import base64
import binascii
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attestations.forge import (
    FILES,
    bundle,
    oms_statement,
    said,
    signed_tree,
    verdict,
    verify,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, decode_base64
from weightmark.attestations.bundles.material import KeyHint
from weightmark.attestations.claims import parse_claims, render_claims
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import Exit, WeightmarkError

MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def places(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a JSON document."""
    found = [here]
    if isinstance(document, dict):
        for name, value in document.items():
            found += places(value, (*here, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            found += places(value, (*here, number))
    return found


def replaced(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(document))
    if not way:
        return value
    holder = copy
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    return copy


def mutations(document: Any) -> st.SearchStrategy[Any]:
    """Replace any one value of a sound document by anything."""
    return st.builds(
        lambda way, value: replaced(document, way, value), st.sampled_from(places(document)), values
    )


MANIFEST = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [
        {
            "name": "m",
            "mediaType": "application/vnd.weightmark.manifest.v1",
            "digest": {"sha256": "0" * 64},
        }
    ],
    "predicateType": "https://weightmark/predicates/manifest/v1",
    "predicate": {
        "files": [{"path": "a", "size": 1, "blake3": "0" * 64, "sha256": "0" * 64}],
        "symlinks": False,
    },
}
SCAN = {
    **MANIFEST,
    "predicate": {"scanner": "", "rules": "", "result": "clean", "fail_on": "high", "findings": []},
}


@given(st.binary(max_size=300))
def test_any_bytes_are_a_bundle_or_an_error(data: bytes) -> None:
    with contextlib.suppress(WeightmarkError):
        Bundle.parse(data)


@MANY
@given(mutations(bundle(oms_statement())))
def test_a_bundle_with_any_value_replaced_is_a_bundle_or_an_error(document: Any) -> None:
    with contextlib.suppress(WeightmarkError):
        parsed = Bundle.parse(json.dumps(document).encode())
        again = Bundle.parse(parsed.to_bytes())
        assert again.envelope == parsed.envelope


@given(st.binary(max_size=300))
def test_any_bytes_are_lines_of_claims(data: bytes) -> None:
    lines = parse_claims(data)
    assert all((line.bundle is None) != (line.error is None) for line in lines)
    assert parse_claims(render_claims(line.raw for line in lines)) or not lines


@given(st.text(max_size=40), st.binary(max_size=300))
def test_any_bytes_are_a_statement_or_an_error(kind: str, data: bytes) -> None:
    for payload_type in (kind, IN_TOTO_PAYLOAD_TYPE):
        with contextlib.suppress(WeightmarkError):
            Statement.parse(payload_type, data)


def read(document: Any) -> Statement:
    return Statement.parse(IN_TOTO_PAYLOAD_TYPE, json.dumps(document).encode())


@MANY
@given(mutations(oms_statement(ignore_paths=["x"], shard_size=1)))
def test_an_oms_statement_with_any_value_replaced_is_read_or_refused(document: Any) -> None:
    with contextlib.suppress(WeightmarkError):
        claim = OmsClaim.from_statement(read(document))
        assert all(len(digest) == 64 for digest in claim.files.values())
        assert not any(path.startswith("/") or ".." in path.split("/") for path in claim.files)


@MANY
@given(mutations(MANIFEST))
def test_a_manifest_claim_with_any_value_replaced_is_read_or_refused(document: Any) -> None:
    with contextlib.suppress(WeightmarkError):
        statement = read(document)
        claim = ManifestClaim.from_statement(statement)
        assert claim.manifest.identity == statement.subject.identity


@MANY
@given(mutations(SCAN))
def test_a_scan_claim_with_any_value_replaced_is_read_or_refused(document: Any) -> None:
    with contextlib.suppress(WeightmarkError):
        ScanClaim.from_statement(read(document))


@FEW
@given(
    st.sampled_from(["model.sig", "model.claims", *FILES]),
    st.integers(0, 9999),
    st.integers(0, 7),
)
def test_a_flipped_bit_anywhere_is_never_good_with_another_meaning(
    tmp_path_factory: Any, name: str, place: int, bit: int
) -> None:
    tree: Path = tmp_path_factory.mktemp("flip") / "m"
    signed_tree(tree)
    before = verify(tree)
    content = bytearray((tree / name).read_bytes())
    content[len(content) * place // 10_000] ^= 1 << bit
    (tree / name).write_bytes(content)
    if name in FILES:
        assert verdict(tree) is Exit.BAD
        return
    after = verify(tree)
    if after.exit is Exit.GOOD:
        assert after.identity == before.identity, said(after)
        assert after.verified is not None
        assert before.verified is not None
        assert after.verified.signers == before.verified.signers
        assert after.verified.manifest == before.verified.manifest


@given(
    st.text("ABQgwx01+/=-_ \n\0é", max_size=12)
    | st.binary(max_size=9).map(base64.b64encode).map(bytes.decode)
)
def test_base64_has_one_form(text: str) -> None:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is not None and base64.b64encode(data).decode() == text:
        assert decode_base64(text, "payload") == data
    else:
        with pytest.raises(WeightmarkError):
            decode_base64(text, "payload")


@given(
    st.binary(max_size=40),
    st.binary(min_size=1, max_size=9),
    st.text(max_size=9),
    st.text(max_size=9),
)
def test_a_bundle_is_written_as_plain_json(
    payload: bytes, signature: bytes, kind: str, hint: str
) -> None:
    made = Bundle(KeyHint(hint), Envelope(kind, payload, signature))
    document = json.loads(made.to_bytes())
    assert made.to_bytes() == json.dumps(document, separators=(",", ":")).encode("ascii")
    assert document["dsseEnvelope"] == made.envelope.to_json()
    assert document["verificationMaterial"]["publicKey"] == {"hint": hint}
    assert list(document) == ["mediaType", "verificationMaterial", "dsseEnvelope"]
