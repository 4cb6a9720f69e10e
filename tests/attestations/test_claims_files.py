"""`model.claims` and the stores that a caller names: which claims count, and what is wrong with the rest."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import (
    FILES,
    Json,
    bundle,
    key,
    make_tree,
    noted,
    oms_statement,
    put,
    read_statement,
    said,
    sha256,
    sign,
    signed_tree,
    signer,
    verdict,
    verify,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.making.signing import add_claim
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.interface import Anchor, Proof
from weightmark.attestations.trust.validity import Validity
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import CallError, Exit

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


class Counting:
    """An anchor that counts how often it is asked."""

    def __init__(self, inner: Anchor) -> None:
        self.inner = inner
        self.count = 0

    name = property(lambda self: str(self.inner.name))
    label = ""
    validity = Validity()
    expires = None

    def allowing_legacy(self) -> Anchor:
        return self

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:
        return self.inner.concerns(bundle, proof)

    def prove(self, bundle: Bundle, now: datetime) -> Proof:
        self.count += 1
        return self.inner.prove(bundle, now)


def claims_only(root: Path) -> Path:
    tree = signed_tree(root)
    (tree / "model.sig").unlink()
    return tree


def resign(tree: Path, statement: Json, by: str = "release") -> Path:
    """Write a manifest claim that is signed well, whatever it says, as the only claim."""
    return put(tree, json.dumps(bundle(statement, by)).encode() + b"\n", "model.claims")


def manifest_statement(tree: Path) -> Json:
    return read_statement((tree / "model.claims").read_bytes().splitlines()[0])


@pytest.mark.parametrize(
    "line",
    [b"{}", b"nonsense", b"[1]", b'{"mediaType": []}', b"\xff\xfe", b"{" * 20, b'"a\\ud800"'],
)
def test_a_line_that_is_no_bundle_is_named_by_number_and_the_others_still_count(
    tmp_path: Path, line: bytes
) -> None:
    tree = signed_tree(tmp_path / "m")
    first, second = (tree / "model.claims").read_bytes().splitlines()
    put(tree, b"\n".join([first, line, second, b""]), "model.claims")
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "reserved name `model.claims` holds something else in line 2" in said(report)
    assert [claim.source for claim in report.claims if claim.trusted] == [
        "model.sig",
        "model.claims line 1",
        "model.claims line 3",
    ]
    assert any(
        check.name == "manifest claim" and check.outcome == "pass" for check in report.checks
    )


def test_every_broken_line_is_named(tmp_path: Path) -> None:
    tree = put(signed_tree(tmp_path / "m"), b"x\n\ny\n", "model.claims")
    assert "line 1" in said(verify(tree))
    assert "line 3" in said(verify(tree))


def test_a_line_of_an_unknown_kind_is_listed_and_changes_nothing(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    keyless = bundle(oms_statement())
    keyless["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.9+json"
    with (tree / "model.claims").open("ab") as file:
        file.write(json.dumps(keyless).encode() + b"\n")
    report = verify(tree)
    assert report.exit is Exit.GOOD, said(report)
    assert "model.claims line 3" in noted(report)


def test_only_claims_of_an_unknown_kind_could_not_be_checked(tmp_path: Path) -> None:
    keyless = bundle(oms_statement())
    keyless["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.9+json"
    tree = put(make_tree(tmp_path / "m"), keyless, "model.claims")
    assert verdict(tree) is Exit.UNCHECKED


def test_a_deeply_nested_line_could_not_be_checked(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    with (tree / "model.claims").open("ab") as file:
        file.write(b"[" * 1000 + b"\n")
    assert verdict(tree) is Exit.UNCHECKED


def test_too_many_or_too_large_claims_could_not_be_checked(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    good = (tree / "model.claims").read_bytes()
    put(tree, good + b"\n" * 10_001, "model.claims")
    assert verdict(tree) is Exit.UNCHECKED
    with (tree / "model.claims").open("wb") as file:
        file.write(good)
        file.truncate(64 * 1024 * 1024 + 1)
    report = verify(tree)
    assert report.exit is Exit.UNCHECKED
    assert "over 64 MiB" in said(report)


def test_an_empty_claims_file_is_no_signature(tmp_path: Path) -> None:
    tree = put(make_tree(tmp_path / "m"), b"", "model.claims")
    assert verdict(tree) is Exit.NOTHING


def test_claims_of_a_trusted_signer_that_list_no_files_verify_nothing(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    add_claim(tree, signer(), TEST_RESULT, {"result": "PASSED"})
    report = verify(tree)
    assert report.exit is Exit.NOTHING
    assert report.verified is None
    assert "none lists the files" in said(report)


def test_a_claim_for_another_artifact_is_refused_with_the_differences_to_the_newest(
    tmp_path: Path,
) -> None:
    tree, other = claims_only(tmp_path / "m"), signed_tree(tmp_path / "o", {"x": b"1"})
    older = (other / "model.claims").read_bytes()
    put(tree, older + (tree / "model.claims").read_bytes(), "model.claims")
    report = verify(tree)
    assert report.exit is Exit.GOOD, "one of them fits"
    assert "2 claims about other content than this" in noted(report)
    (tree / "tokens.txt").unlink()
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`tokens.txt` is missing" in said(report)
    assert "`x` is missing" not in said(report)


def test_only_claims_of_others_are_not_whom_you_trust(tmp_path: Path) -> None:
    tree = claims_only(tmp_path / "m")
    report = verify(tree, "stranger")
    assert report.exit is Exit.BAD
    assert "not by whom you trust" in said(report)


def test_a_claim_whose_blake3_is_right_and_sha256_wrong_is_tampering_when_both_are_asked_for(
    tmp_path: Path,
) -> None:
    tree = claims_only(tmp_path / "m")
    statement = manifest_statement(tree)
    statement["predicate"]["files"][0]["sha256"] = "0" * 64
    resign(tree, statement)
    assert verdict(tree, digests="any") is Exit.GOOD
    for digests in ("both", "sha256"):
        report = verify(tree, digests=digests)
        assert report.exit is Exit.BAD
        assert "`config.json` has other content than was signed" in said(report)


def test_a_claim_whose_sha256_is_right_and_blake3_wrong_is_tampering(tmp_path: Path) -> None:
    from weightmark.provenance.manifest import Manifest, Row

    tree = claims_only(tmp_path / "m")
    statement = manifest_statement(tree)
    statement["predicate"]["files"][0]["blake3"] = "0" * 64
    rows = [Row(one["path"], one["size"], one["blake3"]) for one in statement["predicate"]["files"]]
    identity = Manifest.from_rows(rows).identity.removeprefix("wm1:")
    statement["subject"][0]["digest"]["sha256"] = identity
    resign(tree, statement)
    assert verdict(tree) is Exit.BAD
    assert verdict(tree, digests="both") is Exit.BAD
    assert verdict(tree, digests="sha256") is Exit.GOOD


def test_a_model_signature_leans_only_on_a_claim_with_the_same_digests(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    statement = manifest_statement(tree)
    statement["predicate"]["files"][0]["sha256"] = "0" * 64
    resign(tree, statement)
    assert verdict(tree) is Exit.GOOD, "each is true by its own digests"
    listed = [{"name": "config.json", "algorithm": "sha256", "digest": "0" * 64}]
    rest = [
        one for one in oms_statement()["predicate"]["resources"] if one["name"] != "config.json"
    ]
    put(tree, bundle(oms_statement([*listed, *rest])))
    assert verdict(tree) is Exit.GOOD, "the signer's claim stands in, and its BLAKE3 is right"
    assert verdict(tree, digests="both") is Exit.BAD


BROKEN_MANIFESTS: dict[str, Callable[[Any], Any]] = {
    "a doubled path": lambda files: [*files, files[0]],
    "no files": lambda _files: [],
    "files that are an object": lambda _files: {},
    "a file that is a string": lambda files: [*files, "x"],
    "a way out": lambda files: [*files, {**files[0], "path": "../x"}],
    "an absolute path": lambda files: [*files, {**files[0], "path": "/x"}],
    "a dotted alias": lambda files: [*files, {**files[0], "path": "./config.json"}],
    "a single file beside others": lambda files: [*files, {**files[0], "path": "."}],
    "a negative size": lambda files: [{**files[0], "size": -1}, *files[1:]],
    "a size that is a truth": lambda files: [{**files[0], "size": True}, *files[1:]],
    "a size that is a fraction": lambda files: [{**files[0], "size": 2.0}, *files[1:]],
    "a size without end": lambda files: [{**files[0], "size": 10**30}, *files[1:]],
    "an upper-case digest": lambda files: [
        {**files[0], "blake3": files[0]["blake3"].upper()},
        *files[1:],
    ],
    "a column missing": lambda files: [
        {k: v for k, v in files[0].items() if k != "sha256"},
        *files[1:],
    ],
    "an unknown column": lambda files: [{**files[0], "md5": "x"}, *files[1:]],
    "one file less": lambda files: files[1:],
}


@pytest.mark.parametrize("name", BROKEN_MANIFESTS)
def test_a_manifest_claim_that_breaks_its_format_is_refused(tmp_path: Path, name: str) -> None:
    tree = claims_only(tmp_path / "m")
    statement = manifest_statement(tree)
    predicate = statement["predicate"]
    predicate["files"] = BROKEN_MANIFESTS[name](predicate["files"])
    report = verify(resign(tree, statement))
    assert report.exit is Exit.BAD
    assert "model.claims line 1" in said(report)


@pytest.mark.parametrize("count", [0, 2])
def test_a_manifest_claim_is_about_one_subject(tmp_path: Path, count: int) -> None:
    tree = claims_only(tmp_path / "m")
    statement = manifest_statement(tree)
    statement["subject"] = statement["subject"] * count
    assert verdict(resign(tree, statement)) is Exit.BAD


def test_a_subject_without_our_media_type_links_to_no_tree(tmp_path: Path) -> None:
    tree = claims_only(tmp_path / "m")
    statement = manifest_statement(tree)
    del statement["subject"][0]["mediaType"]
    assert verdict(resign(tree, statement)) is Exit.BAD


def test_a_claim_with_a_forged_hint_is_refused_beside_the_model_and_reported_elsewhere(
    tmp_path: Path,
) -> None:
    tree = signed_tree(tmp_path / "m")
    forged = bundle({"x": 1}, by="stranger")
    forged["verificationMaterial"]["publicKey"]["hint"] = key().public.hint
    line = json.dumps(forged).encode() + b"\n"
    put(tmp_path, line, "store")
    report = verify(tree, claims=[tmp_path / "store"])
    assert report.exit is Exit.GOOD, said(report)
    assert "store line 1" in noted(report)
    with (tree / "model.claims").open("ab") as file:
        file.write(line)
    assert verdict(tree) is Exit.BAD


def test_a_store_that_a_caller_names_is_only_reported(tmp_path: Path) -> None:
    tree = claims_only(tmp_path / "m")
    store = tmp_path / "store"
    store.mkdir()
    (tree / "model.claims").rename(store / "release.claims")
    (store / "broken").write_bytes(b"nonsense\n" * 50)
    (store / "other").write_bytes(json.dumps(bundle(oms_statement())).encode())
    report = verify(tree, claims=[store])
    assert report.exit is Exit.GOOD, said(report)
    assert "50 lines of `broken` hold no claim" in noted(report)
    assert len(noted(report).splitlines()) < 30


def test_of_the_folder_of_a_model_only_its_claims_are_read(tmp_path: Path) -> None:
    """Weights of over 64 MiB are no claims that could not be read."""
    tree = claims_only(tmp_path / "m")
    other = claims_only(tmp_path / "other")
    with (other / "weights.bin").open("wb") as file:
        file.truncate(65 << 20)
    (other / "config.json").write_bytes(b"{}\n" * 5000)
    (other / "LICENSE").write_bytes(b"text\n")
    report = verify(tree, claims=[other])
    assert report.exit is Exit.GOOD, said(report)
    assert not [one for one in report.checks if one.name == "further claims"]


def test_a_store_that_cannot_be_read_is_never_passed_over(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    with pytest.raises(CallError):
        verify(tree, claims=[tmp_path / "none"])
    with pytest.raises(CallError):
        verify(tree, signature=tmp_path / "none")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    assert verdict(tree, claims=[tmp_path / "huge"]) is Exit.UNCHECKED


def test_upstreams_claims_file_is_read_and_is_content(tmp_path: Path) -> None:
    tree = claims_only(tmp_path / "m")
    (tree / "model.claims").rename(tree / "claims.jsonl")
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`claims.jsonl` is extra" in said(report)


def test_a_dataset_whose_rows_are_called_claims_verifies(tmp_path: Path) -> None:
    rows = b'{"claim": "the sky is blue"}\n' * 20_000
    report = verify(signed_tree(tmp_path / "m", {**FILES, "claims.jsonl": rows}))
    assert report.exit is Exit.GOOD, said(report)
    assert len(noted(report).splitlines()) < 30


def test_the_sibling_claims_of_a_tree_are_found(tmp_path: Path) -> None:
    tree = claims_only(tmp_path / "m")
    (tree / "model.claims").rename(tmp_path / "m.claims")
    assert verdict(tree) is Exit.GOOD
    (tmp_path / "m.claims").write_bytes(b"nonsense")
    assert verdict(tree) is Exit.NOTHING


def test_rewriting_a_signature_does_not_make_another_claim(tmp_path: Path) -> None:
    from weightmark.attestations.bundles.bundle import Bundle

    tree = claims_only(tmp_path / "m")
    first = json.loads((tree / "model.claims").read_bytes().splitlines()[0])
    again = json.loads(json.dumps(first))
    payload = base64.b64decode(first["dsseEnvelope"]["payload"])
    again["dsseEnvelope"] = bundle(payload)["dsseEnvelope"]
    one, two = (Bundle.parse(json.dumps(each).encode()) for each in (first, again))
    assert one.envelope.signature != two.envelope.signature
    assert one.envelope.claim_id == two.envelope.claim_id
    assert one.envelope.claim_id == sha256(one.envelope.pae)


def test_a_manifest_claim_is_known_by_its_type_alone(tmp_path: Path) -> None:
    tree = claims_only(tmp_path / "m")
    statement = manifest_statement(tree)
    statement["predicateType"] = MANIFEST_PREDICATE + "/evil"
    assert verdict(resign(tree, statement)) is Exit.NOTHING


def test_a_stranger_cannot_extend_the_claims_of_the_signer(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    make_tree(tree, {"evil.bin": b"x"})
    sign(tree, by="stranger")
    assert verdict(tree, "stranger") is Exit.GOOD
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`evil.bin` is extra" in said(report)


def test_a_claim_that_stands_in_a_thousand_lines_is_verified_once(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (first, *_) = (tree / "model.claims").read_bytes().splitlines(keepends=True)
    (tree / "model.claims").write_bytes(first * 1000)
    asked = Counting(signer().own_trust().anchors[0])
    report = examine(tree, Trust((asked,))).report
    assert report.exit is Exit.GOOD
    assert len(report.claims) == 1001
    assert asked.count == 2, "the model signature and one claim"
