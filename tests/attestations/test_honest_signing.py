"""What honest publishers do must verify, and keep verifying."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from tests.attestations.forge import (
    FILES,
    bundle,
    make_tree,
    noted,
    oms_statement,
    put,
    resources,
    said,
    sha256,
    sign,
    signed_tree,
    signer,
    verdict,
    verify,
)
from weightmark.attestations.making.signing import add_claim
from weightmark.errors import Exit, NoSignatureError, TrustNotSaidError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.engine import read_artifact

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


def identity(path: Path) -> str:
    return read_artifact(open_artifact(path)).manifest().identity


@pytest.mark.parametrize(
    "files",
    [
        {"a": b"1"},
        FILES,
        {"empty": b"", "also/empty": b""},
        {"deep/er/and/deep/er/w.bin": b"w"},
        {"模型.bin": b"1", "naïve/ünï.txt": b"2", "🙂": b"3"},
        {"a b": b"1", "a/b": b"2", "a!": b"3", "a.b": b"4", "Z": b"5"},
        {"back\\slash": b"1", "new\nline": b"2", "quote\"'": b"3"},
        {".hidden": b"1", "sub/.gitignore": b"2", ".gitmodules": b"3"},
        {"sub/model.sig": b"content", "sub/model.claims": b"content"},
        {"big.bin": bytes(3_000_000), "small": b"s"},
    ],
    ids=min,
)
def test_a_signed_tree_verifies(tmp_path: Path, files: dict[str, bytes]) -> None:
    report = verify(signed_tree(tmp_path / "m", files))
    assert report.exit is Exit.GOOD, said(report)
    assert report.verified is not None
    assert {row.path for row in report.verified.manifest.rows} == set(files)
    assert report.verified.signers == (signer().identity.name,)
    assert report.verified.algorithm == "blake3"


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
def test_every_key_type_signs_and_verifies(tmp_path: Path, kind: str) -> None:
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.making.signing import SignOptions, sign_artifact
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.verifying.verification import examine

    tree = make_tree(tmp_path / "m")
    one = signer("typed", kind)
    result = sign_artifact(tree, one, SignOptions(scan=False))
    assert any("Ed25519" in notice for notice in result.notices) == (kind == "ed25519")
    reloaded = PublicKey.from_pem(one.public.pem)
    assert examine(tree, Trust.in_keys([reloaded])).report.exit is Exit.GOOD


@pytest.mark.parametrize("content", [b"", b"weights", bytes(2_000_000)])
def test_a_single_file_verifies_also_after_renaming(tmp_path: Path, content: bytes) -> None:
    file = make_tree(tmp_path, {"model.bin": content}) / "model.bin"
    sign(file)
    assert verdict(file) is Exit.GOOD
    for ending in ("", ".sig", ".claims"):
        (tmp_path / f"model.bin{ending}").rename(tmp_path / f"other{ending}")
    assert verdict(tmp_path / "other") is Exit.GOOD


def test_a_single_file_verifies_under_the_name_that_the_specification_gives_it(
    tmp_path: Path,
) -> None:
    file = make_tree(tmp_path, {"model.bin": b"w"}) / "model.bin"
    put(tmp_path, bundle(oms_statement(resources({"model.bin": b"w"}))), "model.bin.sig")
    assert verdict(file) is Exit.GOOD
    put(tmp_path, bundle(oms_statement(resources({"other.bin": b"w"}))), "model.bin.sig")
    assert "`other.bin` was renamed to `model.bin`" in said(verify(file))


def test_neither_the_folder_name_nor_the_way_to_it_matters(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (tmp_path / "link").symlink_to("m")
    assert verdict(tmp_path / "link") is Exit.GOOD
    moved = tree.rename(tmp_path / "other")
    assert verdict(moved / "sub" / "..") is Exit.GOOD


@pytest.mark.needs("non_utf8_names")
def test_a_root_whose_own_name_is_not_utf8_can_be_signed(tmp_path: Path) -> None:
    tree = make_tree(Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff")))
    sign(tree)
    assert verdict(tree) is Exit.GOOD
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/file\xff"))
    file.write_bytes(b"w")
    sign(file, scan=True)
    assert verdict(file) is Exit.GOOD


def test_a_clone_a_cache_snapshot_and_a_local_download_are_one_artifact(tmp_path: Path) -> None:
    published = signed_tree(tmp_path / "published", {**FILES, ".gitattributes": b"* lfs"})
    clone = shutil.copytree(published, tmp_path / "clone")
    make_tree(clone, {".git/HEAD": b"ref", ".git/objects/x": b"o"})
    local = shutil.copytree(published, tmp_path / "local")
    make_tree(local, {".cache/huggingface/download/x.metadata": b"m"})
    repo = tmp_path / "models--o--n"
    snapshot = repo / "snapshots" / ("a" * 40)
    for number, file in enumerate(sorted(p for p in published.rglob("*") if p.is_file())):
        blob = repo / "blobs" / str(number)
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, blob)
        link = snapshot / file.relative_to(published)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    trees = (published, clone, local, snapshot)
    assert len({identity(tree) for tree in trees}) == 1
    for tree in trees:
        report = verify(tree)
        assert report.exit is Exit.GOOD, said(report)
    assert "`.git` is not part of the artifact (2 files)" in noted(verify(clone))


def test_signing_in_a_cache_snapshot_leaves_the_blobs_alone(tmp_path: Path) -> None:
    repo = make_tree(tmp_path / "models--o--n", {"blobs/abc": b"weights", "blobs/sig": b""})
    snapshot = repo / "snapshots" / "rev"
    snapshot.mkdir(parents=True)
    (snapshot / "w.bin").symlink_to("../../blobs/abc")
    sign(snapshot)
    (snapshot / "model.sig").rename(repo / "blobs" / "sig")
    (snapshot / "model.sig").symlink_to("../../blobs/sig")
    before = (repo / "blobs" / "sig").read_bytes()
    assert verdict(snapshot) is Exit.GOOD
    sign(snapshot)
    assert not (snapshot / "model.sig").is_symlink()
    assert (repo / "blobs" / "sig").read_bytes() == before
    assert verdict(snapshot) is Exit.GOOD


def test_signing_again_after_a_change_verifies_and_keeps_one_manifest_claim(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (tree / "tokens.txt").write_bytes(b"changed")
    assert verdict(tree) is Exit.BAD
    sign(tree)
    assert verdict(tree) is Exit.GOOD
    assert len((tree / "model.claims").read_bytes().splitlines()) == 2


def test_signing_twice_changes_nothing_for_a_reader(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    before = identity(tree)
    sign(tree)
    assert identity(tree) == before
    assert sorted(path.name for path in tree.iterdir() if path.name.startswith("model.")) == [
        "model.claims",
        "model.sig",
    ]


def test_adding_claims_keeps_everything_verifiable(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    before, signature = identity(tree), (tree / "model.sig").read_bytes()
    add_claim(tree, signer(), TEST_RESULT, {"result": "PASSED"})
    add_claim(tree, signer("tester"), TEST_RESULT, {"result": "PASSED"})
    assert identity(tree) == before
    assert (tree / "model.sig").read_bytes() == signature
    report = verify(tree)
    assert report.exit is Exit.GOOD, said(report)
    assert [claim.trusted for claim in report.claims] == [True, True, True, True, False]


def test_several_signers_each_vouch_for_themselves(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    sign(tree, by="auditor")
    for names in (("release",), ("auditor",), ("release", "auditor")):
        report = verify(tree, *names)
        assert report.exit is Exit.GOOD, said(report)
        assert report.verified is not None
        assert report.verified.signers == tuple(signer(name).identity.name for name in names)


def test_only_signers_whose_list_fits_are_named_as_vouching(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    sign(tree, by="auditor")
    (tree / "model.sig").unlink()
    (tree / "tokens.txt").write_bytes(b"new release")
    sign(tree)
    report = verify(tree, "release", "auditor")
    assert report.exit is Exit.GOOD, said(report)
    assert report.verified is not None
    assert report.verified.signers == (signer().identity.name,)
    assert "about other content than this" in noted(report)


@pytest.mark.parametrize("digests", ["any", "sha256", "both"])
def test_each_choice_of_digests_says_what_it_used(tmp_path: Path, digests: str) -> None:
    report = verify(signed_tree(tmp_path / "m"), digests=digests)
    assert report.verified is not None
    expected = {"any": "blake3", "sha256": "sha256", "both": "blake3 and sha256"}[digests]
    assert report.verified.algorithm == expected


def test_a_bare_model_signature_is_checked_by_its_own_digests(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m", {**FILES, ".gitattributes": b"x", ".github/ci.yml": b"y"})
    (tree / "model.claims").unlink()
    report = verify(tree)
    assert report.verified is not None
    assert report.verified.algorithm == "sha256"
    assert report.verified.uncovered == (".gitattributes", ".github/ci.yml")
    assert "not covered by this signature" in noted(report)


def test_claims_alone_verify(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (tree / "model.sig").unlink()
    assert verdict(tree) is Exit.GOOD


def test_signature_and_claims_may_stand_elsewhere(tmp_path: Path) -> None:
    tree, out = make_tree(tmp_path / "m"), tmp_path / "out"
    out.mkdir()
    sign(tree, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["model.claims", "model.sig"]
    assert verdict(tree) is Exit.NOTHING
    assert verdict(tree, signature=out / "model.sig") is Exit.GOOD
    assert verdict(tree, claims=[out]) is Exit.GOOD
    assert verdict(tree, signature=out / "model.sig", claims=[out / "model.claims"]) is Exit.GOOD


def test_links_inside_are_recorded_and_then_accepted(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    (tree / "alias.bin").symlink_to("sub/weights.bin")
    result = sign(tree)
    assert any("--allow_symlinks" in notice for notice in result.notices)
    assert verdict(tree) is Exit.GOOD
    (tree / "alias.bin").unlink()
    shutil.copy(tree / "sub/weights.bin", tree / "alias.bin")
    assert verdict(tree) is Exit.GOOD, "the same bytes as a plain file are the same artifact"


def test_a_tree_of_root_git_files_alone_is_signed_by_claims(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {".gitattributes": b"* lfs"})
    result = sign(tree)
    assert not (tree / "model.sig").exists()
    assert any("no `model.sig`" in notice for notice in result.notices)
    assert verdict(tree) is Exit.GOOD


def test_without_any_signature_nothing_is_checked_before_trust_is_asked_for(tmp_path: Path) -> None:
    from weightmark.attestations.verifying.verification import examine

    tree = make_tree(tmp_path / "m")
    with pytest.raises(NoSignatureError):
        examine(tree, None)
    make_tree(tree, {"claims.jsonl": b'{"claim": "the sky is blue"}\n'})
    with pytest.raises(NoSignatureError):
        examine(tree, None)
    sign(tree)
    with pytest.raises(TrustNotSaidError):
        examine(tree, None)


def test_composed_and_decomposed_names_are_kept_as_they_are(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "é.bin")
    tree = signed_tree(tmp_path / "m", {name: b"1"})
    report = verify(tree)
    assert report.verified is not None
    assert report.verified.manifest.rows[0].path == name


def test_a_reader_can_recompute_every_digest_of_the_claim(tmp_path: Path) -> None:
    from blake3 import blake3

    from tests.attestations.forge import read_statement

    tree = signed_tree(tmp_path / "m")
    statement = read_statement((tree / "model.claims").read_bytes().splitlines()[0])
    listed = {one["path"]: one for one in statement["predicate"]["files"]}
    assert listed.keys() == FILES.keys()
    for name, content in FILES.items():
        assert listed[name]["blake3"] == blake3(content).hexdigest()
        assert listed[name]["sha256"] == sha256(content)
        assert listed[name]["size"] == len(content)
    assert f"wm1:{statement['subject'][0]['digest']['sha256']}" == identity(tree)
