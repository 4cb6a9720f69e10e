"""The tensors of whole artifacts: shards, external data, large files, and what hides nothing."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive
from tests.scanners.tensors.weights import (
    FLOATS,
    Tensors,
    external,
    field,
    gguf,
    npy,
    onnx,
    onnx_tensor,
    safetensors,
    table,
)
from weightmark.errors import FileChangedError, MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.identification import identify
from weightmark.scanners.tensors.external import ExternalDigests
from weightmark.scanners.tensors.interface import ExternalTensor
from weightmark.scanners.tensors.ranges import ByteRange, RangeSink
from weightmark.scanners.tensors.survey import TensorSurvey, survey_tensors

A: Tensors = {"a": ("F32", (2, 3), FLOATS)}
B: Tensors = {"b": ("F32", (6,), FLOATS)}


def put(root: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (root / name.replace("__", ".")).write_bytes(content)
    return root


def index(**files: str) -> bytes:
    return json.dumps({"metadata": {}, "weight_map": files}).encode()


def the_error(survey: TensorSurvey, path: str) -> Exception:
    return {one.path: one.error for one in survey.unread}[path]


def test_the_identity_is_that_of_any_other_read(tmp_path: Path) -> None:
    put(tmp_path, m__safetensors=safetensors(A), notes=b"words")
    survey = survey_tensors(tmp_path, sha256=True)
    plain = identify(tmp_path, sha256=True)
    assert survey.identification.identity == plain.identity
    assert survey.identification.sha256 == plain.sha256


def test_large_tensors_are_hashed_across_blocks(tmp_path: Path) -> None:
    """Blocks and windows end inside of tensors; digests must not notice."""
    data = bytes(range(251)) * 80_000
    cuts = [0, 1, 4_194_290, 4_194_304, 8_400_001, 8_400_001, len(data)]
    tensors: Tensors = {
        f"t{number}": ("U8", (end - start,), data[start:end])
        for number, (start, end) in enumerate(pairwise(cuts))
    }
    content = safetensors(tensors)
    (one,) = survey_tensors(put(tmp_path, m=content)).sets
    assert {entry.name: entry.blake3 for entry in one.table.entries} == {
        name: blake3(part).hexdigest() for name, (_, _, part) in tensors.items()
    }
    assert one.table == table(content)


@pytest.mark.parametrize("pad", [0, 2_000_000])
def test_formats_that_are_looked_at_again_give_the_same(tmp_path: Path, pad: int) -> None:
    """Small files are read whole, large ones through a view that checks every piece."""
    more = {"pad": ("U8", (pad,), bytes(pad))}
    arrays = [Member(b"a.npy", npy("(2, 3)", FLOATS))]
    arrays += [Member(b"pad.npy", npy(f"({pad},)", bytes(pad), "|u1"))]
    initializers = [
        onnx_tensor("a", 1, (2, 3), field(9, FLOATS)),
        onnx_tensor("pad", 2, (pad,), field(9, bytes(pad))),
    ]
    put(
        tmp_path,
        x__npz=archive(*arrays),
        x__onnx=onnx(*initializers),
        x__safetensors=safetensors(A | more),
    )
    found = survey_tensors(tmp_path)
    assert not found.unread
    assert [one.format for one in found.sets] == ["npz", "onnx", "safetensors"]
    assert len({one.table.weights for one in found.sets}) == 1


def test_shards_are_one_model(tmp_path: Path) -> None:
    files = index(a="one.safetensors", b="two.safetensors")
    put(tmp_path, one__safetensors=safetensors(A), two__safetensors=safetensors(B), i__json=files)
    (found,) = survey_tensors(tmp_path).sets
    assert found.path == "i.json"
    assert found.files == ("one.safetensors", "two.safetensors")
    assert found.table.weights == table(safetensors(A | B)).weights


@pytest.mark.parametrize(
    ("files", "error", "said"),
    [
        (index(a="one", b="gone"), UncheckedError, "`gone` is missing"),
        (index(a="one", b="../two"), MalformedError, "lies outside"),
        (index(a="one", b="/two"), MalformedError, "lies outside"),
        (index(a="one", b="one"), MalformedError, "which no shard holds"),
        (index(a="one", c="two"), MalformedError, "the index does not say so"),
        (index(a="two", b="two"), MalformedError, "which no shard holds"),
        (index(a="one", b="i.json"), UncheckedError, "could not be read"),
        (index(a="one", b="notes"), UncheckedError, "could not be read"),
    ],
)
def test_an_index_that_lies_joins_nothing(
    tmp_path: Path, files: bytes, error: type[Exception], said: str
) -> None:
    put(tmp_path, one=safetensors(A), two=safetensors(B), notes=b"words", **{"i.json": files})
    found = survey_tensors(tmp_path)
    assert "i.json" not in {one.path for one in found.sets}
    with pytest.raises(error, match=said):
        raise the_error(found, "i.json")


def test_one_name_in_two_shards_is_no_model(tmp_path: Path) -> None:
    put(tmp_path, one=safetensors(A), two=safetensors(A), **{"i.json": index(a="one", z="two")})
    assert isinstance(the_error(survey_tensors(tmp_path), "i.json"), MalformedError)


def test_external_data_are_hashed_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    where = external(location="data/w.bin", offset="4", length="24")
    again = external(location="./data/w.bin", offset="4")
    model = onnx(onnx_tensor("a", 1, (2, 3), where), onnx_tensor("b", 1, (6,), again))
    (tmp_path / "sub" / "m.onnx").write_bytes(model)
    (tmp_path / "sub" / "data").mkdir()
    (tmp_path / "sub" / "data" / "w.bin").write_bytes(b"skip" + FLOATS + b"rest")
    (found,) = survey_tensors(tmp_path).sets
    assert found.files == ("sub/m.onnx", "sub/data/w.bin")
    assert found.table.weights == table(safetensors(A | B)).weights


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (external(location="gone"), "are missing"),
        (external(location="w.bin", offset="8"), "ends before"),
        (external(location="w.bin", offset=str(1 << 62)), "ends before"),
    ],
)
def test_external_data_that_are_not_there_are_unchecked(
    tmp_path: Path, said: bytes, wrong: str
) -> None:
    model = onnx(onnx_tensor("w", 1, (6,), said))
    put(tmp_path, m=model, **{"w.bin": FLOATS})
    found = survey_tensors(tmp_path)
    assert not found.sets
    with pytest.raises(UncheckedError, match=wrong):
        raise the_error(found, "m")


def test_external_data_of_a_single_file_ask_for_the_folder(tmp_path: Path) -> None:
    model = onnx(onnx_tensor("w", 1, (6,), external(location="w.bin")))
    put(tmp_path, m=model, **{"w.bin": FLOATS})
    with pytest.raises(UncheckedError, match=r"w\.bin"):
        raise the_error(survey_tensors(tmp_path / "m"), ".")


def test_many_views_of_one_external_file_hit_a_bound(tmp_path: Path) -> None:
    """A small graph must not make a large file be hashed a thousand times."""
    views = [
        onnx_tensor(f"w{at}", 2, (5_000 - at,), external(location="w.bin", offset=str(at)))
        for at in range(100)
    ]
    put(tmp_path, m=onnx(*views), **{"w.bin": bytes(5_000)})
    with pytest.raises(MalformedError, match="overlap"):
        raise the_error(survey_tensors(tmp_path), "m")


def test_external_data_that_changed_since_they_were_read_are_refused(tmp_path: Path) -> None:
    artifact = open_artifact(put(tmp_path, w=FLOATS))
    wanted = [("w", ExternalTensor("w", "F32", (6,), "w", 0, 24))]
    with pytest.raises(FileChangedError):
        ExternalDigests.read(artifact, wanted, {"w": blake3(b"other").hexdigest()})


def test_a_file_that_lies_hides_no_other(tmp_path: Path) -> None:
    put(
        tmp_path,
        bad=safetensors(A) + b"x",
        good=safetensors(A),
        jit=archive(Member(b"m/data.pkl", b"N."), Member(b"m/constants.pkl", b"N.")),
        cut=gguf({"w": (0, (60,), FLOATS)}),
    )
    found = survey_tensors(tmp_path)
    assert [one.path for one in found.sets] == ["good"]
    kinds = {one.path: type(one.error) for one in found.unread}
    assert kinds == {"bad": MalformedError, "cut": UncheckedError, "jit": UnsupportedError}


def test_names_decide_nothing(tmp_path: Path) -> None:
    put(tmp_path, x__txt=safetensors(A), x__safetensors=b"words", x__gguf=npy("(6,)", FLOATS))
    found = {one.path: one.format for one in survey_tensors(tmp_path).sets}
    assert found == {"x.txt": "safetensors", "x.gguf": "npy"}


@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8),
    st.lists(st.integers(1, 64), min_size=1, max_size=8),
)
def test_ranges_have_the_digests_of_their_bytes_however_blocks_are_cut(
    data: bytes, spans: list[tuple[int, int]], cuts: list[int]
) -> None:
    ranges = [ByteRange(min(span), max(span)) for span in spans]
    sink, at, number = RangeSink(ranges), 0, 0
    while at < len(data):
        size = cuts[number % len(cuts)]
        sink.update(memoryview(data)[at : at + size])
        at, number = at + size, number + 1
    expected = {
        one: blake3(data[one.start : one.end]).hexdigest() for one in ranges if one.end <= len(data)
    }
    assert sink.hexdigests() == expected


def test_a_header_that_comes_in_single_bytes_is_the_same_header() -> None:
    from weightmark.scanners.tensors.safetensors import PassingSafetensors

    data = safetensors(A | {"e": ("F32", (0,), b"")} | B)
    passing = PassingSafetensors(len(data))
    for at in range(len(data)):
        passing.update(memoryview(data)[at : at + 1])
    names = {one.name: one.blake3 for one in passing.entries()}
    assert names["a"] == names["b"] == blake3(FLOATS).hexdigest()
    assert names["e"] == blake3(b"").hexdigest()
