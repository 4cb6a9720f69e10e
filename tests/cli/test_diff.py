"""`diff`: what changed, in words, JSON and Markdown; and whether a conversion kept every value."""

import io
import json
import os
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.scan_builders import Member, archive
from tests.cli.published import fitting
from tests.cli.running import RunCli
from tests.scanners.tensors.weights import (
    FLOATS,
    Tensors,
    field,
    gguf,
    npy,
    onnx,
    onnx_tensor,
    safetensors,
)
from tests.scanners.test_convert import checkpoint, number, state_dict, tensor

_ROOT = Path(__file__).parents[2]
_TORCH = Path(
    os.environ.get("WEIGHTMARK_TORCH_PYTHON", _ROOT / ".peers" / "torch" / "bin" / "python")
)
OTHERS = struct.pack("<6f", 0, 1, 2, 3, 4, 7)
W: Tensors = {"w": ("F32", (2, 3), FLOATS)}
TWO: Tensors = {"a": ("F32", (6,), FLOATS), "b": ("F32", (6,), OTHERS)}


def put(root: Path, name: str, content: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two releases of one model: other weights, configuration, tokenizer and a file renamed."""
    config = {"hidden": 8, "rope": {"theta": 1}, "gone": True}
    for side in ("a", "b"):
        put(tmp_path, f"{side}/LICENSE", b"free\n")
    put(tmp_path, "a/model.safetensors", safetensors(W))
    put(tmp_path, "b/model.safetensors", safetensors({"w": ("F32", (2, 3), OTHERS)}))
    put(tmp_path, "a/config.json", json.dumps(config).encode())
    put(
        tmp_path,
        "b/config.json",
        json.dumps({"hidden": 8, "rope": {"theta": 2}, "new": 1}).encode(),
    )
    put(tmp_path, "a/tokenizer.json", b"{}")
    put(tmp_path, "b/tokenizer.json", b"[]")
    put(tmp_path, "a/old.md", b"# card\n")
    put(tmp_path, "b/README.md", b"# card\n")
    return tmp_path


def answer(run_cli: RunCli, root: Path, *args: str) -> dict[str, Any]:
    return fitting(run_cli("diff", *args, "-f", "json", cwd=root).stdout, "diff")


def test_weights_that_were_not_read_and_differ_leave_nothing_to_be_called_identical(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for side in ("a", "b"):
        put(tmp_path, f"{side}/model.safetensors", safetensors(W))
        put(tmp_path, f"{side}/tf_model.h5", b"\x89HDF\r\n\x1a\n" + side.encode() * 600)
    ran = run_cli("diff", "--weights-only", "a", "b", cwd=tmp_path)
    assert ran.code == 4
    assert "nothing differs in the weights, as far as they were read: 2 files were not" in (
        ran.stdout
    )
    assert "after:tf_model.h5" in ran.stdout
    assert answer(run_cli, tmp_path, "--weights-only", "a", "b")["verdict"] == "not-comparable"


def test_a_file_that_was_read_does_not_stand_in_for_one_that_was_not(
    tmp_path: Path, run_cli: RunCli
) -> None:
    """`a/x.pt` has the values of `b/model.safetensors`; what `b/x.pt` holds nobody knows."""
    for side in ("a", "b"):
        put(tmp_path, f"{side}/model.safetensors", safetensors(W))
    put(tmp_path, "a/x.pt", checkpoint(state_dict(w=tensor((2, 3)))))
    put(tmp_path, "b/x.pt", b"\x80\x02ccollections\nCounter\n)R.")
    document = answer(run_cli, tmp_path, "--weights-only", "a", "b")
    assert (document["verdict"], document["exit"]) == ("not-comparable", 4)
    assert [one["before"] for one in document["weights"]] == ["model.safetensors"]


def test_numbers_beside_the_tensors_are_said_not_to_be_compared(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for side, scale in (("a", 1), ("b", 1000)):
        pickle = state_dict(w=tensor((2, 3)), scale=number(scale), step=number(3))
        put(tmp_path, f"{side}/model.pt", checkpoint(pickle))
    ran = run_cli("diff", "--weights-only", "a", "b", cwd=tmp_path)
    assert ran.code == 0
    assert ran.stdout.count("2 values that are no tensors were not compared") == 2
    put(tmp_path, "b/model.pt", (tmp_path / "a/model.pt").read_bytes())
    ran = run_cli("diff", "--weights-only", "a", "b", cwd=tmp_path)
    assert "not compared" not in ran.stdout


def test_a_model_whose_fields_come_in_another_order_is_compared(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for side, numbers in (("a", FLOATS), ("b", OTHERS)):
        model = onnx(onnx_tensor("w", 1, (2, 3), field(9, numbers)))
        put(tmp_path, f"{side}/model.onnx", b"\x9a\x06\x00" + model)
        put(tmp_path, f"{side}/model.safetensors", safetensors(W))
    assert run_cli("diff", "--weights-only", "a", "b", cwd=tmp_path).code == 1


def test_everything_that_changed_is_said(models: Path, run_cli: RunCli) -> None:
    ran = run_cli("diff", "a", "b", cwd=models)
    assert ran.code == 0, ran.stderr
    for line in (
        "renamed: old.md to README.md",
        "changed: config.json",
        "changed: w F32 2x3, 1 of 6 elements, by 2 at most",
        "changed: config.json rope.theta from 1 to 2",
        "removed: config.json gone true",
        "added: config.json new 1",
        "changed: tokenizer.json",
        "`a` and `b` differ",
    ):
        assert line in ran.stdout
    assert "LICENSE" not in ran.stdout


def test_json_says_the_same(models: Path, run_cli: RunCli) -> None:
    document = answer(run_cli, models, "a", "b")
    assert (document["verdict"], document["exit"]) == ("different", 0)
    assert {one["path"]: one["kind"] for one in document["files"]} == {
        "config.json": "changed",
        "model.safetensors": "changed",
        "old.md": "renamed",
        "tokenizer.json": "changed",
    }
    (weights,) = document["weights"]
    (change,) = weights["changes"]
    assert (change["name"], change["elements"], change["changed"], change["max_abs"]) == (
        "w",
        6,
        1,
        "2",
    )


def test_markdown_reads_as_release_notes(models: Path, run_cli: RunCli) -> None:
    put(models, "b/extra.safetensors", safetensors({"x": ("F32", (6,), FLOATS)}))
    assert run_cli("key", "generate", "-o", "k", cwd=models).code == 0
    assert run_cli("sign", "b", "--key", "k", cwd=models).code == 0
    ran = run_cli("diff", "a", "b", "-f", "markdown", cwd=models)
    assert ran.code == 0
    assert ran.stdout.startswith("## Changes from `a` to `b`\n")
    headings = [line[4:] for line in ran.stdout.splitlines() if line.startswith("### ")]
    assert headings == ["Identity", "Files", "Tensors", "Configuration", "Tokenizer", "Claims"]
    assert "\n- `renamed: old.md to README.md`\n" in ran.stdout
    assert "exit" not in ran.stdout
    assert "Nothing changed." in run_cli("diff", "a", "a", "-f", "markdown", cwd=models).stdout
    with_code = ("diff", "a", "b", "-f", "markdown", "--exit-code", "-o", "notes.md")
    assert run_cli(*with_code, cwd=models).code == 1
    assert (models / "notes.md").read_text() == ran.stdout


def test_names_in_release_notes_are_no_markdown(tmp_path: Path, run_cli: RunCli) -> None:
    for side in ("a", "b"):
        put(tmp_path, f"{side}/m.safetensors", safetensors(W))
    name = "<img src=x onerror=1>` [x](http:evil) @all.txt"
    put(tmp_path, f"b/{name}", b"x")
    told = run_cli("diff", "a", "b", "-f", "markdown", cwd=tmp_path).stdout
    assert f"- ``added: {name}``\n" in told


def test_a_tokenizer_that_changed_is_a_changed_file(tmp_path: Path, run_cli: RunCli) -> None:
    for side, content in (("a", b"{}"), ("b", b"[]")):
        put(tmp_path, f"{side}/m.safetensors", safetensors(W))
        put(tmp_path, f"{side}/tokenizer.json", content)
    put(tmp_path, "a/vocab.txt", b"a\n")
    told = run_cli("diff", "a", "b", cwd=tmp_path).stdout
    assert "- files        1 changed, 1 removed" in told
    assert "- tokenizer    1 changed, 1 removed" in told
    assert "same names and bytes" not in told
    assert told.splitlines()[-1] == "- `a` and `b` differ"


def test_claims_of_one_type_and_key_are_one_line(tmp_path: Path, run_cli: RunCli) -> None:
    for side, numbers in (("a", FLOATS), ("b", OTHERS)):
        put(tmp_path, f"{side}/m.safetensors", safetensors({"w": ("F32", (6,), numbers)}))
    assert run_cli("key", "generate", "-o", "k", cwd=tmp_path).code == 0
    for side in ("a", "b"):
        assert run_cli("sign", side, "--key", "k", cwd=tmp_path).code == 0
    told = run_cli("diff", "a", "b", cwd=tmp_path).stdout
    about = [line for line in told.splitlines() if "/scan/v1" in line]
    assert len(about) == 1
    assert about[0].strip().startswith("1 added, 1 removed: ")


def test_exit_code_tells_a_difference(models: Path, run_cli: RunCli) -> None:
    assert run_cli("diff", "a", "b", "--exit-code", cwd=models).code == 1
    assert run_cli("diff", "a", "a", "--exit-code", cwd=models).code == 0
    same = answer(run_cli, models, "a", "a")
    assert (same["verdict"], same["files"], same["keys"]) == ("identical", [], [])


def test_claims_are_compared_and_not_believed(models: Path, run_cli: RunCli) -> None:
    assert run_cli("key", "generate", "-o", "k", cwd=models).code == 0
    assert run_cli("sign", "a", "--key", "k", cwd=models).code == 0
    before = answer(run_cli, models, "a", "b")
    assert {one["kind"] for one in before["claims"]} == {"removed"}
    assert answer(run_cli, models, "b", "a")["claims"][0]["kind"] == "added"
    assert "none of them verified" in run_cli("diff", "a", "b", cwd=models).stdout


def test_a_document_that_is_no_json_is_a_changed_file_and_no_crash(
    models: Path, run_cli: RunCli
) -> None:
    put(models, "b/config.json", b'{"hidden": 8, "hidden": 9}')
    assert {one["path"] for one in answer(run_cli, models, "a", "b")["keys"]} == {"tokenizer.json"}


def test_two_single_documents_are_compared_key_by_key(models: Path, run_cli: RunCli) -> None:
    ran = run_cli("diff", "a/config.json", "b/config.json", cwd=models)
    assert "rope.theta from 1 to 2" in ran.stdout
    assert "changed: the file itself" in ran.stdout


FAITHFUL = {
    "npz": archive(Member(b"w.npy", npy("(2, 3)", FLOATS))),
    "torch": checkpoint(state_dict(w=tensor((2, 3)))),
    "gguf": gguf({"w": (0, (3, 2), FLOATS)}),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_faithful_conversion_is_proven(name: str, tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path, "w.safetensors", safetensors(W))
    put(tmp_path, "other", FAITHFUL[name])
    ran = run_cli("diff", "w.safetensors", "other", "--weights-only", cwd=tmp_path)
    assert ran.code == 0, ran.stdout
    assert "the weights are identical" in ran.stdout


UNFAITHFUL: dict[str, tuple[bytes, bytes, str, int, str]] = {
    "one flipped bit": (
        safetensors(TWO),
        safetensors(TWO)[:-1] + bytes([safetensors(TWO)[-1] ^ 1]),
        "different", 1, "changed: b F32 6, 1 of 6 elements",
    ),
    "two tensors swapped": (
        safetensors(TWO),
        safetensors({"a": TWO["b"], "b": TWO["a"]}),
        "different", 1, "changed: a holds what was b",
    ),
    "a tensor left out": (
        safetensors(TWO), safetensors({"a": TWO["a"]}), "different", 1, "removed: b",
    ),
    "a tensor more": (
        safetensors({"a": TWO["a"]}), safetensors(TWO), "different", 1, "added: b",
    ),
    "other names": (
        safetensors({"a": TWO["a"]}), safetensors({"x": TWO["a"]}), "same-values", 0,
        "renamed: a to x",
    ),
    "turned around": (
        safetensors(W), safetensors({"w": ("F32", (3, 2), OTHERS)}), "not-comparable", 4,
        "permuted: w from F32 2x3 to F32 3x2",
    ),
    "a type that the container lacks": (
        safetensors({"w": ("BF16", (12,), FLOATS)}), safetensors({"w": ("U16", (12,), FLOATS)}),
        "not-comparable", 4, "retyped: w from BF16 12 to U16 12",
    ),
    "a container that can't be read": (
        safetensors(W), npy("(12,)", FLOATS, "|V2"), "not-comparable", 4, "is an array of",
    ),
    "nothing in it": (safetensors(W), b"words", "not-comparable", 3, "no tensors"),
    "no tensors on both sides": (
        safetensors({}), safetensors({}), "not-comparable", 3, "no tensors",
    ),
    "a file that lies": (safetensors(W), safetensors(W) + b"x", "not-comparable", 1, "belong to no"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFAITHFUL)
def test_what_is_not_faithful_is_named(name: str, tmp_path: Path, run_cli: RunCli) -> None:
    before, after, verdict, code, said = UNFAITHFUL[name]
    put(tmp_path, "a", before)
    put(tmp_path, "b", after)
    ran = run_cli("diff", "a", "b", "--weights-only", cwd=tmp_path)
    assert (ran.code, said in ran.stdout) == (code, True), ran.stdout
    document = answer(run_cli, tmp_path, "a", "b", "--weights-only")
    assert (document["verdict"], document["exit"]) == (verdict, code)


def test_weights_in_two_formats_are_both_compared(tmp_path: Path, run_cli: RunCli) -> None:
    """A second copy of the weights must not hide that it is another one."""
    put(tmp_path, "a/m.safetensors", safetensors(W))
    put(tmp_path, "b/m.safetensors", safetensors(W))
    put(tmp_path, "b/m.pt", FAITHFUL["torch"])
    assert run_cli("diff", "a", "b", "--weights-only", cwd=tmp_path).code == 0
    put(tmp_path, "b/m.pt", checkpoint(state_dict(w=tensor((2, 3))), data=OTHERS))
    assert run_cli("diff", "a", "b", "--weights-only", cwd=tmp_path).code == 1


def test_shards_and_one_file_are_the_same_weights(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path, "a/m.safetensors", safetensors(TWO))
    for name in TWO:
        put(tmp_path, f"b/{name}.safetensors", safetensors({name: TWO[name]}))
    index = {"weight_map": {name: f"{name}.safetensors" for name in TWO}}
    put(tmp_path, "b/m.safetensors.index.json", json.dumps(index).encode())
    ran = run_cli("diff", "a", "b", "--weights-only", cwd=tmp_path)
    assert (ran.code, "identical" in ran.stdout) == (0, True), ran.stdout


def test_an_unread_file_that_both_have_alike_changes_nothing(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for side in ("a", "b"):
        put(tmp_path, f"{side}/m.safetensors", safetensors(W))
        put(tmp_path, f"{side}/cut", safetensors(W)[:-1])
    assert run_cli("diff", "a", "b", "--exit-code", cwd=tmp_path).code == 0
    put(tmp_path, "b/cut", safetensors(W)[:-2])
    assert run_cli("diff", "a", "b", cwd=tmp_path).code == 4


_MAKE = """
import numpy, sys, torch
torch.manual_seed(7)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.LayerNorm(32), torch.nn.Linear(32, 8))
state = model.state_dict()
state["tied"] = state["0.weight"]
state["turned"] = state["0.weight"].t()
torch.save(state, "new.pt")
torch.save(state, "old.pt", _use_new_zipfile_serialization=False)
numpy.savez("arrays.npz", **{name: one.numpy() for name, one in state.items()})
"""


@pytest.mark.needs("torch")
def test_a_real_model_is_the_same_from_torch_to_safetensors_to_npz(
    tmp_path: Path, run_cli: RunCli
) -> None:
    subprocess.run([_TORCH, "-c", _MAKE], cwd=tmp_path, check=True, timeout=120)
    assert run_cli("convert", "new.pt", "new.safetensors", cwd=tmp_path).code == 0
    for other in ("new.safetensors", "arrays.npz", "old.pt"):
        ran = run_cli("diff", "new.pt", other, "--weights-only", cwd=tmp_path)
        assert (ran.code, "identical" in ran.stdout) == (0, True), ran.stdout
    content = bytearray((tmp_path / "new.safetensors").read_bytes())
    length = int.from_bytes(content[:8], "little")
    start, _ = json.loads(content[8 : 8 + length])["2.weight"]["data_offsets"]
    content[8 + length + start + 4] ^= 1
    put(tmp_path, "flipped.safetensors", bytes(content))
    ran = run_cli("diff", "new.pt", "flipped.safetensors", "--weights-only", cwd=tmp_path)
    assert ran.code == 1
    assert "changed: 2.weight F32 8x32, 1 of 256 elements" in ran.stdout


def _parts(content: bytes) -> dict[str, tuple[str, list[int], bytes]]:
    """Return the tensors of a safetensors file by name, in the plainest way."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {
        name: (one["dtype"], one["shape"], data[slice(*one["data_offsets"])])
        for name, one in header.items()
    }


