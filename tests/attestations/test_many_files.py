"""Trees of many files: the list is stored once, and claims that lost it still hold by the identity alone."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightmark
from tests.attestations.forge import (
    FILES,
    bundle,
    key,
    make_tree,
    predicates,
    read_statement,
    said,
    sign,
    trust,
    verify,
)
from tests.cli.conftest import quiet_environment, run_cli
from tests.cli.running import RunCli
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.predicates.compact_manifest import MANY_FILES, CompactManifest
from weightmark.attestations.predicates.file_list import FileList, is_file_list
from weightmark.attestations.verifying.belief import weigh_evidence
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.errors import Exit, MalformedError, WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.manifest import Manifest, Row

__all__ = ["quiet_environment", "run_cli"]


def signed(root: Path, *by: str, add: bool = True) -> Path:
    """Return a tree whose claims name their list by digest; without a `model.sig` unless `add` is false."""
    make_tree(root)
    for name in by or ("release",):
        sign(root, name, add=add, many_files=1)
    return root


def lines(tree: Path) -> list[bytes]:
    return (tree / "model.claims").read_bytes().splitlines()


def without_list(tree: Path) -> Path:
    kept = [line for line in lines(tree) if not is_file_list(line)]
    (tree / "model.claims").write_bytes(b"".join(line + b"\n" for line in kept))
    return tree


def change_list(tree: Path, old: bytes, new: bytes) -> Path:
    changed = [line.replace(old, new) if is_file_list(line) else line for line in lines(tree)]
    assert changed != lines(tree)
    (tree / "model.claims").write_bytes(b"".join(line + b"\n" for line in changed))
    return tree


@pytest.mark.parametrize("digests", ["any", "sha256", "both"])
@pytest.mark.parametrize("listed", [True, False], ids=["with the list", "without"])
@pytest.mark.parametrize("add", [True, False], ids=["claims", "model.sig too"])
def test_many_files_verify_with_and_without_their_list(
    tmp_path: Path, digests: str, *, listed: bool, add: bool
) -> None:
    tree = signed(tmp_path / "m", add=add)
    if not listed:
        without_list(tree)
    report = verify(tree, digests=digests)
    assert report.exit is Exit.GOOD, said(report)
    assert report.verified


@pytest.mark.parametrize("listed", [True, False], ids=["with the list", "without"])
@pytest.mark.parametrize("digests", ["any", "sha256", "both"])
def test_a_changed_file_is_found_and_named_where_the_list_is_there(
    tmp_path: Path, digests: str, *, listed: bool
) -> None:
    tree = signed(tmp_path / "m")
    if not listed:
        without_list(tree)
    (tree / "tokens.txt").write_bytes(b"a b d")
    report = verify(tree, digests=digests)
    assert report.exit is Exit.BAD
    assert ("`tokens.txt`" in said(report)) is listed
    assert listed or "not stored" in said(report)


def test_the_list_is_stored_once_for_all_signers(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", "release", "other")
    assert sum(is_file_list(line) for line in lines(tree)) == 1
    for name in ("release", "other"):
        assert verify(tree, name).exit is Exit.GOOD


def test_a_list_that_no_claim_names_any_more_is_left_out(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    (tree / "more.txt").write_bytes(b"more")
    sign(tree, add=True, many_files=1)
    assert sum(is_file_list(line) for line in lines(tree)) == 1
    assert verify(tree).exit is Exit.GOOD
    sign(tree, add=True)
    assert not any(is_file_list(line) for line in lines(tree))


def test_two_releases_keep_two_lists(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", "other")
    (tree / "more.txt").write_bytes(b"more")
    sign(tree, add=True, many_files=1)
    assert sum(is_file_list(line) for line in lines(tree)) == 2
    assert verify(tree).exit is Exit.GOOD
    assert verify(tree, "other").exit is Exit.BAD


def test_replacing_keeps_the_list_that_a_claim_of_somebody_else_names(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", "release", "other")
    theirs = next(line for line in lines(tree) if is_file_list(line))
    (tree / "more.txt").write_bytes(b"more")
    sign(tree, add=True, many_files=1, replace=True)
    assert theirs in lines(tree)
    assert sum(is_file_list(line) for line in lines(tree)) == 2
    assert verify(tree).exit is Exit.GOOD


def test_replacing_leaves_a_damaged_list_out(tmp_path: Path) -> None:
    tree = change_list(signed(tmp_path / "m", "release", "other"), b" 5 ", b" 05 ")
    assert verify(tree).exit is Exit.BAD
    sign(tree, add=True, many_files=1, replace=True)
    assert sum(is_file_list(line) for line in lines(tree)) == 1
    assert verify(tree).exit is Exit.GOOD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tokens.txt", b"tokens.doc"),
        (b"weightmark-files/v1", b"weightmark-files/v2"),
        (b" 5 ", b" 05 "),
        (b" 5 ", b" 6 "),
        (b'{"content"', b'{"x":1,"content"'),
    ],
)
def test_a_list_that_was_changed_binds_nothing(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Whoever can write beside the artifact can write lists; only the one that was signed counts."""
    tree = change_list(signed(tmp_path / "m"), old, new)
    report = verify(tree)
    assert report.exit in (Exit.GOOD, Exit.BAD)
    if report.exit is Exit.GOOD:
        (tree / "tokens.txt").rename(tree / "tokens.doc")
        assert verify(tree).exit is Exit.BAD


