"""Models for devices: TFLite, Core ML, compiled engines; Paddle programs; MessagePack weights."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import (
    msg_bin,
    msg_map,
    msg_text,
    plain,
    sized,
    tflite,
)
from tests.attacks.scan_builders import EVIL, Member, archive, rules, scan, worst
from weightmark.scanners.scan import Limits, Outcome, Severity


@pytest.mark.parametrize("name", ["FlexWriteFile", "FlexReadFile", "FlexSaveV2", "FlexTFRecordDataset"])  # fmt: skip
def test_tflite_that_touches_files_through_tensorflow(name: str) -> None:
    assert "TFG001" in rules(tflite("TFLite_Detection_PostProcess", name))


@pytest.mark.parametrize("name", ["FlexPyFunc", "FlexEagerPyFunc", "FlexXlaCustomCall"])
def test_tflite_that_calls_python_through_tensorflow(name: str) -> None:
    assert "TFG002" in rules(tflite(name))


def test_tflite_custom_operators_are_low_and_known_ones_clean() -> None:
    assert rules(tflite("MyOperator")) == {"TFL001"}
    assert scan(tflite("TFLite_Detection_PostProcess", "FlexRelu")).outcome is Outcome.CLEAN


def test_tflite_buffer_outside_of_the_file() -> None:
    outside = struct.pack("<Q", 1 << 40)
    data = tflite("FlexRelu", buffers=[{}])
    assert scan(data).outcome is Outcome.CLEAN
    wide = tflite("FlexRelu", buffers=[{1: outside}])
    assert "TFL002" in rules(wide)


@given(st.integers(0, 100), st.binary(min_size=1, max_size=4))
def test_tflite_damage_ends_in_a_result(at: int, noise: bytes) -> None:
    data = tflite("FlexWriteFile", "Other")
    found = scan(data[:at] + noise + data[at + len(noise) :])
    assert found.outcome in Outcome


def test_tflite_cut_off_is_never_clean() -> None:
    data = tflite("FlexRelu")
    for size in range(9, len(data)):
        assert scan(data[:size]).outcome is not Outcome.CLEAN, size


def coreml(number: int, content: bytes) -> bytes:
    return plain(1, 7) + sized(2, sized(100, b"")) + sized(number, content)


CUSTOM = sized(1, sized(1, "layer") + sized(500, sized(10, "MyClass")))
LINKED = sized(1, sized(1, sized(1, "../../other.mlmodelc")))


def program(path: str, operation: str = "const") -> bytes:
    value = sized(5, sized(1, path))
    one = sized(1, operation) + sized(5, sized(1, "val") + sized(2, value))
    block = sized(3, one)
    function = sized(3, sized(1, "CoreML7") + sized(2, block))
    return sized(2, sized(1, "main") + sized(2, function))


def pipeline(levels: int, inner: bytes) -> bytes:
    for _ in range(levels):
        inner = coreml(202, sized(1, inner))
    return inner


COREML = {
    "custom layer": ("CML001", coreml(500, CUSTOM)),
    "custom layer of a classifier": ("CML001", coreml(403, CUSTOM)),
    "custom model": ("CML001", coreml(555, sized(10, "MyModel"))),
    "in a pipeline": ("CML001", pipeline(3, coreml(303, CUSTOM))),
    "in a pipeline classifier": ("CML001", coreml(200, sized(1, sized(1, coreml(500, CUSTOM))))),
    "linked model outside": ("CML002", coreml(556, LINKED)),
    "linked model in a pipeline": ("CML002", pipeline(2, coreml(556, LINKED))),
    "weights outside": ("CML002", coreml(502, program("@model_path/../../secret"))),
    "weights at an absolute path": ("CML002", coreml(502, program("/etc/passwd"))),
    "custom operation": ("CML001", coreml(502, program("w.bin", "custom_op"))),
}


@pytest.mark.parametrize("case", COREML)
def test_coreml_parts_from_elsewhere(case: str) -> None:
    rule, data = COREML[case]
    assert rule in rules(data), scan(data)


def test_coreml_nested_beyond_the_bound_is_unchecked() -> None:
    assert scan(pipeline(80, coreml(500, CUSTOM))).problems


def test_coreml_package_path_that_leaves() -> None:
    entries = {"A": {"author": "com.apple", "name": "m", "path": "../../evil.mlmodel"}}
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries}
    assert "CML002" in rules(json.dumps(manifest).encode())
    entries["A"]["path"] = "com.apple.CoreML/model.mlmodel"
    assert "CML002" not in rules(json.dumps(manifest).encode())


@pytest.mark.parametrize("magic", [b"ftrt", b"RKNN\0\0\0\0", b"\x01HEF"])
def test_native_engines_are_named_and_low(magic: bytes) -> None:
    data = magic + bytes(200)
    assert rules(data) == {"NAT001"}
    assert worst(data) is Severity.LOW


def paddle(*operators: str) -> bytes:
    out = b"".join(sized(4, sized(3, name)) for name in operators)
    return sized(1, plain(1, 0) + plain(2, 0) + sized(3, sized(1, "x")) + out) + sized(
        4, plain(1, 0)
    )


@pytest.mark.parametrize("name", ["py_func", "save", "load_combine", "listen_and_serv"])
def test_paddle_operators_that_reach_out(name: str) -> None:
    assert "PDL001" in rules(paddle("feed", "relu", name))


def test_paddle_second_block_is_judged_and_an_honest_one_clean() -> None:
    assert "PDL001" in rules(paddle("relu") + paddle("py_func"))
    assert scan(paddle("feed", "conv2d", "fetch")).outcome is Outcome.CLEAN


def numpy_array(kind: str, data: bytes) -> bytes:
    return msg_map(nd=b"\xc3", type=msg_text("|O"), kind=msg_text(kind), data=msg_bin(data))


MESSAGE_PACK = {
    "an object array": ("MSG001", msg_map(w=numpy_array("O", EVIL))),
    "its pickle": ("PKL001", msg_map(w=numpy_array("O", EVIL))),
    "a pickle in bytes": ("PKL001", msg_map(a=msg_bin(EVIL))),
    "a pickle deep down": ("PKL001", msg_map(a=msg_map(b=msg_map(c=msg_bin(EVIL))))),
    "a pickle in a list": ("PKL001", msg_map(a=b"\x92\x01" + msg_bin(EVIL))),
    "another extension": ("MSG002", msg_map(a=b"\xc7\x02\x2aab")),
}


@pytest.mark.parametrize("case", MESSAGE_PACK)
def test_message_pack_with_objects(case: str) -> None:
    rule, data = MESSAGE_PACK[case]
    assert rule in rules(data), scan(data)
    assert rule in rules(archive(Member(b"flax_model.msgpack", data, method=8)))


def test_message_pack_nested_beyond_the_bound_or_cut_off_is_unchecked() -> None:
    deep = msg_bin(b"x")
    for _ in range(150):
        deep = b"\x91" + deep
    assert scan(msg_map(a=deep)).outcome is Outcome.UNCHECKED
    long = msg_map(a=b"\xdd" + struct.pack(">I", 5000) + bytes(5000))
    assert scan(long).outcome is Outcome.CLEAN
    assert scan(long[:-1]).outcome is Outcome.UNCHECKED
    assert scan(long, Limits(fields=100)).outcome is Outcome.UNCHECKED


@pytest.mark.parametrize("data", [b"ftrt is a word\n", b"tree of life\n", b"CBM1"])
def test_words_are_no_engine(data: bytes) -> None:
    assert "NAT001" not in rules(data)


@pytest.mark.parametrize("codec", ["pickle", "numcodecs.pickle"])
def test_zarr_chunks_that_are_pickles(codec: str) -> None:
    array = {"zarr_format": 2, "dtype": "|O", "filters": [{"id": codec}], "shape": [1]}
    assert "ZAR001" in rules(json.dumps(array).encode())
    array["filters"] = [{"id": "vlen-utf8"}]
    assert "ZAR001" not in rules(json.dumps(array).encode())
