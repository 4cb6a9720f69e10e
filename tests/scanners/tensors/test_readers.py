"""Each format gives the tensors that are in it; a file that contradicts itself gives none."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive
from tests.scanners.tensors.weights import (
    FLOATS,
    Tensors,
    external,
    field,
    gguf,
    gguf_text,
    npy,
    onnx,
    onnx_tensor,
    plain,
    safetensors,
    table,
)
from tests.scanners.test_convert import checkpoint, state_dict, tensor
from weightmark.errors import (
    LimitError,
    MalformedError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.tensors.catalogue import read_content

SWAPPED = struct.pack(">6f", 0, 1, 2, 3, 4, 5)
W: Tensors = {"w": ("F32", (2, 3), FLOATS)}


def test_one_tensor_has_one_digest_in_every_format() -> None:
    files = {
        "safetensors": safetensors(W),
        "torch": checkpoint(state_dict(w=tensor((2, 3)))),
        "npz": archive(Member(b"w.npy", npy("(2, 3)", FLOATS))),
        "npz, big-endian": archive(Member(b"w.npy", npy("(2, 3)", SWAPPED, ">f4"))),
        "npz, compressed": archive(Member(b"w.npy", npy("(2, 3)", FLOATS), method=8)),
        "gguf": gguf({"w": (0, (3, 2), FLOATS)}),
        "onnx, raw": onnx(onnx_tensor("w", 1, (2, 3), field(9, FLOATS))),
        "onnx, typed": onnx(onnx_tensor("w", 1, (2, 3), field(4, FLOATS))),
    }
    digests = {name: table(data).weights for name, data in files.items()}
    assert set(digests.values()) == {plain().weights}


def test_fortran_order_is_turned_into_c_order() -> None:
    stored = struct.pack("<6f", 0, 3, 1, 4, 2, 5)
    assert table(npy("(2, 3)", stored, fortran="True")).values == plain().values


def test_numbers_of_variable_length_are_the_bytes_that_they_mean() -> None:
    packed = b"".join(struct.pack("B", one) for one in (1, 0, 1))
    typed = onnx_tensor("w", 9, (3,), field(5, packed))
    assert table(onnx(typed)).weights == plain("BOOL", (3,), packed).weights
    negative = field(7, b"\xff" * 9 + b"\x01" + b"\x02")
    expected = plain("I64", (2,), struct.pack("<2q", -1, 2))
    assert table(onnx(onnx_tensor("w", 7, (2,), negative))).weights == expected.weights
    unpacked = field(7, 3) + field(7, 4)
    assert table(onnx(onnx_tensor("w", 7, (2,), unpacked))).weights == (
        plain("I64", (2,), struct.pack("<2q", 3, 4)).weights
    )


def test_constants_and_nested_graphs_of_onnx_are_weights_too() -> None:
    value = field(1, b"value") + field(5, onnx_tensor("", 1, (6,), field(9, FLOATS)))
    constant = field(1, field(2, b"c") + field(4, b"Constant") + field(5, value))
    inner = field(1, b"body") + field(
        6, constant + field(5, onnx_tensor("w", 1, (6,), field(9, FLOATS)))
    )
    loop = field(1, field(2, b"l") + field(4, b"Loop") + field(5, inner))
    names = [one.name for one in table(onnx(nodes=constant + loop)).entries]
    assert names == ["c:value", "l:body/c:value", "l:body/w"]


def test_quantized_blocks_are_taken_as_they_are_stored() -> None:
    block = bytes(range(34))
    (one,) = table(gguf({"w": (8, (32,), block)})).entries
    assert (one.dtype, one.shape, one.size) == ("Q8_0", (32,), 34)


def test_nested_dicts_of_a_checkpoint_are_named_by_the_way_to_them() -> None:
    inner = state_dict(w=tensor((6,)))[2:-1]
    data = checkpoint(state_dict(model=inner, epoch=b"K\x07", steps=b"]K\x01a"))
    assert [one.name for one in table(data).entries] == ["model.w"]


def test_an_item_that_strides_repeat_is_repeated() -> None:
    data = checkpoint(state_dict(w=tensor((2, 3), (3, 0))))
    assert table(data).weights == plain(data=struct.pack("<6f", 0, 0, 0, 3, 3, 3)).weights


def test_ties_are_named_as_aliases() -> None:
    data = checkpoint(state_dict(head=tensor((2, 3)), embed=tensor((2, 3))))
    assert table(data).aliases == {"head": ("embed",)}


def _header(text: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + data


def _entry(start: int, end: int, shape: object = None) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape or [(end - start) // 4], "data_offsets": [start, end]}


LIES = {
    "safetensors: a header that does not end": struct.pack("<Q", 99) + b"{}",
    "safetensors: data that end early": safetensors(W)[:-1],
    "safetensors: bytes of no tensor": safetensors(W) + b"x",
    "safetensors: a hole": safetensors(W, w=_entry(4, 24)),
    "safetensors: shared bytes": safetensors(W, v=_entry(0, 24)),
    "safetensors: another size than the shape says": safetensors(W, w=_entry(0, 24, [7])),
    "safetensors: a negative dimension": safetensors(W, w=_entry(0, 24, [-2, -3])),
    "safetensors: one name twice": _header(
        '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        '"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        b"ab",
    ),
    "safetensors: a header of 2**39 bytes": struct.pack("<Q", 1 << 39) + b"{}",
    "gguf: 2**60 tensors": gguf({}, count=1 << 60),
    "gguf: 2**60 keys": gguf({}, pairs=1 << 60),
    "gguf: a shape of 2**126 items": gguf({"w": (0, ((1 << 63) - 1, 1 << 63), b"")}),
    "gguf: an array of 2**62 values": gguf(
        {}, keys=gguf_text("k") + struct.pack("<IIQ", 9, 8, 1 << 62), pairs=1
    ),
    "gguf: a name of 2**40 bytes": b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1 << 40) + bytes(64),
    "gguf: shared bytes": gguf({"v": (0, (6,), FLOATS), "w": (0, (6,), FLOATS)}, offsets={"w": 0}),
    "gguf: data that end early": gguf({"w": (0, (60,), FLOATS)}),
    "gguf: one name twice": gguf({"w": (0, (6,), FLOATS)}).replace(
        struct.pack("<IQQ", 3, 1, 0), struct.pack("<IQQ", 3, 2, 0)
    ),
    "gguf: a type that nobody knows": gguf({"w": (99, (6,), FLOATS)}),
    "onnx: data of another size": onnx(onnx_tensor("w", 1, (7,), field(9, FLOATS))),
    "onnx: data twice": onnx(onnx_tensor("w", 1, (6,), field(9, FLOATS), field(4, FLOATS))),
    "onnx: raw data twice": onnx(onnx_tensor("w", 1, (6,), field(9, FLOATS), field(9, FLOATS))),
    "onnx: data under another type": onnx(onnx_tensor("w", 1, (3,), field(10, FLOATS))),
    "onnx: a negative dimension": onnx(onnx_tensor("w", 1, ((1 << 64) - 1,), field(9, FLOATS))),
    "onnx: one name twice": onnx(*[onnx_tensor("w", 1, (6,), field(9, FLOATS))] * 2),
    "onnx: strings": onnx(onnx_tensor("w", 8, (1,), field(6, b"text"))),
    "onnx: external data that leave the folder": onnx(
        onnx_tensor("w", 1, (6,), external(location="../secret"))
    ),
    "onnx: external data at an absolute path": onnx(
        onnx_tensor("w", 1, (6,), external(location="/etc/passwd"))
    ),
    "onnx: external data nowhere": onnx(onnx_tensor("w", 1, (6,), field(14, 1))),
    "onnx: external and inside": onnx(
        onnx_tensor("w", 1, (6,), external(location="x"), field(9, FLOATS))
    ),
    "onnx: an external length that lies": onnx(
        onnx_tensor("w", 1, (6,), external(location="x", length="25"))
    ),
    "onnx: a place said twice": onnx(
        onnx_tensor("w", 1, (6,), external(location="x"), external(location="y"))
    ),
    "torch: two data.pkl": checkpoint(
        state_dict(w=tensor((2, 3))), Member(b"other/data.pkl", state_dict(v=tensor((2, 3))))
    ),
    "torch: data.pkl twice": checkpoint(
        state_dict(w=tensor((2, 3))), Member(b"archive/data.pkl", state_dict(v=tensor((2, 3))))
    ),
    "torch: a storage twice, in other letters": checkpoint(
        state_dict(w=tensor((2, 3), key="a")),
        Member(b"archive/data/a", FLOATS),
        Member(b"archive/data/A", FLOATS[::-1]),
    ),
    "torch: a member with two names": checkpoint(
        state_dict(w=tensor((2, 3))), Member(b"archive/x", b"", local_name=b"archive/y")
    ),
    "torch: a tensor over the end of its storage": checkpoint(state_dict(w=tensor((7,)))),
    "torch: an expanded tensor": checkpoint(state_dict(w=tensor((1 << 30,), (0,)))),
    "torch: a way that two tensors have": checkpoint(
        state_dict(**{"a.b": tensor((6,)), "a": state_dict(b=tensor((6,)))[2:-1]})
    ),
    "npz: one name twice": archive(
        Member(b"w.npy", npy("(2, 3)", FLOATS)), Member(b"w.npy", npy("(6,)", FLOATS))
    ),
    "npy: data that end early": npy("(2, 3)", FLOATS[:-1]),
    "npy: objects": npy("(2, 3)", FLOATS, "|O"),
    "index: a shard outside": json.dumps({"weight_map": {"w": "../x.safetensors"}}).encode(),
    "index: a shard at an absolute path": json.dumps({"weight_map": {"w": "/x"}}).encode(),
    "index: an empty map": b'{"weight_map": {}}',
    "index: no map": json.dumps({"weight_map": ["w"]}).encode(),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_lies_is_an_error_and_never_a_digest(name: str) -> None:
    with pytest.raises((MalformedError, UncheckedError)):
        table(LIES[name])


def test_a_lie_is_bad_and_a_short_file_is_unchecked() -> None:
    with pytest.raises(MalformedError):
        table(LIES["safetensors: shared bytes"])
    with pytest.raises(MalformedError):
        table(LIES["torch: two data.pkl"])
    with pytest.raises(MalformedError):
        table(LIES["onnx: external data that leave the folder"])
    with pytest.raises(UncheckedError):
        table(LIES["safetensors: data that end early"])
    with pytest.raises(UnsupportedError):
        table(LIES["npy: objects"])


@pytest.mark.parametrize("end", [5, 40, 100, 300, -1])
def test_a_checkpoint_that_was_cut_off_is_unchecked(end: int) -> None:
    """A download that broke off must not look like a file without weights."""
    data = checkpoint(state_dict(w=tensor((2, 3))))
    with pytest.raises(UncheckedError) as raised:
        table(data[:end])
    assert not isinstance(raised.value, UnsupportedError)


def test_lists_that_hold_each_other_over_and_over_hit_a_bound() -> None:
    layers = b"]q\x00"
    for number in range(40):
        layers += b"](" + (b"h" + bytes([number])) * 8 + b"eq" + bytes([number + 1])
    stacked = b"\x80\x02" + layers + b"."
    with pytest.raises(LimitError):
        table(checkpoint(stacked))


@given(st.binary(max_size=200), st.sampled_from([b"", b"GGUF\x03\0\0\0", onnx()[:4], b"\x93NUMPY"]))
def test_any_bytes_are_read_or_refused(data: bytes, head: bytes) -> None:
    try:
        read_content(MemoryView(head + data))
    except WeightmarkError:
        return


def test_an_array_that_numpy_gives_for_the_name_of_another_is_refused() -> None:
    """`np.load(f)["w.npy"]` is the member `w.npy`, not the member `w.npy.npy` of that name."""
    one, other = npy("(2, 3)", FLOATS), npy("(2, 3)", SWAPPED)
    with pytest.raises(MalformedError, match="are members"):
        table(archive(Member(b"w.npy", one), Member(b"w.npy.npy", other)))
    assert [one.name for one in table(archive(Member(b"w.npy.npy", one))).entries] == ["w.npy"]
