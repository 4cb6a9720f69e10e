"""Conversion: the very same weights, nothing unpickled, and no file at all where that can't be promised."""

import io
import json
import os
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import deserialize

from tests.attacks.scan_builders import Member, archive
from tests.cli.conftest import quiet_environment, run_cli
from tests.cli.running import RunCli
from weightmark.errors import (
    CallError,
    LimitError,
    UncheckedError,
    UnsafeContentError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.tensors import TensorEntry, TensorTable
from weightmark.scanners.convert import Conversion, convert
from weightmark.scanners.tensors.plain_pickles import read_plain_pickle
from weightmark.scanners.tensors.stored import StoredTensor, c_order_strides

__all__ = ["quiet_environment", "run_cli"]

_ROOT = Path(__file__).parents[2]
_TORCH = Path(
    os.environ.get("WEIGHTMARK_TORCH_PYTHON", _ROOT / ".peers" / "torch" / "bin" / "python")
)
SYSTEM = b"cos\nsystem\n(X\x06\x00\x00\x00echo xtR"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None = None,
    *,
    offset: int = 0,
    kind: str = "FloatStorage",
    key: str = "0",
    items: int = 6,
    more: bytes = b"",
) -> bytes:
    """Return the opcodes of one tensor, as torch writes them; `more` are further arguments."""
    strides = c_order_strides(shape) if strides is None else strides
    storage = (
        b"("
        + text("storage")
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text("cpu")
        + number(items)
        + b"tQ"
    )
    hooks = b"ccollections\nOrderedDict\n)R"
    rest = number(offset) + numbers(*shape) + numbers(*strides) + b"\x89" + hooks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + more + b"tR"


def state_dict(**entries: bytes) -> bytes:
    pairs = b"".join(text(key) + value for key, value in entries.items())
    return b"\x80\x02}(" + pairs + b"u."


FLOATS = struct.pack("<6f", 0, 1, 2, 3, 4, 5)


def checkpoint(
    pickle: bytes, *more: Member, data: bytes = FLOATS, order: bytes = b"little"
) -> bytes:
    return archive(
        Member(b"archive/data.pkl", pickle),
        Member(b"archive/byteorder", order),
        Member(b"archive/data/0", data),
        Member(b"archive/version", b"3\n"),
        *more,
    )


def _convert(folder: Path, data: bytes, at: str = "") -> Conversion:
    (folder / "in").write_bytes(data)
    return convert(folder / "in", folder / "out.safetensors", at=at)


