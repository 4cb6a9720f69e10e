"""`digest --tensors`: the same read, the same identity, and every tensor by name."""

from pathlib import Path

import pytest

from tests.attacks.scan_builders import Member, archive
from tests.cli.published import fitting
from tests.cli.running import RunCli
from tests.scanners.tensors.weights import (
    FLOATS,
    external,
    field,
    gguf,
    npy,
    onnx,
    onnx_tensor,
    plain,
    safetensors,
)
from tests.scanners.test_convert import checkpoint, state_dict, tensor

W = safetensors({"w": ("F32", (2, 3), FLOATS)})
TORCHSCRIPT = archive(Member(b"m/data.pkl", b"N."), Member(b"m/constants.pkl", b"N."))


def test_digests_and_every_tensor_are_printed(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "m.safetensors").write_bytes(W)
    ran = run_cli("digest", "m.safetensors", "--tensors", cwd=tmp_path)
    assert ran.code == 0, ran.stderr
    identity = run_cli("digest", "m.safetensors", cwd=tmp_path).stdout
    assert ran.stdout.startswith(identity)
    table = plain()
    assert f"  weights {table.weights}\n  values  {table.values}\n" in ran.stdout
    assert f"  blake3:{table.entries[0].blake3}  F32 2x3  w\n" in ran.stdout


def test_without_the_flag_nothing_is_said_of_tensors(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "m").write_bytes(W[:-1])
    ran = run_cli("digest", "m", "-f", "json", cwd=tmp_path)
    (one,) = fitting(ran.stdout, "digest")["artifacts"]
    assert (ran.code, one["weights"], one["unread"]) == (0, None, None)


def test_json_names_type_shape_size_and_alias(tmp_path: Path, run_cli: RunCli) -> None:
    tied = checkpoint(state_dict(head=tensor((2, 3)), embed=tensor((2, 3))))
    (tmp_path / "m.pt").write_bytes(tied)
    ran = run_cli("digest", ".", "--tensors", "-f", "json", cwd=tmp_path)
    (weights,) = fitting(ran.stdout, "digest")["artifacts"][0]["weights"]
    assert (weights["path"], weights["format"]) == ("m.pt", "torch")
    embed, head = weights["tensors"]
    assert (embed["dtype"], embed["shape"], embed["size"]) == ("F32", [2, 3], 24)
    assert (embed["alias_of"], head["alias_of"]) == ("head", None)


BAD = {
    "trailing": (W + b"x", 1),
    "two data.pkl": (checkpoint(state_dict(), Member(b"x/data.pkl", state_dict())), 1),
    "outside": (onnx(onnx_tensor("w", 1, (6,), external(location="../w"))), 1),
    "index": (b'{"weight_map": {"w": "../w"}}', 1),
    "cut": (W[:-1], 4),
    "absurd": (gguf({"w": (0, (1 << 40,), b"")}), 4),
    "objects": (npy("(1,)", b"", "|O"), 4),
    "torchscript": (TORCHSCRIPT, 4),
    "words": (b"words", 3),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_read_is_never_a_digest(name: str, tmp_path: Path, run_cli: RunCli) -> None:
    content, code = BAD[name]
    (tmp_path / "m").write_bytes(content)
    ran = run_cli("digest", "m", "--tensors", cwd=tmp_path)
    assert ran.code == code, ran.stdout + ran.stderr
    assert ran.stdout.startswith("wm1:")
    assert "weights sha256:" not in ran.stdout
    shown = run_cli("digest", "m", "--tensors", "-f", "json", cwd=tmp_path)
    document = fitting(shown.stdout, "digest")
    assert document["exit"] == code
    assert document["artifacts"][0]["weights"] == []
    assert document["checks"]


def test_an_unsupported_file_beside_weights_changes_nothing(
    tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "m.safetensors").write_bytes(W)
    (tmp_path / "m.jit").write_bytes(TORCHSCRIPT)
    ran = run_cli("digest", ".", "--tensors", cwd=tmp_path)
    assert ran.code == 0
    assert "TorchScript" in ran.stdout
    (tmp_path / "cut").write_bytes(W[:-1])
    assert run_cli("digest", ".", "--tensors", cwd=tmp_path).code == 4
    (tmp_path / "lie").write_bytes(W + b"x")
    assert run_cli("digest", ".", "--tensors", cwd=tmp_path).code == 1


def test_a_name_with_control_characters_draws_nothing_on_the_terminal(
    tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "m").write_bytes(onnx(onnx_tensor("\x1b[2J\nw", 1, (6,), field(9, FLOATS))))
    ran = run_cli("digest", "m", "--tensors", cwd=tmp_path)
    assert ran.code == 0
    assert "\x1b" not in ran.stdout
    assert "\\x1b[2J\\x0aw" in ran.stdout


@pytest.mark.parametrize(
    "content",
    [
        W,
        gguf({"w": (0, (3, 2), FLOATS)}),
        npy("(2, 3)", FLOATS),
        checkpoint(state_dict(w=tensor((2, 3)))),
        onnx(onnx_tensor("w", 1, (2, 3), field(9, FLOATS))),
    ],
    ids=["safetensors", "gguf", "npy", "torch", "onnx"],
)
def test_weights_alone_have_the_digests_that_they_have_beside_an_identity(
    content: bytes, tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "m").write_bytes(content)
    both = run_cli("digest", "m", "--tensors", cwd=tmp_path)
    alone = run_cli("digest", "m", "--weights-only", cwd=tmp_path)
    assert (both.code, alone.code) == (0, 0), alone.stderr
    assert both.stdout.splitlines()[1:] == alone.stdout.splitlines()[1:]
    assert "wm1:" not in alone.stdout


def test_weights_alone_read_external_data(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "w.data").write_bytes(FLOATS)
    content = onnx(onnx_tensor("w", 1, (2, 3), external(location="w.data", length="24")))
    (tmp_path / "m.onnx").write_bytes(content)
    ran = run_cli("digest", ".", "--weights-only", "-f", "json", cwd=tmp_path)
    (one,) = fitting(ran.stdout, "digest")["artifacts"]
    assert (one["identity"], one["files"]) == (None, None)
    assert one["weights"][0]["weights"] == plain().weights
    (tmp_path / "w.data").write_bytes(FLOATS[:-1])
    assert run_cli("digest", ".", "--weights-only", cwd=tmp_path).code == 4


@pytest.mark.parametrize("name", BAD)
def test_weights_alone_refuse_what_is_refused_beside_an_identity(
    name: str, tmp_path: Path, run_cli: RunCli
) -> None:
    content, code = BAD[name]
    (tmp_path / "m").write_bytes(content)
    assert run_cli("digest", "m", "--weights-only", cwd=tmp_path).code == code


@pytest.mark.parametrize("beside", ["--sha256", "--files", "--prove=m"])
def test_weights_alone_and_digests_of_files_exclude_each_other(
    beside: str, tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "m").write_bytes(W)
    ran = run_cli("digest", "m", "--weights-only", beside, cwd=tmp_path)
    assert (ran.code, "contradict each other" in ran.stderr) == (2, True)


def test_a_folder_without_weights_has_no_weights_alone(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "readme.txt").write_bytes(b"text")
    assert run_cli("digest", ".", "--weights-only", cwd=tmp_path).code == 3