def test_a_list_of_other_files_does_not_make_them_signed(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    other = signed(make_tree(tmp_path / "n", {**FILES, "evil.bin": b"x"}))
    foreign = next(line for line in lines(other) if is_file_list(line))
    with (tree / "model.claims").open("ab") as file:
        file.write(foreign + b"\n")
    (tree / "evil.bin").write_bytes(b"x")
    assert verify(tree).exit is Exit.BAD


def test_a_signed_digest_of_another_list_holds_nothing(tmp_path: Path) -> None:
    """A signer whose SHA-256 column is of other files contradicts itself."""
    tree = signed(tmp_path / "m")
    statement = read_statement(lines(tree)[0])
    statement["predicate"]["list"] = f"sha256:{'0' * 64}"
    (tree / "model.claims").write_bytes(json.dumps(bundle(statement)).encode() + b"\n")
    for digests in ("sha256", "both"):
        assert verify(tree, digests=digests).exit is Exit.BAD


@pytest.mark.parametrize(
    "changes",
    [
        {"list": 5},
        {"list": "sha256:" + "A" * 64},
        {"count": 0},
        {"count": True},
        {"symlinks": None},
        {"files": []},
    ],
)
def test_a_compact_claim_of_another_form_is_malformed(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    tree = signed(tmp_path / "m")
    statement = read_statement(lines(tree)[0])
    statement["predicate"] |= changes
    (tree / "model.claims").write_bytes(json.dumps(bundle(statement)).encode() + b"\n")
    belief = weigh_evidence(collect_evidence(open_artifact(tree)), trust())
    assert not belief.unlisted
    assert not belief.manifests
    assert verify(tree).exit is Exit.BAD


def test_nothing_loads_by_a_claim_without_its_list_but_what_was_read(tmp_path: Path) -> None:
    from tests.attestations.loading.makers import model, overwrite

    tree = model(tmp_path / "m")
    sign(tree, add=True, many_files=1)
    without_list(tree)
    with weightmark.open_verified(tree, key=key().public, framework="bytes") as tensors:
        assert bytes(tensors["b"].data) == b"bbbb"
    overwrite(tree / "model.safetensors", b"bbbb", b"evil")
    with pytest.raises(WeightmarkError):
        weightmark.open_verified(tree, key=key().public, framework="bytes")


def test_the_tree_over_many_files_is_signed_and_proves_membership(tmp_path: Path) -> None:
    from weightmark.attestations.verifying.membership import verify_membership, with_signed_tree
    from weightmark.provenance.membership.prove import Member, prove_member

    names = {f"{'n' * 200}-{number:05}": b"" for number in range(4100)}
    tree = make_tree(tmp_path / "m", names)
    sign(tree, add=True)
    assert predicates(tree / "model.claims") == ["manifest/v1", "scan/v1", "tree/v1"]
    claims = [line.bundle for line in parse_claims((tree / "model.claims").read_bytes())]
    for member, present in ((next(iter(names)), True), ("absent.txt", False)):
        proof = prove_member(tree, Member(member))
        assert proof.manifest is None
        proof = with_signed_tree(proof, [one for one in claims if one])
        assert verify_membership(proof, proof.identity, trust()).present is present
        assert len(proof.to_bytes()) < 20_000


def test_nobody_states_a_tree_by_hand(tmp_path: Path) -> None:
    from weightmark.errors import CallError

    with pytest.raises(CallError, match="own commands only"):
        weightmark.attest(
            make_tree(tmp_path / "m"),
            type="https://weightmark/predicates/tree/v1",
            predicate={},
            key=key(),
        )


paths = st.text(min_size=1).filter(lambda one: "/" not in one and one not in (".", ".."))


@given(st.dictionaries(paths, st.integers(0, 99), min_size=1))
def test_a_list_is_read_as_it_was_written(sizes: dict[str, int]) -> None:
    try:
        manifest = Manifest.from_rows(Row(path, size, "ab" * 32) for path, size in sizes.items())
    except (WeightmarkError, UnicodeEncodeError):
        return
    found = FileList(manifest, dict.fromkeys(sizes, "cd" * 32))
    assert FileList.parse(found.text) == found
    assert FileList.from_line(found.to_line()).digest == found.digest
    assert is_file_list(found.to_line())


@given(st.binary())
def test_no_bytes_make_the_parser_fail_otherwise(data: bytes) -> None:
    for content in (data, b"weightmark-files/v1\n" + data):
        with contextlib.suppress(WeightmarkError):
            assert FileList.parse(content).text == content


def test_a_claim_is_made_of_a_list_and_of_no_other() -> None:
    manifest = Manifest.from_rows([Row("a", 1, "ab" * 32)])
    files = FileList(manifest, {"a": "cd" * 32})
    claim = CompactManifest(manifest.identity, 1, files.digest, links=False)
    assert claim.with_list(files).manifest == manifest
    with pytest.raises(MalformedError):
        claim.with_list(FileList(manifest, {"a": "ef" * 32}))


def test_a_ledger_takes_the_claims_and_leaves_the_list_aside(
    tmp_path: Path, run_cli: RunCli
) -> None:
    tree = make_tree(tmp_path / "m", {f"{n:05}": b"x" for n in range(MANY_FILES)})
    sign(tree, add=True)
    secret = tmp_path / "k.key"
    secret.write_bytes(key().to_pem(None))
    secret.chmod(0o600)
    (tmp_path / "k.pub").write_bytes(key().public.pem)
    made = run_cli("ledger", "init", "l", "--admit", "k.pub", cwd=tmp_path)
    assert made.code == 0, made.stderr
    words = ("--ledger", "l", "--key", "k.key", "-f", "json")
    ran = run_cli("ledger", "append", str(tree / "model.claims"), *words, cwd=tmp_path)
    assert ran.code == 0, ran.stderr
    claims = [line for line in lines(tree) if not is_file_list(line)]
    assert len(claims) == len(lines(tree)) - 1
    assert len(json.loads(ran.stdout)["entries"]) == len(claims)
    few = signed(tmp_path / "few")
    refused = run_cli("ledger", "append", str(few / "model.claims"), *words, cwd=tmp_path)
    assert refused.code == 1
    assert "it lists few files, and not in the claim itself" in refused.stdout
