"""Proofs of membership: what they show, and every way to make them show something else."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    CallError,
    MalformedError,
    NewerSchemaError,
    ProofRefusedError,
    RefusedError,
    UncheckedError,
)
from weightmark.provenance.manifest import Manifest, Row
from weightmark.provenance.membership.proof import MembershipProof, file_tree
from weightmark.provenance.membership.prove import Member, prove_member
from weightmark.provenance.membership.records import RecordKind, record_tree
from weightmark.provenance.membership.tree import SortedTree, TreeHead, check_leaves
from weightmark.provenance.reading.views import MemoryView

KEYS = st.sets(st.binary(min_size=1, max_size=6), min_size=1, max_size=40)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "dataset"
    (root / "data").mkdir(parents=True)
    for name in ("a.txt", "c.txt", "e.txt"):
        (root / "data" / name).write_text(name, encoding="utf-8")
    (root / "train.jsonl").write_bytes(b'{"row": 1}\n{"row": 2}\n{"row": 1}\n{"row": 3}')
    (root / "shard-0.tar").write_bytes(shard("0001.jpg", "0001.json", "0003.jpg"))
    return root


def shard(*names: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
    return data.getvalue()


def proof_of(dataset: Path, member: str) -> MembershipProof:
    """Prove, and read the document again as a stranger would."""
    made = prove_member(dataset, Member.parse(member))
    read = MembershipProof.parse(made.to_bytes())
    assert read == made
    return read


def altered(proof: MembershipProof, **changes: Any) -> MembershipProof:
    document = json.loads(proof.to_bytes()) | changes
    return MembershipProof.parse(json.dumps(document).encode())


@pytest.mark.parametrize("name", ["data/a.txt", "data/e.txt", "train.jsonl", "shard-0.tar"])
def test_a_file_is_proven_to_be_in_the_identity(dataset: Path, name: str) -> None:
    proof = proof_of(dataset, name)
    assert proof.check_rows() is True
    assert proof.is_bound_by_manifest()
    (leaf,) = proof.leaves
    assert leaf.row.decode().endswith(f" {name}\n")


@pytest.mark.parametrize("name", ["data/b.txt", "0", "zzz", "data", "data/a.txt2", "train.JSONL"])
def test_a_file_is_proven_not_to_be_in_the_identity(dataset: Path, name: str) -> None:
    assert proof_of(dataset, name).check_rows() is False


def test_a_record_is_proven_however_often_and_wherever_it_stands(dataset: Path) -> None:
    proof = proof_of(dataset, 'train.jsonl!{"row": 1}')
    assert proof.check_rows() is True
    assert proof.leaves[0].row.endswith(b" 2\n")
    assert proof_of(dataset, 'train.jsonl!{"row": 3}').check_rows() is True
    assert proof_of(dataset, 'train.jsonl!{"row": 4}').check_rows() is False


def test_a_sample_is_proven_by_its_key_and_not_by_one_of_its_members(dataset: Path) -> None:
    proof = proof_of(dataset, "shard-0.tar!0001")
    assert proof.check_rows() is True
    assert b" 2 0001\n" in proof.leaves[0].row
    assert proof_of(dataset, "shard-0.tar!0002").check_rows() is False
    with pytest.raises(CallError, match="no key of a WebDataset sample"):
        prove_member(dataset, Member.parse("shard-0.tar!0001.jpg"))


def test_a_proof_of_absence_cannot_hide_behind_a_members_file_name(dataset: Path) -> None:
    proof = proof_of(dataset, "shard-0.tar!0002")
    with pytest.raises(MalformedError, match="no key of a sample"):
        altered(proof, record="0001.jpg")


def test_records_are_not_bound_by_a_manifest(dataset: Path) -> None:
    assert not proof_of(dataset, 'train.jsonl!{"row": 1}').is_bound_by_manifest()


def test_records_of_a_file_that_is_not_there_are_a_wrong_call(dataset: Path) -> None:
    with pytest.raises(CallError, match=r"no file `data/b\.txt`"):
        prove_member(dataset, Member.parse("data/b.txt!x"))


@pytest.mark.parametrize("member", ["", "/etc/passwd", "../x", "a//b", "!x"])
def test_a_member_is_a_path_inside_the_artifact(member: str) -> None:
    with pytest.raises(CallError):
        Member.parse(member)


def test_a_present_file_cannot_be_proven_absent_by_other_neighbours(dataset: Path) -> None:
    before, after = proof_of(dataset, "data/a.txt"), proof_of(dataset, "data/e.txt")
    rows = [json.loads(one.to_bytes())["rows"][0] for one in (before, after)]
    lie = altered(before, file="data/c.txt", rows=rows)
    with pytest.raises(ProofRefusedError, match="say nothing about the member"):
        lie.check_rows()


def test_an_end_of_the_tree_is_the_end(dataset: Path) -> None:
    first = json.loads(proof_of(dataset, "data/a.txt").to_bytes())["rows"]
    lie = altered(proof_of(dataset, "data/a.txt"), file="zzz", rows=first)
    with pytest.raises(ProofRefusedError):
        lie.check_rows()


def test_another_content_does_not_lead_to_the_root(dataset: Path) -> None:
    proof = proof_of(dataset, "data/a.txt")
    (row,) = json.loads(proof.to_bytes())["rows"]
    digest = row["row"].split(" ")[0]
    row["row"] = row["row"].replace(digest, "0" * 64)
    with pytest.raises(ProofRefusedError, match="does not lead to the root"):
        altered(proof, rows=[row]).check_rows()


def test_a_tree_of_ones_own_is_not_the_tree_of_the_manifest(dataset: Path) -> None:
    proof = proof_of(dataset, "data/b.txt")
    row = Row("data/b.txt", 1, "0" * 64)
    tree = file_tree(Manifest.from_rows([row]))
    lie = altered(
        proof,
        tree={"size": 1, "root": tree.head.root.hex()},
        rows=[{"index": 0, "row": row.line().decode().strip(), "path": []}],
    )
    assert lie.check_rows() is True
    with pytest.raises(ProofRefusedError, match="not the tree of its manifest"):
        lie.is_bound_by_manifest()


def test_the_manifest_of_another_artifact_binds_nothing(dataset: Path) -> None:
    proof = proof_of(dataset, "data/a.txt")
    other = Manifest.from_rows([Row("data/a.txt", 1, "0" * 64)])
    with pytest.raises(ProofRefusedError, match="another artifact"):
        altered(proof, manifest=other.canonical_bytes.decode()).is_bound_by_manifest()


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"kind": "parquet"},
        {"kind": "jsonl"},
        {"record": "x"},
        {"rows": []},
        {"rows": [{"index": -1, "row": "", "path": []}]},
        {"rows": [{"index": True, "row": "", "path": []}]},
        {"rows": [{"index": 0, "row": "", "path": ["x"]}]},
        {"rows": [{"index": 0, "row": "a\nb", "path": []}]},
        {"tree": {"size": 0, "root": "0" * 64}},
        {"tree": {"size": 1, "root": "0"}},
        {"identity": "wm1:00"},
        {"file": "a\\xzz"},
        {"claim": "text"},
        {"manifest": 1},
    ],
    ids=str,
)
def test_a_proof_of_another_form_is_refused(dataset: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        altered(proof_of(dataset, "data/a.txt"), **changes)


def test_a_newer_proof_is_not_called_broken(dataset: Path) -> None:
    with pytest.raises(NewerSchemaError):
        altered(proof_of(dataset, "data/a.txt"), schema="weightmark/membership/v2")


@given(st.binary(max_size=400))
def test_no_bytes_make_the_parser_fail_otherwise(data: bytes) -> None:
    with pytest.raises((RefusedError, UncheckedError)):
        MembershipProof.parse(data)


@given(KEYS, st.binary(min_size=1, max_size=6))
def test_every_key_is_proven_to_be_where_it_is(keys: set[bytes], asked: bytes) -> None:
    tree = SortedTree.of((key, b"row " + key) for key in keys)
    for key in (asked, *keys):
        leaves = [(leaf.row[4:], leaf) for leaf in tree.prove(key)]
        assert check_leaves(tree.head, key, leaves) is (key in keys)


@given(KEYS, st.binary(min_size=1, max_size=6), st.data())
def test_no_two_leaves_prove_the_contrary(
    keys: set[bytes], asked: bytes, data: st.DataObject
) -> None:
    tree = SortedTree.of((key, b"row " + key) for key in keys)
    known = {key: tree.prove(key)[0] for key in keys}
    chosen = data.draw(st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=2))
    leaves = [(key, known[key]) for key in chosen]
    try:
        found = check_leaves(tree.head, asked, leaves)
    except ProofRefusedError:
        return
    assert found is (asked in keys)


def test_a_tree_of_another_size_is_another_tree() -> None:
    tree = SortedTree.of((bytes([n]), bytes([n])) for n in range(5))
    leaves = [(leaf.row, leaf) for leaf in tree.prove(b"\x04")]
    with pytest.raises(ProofRefusedError):
        check_leaves(TreeHead(6, tree.head.root), b"\x04", leaves)


def test_a_key_that_stands_twice_has_no_tree() -> None:
    with pytest.raises(MalformedError):
        SortedTree.of([(b"a", b"1"), (b"a", b"2")])


def test_a_cut_shard_proves_nothing() -> None:
    data = shard("0001.jpg", "0002.jpg")
    with pytest.raises(MalformedError, match="no sound tar"):
        record_tree(MemoryView(data[:700]))


def test_a_record_cannot_hide_behind_the_end_of_its_shard() -> None:
    hidden = shard("0001.jpg") + shard("0002.jpg")
    with pytest.raises(MalformedError, match="goes on behind"):
        record_tree(MemoryView(hidden))


def test_a_record_cannot_hide_behind_a_broken_header() -> None:
    data = bytearray(shard("0001.jpg", "0002.jpg"))
    data[1024] ^= 1
    with pytest.raises(MalformedError, match="goes on behind"):
        record_tree(MemoryView(bytes(data)))


def test_lines_are_split_at_line_feeds_only() -> None:
    kind, tree = record_tree(MemoryView("a\u2028b\rc\nd".encode()))
    assert kind is RecordKind.JSONL
    assert tree.head.size == 2


def test_a_long_line_across_blocks_is_one_record() -> None:
    line = b"x" * 3_000_000
    _, tree = record_tree(MemoryView(line + b"\n" + line[:-1]))
    assert tree.head.size == 2
