"""Whatever somebody does to the content after signing is refused and named."""

import os
import shutil
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attestations.forge import (
    FILES,
    bundle,
    make_tree,
    noted,
    oms_statement,
    oms_tree,
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
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import Exit
from weightmark.provenance.identification import identify

Attack = Callable[[Path], object]


def swap(tree: Path) -> None:
    (tree / "config.json").rename(tree / "x")
    (tree / "tokens.txt").rename(tree / "config.json")
    (tree / "x").rename(tree / "tokens.txt")


def link_with_other_bytes(tree: Path) -> None:
    (tree / "config.json").unlink()
    (tree / "config.json").symlink_to("tokens.txt")


def replace_folder_by_link(tree: Path) -> None:
    (tree / "sub").rename(tree.parent / "elsewhere")
    (tree / "sub").symlink_to(tree.parent / "elsewhere")


def bind_socket(tree: Path) -> None:
    here = Path.cwd()
    os.chdir(tree)
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.bind("s")
    finally:
        os.chdir(here)


ATTACKS: dict[str, tuple[Attack, str]] = {
    "missing": (lambda tree: (tree / "config.json").unlink(), "`config.json` is missing"),
    "changed": (
        lambda tree: (tree / "config.json").write_bytes(b"[]"),
        "`config.json` has other content",
    ),
    "emptied": (
        lambda tree: os.truncate(tree / "tokens.txt", 0),
        "`tokens.txt` has other content",
    ),
    "extra": (
        lambda tree: make_tree(tree, {"sub/x.bin": b"x"}),
        "`sub/x.bin` is extra: nobody signed it",
    ),
    "extra, empty": (lambda tree: make_tree(tree, {"x": b""}), "`x` is extra"),
    "renamed": (
        lambda tree: (tree / "config.json").rename(tree / "c.json"),
        "`config.json` was renamed to `c.json`",
    ),
    "moved": (
        lambda tree: (tree / "tokens.txt").rename(tree / "sub/tokens.txt"),
        "`tokens.txt` was renamed to `sub/tokens.txt`",
    ),
    "renamed by case": (
        lambda tree: (tree / "config.json").rename(tree / "Config.json"),
        "`config.json` was renamed to `Config.json`",
    ),
    "swapped": (swap, "`config.json` holds what was signed as `tokens.txt`"),
    "copied over": (
        lambda tree: shutil.copy(tree / "tokens.txt", tree / "config.json"),
        "`config.json` holds what was signed as `tokens.txt`",
    ),
    "a link to other content": (
        link_with_other_bytes,
        "`config.json` holds what was signed as `tokens.txt`",
    ),
    "a link out of the tree": (
        lambda tree: (tree / "x").symlink_to("/etc/hostname"),
        "`x` is a link that leaves the artifact",
    ),
    "a folder link": (lambda tree: (tree / "x").symlink_to("sub"), "`x` is a link to a folder"),
    "a folder replaced by a link": (replace_folder_by_link, "`sub` is a link to a folder"),
    "a broken link": (lambda tree: (tree / "x").symlink_to("gone"), "`x` is a link to nothing"),
    "a link to a device": (
        lambda tree: (tree / "x").symlink_to("/dev/zero"),
        "`x` is a link to a FIFO, device or socket",
    ),
    "a link to the signature": (
        lambda tree: (tree / "x").symlink_to("model.sig"),
        "`x` is a link to a file that lies outside of the identity",
    ),
    "a FIFO": (lambda tree: os.mkfifo(tree / "x"), "`x` is a FIFO, device or socket"),
    "a socket": (bind_socket, "`s` is a FIFO, device or socket"),
    "a reserved name in other letters": (
        lambda tree: make_tree(tree, {"Model.Sig": b"x"}),
        "`Model.Sig` is the reserved name `model.sig` in other letters",
    ),
    "a payload in .github": (
        lambda tree: make_tree(tree, {".github/payload.py": b"x"}),
        "`.github/payload.py` is extra",
    ),
    "a hard link of the signature": (
        lambda tree: os.link(tree / "model.sig", tree / "pytorch_model.bin"),
        "`pytorch_model.bin` is extra",
    ),
    "a nested git folder": (
        lambda tree: make_tree(tree, {"sub/.git/hooks/x": b"x"}),
        "`sub/.git/hooks/x` is extra",
    ),
    "a nested hub cache": (
        lambda tree: make_tree(tree, {".cache/other/x": b"x"}),
        "`.cache/other/x` is extra",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_content_is_refused_and_named(tmp_path: Path, name: str) -> None:
    attack, words = ATTACKS[name]
    tree = signed_tree(tmp_path / "m")
    attack(tree)
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert report.verified is None
    assert words in said(report)
    assert verdict(tree, digests="sha256") is Exit.BAD
    assert verdict(tree, digests="both") is Exit.BAD


COVERED = sorted(ATTACKS.keys() - {"a payload in .github"})


@pytest.mark.parametrize("name", COVERED)
def test_a_bare_model_signature_refuses_the_same_attacks(tmp_path: Path, name: str) -> None:
    attack, words = ATTACKS[name]
    tree = signed_tree(tmp_path / "m")
    (tree / "model.claims").unlink()
    attack(tree)
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert words in said(report)


def test_a_link_with_the_same_bytes_is_refused_where_none_was_signed(tmp_path: Path) -> None:
    files = {"a.bin": b"same", "b.bin": b"same"}
    tree = signed_tree(tmp_path / "m", files)
    (tree / "b.bin").unlink()
    (tree / "b.bin").symlink_to("a.bin")
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`b.bin` is a link now: it was a plain file when it was signed" in said(report)
    (tree / "model.claims").unlink()
    assert verdict(tree) is Exit.BAD
    (tree / "model.sig").unlink()
    assert verdict(tree) is Exit.NOTHING


@pytest.mark.needs("non_utf8_names")
def test_a_name_that_is_not_utf8_is_an_extra_file(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    Path(os.fsdecode(os.fsencode(tree) + b"/bad\xff")).write_bytes(b"x")
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`bad\\\\xff` is not UTF-8" in said(report)


def test_names_that_clash_elsewhere_are_refused_though_signed(tmp_path: Path) -> None:
    files = {"w.bin": b"1", "W.bin": b"2"}
    tree = put(make_tree(tmp_path / "m", files), bundle(oms_statement(resources(files))))
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "`W.bin` and `w.bin` become one name" in said(report)


def test_composed_and_decomposed_forms_of_a_name_are_two_names(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m", {"é.bin": b"1"})
    (tree / "é.bin").rename(tree / unicodedata.normalize("NFD", "é.bin"))
    assert verdict(tree) is Exit.BAD


@pytest.mark.parametrize(
    ("pattern", "hidden"),
    [
        ("pytorch_model.bin", "pytorch_model.bin"),
        ("b", "b/pytorch_model.bin"),
        ("b/", "b/pytorch_model.bin"),
        ("./b", "b/pytorch_model.bin"),
        (".", "pytorch_model.bin"),
        ("b/../b", "b/pytorch_model.bin"),
    ],
)
def test_a_payload_hidden_by_a_recorded_ignore_is_refused(
    tmp_path: Path, pattern: str, hidden: str
) -> None:
    tree = oms_tree(tmp_path / "m", bundle_payload(pattern))
    assert verdict(tree) is (Exit.BAD if pattern == "." else Exit.GOOD)
    make_tree(tree, {hidden: b"evil"})
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert f"`{hidden}` is not judged by its signature: the signer asked to ignore `{pattern}`" in (
        said(report)
    )


def bundle_payload(*ignored: str) -> bytes:
    import json

    return json.dumps(oms_statement(ignore_paths=list(ignored))).encode()


def test_an_ignore_that_hides_a_signed_file_is_refused(tmp_path: Path) -> None:
    tree = oms_tree(tmp_path / "m", bundle_payload("config.json"))
    assert verdict(tree) is Exit.BAD


def test_the_ignores_that_every_signature_records_hide_nothing(tmp_path: Path) -> None:
    names = ["model.sig", "model.claims", "model.receipt", ".git", ".cache/huggingface"]
    tree = oms_tree(tmp_path / "m", bundle_payload(*names))
    make_tree(tree, {".git/x": b"x", ".cache/huggingface/y": b"y"})
    assert verdict(tree) is Exit.GOOD
    make_tree(tree, {"sub/model.receipt": b"payload", ".cache/z": b"z"})
    report = verify(tree)
    assert "`sub/model.receipt` is extra" in said(report)
    assert "`.cache/z` is extra" in said(report)


def test_root_git_files_beside_a_bare_model_signature_are_named_as_not_covered(
    tmp_path: Path,
) -> None:
    tree = oms_tree(tmp_path / "m")
    make_tree(tree, {".github/payload.py": b"x", ".gitignore": b"y"})
    report = verify(tree)
    assert report.exit is Exit.GOOD
    assert report.verified is not None
    assert report.verified.uncovered == (".github/payload.py", ".gitignore")
    assert "`.github/payload.py`" in noted(report)


def test_an_in_root_signature_under_another_name_stays_content(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    put(tree, bundle(oms_statement()), "release.sig")
    report = verify(tree, signature=tree / "release.sig")
    assert report.exit is Exit.GOOD, said(report)
    assert report.verified is not None
    assert report.verified.uncovered == ("release.sig",)
    shutil.copy(tree / "release.sig", tree / "copy.sig")
    assert "`copy.sig` is extra" in said(verify(tree, signature=tree / "release.sig"))
    (tree / "copy.sig").unlink()
    os.link(tree / "release.sig", tree / "pytorch_model.bin")
    assert "`pytorch_model.bin` is extra" in said(verify(tree, signature=tree / "release.sig"))


def test_what_stands_under_the_reserved_name_is_not_content_when_another_is_named(
    tmp_path: Path,
) -> None:
    tree = signed_tree(tmp_path / "m")
    (tree / "model.claims").unlink()
    outside = (tree / "model.sig").rename(tmp_path / "detached.sig")
    assert verdict(tree, signature=outside) is Exit.GOOD
    make_tree(tree, {"model.sig.bin": b"x"})
    assert verdict(tree, signature=outside) is Exit.BAD


def test_a_model_signature_that_contradicts_the_content_outweighs_good_claims(
    tmp_path: Path,
) -> None:
    tree = make_tree(tmp_path / "m")
    sign(tree)
    old = (tree / "model.sig").read_bytes()
    (tree / "tokens.txt").write_bytes(b"new")
    sign(tree)
    assert verdict(tree) is Exit.GOOD
    put(tree, old)
    report = verify(tree)
    assert report.exit is Exit.BAD
    assert "tokens.txt" in said(report)


def test_a_contradicting_model_signature_outweighs_good_claims_of_another_trusted_signer(
    tmp_path: Path,
) -> None:
    tree = signed_tree(tmp_path / "m")
    (tree / "tokens.txt").write_bytes(b"new")
    sign(tree, by="auditor")
    assert verdict(tree, "auditor") is Exit.GOOD
    assert verdict(tree, "auditor", "release") is Exit.BAD


def test_verifying_keeps_no_state_between_two_models(tmp_path: Path) -> None:
    lenient = oms_tree(tmp_path / "a", bundle_payload("payload.bin"))
    assert verdict(lenient) is Exit.GOOD
    strict = signed_tree(tmp_path / "b")
    make_tree(strict, {"payload.bin": b"x"})
    assert verdict(strict) is Exit.BAD
    (strict / "payload.bin").unlink()
    assert verdict(strict) is Exit.GOOD
    assert verdict(lenient) is Exit.GOOD


def test_an_emptied_tree_is_refused_or_nothing(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    for name in FILES:
        (tree / name).unlink()
    assert verdict(tree) in (Exit.BAD, Exit.NOTHING)


def test_the_claims_of_another_model_prove_nothing(tmp_path: Path) -> None:
    good, bad = signed_tree(tmp_path / "good"), make_tree(tmp_path / "bad", {"x": b"evil"})
    for name in ("model.sig", "model.claims"):
        shutil.copy(good / name, bad / name)
    report = verify(bad)
    assert report.exit is Exit.BAD
    assert "`config.json` is missing" in said(report)
    (bad / "model.sig").unlink()
    assert verdict(bad) is Exit.BAD


def test_a_tree_cannot_pose_as_a_single_file_nor_the_other_way_round(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m", {"w.bin": b"w"})
    (tree / "model.claims").rename(tmp_path / "c")
    file = make_tree(tmp_path / "f", {"w.bin": b"w"}) / "w.bin"
    assert verdict(file, claims=[tmp_path / "c"]) is Exit.BAD
    sign(file)
    other = make_tree(tmp_path / "o", {"w.bin": b"w"})
    assert verdict(other, signature=Path(f"{file}.sig")) is Exit.BAD
    assert verdict(other, claims=[Path(f"{file}.claims")]) is Exit.BAD


def test_a_change_between_listing_and_reading_is_never_good(tmp_path: Path) -> None:
    from tests.attestations.forge import trust
    from weightmark.attestations.verifying.verification import examine
    from weightmark.errors import FileChangedError

    tree = signed_tree(tmp_path / "m")

    def meddle(path: str, _view: object) -> None:
        (tree / path).write_bytes(b"evil")

    with pytest.raises(FileChangedError):
        examine(tree, trust(), inspect=meddle)


def test_another_signers_claim_never_stands_in_for_a_model_signature(tmp_path: Path) -> None:
    """B's claim fits by BLAKE3 and repeats the wrong SHA-256 digests of A's signature."""
    tree = make_tree(tmp_path / "t")
    wrong = {path: content + b"!" for path, content in FILES.items()}
    put(tree, bundle(oms_statement(resources(wrong)), by="a"))
    manifest = identify(tree).manifest
    claim = ManifestClaim(manifest, {path: sha256(wrong[path]) for path in wrong}, links=False)
    payload = Statement.about_manifest(
        "t", manifest.identity, MANIFEST_PREDICATE, claim.to_predicate(), {}
    )
    put(tree, signer("b").sign_statement(payload).to_bytes() + b"\n", "model.claims")
    assert verdict(tree, "b") is Exit.GOOD
    assert verdict(tree, "a", "b") is Exit.BAD
