"""Tensor tables that lie, or that are not the ones to believe."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import make_tree, sign
from tests.attestations.loading.makers import (
    WEIGHTS,
    and_table,
    contents,
    loaded,
    safetensors,
    sharded,
    signed,
    table_of,
    with_table,
    without_table,
)
from weightmark.attestations.api import attest
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.predicates.tensors import TENSORS_PREDICATE
from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    RefusedError,
    TamperedError,
    UncheckedError,
)
from weightmark.provenance.reading.columns import Column, new_digest

Statement = dict[str, Any]


def _blake3(data: bytes) -> str:
    digest = new_digest(Column.BLAKE3)
    digest.update(memoryview(data))
    return digest.hexdigest()


def _file(statement: Statement) -> dict[str, Any]:
    found: dict[str, Any] = statement["predicate"]["files"][0]
    return found


def _swap_names(statement: Statement) -> None:
    """Say that `a` is what stands where `b` stands: sizes and digests stay with their places."""
    tensors = {one["name"]: one for one in _file(statement)["tensors"]}
    tensors["a"]["name"], tensors["b"]["name"] = "b", "a"


def _rename(statement: Statement) -> None:
    _file(statement)["tensors"][0]["name"] = "other"


def _shift(by: int) -> Callable[[Statement], None]:
    def change(statement: Statement) -> None:
        _file(statement)["tensors"][1]["offset"] += by

    return change


def _grow(statement: Statement) -> None:
    _file(statement)["tensors"][-1]["size"] += 1 << 40


def _negative(statement: Statement) -> None:
    _file(statement)["tensors"][1]["size"] = -8


def _shorter_header(statement: Statement) -> None:
    """Let the first tensor begin inside the header."""
    _file(statement)["header"]["size"] -= 4
    first = next(one for one in _file(statement)["tensors"] if one["size"])
    first["offset"] -= 4
    first["size"] += 4


def _other_header(statement: Statement) -> None:
    _file(statement)["header"]["blake3"] = "0" * 64


def _drop(statement: Statement) -> None:
    _file(statement)["tensors"].pop()


def _twice(statement: Statement) -> None:
    statement["predicate"]["files"] *= 2


def _outside(statement: Statement) -> None:
    _file(statement)["path"] = "../model.safetensors"


def _not_in_the_manifest(statement: Statement) -> None:
    _file(statement)["path"] = "else.safetensors"


def _other_size(statement: Statement) -> None:
    _file(statement)["size"] += 8
    _file(statement)["tensors"][-1]["size"] += 8


def _unknown_field(statement: Statement) -> None:
    _file(statement)["mmap"] = True


LIES = [
    _swap_names, _rename, _shift(-2), _shift(2), _grow, _negative, _shorter_header, _other_header,
    _drop, _twice, _outside, _not_in_the_manifest, _other_size, _unknown_field,
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_table_that_lies_opens_nothing(tmp_path: Path, lie: Callable[[Statement], None]) -> None:
    tree = signed(tmp_path / "m")
    statement = table_of(tree)
    lie(statement)
    with pytest.raises((MalformedError, TamperedError)):
        loaded(with_table(tree, statement))


def test_a_digest_that_lies_hands_out_nothing_for_that_tensor(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    statement = table_of(tree)
    next(one for one in _file(statement)["tensors"] if one["name"] == "b")["blake3"] = "0" * 64
    with loaded(with_table(tree, statement)) as tensors:
        assert bytes(tensors["a"].data) == WEIGHTS["a"]
        with pytest.raises(TamperedError):
            tensors["b"]


def test_a_table_for_another_artifact_counts_for_nothing(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    other = signed(tmp_path / "other", {"a": b"AAAAAAAA", "b": b"BBBB", "empty": b""})
    with_table(tree, table_of(other))
    with pytest.raises(LimitError, match="before the first tensor"):
        loaded(tree, memory_limit=8)
    assert contents(loaded(tree)) == WEIGHTS


def test_weights_and_table_of_another_release_do_not_fit_this_manifest(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    other = signed(tmp_path / "other", {"a": b"AAAAAAAA", "b": b"BBBB", "empty": b""})
    with_table(tree, table_of(other))
    (tree / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(TamperedError):
        loaded(tree)


def test_a_table_by_a_stranger_counts_for_nothing(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    statement = table_of(tree)
    lying = json.loads(json.dumps(statement))
    _other_header(lying)
    assert contents(loaded(and_table(tree, lying, by="stranger"))) == WEIGHTS
    with_table(tree, statement, by="stranger")
    with pytest.raises(LimitError):
        loaded(tree, memory_limit=8)


def test_two_trusted_tables_that_disagree_open_nothing(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    lying = table_of(tree)
    _other_header(lying)
    with pytest.raises(TamperedError, match="another file than is signed"):
        loaded(and_table(tree, lying, by="other"), "release", "other")


def test_a_table_about_two_artifacts_counts_for_nothing(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    statement = table_of(tree)
    statement["subject"] *= 2
    with pytest.raises(LimitError):
        loaded(with_table(tree, statement), memory_limit=8)


def test_nobody_states_a_table_by_hand(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="own commands only"):
        attest(
            signed(tmp_path / "m"),
            type=TENSORS_PREDICATE,
            predicate={},
            key=PrivateKey.generate(),
        )


@pytest.mark.parametrize("changed", [b'"shape": [8]', b'"b"'])
def test_a_changed_header_opens_nothing(tmp_path: Path, changed: bytes) -> None:
    tree = signed(tmp_path / "m")
    data = (tree / "model.safetensors").read_bytes()
    forged = data.replace(changed, changed.replace(b"8", b"7").replace(b"b", b"c"))
    assert forged != data
    (tree / "model.safetensors").write_bytes(forged)
    with pytest.raises(TamperedError, match="header"):
        loaded(tree)


HUGE = 33 << 20


@pytest.mark.parametrize("length", [HUGE, (1 << 64) - 1])
def test_a_huge_header_is_never_read(tmp_path: Path, length: int) -> None:
    """The signed table is honest about it, so nothing but the bound stands in the way."""
    path = tmp_path / "m" / "model.safetensors"
    make_tree(path.parent, {path.name: struct.pack("<Q", length) + b"{" + b" " * 100})
    with path.open("r+b") as file:
        file.truncate(8 + HUGE + 4)
    sign(path.parent)
    with pytest.raises((UncheckedError, MalformedError)):
        loaded(path.parent)
    tree = without_table(path.parent)
    size = 8 + min(length, HUGE)
    table = {
        "path": path.name,
        "size": 8 + HUGE + 4,
        "header": {"size": size, "blake3": "0" * 64},
        "tensors": [{"name": "a", "offset": size, "size": 8 + HUGE + 4 - size, "blake3": "0" * 64}],
    }
    statement = table_of(signed(tmp_path / "pattern"))
    manifest = sign(path.parent).manifest.identity
    statement["subject"][0]["digest"]["sha256"] = manifest.removeprefix("wm1:")
    statement["predicate"] = {"files": [table]}
    with pytest.raises((LimitError, MalformedError)):
        loaded(with_table(tree, statement))


@pytest.mark.parametrize(
    "file",
    [
        safetensors({"a": b"x"}, b={"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}),
        safetensors({"a": b"xy"}, b={"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}),
        safetensors({"a": b"xy"}, a={"dtype": "U8", "shape": [2], "data_offsets": [0, 9]}),
        safetensors({"a": b"xy"}, a={"dtype": "F32", "shape": [2], "data_offsets": [0, 2]}),
        safetensors({"a": b"xy"}) + b"more",
        safetensors({"a": b"xy"}, __metadata__={"x": 1}),
        safetensors({"a": b"xy"}, a={"dtype": "U8", "shape": [1] * 65, "data_offsets": [0, 2]}),
    ],
    ids=["alias", "overlap", "over the end", "wrong size", "rest", "metadata", "dimensions"],
)
def test_a_signed_file_that_is_no_sound_safetensors_gets_no_table_and_opens_nothing(
    tmp_path: Path, file: bytes
) -> None:
    tree = make_tree(tmp_path / "m", {"model.safetensors": file})
    assert len(sign(tree).claims) == 2
    with pytest.raises((MalformedError, LimitError)):
        loaded(tree)


@pytest.mark.parametrize(
    "index",
    [
        {"a": "../one.safetensors", "b": "two.safetensors"},
        {"a": "/etc/hostname", "b": "two.safetensors"},
        {"a": "sub/../../one.safetensors", "b": "two.safetensors"},
        {"a": "missing.safetensors", "b": "two.safetensors"},
        {"a": "two.safetensors", "b": "two.safetensors"},
        {"a": "two.safetensors", "b": "one.safetensors"},
        {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"},
        {"a": "one.safetensors", "b": "model.safetensors.index.json"},
    ],
    ids=lambda index: "-".join(index.values()).replace("/", "_"),
)
def test_an_index_that_points_elsewhere_opens_nothing(
    tmp_path: Path, index: dict[str, str]
) -> None:
    tree = sharded(tmp_path / "m", index)
    sign(tree)
    with pytest.raises((RefusedError, UncheckedError, CallError)):
        loaded(tree, file="model.safetensors.index.json")


def test_an_exchanged_index_opens_nothing(tmp_path: Path) -> None:
    tree = sharded(tmp_path / "m")
    sign(tree)
    index = tree / "model.safetensors.index.json"
    index.write_bytes(index.read_bytes().replace(b"one.s", b"two.s"))
    with pytest.raises(TamperedError):
        loaded(tree)


def test_one_tensor_in_two_shards_opens_nothing(tmp_path: Path) -> None:
    tree = sharded(tmp_path / "m", more={"two.safetensors": safetensors({"b": b"bb", "a": b"x"})})
    sign(tree)
    with pytest.raises(MalformedError):
        loaded(tree)