def _written(folder: Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Read the output with the safetensors library."""
    data = (folder / "out.safetensors").read_bytes()
    rows = deserialize(data)  # type: ignore[no-untyped-call]  # the library has no types
    return {name: (row["dtype"], row["shape"], bytes(row["data"])) for name, row in rows}


def _refused(
    folder: Path, data: bytes, error: type[WeightmarkError], said: str, at: str = ""
) -> None:
    with pytest.raises(error, match=said):
        _convert(folder, data, at)
    assert not (folder / "out.safetensors").exists()


def test_a_plain_tensor_keeps_its_bytes(tmp_path: Path) -> None:
    done = _convert(tmp_path, checkpoint(state_dict(w=tensor((2, 3)))))
    assert _written(tmp_path) == {"w": ("F32", [2, 3], FLOATS)}
    assert done.source.weights == done.written.weights


def test_views_and_ties_are_written_in_c_order(tmp_path: Path) -> None:
    entries = {
        "whole": tensor((2, 3)),
        "tied": tensor((2, 3)),
        "turned": tensor((3, 2), (1, 3)),
        "column": tensor((2,), (3,), offset=1),
        "single": tensor((), ()),
        "none": tensor((0, 4), (4, 1)),
    }
    done = _convert(tmp_path, checkpoint(state_dict(**entries)))
    written = _written(tmp_path)
    assert written["turned"][2] == struct.pack("<6f", 0, 3, 1, 4, 2, 5)
    assert written["column"][2] == struct.pack("<2f", 1, 4)
    assert written["single"] == ("F32", [], FLOATS[:4])
    assert written["none"] == ("F32", [0, 4], b"")
    assert {one.name: one.alias_of for one in done.source.entries}["whole"] == ""
    assert {one.name: one.alias_of for one in done.source.entries}["tied"] == "whole"


def test_a_payload_beside_the_tensors_is_refused_as_unsafe(tmp_path: Path) -> None:
    _refused(
        tmp_path, checkpoint(state_dict(w=tensor((6,)), x=SYSTEM)), UnsafeContentError, "PKL001"
    )
    _refused(tmp_path, SYSTEM + b".", UnsafeContentError, "PKL001")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (number(3), "`epoch` is no tensor but a int"),
        (text("x"), "`epoch` is no tensor but a str"),
        (b"}", "`epoch` is no tensor but a dict"),
        (b"N", "`epoch` is no tensor but a NoneType"),
        (tensor((7,)), "`epoch`: the tensor reaches over the end"),
        (tensor((6,), offset=1), "`epoch`: the tensor reaches over the end"),
        (tensor((6,), offset=-1), "`epoch`: a size, stride or offset of the tensor is negative"),
        (tensor((-1,)), "negative"),
        (tensor((2, 3), (3,)), "do not fit"),
        (tensor((6,), key="9"), "its storage is missing"),
    ],
)
def test_what_is_no_plain_tensor_is_named(tmp_path: Path, value: bytes, said: str) -> None:
    _refused(tmp_path, checkpoint(state_dict(w=tensor((6,)), epoch=value)), UncheckedError, said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (b"}" + text("neg") + b"\x88s", "negated"),
        (b"}" + text("conj") + b"\x88s", "conjugated"),
        (number(1), "changed view"),
        (b"N" + number(1), "arguments that are not understood"),
    ],
)
def test_numbers_that_torch_would_change_are_not_signed_as_they_are_stored(
    tmp_path: Path, more: bytes, said: str
) -> None:
    data = checkpoint(state_dict(w=tensor((6,), more=more)))
    _refused(tmp_path, data, UncheckedError, said)


@pytest.mark.parametrize("more", [b"N", b"}"])
def test_a_tensor_that_says_nothing_more_is_converted(tmp_path: Path, more: bytes) -> None:
    _convert(tmp_path, checkpoint(state_dict(w=tensor((6,), more=more))))
    assert _written(tmp_path)["w"] == ("F32", [6], FLOATS)


@pytest.mark.parametrize("order", [b"big\n", b" little", b"BIG", b""])
def test_a_byte_order_that_torch_refuses_is_refused(tmp_path: Path, order: bytes) -> None:
    data = checkpoint(state_dict(w=tensor((6,))), order=order)
    _refused(tmp_path, data, UncheckedError, "byte order")


def test_a_parameter_with_attributes_is_refused(tmp_path: Path) -> None:
    parameter = b"ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor((6,)) + b"\x88}}"
    data = checkpoint(state_dict(w=parameter + text("neg") + b"\x88stR"))
    _refused(tmp_path, data, UncheckedError, "attributes of its own")


def test_a_tensor_expanded_to_fill_the_disk_is_refused(tmp_path: Path) -> None:
    _refused(
        tmp_path,
        checkpoint(state_dict(w=tensor((1 << 30,), (0,)))),
        UnsupportedError,
        "larger than what is stored",
    )
    overlapping = tensor((5, 2), (1, 1))
    _refused(
        tmp_path,
        checkpoint(state_dict(w=overlapping)),
        UnsupportedError,
        "larger than what is stored",
    )


def test_many_names_for_one_large_storage_are_refused(tmp_path: Path) -> None:
    entries = {f"w{n}": tensor((1 << 18,), items=1 << 18) for n in range(8)}
    data = checkpoint(state_dict(**entries), data=bytes(1 << 20))
    _refused(tmp_path, data, LimitError, "times as large")


def test_a_nested_dict_is_converted_by_its_key(tmp_path: Path) -> None:
    inner = b"}(" + text("w") + tensor((6,)) + b"u"
    data = checkpoint(state_dict(epoch=number(1), model=inner))
    _refused(tmp_path, data, UnsupportedError, "`epoch` is no tensor")
    _refused(tmp_path, data, UnsupportedError, "nothing at `other`", at="other")
    _convert(tmp_path, data, at="model")
    assert set(_written(tmp_path)) == {"w"}


def test_a_dict_that_sets_a_key_twice_is_refused(tmp_path: Path) -> None:
    pickle = b"\x80\x02}(" + 2 * (text("w") + tensor((6,))) + b"u."
    _refused(tmp_path, checkpoint(pickle), UnsupportedError, "more than plain tensors")


def test_a_tensor_called_metadata_does_not_become_metadata(tmp_path: Path) -> None:
    data = checkpoint(state_dict(__metadata__=tensor((6,))))
    with pytest.raises(WeightmarkError):
        _convert(tmp_path, data)
    assert not (tmp_path / "out.safetensors").exists()


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    """torch would take the first, Python the last."""
    data = checkpoint(state_dict(w=tensor((6,))), Member(b"archive/data/0", bytes(24)))
    _refused(tmp_path, data, UnsafeContentError, "ZIP001")


def test_a_dag_of_tuples_does_not_hang_the_legacy_reader(tmp_path: Path) -> None:
    """Each level names the level below many times; walked naively that is 10**20 steps."""
    deep = b"](]q\x01" + b"".join(b"(" + 100 * b"h\x01" + b"tq\x01" for _ in range(10)) + b"e"
    pickle = b"\x80\x02}(" + text("w") + deep + b"u."
    _refused(tmp_path, _legacy(pickle, b"\x80\x02]."), UnsupportedError, "is no tensor")


def _legacy(content: bytes, keys: bytes, little: bytes = b"\x88") -> bytes:
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    system = b"\x80\x02}(" + text("little_endian") + little + b"u."
    return magic + b"\x80\x02M\xe9\x03." + system + content + keys


def _legacy_tensor(key: str) -> bytes:
    return tensor((6,), key=key).replace(number(6) + b"tQ", number(6) + b"NtQ")


def test_a_legacy_checkpoint_is_little_endian_whatever_it_says_as_torch_reads_it(
    tmp_path: Path,
) -> None:
    keys = b"\x80\x02](" + text("k") + b"e."
    content = state_dict(w=_legacy_tensor("k"))
    for little in (b"\x88", b"\x89"):
        (tmp_path / "out.safetensors").unlink(missing_ok=True)
        _convert(tmp_path, _legacy(content, keys, little) + struct.pack("<q", 6) + FLOATS)
        assert _written(tmp_path) == {"w": ("F32", [6], FLOATS)}


def test_a_legacy_storage_that_ends_early_is_refused(tmp_path: Path) -> None:
    keys = b"\x80\x02](" + text("k") + b"e."
    data = _legacy(state_dict(w=_legacy_tensor("k")), keys) + struct.pack("<q", 6) + FLOATS[:-1]
    with pytest.raises(WeightmarkError, match=r"over the end|cut off"):
        _convert(tmp_path, data)


def npy(descr: str, shape: str, data: bytes, fortran: str = "False") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def test_arrays_are_converted_in_any_order_and_endianness(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", npy("<f4", "(2, 3)", FLOATS))
        packed.writestr("f.npy", npy("<f4", "(2, 3)", FLOATS, "True"))
        packed.writestr("big.npy", npy(">i2", "(2,)", b"\x00\x01\x00\x02"))
    _convert(tmp_path, out.getvalue())
    written = _written(tmp_path)
    assert written["a"] == ("F32", [2, 3], FLOATS)
    assert written["f"] == ("F32", [2, 3], struct.pack("<6f", 0, 2, 4, 1, 3, 5))
    assert written["big"] == ("I16", [2], b"\x01\x00\x02\x00")


@pytest.mark.parametrize(
    "data",
    [
        npy("|O", "(1,)", b"\x80\x04]."),
        npy("<U4", "(1,)", bytes(16)),
        npy("<f4", "(7,)", FLOATS),
        npy("<f4", "(2, 3)", FLOATS, "1"),
        npy("<f4", "(" * 500, FLOATS),
        npy("<f4", "(1.0,)", FLOATS),
    ],
)
def test_arrays_that_are_no_plain_numbers_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        _convert(tmp_path, data)
    assert not (tmp_path / "out.safetensors").exists()


def test_what_exists_is_not_overwritten_and_the_source_is_safe(tmp_path: Path) -> None:
    data = checkpoint(state_dict(w=tensor((6,))))
    (tmp_path / "in").write_bytes(data)
    with pytest.raises(CallError, match="exists"):
        convert(tmp_path / "in", tmp_path / "in")
    assert (tmp_path / "in").read_bytes() == data


@pytest.mark.needs("torch")
def test_a_real_checkpoint_of_torch_gives_identical_weights(tmp_path: Path) -> None:
    """Both formats of torch, every type, views and ties; torch itself says what the bytes are."""
    script = """
import json, sys, torch
base = torch.arange(24.0).reshape(2, 3, 4)
layer = torch.nn.TransformerEncoderLayer(16, 2, 32)
state = dict(layer.state_dict())
state |= {"base": base, "turned": base.permute(2, 0, 1), "part": base[1, :, 2], "p": torch.nn.Parameter(base)}
state |= {f"t.{t}".replace("torch.", ""): torch.tensor([0, 1, 2, 3]).to(t) for t in
          (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
           torch.int8, torch.uint8, torch.bool, torch.complex64)}
new = {"e4": torch.ones(3).to(torch.float8_e4m3fn), "u2": torch.tensor([1, 2]).to(torch.uint16)}
folder = sys.argv[1]
torch.save(state | new, f"{folder}/zip.pt")
torch.save(layer.state_dict(), f"{folder}/ordered.pt")
torch.save(state, f"{folder}/legacy.pt", _use_new_zipfile_serialization=False)
seen = {n: [list(v.shape), bytes(v.detach().contiguous().flatten().view(torch.uint8).tolist()).hex()]
        for n, v in (state | new).items()}
json.dump(seen, open(f"{folder}/seen.json", "w"))
"""
    subprocess.run([str(_TORCH), "-c", script, str(tmp_path)], check=True, timeout=120)
    seen = json.loads((tmp_path / "seen.json").read_text())
    written: dict[str, tuple[str, list[int], bytes]] = {}
    for name in ("zip", "legacy", "ordered"):
        done = convert(tmp_path / f"{name}.pt", tmp_path / "out.safetensors", replace=True)
        written = _written(tmp_path)
        assert len(written) == len(done.source.entries) > 10
        for key, (_, shape, data) in written.items():
            assert [shape, data.hex()] == seen[key], key
    assert set(written) < set(seen)


@given(st.binary(max_size=300))
def test_any_pickle_is_plain_or_refused(data: bytes) -> None:
    try:
        assert read_plain_pickle(data).end <= len(data)
    except WeightmarkError:
        return


@settings(max_examples=200)
@given(st.lists(st.integers(0, 4), max_size=4), st.randoms(use_true_random=False))
def test_any_view_gives_the_items_that_its_strides_name(shape: list[int], random: object) -> None:
    from itertools import product

    assert hasattr(random, "shuffle")
    order = list(range(len(shape)))
    random.shuffle(order)
    packed = c_order_strides(tuple(shape[axis] for axis in order))
    strides = tuple(packed[order.index(axis)] for axis in range(len(shape)))
    storage = struct.pack("<256H", *range(256))
    one = StoredTensor.checked(
        StoredTensor("w", "U16", tuple(shape), strides, 0, MemoryView(storage))
    )
    expected = [
        sum(i * s for i, s in zip(index, strides, strict=True))
        for index in product(*map(range, shape))
    ]
    assert b"".join(one.blocks()) == struct.pack(f"<{len(expected)}H", *expected)


def test_the_weights_digest_binds_names_and_the_values_digest_does_not() -> None:
    one = TensorEntry("a", "F32", (2,), 8, "0" * 64)
    other = TensorEntry("b", "F32", (2,), 8, "0" * 64)
    assert TensorTable.of([one]).weights != TensorTable.of([other]).weights
    assert TensorTable.of([one]).values == TensorTable.of([one, other]).values
    with pytest.raises(WeightmarkError):
        TensorTable.of([one, one])
    shaped = TensorEntry("a", "F32", (1, 2), 8, "0" * 64)
    assert TensorTable.of([shaped]).values != TensorTable.of([one]).values


def test_a_name_with_a_line_break_cannot_pose_as_two_tensors() -> None:
    line = f"a\n{'0' * 64} F32 2 b"
    posing = TensorTable.of([TensorEntry(line, "F32", (2,), 8, "0" * 64)])
    two = TensorTable.of([TensorEntry(name, "F32", (2,), 8, "0" * 64) for name in ("a", "b")])
    assert posing.weights != two.weights


def test_the_command_line_says_that_the_weights_agree(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "in.pt").write_bytes(checkpoint(state_dict(w=tensor((2, 3)))))
    ran = run_cli("convert", "in.pt", "out.safetensors", cwd=tmp_path)
    assert ran.code == 0, ran.stderr
    assert "the same in both files: sha256:" in ran.stdout
    assert run_cli("scan", "out.safetensors", cwd=tmp_path).code == 0
    assert run_cli("convert", "in.pt", "out.safetensors", cwd=tmp_path).code == 2
    assert run_cli("convert", "missing", "new", cwd=tmp_path).code == 2
    assert run_cli("convert", "in.pt", "no/folder/x", cwd=tmp_path).code == 2
    assert run_cli("convert", ".", "new", cwd=tmp_path).code == 2
