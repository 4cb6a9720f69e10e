"""Signing: what it refuses, what it says, and what it never overwrites."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import (
    ECHO,
    FILES,
    OMS,
    bundle,
    make_tree,
    oms_statement,
    predicates,
    put,
    read_statement,
    said,
    sign,
    signed_tree,
    signer,
    verdict,
    verify,
)
from weightmark import __version__
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    Exit,
    NoInputError,
    SelfCheckError,
    SidecarRefusedError,
    UncheckedError,
    UnsafeContentError,
    WeightmarkError,
)
from weightmark.scanners.findings import Severity

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


def scan_claim(tree: Path) -> dict[str, Any]:
    for line in (tree / "model.claims").read_bytes().splitlines():
        statement = read_statement(line)
        if statement["predicateType"] == SCAN_PREDICATE:
            predicate: dict[str, Any] = statement["predicate"]
            return predicate
    raise AssertionError("no scan claim")


def snapshot(tree: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(tree.parent)): path.read_bytes()
        for path in tree.parent.rglob("*")
        if path.is_file()
    }


def test_a_malicious_pickle_is_not_signed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {**FILES, "data.bin": ECHO})
    before = snapshot(tree)
    with pytest.raises(UnsafeContentError) as caught:
        sign(tree, scan=True)
    assert "`data.bin`" in caught.value.what
    assert snapshot(tree) == before


def test_what_the_scan_cannot_check_is_not_signed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"cut.pkl": b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01u" * 20})
    with pytest.raises(UncheckedError):
        sign(tree, scan=True)
    assert not (tree / "model.sig").exists()


def test_the_claim_says_that_nothing_was_scanned(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"data.bin": ECHO})
    sign(tree, scan=False)
    assert scan_claim(tree)["result"] == "not-scanned"
    assert scan_claim(tree)["scanner"] == ""
    assert verdict(tree) is Exit.GOOD


def test_the_claim_says_what_was_accepted(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"data.pkl": b"\x80\x02cunknown_module\nThing\nq\x00."})
    sign(tree, scan=True, fail_on=Severity.CRITICAL)
    claim = scan_claim(tree)
    assert claim["result"] == "findings"
    assert claim["fail_on"] == "critical"
    assert claim["findings"][0]["path"] == "data.pkl"
    assert claim["rules"].startswith("sha256:")


def test_the_claim_never_calls_clean_what_nobody_could_check(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"x.bin": b"\0\xff" * 50})
    sign(tree, scan=True)
    assert scan_claim(tree)["result"] == "unsupported"
    harmless = make_tree(tmp_path / "t", {"data.pkl": b"\x80\x02}q\x00.", "config.json": b"{}"})
    sign(harmless, scan=True)
    assert scan_claim(harmless)["result"] == "clean"


def test_a_scan_claim_reads_back_as_it_was_written(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    result = sign(tree, scan=True)
    payload = result.claims[1].envelope
    claim = ScanClaim.from_statement(Statement.parse(payload.payload_type, payload.payload))
    assert claim.to_predicate() == scan_claim(tree)


def link(tree: Path) -> None:
    (tree / "x").symlink_to("/etc/hostname")


REFUSALS: dict[str, Callable[[Path], object]] = {
    "a link that leaves the root": link,
    "a folder link": lambda tree: (tree / "x").symlink_to("sub"),
    "a FIFO": lambda tree: os.mkfifo(tree / "x"),
    "names that clash by case": lambda tree: make_tree(tree, {"CONFIG.json": b"x"}),
    "names that clash by Unicode form": lambda tree: make_tree(
        tree, {"\u00e9": b"x", "e\u0301": b"y"}
    ),
    "a name that Windows reserves": lambda tree: make_tree(tree, {"aux.bin": b"x"}),
    "a reserved name in other letters": lambda tree: make_tree(tree, {"MODEL.CLAIMS": b"x"}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_no_identity_covers_is_not_signed(tmp_path: Path, name: str) -> None:
    tree = make_tree(tmp_path / "m")
    REFUSALS[name](tree)
    for attempt in (
        partial(sign, tree),
        partial(add_claim, tree, signer(), TEST_RESULT, {"result": "PASSED"}),
    ):
        with pytest.raises(ArtifactRefusedError):
            attempt()
    assert not (tree / "model.sig").exists()
    assert not (tree / "model.claims").exists()


def test_a_folder_without_files_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(NoInputError):
        sign(make_tree(tmp_path / "m", {}))
    with pytest.raises(NoInputError):
        sign(make_tree(tmp_path / "n", {".git/HEAD": b"x", "model.claims": b""}))
    with pytest.raises(CallError):
        sign(tmp_path / "none")


def test_a_file_that_poses_as_a_manifest_is_not_signed(tmp_path: Path) -> None:
    file = make_tree(tmp_path, {"m": b"weightmark-manifest/v1\n"}) / "m"
    with pytest.raises(ArtifactRefusedError):
        sign(file)


def test_links_are_not_signed_where_they_are_not_wanted(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    (tree / "alias").symlink_to("config.json")
    with pytest.raises(ArtifactRefusedError):
        sign(tree, allow_links=False)


def test_a_foreign_signature_is_kept_and_the_claims_go_beside_it(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    foreign = (tree / "model.sig").read_bytes()
    result = sign(tree, by="second")
    assert (tree / "model.sig").read_bytes() == foreign
    assert result.written == (tree / "model.claims",)
    assert any("kept `model.sig` by another signer" in notice for notice in result.notices)
    assert verdict(tree) is Exit.GOOD
    assert verdict(tree, "second") is Exit.GOOD
    assert predicates(tree / "model.claims") == ["manifest/v1", "scan/v1"] * 2


def test_claims_go_to_the_sibling_where_a_foreign_signature_does_not_expect_them(
    tmp_path: Path,
) -> None:
    tree = put(make_tree(tmp_path / "m"), bundle(oms_statement(ignore_paths=["model.sig"])))
    result = sign(tree, by="second")
    assert result.written == (tmp_path / "m.claims",)
    assert any(str(tmp_path / "m.claims") in notice for notice in result.notices)
    assert not (tree / "model.claims").exists()
    assert verdict(tree) is Exit.GOOD
    assert verdict(tree, "second") is Exit.GOOD


def test_claims_never_break_the_signers_own_signature_by_another_tool(tmp_path: Path) -> None:
    tree = put(make_tree(tmp_path / "m"), bundle(oms_statement(ignore_paths=["model.sig"])))
    result = add_claim(tree, signer(), TEST_RESULT, {"result": "PASSED"})
    assert result.written == (tmp_path / "m.claims",)
    sign(tree)
    assert (tree / "model.claims").exists(), "the new signature expects them"
    assert verdict(tree) is Exit.GOOD


def test_an_unsupported_signature_is_kept_as_anybody_elses(tmp_path: Path) -> None:
    certificate = bundle(oms_statement())
    certificate["verificationMaterial"] = {
        "x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]},
        "tlogEntries": [],
    }
    tree = put(make_tree(tmp_path / "m"), certificate)
    before = (tree / "model.sig").read_bytes()
    sign(tree)
    assert (tree / "model.sig").read_bytes() == before
    assert (tmp_path / "m.claims").exists()


def test_replace_overwrites_the_signature_and_keeps_the_claims_of_others(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    add_claim(tree, signer("tester"), TEST_RESULT, {"result": "PASSED"})
    with (tree / "model.claims").open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(SidecarRefusedError):
        sign(tree, by="second")
    sign(tree, by="second", replace=True)
    assert verdict(tree, "second") is Exit.GOOD
    assert verdict(tree) is Exit.GOOD, "the claims of the first signer still stand"
    assert "test-result/v0.1" in predicates(tree / "model.claims")


@pytest.mark.parametrize("name", ["model.sig", "model.claims"])
def test_a_reserved_name_that_holds_something_else_is_not_overwritten(
    tmp_path: Path, name: str
) -> None:
    tree = put(make_tree(tmp_path / "m"), b"my notes", name)
    before = snapshot(tree)
    with pytest.raises(SidecarRefusedError):
        sign(tree)
    assert snapshot(tree) == before
    (tree / name).unlink()
    put(tmp_path, b"x", "target")
    (tree / name).symlink_to(tmp_path / "target")
    with pytest.raises(SidecarRefusedError):
        sign(tree)
    sign(tree, replace=True)
    assert (tmp_path / "target").read_bytes() == b"x"
    assert verdict(tree) is Exit.GOOD


def test_claims_of_kinds_that_signing_makes_cannot_be_stated_by_hand(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    for kind in (MANIFEST_PREDICATE, SCAN_PREDICATE, OMS):
        with pytest.raises(CallError):
            add_claim(tree, signer(), kind, {"files": []})


def test_nothing_is_written_into_the_tree_that_is_signed_but_the_reserved_names(
    tmp_path: Path,
) -> None:
    tree = make_tree(tmp_path / "m")
    with pytest.raises(CallError):
        sign(tree, out=tree / "sub")
    sign(tree, out=tree)
    assert verdict(tree) is Exit.GOOD
    assert {path.name for path in tree.iterdir()} == {
        "config.json",
        "model.claims",
        "model.sig",
        "sub",
        "tokens.txt",
    }


def test_a_signer_whose_signature_does_not_verify_writes_nothing(tmp_path: Path) -> None:
    from weightmark.attestations.bundles.bundle import Bundle, KeyHint
    from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
    from weightmark.attestations.trust import Trust

    class Broken:
        """A device that returns garbage."""

        notices = ()
        identity = signer().identity

        def own_trust(self) -> Trust:
            return Trust.in_keys([signer().public])

        def sign_statement(self, payload: bytes) -> Bundle:
            return Bundle(
                KeyHint(signer().public.hint), Envelope(IN_TOTO_PAYLOAD_TYPE, payload, b"garbage")
            )

    tree = make_tree(tmp_path / "m")
    with pytest.raises(SelfCheckError):
        sign_artifact(tree, Broken(), SignOptions(scan=False))
    with pytest.raises(WeightmarkError):
        add_claim(tree, Broken(), TEST_RESULT, {})
    assert not (tree / "model.sig").exists()
    assert not (tree / "model.claims").exists()


def test_every_signature_records_the_names_that_come_later(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    statement = read_statement((tree / "model.sig").read_bytes())
    how = statement["predicate"]["serialization"]
    assert how["ignore_paths"] == sorted(
        [
            *("model.sig", "model.claims", "model.receipt", ".git", ".gitattributes"),
            *(".gitignore", ".github", ".cache/huggingface"),
        ]
    )
    assert how["allow_symlinks"] is False
    assert statement["subject"][0]["name"] == "m"


def test_files_are_listed_in_the_order_of_the_specification(tmp_path: Path) -> None:
    names = {"Z": b"1", "a/b": b"2", "a b": b"3", "a!": b"4", "a-b": b"5", "a.b": b"6", "é": b"7"}
    tree = signed_tree(tmp_path / "m", names)
    statement = read_statement((tree / "model.sig").read_bytes())
    listed = [one["name"] for one in statement["predicate"]["resources"]]
    assert listed == ["Z", "a b", "a!", "a-b", "a.b", "a/b", "é"]


def test_a_statement_names_the_artifact_as_other_tools_do(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    claim = read_statement((tree / "model.claims").read_bytes().splitlines()[0])
    oms = read_statement((tree / "model.sig").read_bytes())
    (subject,) = claim["subject"]
    assert subject["mediaType"] == "application/vnd.weightmark.manifest.v1"
    assert subject["digest"].keys() == {"sha256"}
    assert subject["annotations"]["omsRoot"] == oms["subject"][0]["digest"]["sha256"]
    assert len(subject["annotations"]["dirHash"]) == 64


def test_the_same_content_gives_the_same_statements(tmp_path: Path) -> None:
    one, two = signed_tree(tmp_path / "a/m"), signed_tree(tmp_path / "b/m")
    for name in ("model.sig", "model.claims"):
        payloads = [
            [json.loads(line)["dsseEnvelope"]["payload"] for line in lines.splitlines()]
            for lines in ((one / name).read_bytes(), (two / name).read_bytes())
        ]
        assert payloads[0] == payloads[1]


def test_a_hostile_text_in_a_finding_can_be_written(tmp_path: Path) -> None:
    from weightmark.attestations.predicates.scan import _finding_to_json
    from weightmark.provenance.strict_json import canonical_json, parse_json
    from weightmark.scanners.findings import Finding

    finding = Finding("X1", Severity.LOW, "odd \ud800 text", "a", detail="\udcff")
    written = canonical_json(_finding_to_json(finding))
    assert parse_json(written, what="it")["detail"] == "\\udcff"


def test_signing_follows_the_verdict_of_the_verifier(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m", {"a": b"1", ".github/x": b"2"})
    report = verify(tree)
    assert report.exit is Exit.GOOD, said(report)
    assert report.verified is not None
    assert report.verified.uncovered == ()


@pytest.mark.parametrize("passphrase", [None, b"secret"])
def test_a_private_key_among_the_files_is_not_signed(
    tmp_path: Path, passphrase: bytes | None
) -> None:
    tree = make_tree(
        tmp_path / "m", {**FILES, "sub/notes.txt": PrivateKey.generate().to_pem(passphrase)}
    )
    before = snapshot(tree)
    for scan in (True, False):
        with pytest.raises(
            ArtifactRefusedError, match=r"`sub/notes\.txt` is a private key"
        ) as caught:
            sign(tree, scan=scan)
        assert "move it out" in caught.value.fix
    assert snapshot(tree) == before


def test_the_very_key_that_signs_is_not_signed_whatever_it_looks_like(tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    pair = signer().key
    assert isinstance(pair, PrivateKey)
    key.write_bytes(b"words in front of it " * 10 + b"\n" + pair.to_pem(None))
    tree = make_tree(tmp_path / "m", FILES)
    os.link(key, tree / "other-name")
    with pytest.raises(
        ArtifactRefusedError, match="`other-name` is a key or passphrase with which you sign"
    ):
        sign_artifact(tree, signer(), SignOptions(scan=False, secret_files=(key,)))
    assert not (tree / "model.sig").exists()


def test_a_public_key_among_the_files_is_signed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {**FILES, "release.pub": signer().public.pem})
    sign(tree)
    assert (tree / "model.sig").exists()


def test_the_scan_claim_names_both_versions(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", FILES)
    sign(tree, scan=True)
    assert scan_claim(tree)["scanner"].startswith(f"weightmark {__version__}, scanner ")
