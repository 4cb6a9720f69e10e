"""What ONNX Runtime, OpenVINO, TorchServe, MLflow, TensorStore and others really write is clean."""

import ctypes

import pytest
from safetensors import TensorSpec, serialize

from tests.attacks.scan_builders import Member, archive, scan
from tests.fuzz.scan_seeds import packed
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.scan import Outcome
from weightmark.scanners.tensors.catalogue import read_content
from weightmark.scanners.tensors.digests import table_of
from weightmark.scanners.tensors.interface import FileContent

ALL = packed("exchange.zip")
DATA = {name: data for name, data in ALL.items() if name.startswith("pyarrow-")}
"""files in which nothing is looked for but one type"""
FILES = {
    name: data for name, data in ALL.items() if name not in DATA and not name.startswith("hostile")
}
WORDS = {
    "mlflow": "yaml-config",
    "ocdbt": "ocdbt",
    "onnx-sparse": "onnx",
    "onnx-text": "onnx-text",
    "onnxruntime": "onnx-runtime",
    "openvino": "openvino",
    "torchserve": "torchserve",
    "xgboost": "xgboost-binary",
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_files_of_the_real_library_are_clean(name: str) -> None:
    found = scan(FILES[name], name=name)
    assert (found.outcome, found.findings) == (Outcome.CLEAN, ()), found
    word = next(word for start, word in WORDS.items() if name.startswith(start))
    assert word in found.formats


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "int64", "float8_e4m3fn"])
def test_what_the_library_of_safetensors_writes_is_clean(dtype: str) -> None:
    width = {"float32": 4, "bfloat16": 2, "int64": 8}.get(dtype, 1)
    buffer = ctypes.create_string_buffer(bytes(width * 6))
    start = ctypes.addressof(buffer)
    tensors = {
        name: TensorSpec(dtype=dtype, shape=shape, data_ptr=start, data_len=width * count)
        for name, shape, count in (("a.b", [2, 3], 6), ("none", [0, 4], 0), ("one", [], 1))
    }
    data = bytes(serialize(tensors, {"format": "pt", "é": "text"}))
    found = scan(data)
    assert (found.outcome, found.findings, found.formats) == (Outcome.CLEAN, (), ("safetensors",))


@pytest.mark.parametrize("name", sorted(DATA))
def test_data_of_the_real_library_are_listed(name: str) -> None:
    found = scan(DATA[name], name=name)
    assert (found.outcome, found.findings, found.problems) == (Outcome.UNSUPPORTED, (), ())


@pytest.mark.parametrize("method", [0, 8])
def test_files_in_an_archive_are_clean(method: int) -> None:
    members = [Member(name.encode(), data, method=method) for name, data in sorted(FILES.items())]
    assert scan(archive(*members), name="models.zip").outcome is Outcome.CLEAN


def test_sparse_tensors_of_onnx_are_weights_with_the_shape_that_they_stand_for() -> None:
    found = read_content(MemoryView(FILES["onnx-sparse.onnx"]))
    assert found is not None
    content = found[1]
    assert isinstance(content, FileContent)
    rows = {one.name: (one.dtype, one.shape) for one in table_of(content.tensors).entries}
    assert rows["s:values of 3x4"] == ("F32", (2,))
    assert rows["s:indices"] == ("I64", (2,))
    assert len(rows) == 4
