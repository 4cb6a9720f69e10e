"""Signatures that are forged, bent, doubled, or sound but of another kind."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import (
    FILES,
    MEDIA_TYPE,
    Json,
    bundle,
    key,
    make_tree,
    oms_statement,
    oms_tree,
    put,
    resources,
    said,
    sha256,
    sign,
    signed_tree,
    verdict,
    verify,
)
from weightmark.errors import Exit

DIGEST = sha256(FILES["config.json"])


def with_resource(**fields: Any) -> Json:
    """Return a statement to which one more resource was added."""
    extra = {"name": "x", "algorithm": "sha256", "digest": DIGEST, **fields}
    return oms_statement([*resources(), extra])


def with_subject(*subjects: Json) -> Json:
    return {**oms_statement(), "subject": list(subjects)}


ROOT = oms_statement()["subject"][0]

STATEMENTS: dict[str, Json] = {
    "no resources": oms_statement([]),
    "resources missing": {**oms_statement(), "predicate": {"serialization": {}}},
    "no serialization": {**oms_statement(), "predicate": {"resources": resources()}},
    "a doubled resource": oms_statement([*resources(), resources()[0]]),
    "conflicting digests": with_resource(name="config.json", digest="0" * 64),
    "a dotted alias": with_resource(name="./config.json", digest=DIGEST),
    "a doubled slash": with_resource(name="sub//weights.bin", digest=DIGEST),
    "a way out": with_resource(name="../secret", digest=DIGEST),
    "an inner way out": with_resource(name="sub/../../x", digest=DIGEST),
    "an absolute path": with_resource(name="/etc/hostname", digest=DIGEST),
    "an empty name": with_resource(name="", digest=DIGEST),
    "a trailing slash": with_resource(name="sub/", digest=DIGEST),
    "a NUL": with_resource(name="a\0b", digest=DIGEST),
    "a name that is no string": with_resource(name=["x"], digest=DIGEST),
    "md5 as method": oms_statement(hash_type="md5"),
    "md5 in a resource": with_resource(algorithm="md5", digest="0" * 32),
    "a short digest": with_resource(digest=DIGEST[:-2]),
    "an upper-case digest": with_resource(digest=DIGEST.upper()),
    "a digest with a line feed": with_resource(digest=DIGEST[:-1] + "\n"),
    "no digest": with_resource(digest=None),
    "another method": oms_statement(method="tree"),
    "a method that is a list": oms_statement(method=["files"]),
    "a hash that is a list": oms_statement(hash_type=["sha256"]),
    "a hash that is an object": oms_statement(hash_type={}),
    "links that are no truth": oms_statement(allow_symlinks="false"),
    "ignores that are a string": oms_statement(ignore_paths="x"),
    "an ignore that is a number": oms_statement(ignore_paths=[1]),
    "the root of others": oms_statement(root="0" * 64),
    "an upper-case root": oms_statement(root=ROOT["digest"]["sha256"].upper()),
    "a root that is a list": with_subject({"name": "m", "digest": {"sha256": []}}),
    "a root under another name": with_subject({"name": "m", "digest": {"sha512": "0" * 128}}),
    "no subject": with_subject(),
    "two subjects": with_subject(ROOT, ROOT),
    "a subject that is a string": {**oms_statement(), "subject": ["model"]},
    "another predicate type": oms_statement(predicate_type="https://example.com/x"),
    "a look-alike of another version": oms_statement(
        predicate_type="https://model_signing/signature/v1.0x"
    ),
    "another statement type": {**oms_statement(), "_type": "https://in-toto.io/Statement/v0.1"},
    "no statement type": {k: v for k, v in oms_statement().items() if k != "_type"},
    "a predicate that is a list": {**oms_statement(), "predicate": []},
    "no predicate": {k: v for k, v in oms_statement().items() if k != "predicate"},
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_that_breaks_the_format_is_refused_though_its_signature_holds(
    tmp_path: Path, name: str
) -> None:
    tree = put(make_tree(tmp_path / "m"), bundle(STATEMENTS[name]))
    report = verify(tree)
    assert report.exit is Exit.BAD, said(report)
    assert "not by whom you trust" not in said(report)
    if "resource" in name or "alias" in name or "digest" in name:
        make_tree(tree, {"x": FILES["config.json"]})
        assert verdict(tree) is Exit.BAD


PAYLOADS: dict[str, Callable[[bytes], bytes]] = {
    "a doubled key": lambda good: good.replace(
        b'"predicateType"', b'"predicateType": "x", "predicateType"'
    ),
    "a doubled key deep inside": lambda good: good.replace(
        b'"name": "config.json"', b'"name": "evil", "name": "config.json"'
    ),
    "a byte-order mark": lambda good: b"\xef\xbb\xbf" + good,
    "UTF-16": lambda good: good.decode().encode("utf-16"),
    "not UTF-8": lambda good: good.replace(b"model", b"\xffmodel"),
    "a lone surrogate": lambda good: good.replace(b'"model"', b'"\\ud800"'),
    "not a number": lambda good: good.replace(b'"model"', b"NaN"),
    "trailing bytes": lambda good: good + b"{}",
    "cut off": lambda good: good[:-10],
    "a list": lambda good: b"[" + good + b"]",
    "nothing": lambda _good: b"",
    "a comment": lambda good: good + b"// fine",
    "single quotes": lambda good: good.replace(b'"', b"'"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_that_two_readers_could_read_in_two_ways_is_refused(
    tmp_path: Path, name: str
) -> None:
    payload = PAYLOADS[name](json.dumps(oms_statement()).encode())
    assert verdict(put(make_tree(tmp_path / "m"), bundle(payload))) is Exit.BAD


def change(**fields: Any) -> Callable[[Json], Json]:
    return lambda good: {**good, **fields}


def in_material(**fields: Any) -> Callable[[Json], Json]:
    return lambda good: {
        **good,
        "verificationMaterial": {**good["verificationMaterial"], **fields},
    }


def in_envelope(**fields: Any) -> Callable[[Json], Json]:
    return lambda good: {**good, "dsseEnvelope": {**good["dsseEnvelope"], **fields}}


def without(name: str) -> Callable[[Json], Json]:
    return lambda good: {field: value for field, value in good.items() if field != name}


def second_signature(good: Json) -> Json:
    first = good["dsseEnvelope"]["signatures"][0]
    return in_envelope(signatures=[first, {"sig": "AAAA", "keyid": ""}])(good)


def without_pae(good: Json) -> Json:
    payload = base64.b64decode(good["dsseEnvelope"]["payload"])
    signature = base64.b64encode(key().sign(payload)).decode()
    return in_envelope(signatures=[{"sig": signature, "keyid": ""}])(good)


CERTIFICATE = {"certificates": [{"rawBytes": "AAAA"}]}
REFUSED: dict[str, Callable[[Json], Json]] = {
    "a second signature": second_signature,
    "no signature": in_envelope(signatures=[]),
    "signatures that are an object": in_envelope(signatures={}),
    "a signature without PAE": without_pae,
    "an empty signature": in_envelope(signatures=[{"sig": "", "keyid": ""}]),
    "a garbled signature": in_envelope(signatures=[{"sig": "AAAA", "keyid": ""}]),
    "base64 with blanks": in_envelope(signatures=[{"sig": "AA AA", "keyid": ""}]),
    "base64 of another alphabet": in_envelope(signatures=[{"sig": "_-__", "keyid": ""}]),
    "a key id that is a list": in_envelope(signatures=[{"sig": "AAAA", "keyid": []}]),
    "an unknown field in the signature": in_envelope(
        signatures=[{"sig": "AAAA", "keyid": "", "cert": "x"}]
    ),
    "an unknown field in the envelope": in_envelope(extra=1),
    "another payload type": in_envelope(payloadType="application/json"),
    "a payload type that is a list": in_envelope(payloadType=[]),
    "key and certificate": in_material(x509CertificateChain=CERTIFICATE),
    "no signer named": lambda good: {**good, "verificationMaterial": {"tlogEntries": []}},
    "a hint that is a list": in_material(publicKey={"hint": []}),
    "a hint without end": in_material(publicKey={"hint": "x" * 5000}),
    "log entries that are a number": in_material(tlogEntries=0),
    "timestamps that are a list": in_material(timestampVerificationData=[]),
    "an unknown field in the material": in_material(extra=1),
    "material that is a list": change(verificationMaterial=[]),
    "a message signature beside it": change(messageSignature={}),
    "an unknown field": change(extra=1),
    "no envelope": without("dsseEnvelope"),
    "no material": without("verificationMaterial"),
    "no media type": without("mediaType"),
    "a media type that is a list": change(mediaType=[MEDIA_TYPE]),
    "a media type that is an object": change(mediaType={}),
    "another media type": change(mediaType="application/json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bent_bundle_is_refused(tmp_path: Path, name: str) -> None:
    document = REFUSED[name](bundle(oms_statement()))
    tree = put(make_tree(tmp_path / "m"), document)
    assert verdict(tree) is Exit.BAD


@pytest.mark.parametrize(
    "data",
    [b"", b"not JSON", b"null", b"[]", b'""', b"0", b"{}", b"\0" * 100, b"\x89PNG\r\n"],
)
def test_a_reserved_name_that_holds_something_else_is_refused(tmp_path: Path, data: bytes) -> None:
    tree = signed_tree(tmp_path / "m")
    put(tree, data)
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "reserved name `model.sig` holds something else" in said(report)


def test_a_truncated_signature_is_refused(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    whole = (tree / "model.sig").read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        assert verdict(put(tree, whole[:length])) is Exit.BAD


def test_a_payload_of_another_type_is_refused_as_model_signature(tmp_path: Path) -> None:
    payload = json.dumps(oms_statement()).encode()
    tree = put(make_tree(tmp_path / "m"), bundle(payload, kind="text/plain"))
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`text/plain`, not an in-toto statement" in said(report)


def test_a_stranger_with_a_forged_hint_is_called_a_forger(tmp_path: Path) -> None:
    forged = bundle(oms_statement(), by="stranger")
    forged["verificationMaterial"]["publicKey"]["hint"] = key().public.hint
    report = verify(put(make_tree(tmp_path / "m"), forged))
    assert report.exit is Exit.BAD
    assert "names a key that you trust, but this key did not make it" in said(report)


def test_a_wrong_hint_on_a_right_signature_changes_nothing(tmp_path: Path) -> None:
    honest = bundle(oms_statement())
    for hint in ("", "0" * 64, key("stranger").public.hint):
        honest["verificationMaterial"]["publicKey"]["hint"] = hint
        assert verdict(put(make_tree(tmp_path / "m"), honest)) is Exit.GOOD


def test_the_key_inside_an_old_bundle_is_never_trusted(tmp_path: Path) -> None:
    old = bundle(oms_statement(), by="stranger")
    raw = base64.b64encode(key("stranger").public.pem).decode()
    old["verificationMaterial"] = {
        "publicKey": {"rawBytes": raw, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    }
    tree = put(make_tree(tmp_path / "m"), old)
    assert verdict(tree) is Exit.BAD
    assert verdict(tree, "stranger") is Exit.GOOD


def test_another_signer_is_not_whom_you_trust(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    sign(tree, by="stranger")
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "signed, but not by whom you trust" in said(report)
    assert verdict(tree, "stranger") is Exit.GOOD
    assert verdict(tree, "stranger", "release") is Exit.GOOD


UNSUPPORTED: dict[str, Json | Callable[[Json], Json]] = {
    "a later bundle": change(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json"),
    "the form of 2024": oms_statement(predicate_type="https://model_signing/Digests/v0.1"),
    "a much later version": oms_statement(predicate_type="https://model_signing/signature/v2.0"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_sound_but_unsupported_is_never_called_tampered(tmp_path: Path, name: str) -> None:
    how = UNSUPPORTED[name]
    document = how(bundle(oms_statement())) if callable(how) else bundle(how)
    tree = put(make_tree(tmp_path / "m"), document)
    report = verify(tree)
    assert report.exit is Exit.UNCHECKED, said(report)
    assert not any(check.outcome == "fail" for check in report.checks)
    claims = signed_tree(tmp_path / "n")
    assert verdict(put(claims, document)) is Exit.GOOD, "good claims stand beside it"
    make_tree(claims, {"x": b"evil"})
    assert verdict(claims) is Exit.BAD


STRANGERS: dict[str, Callable[[Json], Json]] = {
    "certificate": lambda good: {
        **good,
        "verificationMaterial": {"x509CertificateChain": CERTIFICATE, "tlogEntries": []},
    },
    "keyless": lambda good: {
        **good,
        "verificationMaterial": {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": []},
    },
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_certificate_is_a_stranger_to_whoever_trusts_a_key(tmp_path: Path, name: str) -> None:
    document = STRANGERS[name](bundle(oms_statement()))
    assert verdict(put(make_tree(tmp_path / "m"), document)) is Exit.BAD
    assert verdict(put(signed_tree(tmp_path / "n"), document)) is Exit.GOOD, "good claims beside it"


def test_a_blake3_model_signature_is_checked_but_does_not_count_where_sha256_is_asked_for(
    tmp_path: Path,
) -> None:
    from blake3 import blake3

    listed = [
        {"name": name, "algorithm": "blake3", "digest": blake3(content).hexdigest()}
        for name, content in sorted(FILES.items())
    ]
    tree = oms_tree(tmp_path / "m", json.dumps(oms_statement(listed, hash_type="blake3")).encode())
    report = verify(tree)
    assert report.verified is not None
    assert report.verified.algorithm == "blake3"
    assert verdict(tree, digests="sha256") is Exit.UNCHECKED
    (tree / "config.json").write_bytes(b"[]")
    assert verdict(tree) is Exit.BAD


@pytest.mark.parametrize("where", ["bundle", "payload"])
def test_deep_nesting_is_a_limit_and_no_crash(tmp_path: Path, where: str) -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    document: Json | bytes = deep if where == "bundle" else bundle(deep)
    report = verify(put(make_tree(tmp_path / "m"), document))
    assert report.exit is Exit.UNCHECKED
    assert "nested deeper than 64 levels" in said(report)


def test_two_hundred_megabytes_of_nested_json_are_a_limit(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    with (tree / "model.sig").open("wb") as file:
        for _ in range(200):
            file.write(b"[" * (1 << 20))
    report = verify(tree)
    assert report.exit is Exit.UNCHECKED
    assert "over 64 MiB" in said(report)


@pytest.mark.parametrize("name", ["model.sig", "model.claims", "model.receipt"])
def test_a_reserved_name_that_is_no_plain_file_is_refused(tmp_path: Path, name: str) -> None:
    import os

    tree = signed_tree(tmp_path / "m")
    (tree / name).unlink(missing_ok=True)
    (tree / name).mkdir()
    assert "holds something else: a folder" in said(verify(tree))
    (tree / name).rmdir()
    (tmp_path / "x").write_bytes(b"x")
    (tree / name).symlink_to(tmp_path / "x")
    assert "holds something else: a link" in said(verify(tree))
    (tree / name).unlink()
    os.mkfifo(tree / name)
    report = verify(tree)
    assert "holds something else: a special file" in said(report)
    assert report.exit is Exit.BAD


def test_a_receipt_that_is_none_is_refused(tmp_path: Path) -> None:
    tree = put(signed_tree(tmp_path / "m"), b"nonsense", "model.receipt")
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "reserved name `model.receipt` holds something else" in said(report)


def test_a_verified_thing_cannot_be_made_by_hand() -> None:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.identities import SignerIdentity, SignerKind
    from weightmark.attestations.statements import Statement
    from weightmark.attestations.trust import VerifiedBundle
    from weightmark.attestations.verifying.verification import VerifiedManifest
    from weightmark.provenance.manifest import Manifest, Row

    parsed = Bundle.parse(json.dumps(bundle(oms_statement())).encode())
    statement = Statement.parse(parsed.envelope.payload_type, parsed.envelope.payload)
    identity = SignerIdentity(SignerKind.KEY, key().public.fingerprint)
    with pytest.raises(TypeError):
        VerifiedBundle(statement, identity, "id", parsed, object())
    with pytest.raises(TypeError):
        VerifiedManifest(Manifest.from_rows([Row("a", 1, "0" * 64)]), (), "", (), None)