def _npz(parts: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, (dtype, shape, data) in parts.items():
            assert dtype == "F32"
            file.writestr(f"{name}.npy", npy(repr(tuple(shape)), data))
    return out.getvalue()


@pytest.mark.needs("models")
@pytest.mark.parametrize("name", ["alex", "squeeze", "vgg"])
def test_a_published_model_is_proven_equal_in_three_formats_and_one_bit_is_found(
    name: str, real_models: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    """Checkpoints as `torch.save` wrote them years ago, converted, and the bits of a float flipped one by one."""
    put(tmp_path, "m.pth", (real_models / "lpips" / f"{name}.pth").read_bytes())
    assert run_cli("convert", "m.pth", "m.safetensors", cwd=tmp_path).code == 0
    parts = _parts((tmp_path / "m.safetensors").read_bytes())
    put(tmp_path, "m.npz", _npz(parts))
    for other in ("m.safetensors", "m.npz"):
        assert run_cli("diff", "m.pth", other, "--weights-only", cwd=tmp_path).code == 0
    victim = max(parts)
    dtype, shape, data = parts[victim]
    for bit in (0, 22):
        flipped = bytearray(data)
        flipped[4 + bit // 8] ^= 1 << bit % 8
        put(tmp_path, "f.npz", _npz({**parts, victim: (dtype, shape, bytes(flipped))}))
        ran = run_cli("diff", "m.pth", "f.npz", "--weights-only", cwd=tmp_path)
        assert ran.code == 1
        assert f"changed: {victim} F32" in ran.stdout
        assert f", 1 of {len(data) // 4} elements" in ran.stdout


_MEASURE = """
import math, numpy, struct
from weightmark.provenance.diff.elements import measure
for form, dtype in (("d", "F64"), ("f", "F32"), ("e", "F16"), ("b", "I8"), ("I", "U32")):
    first = struct.pack(f"<3{form}", 1, 2, 3)
    second = struct.pack(f"<3{form}", 1, 4, 0)
    assert measure(dtype, [first], [second], numpy) == measure(dtype, [first], [second])
for one, other in ((1.0, math.nan), (math.inf, math.inf), (0.0, -0.0), (1.0, math.inf)):
    pair = [struct.pack("<2f", 1, value) for value in (one, other)]
    assert measure("F32", pair[:1], pair[1:], numpy) == measure("F32", pair[:1], pair[1:])
    halves = [piece[2:4] + piece[6:] for piece in pair]
    assert measure("BF16", halves[:1], halves[1:], numpy) == measure("BF16", halves[:1], halves[1:])
"""


@pytest.mark.needs("torch")
def test_numpy_measures_what_plain_python_measures() -> None:
    subprocess.run(
        [_TORCH, "-W", "error", "-c", _MEASURE],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        check=True,
        timeout=120,
    )
