"""Weights that are no safetensors: the same tensors, from bytes that were checked whole, or nothing."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive
from tests.attestations.forge import make_tree, sign
from tests.attestations.loading.makers import contents, loaded, overwrite
from tests.scanners.tensors.weights import FLOATS, external, gguf, npy, onnx, onnx_tensor
from tests.scanners.test_convert import SYSTEM, checkpoint, state_dict, tensor
from weightmark.attestations.loading.weights.other_formats import OtherWeights
from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    TamperedError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
)


def npz(**arrays: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in arrays.items():
            file.writestr(f"{name}.npy", content)
    return out.getvalue()


TORCH = checkpoint(state_dict(w=tensor((2, 3))))
HELD = {
    "model.gguf": gguf({"w": (0, (3, 2), FLOATS)}),
    "model.npz": npz(w=npy("(2, 3)", FLOATS)),
    "model.onnx": onnx(onnx_tensor("w", 1, (2, 3), struct.pack("<BB", 9 << 3 | 2, 24) + FLOATS)),
    "pytorch_model.bin": TORCH,
}


def signed(root: Path, name: str, content: bytes) -> Path:
    tree = make_tree(root, {name: content, "config.json": b"{}"})
    sign(tree)
    return tree


@pytest.mark.parametrize("name", HELD)
def test_every_format_gives_the_tensors_that_were_signed(tmp_path: Path, name: str) -> None:
    tree = signed(tmp_path / "m", name, HELD[name])
    with loaded(tree) as tensors:
        facts = tensors.facts("w")
        assert (facts.dtype, facts.shape, facts.size) == ("F32", (2, 3), 24)
        held = tensors["w"]
    assert len(held.data) == 24
    if name != "pytorch_model.bin":
        assert bytes(held.data) == FLOATS


@pytest.mark.parametrize("name", HELD)
def test_one_changed_byte_gives_nothing(tmp_path: Path, name: str) -> None:
    tree = signed(tmp_path / "m", name, HELD[name])
    content = bytearray(HELD[name])
    content[len(content) // 2] ^= 1
    (tree / name).write_bytes(content)
    with pytest.raises(TamperedError):
        contents(loaded(tree))


def test_a_file_that_changes_after_it_was_checked_changes_no_tensor(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", "model.gguf", HELD["model.gguf"])
    with loaded(tree) as tensors:
        overwrite(tree / "model.gguf", FLOATS, bytes(24))
        assert bytes(tensors["w"].data) == FLOATS


def test_a_signed_pickle_is_not_unpickled(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", "model.pt", archive(Member(b"m/data.pkl", SYSTEM + b".")))
    with pytest.raises(WeightmarkError):
        loaded(tree)


def test_over_the_memory_limit_nothing_is_read(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", "model.gguf", HELD["model.gguf"])
    with pytest.raises(LimitError, match="before the first tensor"):
        loaded(tree, memory_limit=10)


def test_a_packed_array_is_not_unpacked_over_the_memory_limit(tmp_path: Path) -> None:
    packed = npz(w=npy("(1000000,)", bytes(4_000_000)))
    assert len(packed) < 10_000
    tree = signed(tmp_path / "m", "model.npz", packed)
    with loaded(tree, memory_limit=10_000) as tensors, pytest.raises(LimitError, match="4000000"):
        tensors["w"]


def test_tensors_in_another_file_are_refused(tmp_path: Path) -> None:
    linked = onnx(onnx_tensor("w", 1, (6,), external(location="weights.data", length="24")))
    tree = make_tree(tmp_path / "m", {"model.onnx": linked, "weights.data": FLOATS})
    sign(tree)
    with pytest.raises(UnsupportedError, match="other files"):
        loaded(tree)


def test_one_name_for_two_tensors_is_refused(tmp_path: Path) -> None:
    twice = npz(w=npy("(2, 3)", FLOATS)).replace(b"w.npy", b"v.npy")
    tree = signed(tmp_path / "m", "m.npz", archive(*2 * [Member(b"w.npy", npy("(6,)", FLOATS))]))
    with pytest.raises(MalformedError):
        loaded(tree)
    assert set(contents(loaded(signed(tmp_path / "v", "m.npz", twice)))) == {"v"}


def test_an_index_joins_torch_shards(tmp_path: Path) -> None:
    index = b'{"weight_map": {"a": "one.bin", "b": "two.bin"}}'
    shards = {"one.bin": checkpoint(state_dict(a=tensor((2, 3))))}
    shards["two.bin"] = checkpoint(state_dict(b=tensor((2, 3))))
    tree = make_tree(tmp_path / "m", {"pytorch_model.bin.index.json": index, **shards})
    sign(tree)
    assert set(contents(loaded(tree))) == {"a", "b"}
    lying = make_tree(tmp_path / "n", {"x.bin.index.json": index.replace(b'"a"', b'"c"'), **shards})
    sign(lying)
    with pytest.raises(MalformedError, match="contradict"):
        loaded(lying)


def test_two_formats_side_by_side_have_to_be_told_apart(tmp_path: Path) -> None:
    both = {name: HELD[name] for name in ("model.gguf", "model.npz")}
    tree = make_tree(tmp_path / "m", both)
    sign(tree)
    with pytest.raises(CallError, match="several sets"):
        loaded(tree)
    assert set(contents(loaded(tree, file="model.npz"))) == {"w"}


@given(st.sampled_from(sorted(HELD)), st.data())
def test_damaged_bytes_give_tensors_or_an_error_of_ours(name: str, data: st.DataObject) -> None:
    content = bytearray(HELD[name])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    try:
        weights = OtherWeights(content[:end], "m", memory_limit=1_000_000)
        made = {one: bytes(weights.read(one)) for one in weights.layout.tensors}
    except WeightmarkError:
        return
    assert all(len(made[one]) == tensor.end for one, tensor in weights.layout.tensors.items())


def test_a_file_that_is_cut_off_is_unchecked() -> None:
    with pytest.raises(UncheckedError):
        OtherWeights(bytearray(HELD["model.gguf"][:-12]), "m", memory_limit=1_000_000)
