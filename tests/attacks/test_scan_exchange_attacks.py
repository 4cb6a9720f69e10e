"""Models in the other forms of ONNX, boosted trees and array stores that lie or reach out."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import Flat, flatbuffer
from tests.attacks.scan_builders import EVIL, Member, archive, scan
from tests.fuzz.scan_seeds import packed
from weightmark.errors import Exit
from weightmark.scanners.scan import FileScan, Limits, Outcome, ScanReport, Severity

FILES = packed("exchange.zip")
ORT = FILES["onnxruntime.ort"]


def _rules(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


def _is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


def ort(*nodes: Flat, **graph: object) -> bytes:
    """An ONNX Runtime file whose graph has these nodes."""
    tensors = {0: graph["initializers"]} if "initializers" in graph else {}
    return flatbuffer(b"ORTM", {0: "6", 1: {7: {2: list(nodes), **tensors}}})


def node(operator: str, domain: str = "", *attributes: Flat) -> Flat:
    return {2: domain, 5: operator, 10: list(attributes)}


NESTED = node("If", "", {0: "then_branch", 7: {2: [node("PyOp", "com.microsoft")]}})
RUNTIME = {
    "a Python operator": ("ONX002", ort(node("Relu"), node("PyOp", "com.microsoft"))),
    "a Python operator in a branch": ("ONX002", ort(NESTED)),
    "a Python operator in one of several graphs": (
        "ONX002",
        ort(node("Scan", "", {12: [{2: []}, {2: [node("PythonOp")]}]})),
    ),
    "a Python operator in a real file": (
        "ONX002",
        ORT.replace(b"\x03\0\0\0Mul\0", b"\x04\0\0\0PyOp"),
    ),
    "an engine outside": (
        "ONX001",
        ort(node("EPContext", "com.microsoft", {0: "ep_cache_context", 5: "../../engine.bin"})),
    ),
}


@pytest.mark.parametrize("case", RUNTIME)
def test_onnx_runtime_file_that_reaches_out(case: str) -> None:
    rule, data = RUNTIME[case]
    found = scan(data)
    assert rule in _rules(found), found
    assert _is_refused(found)


def test_onnx_runtime_custom_operators_are_low_and_a_plain_file_is_clean() -> None:
    assert scan(ort(node("Relu"))).outcome is Outcome.CLEAN
    found = scan(ort(node("Custom", "my.domain")))
    assert (_rules(found), _is_refused(found)) == ({"ONX003"}, False)


def test_onnx_runtime_data_that_reach_over_the_end() -> None:
    whole = ort(node("Relu"), initializers=[{0: "w", 4: b"abcdefgh"}])
    assert scan(whole).outcome is Outcome.CLEAN
    at = whole.index(b"\x08\0\0\0abcdefgh")
    lying = whole[:at] + struct.pack("<I", 1 << 30) + whole[at + 4 :]
    assert "ONX005" in _rules(scan(lying))


def test_onnx_runtime_graphs_that_share_a_graph_end_soon() -> None:
    """Each level names the level below twice; walked naively that is 2**40 steps."""
    inner: Flat = {2: [node("Relu")]}
    for _ in range(14):
        inner = {2: [node("If", "", {7: inner}, {7: inner})]}
    data = flatbuffer(b"ORTM", {1: {7: inner}})
    assert scan(data, Limits(fields=10_000)).problems


def text(location: str, operator: str = "Relu") -> dict[str, bytes]:
    """A model in each form of text."""
    entry = {"key": "location", "value": location}
    tensor = {"name": "w", "externalData": [entry], "dataLocation": "EXTERNAL"}
    graph = {"node": [{"opType": operator}], "initializer": [tensor]}
    old = {
        "node": [{"op_type": operator}],
        "initializer": [{"name": "w", "external_data": [entry]}],
    }
    return {
        "JSON": json.dumps({"irVersion": "8", "graph": graph}).encode(),
        "JSON with the names of fields": json.dumps({"graph": old}).encode(),
        "JSON with the graph at the end": json.dumps({"x": "a" * 70_000, "graph": old}).encode(),
        "JSON with escapes": json.dumps({"graph": old})
        .replace("op_type", "\\u006fp_type")
        .replace("external_data", "extern\\u0061l_data")
        .encode(),
        "protobuf text": f'ir_version: 8 graph {{ node {{ op_type: "{operator}" }} '
        f'initializer {{ external_data {{ key: "location" value: "{location}" }} }} }}'.encode(),
        "protobuf text with a comment": f"# a model\ngraph < node <op_type: '{operator}'> "
        f"initializer <external_data <key: 'location', value: '{location}'>> >".encode(),
        "syntax": f'<ir_version: 8, opset_import: ["" : 18]>\ng (float[N] x) => (float[N] y)\n'
        f'<float[2] w = ["location": "{location}"]>\n{{ y = {operator} (x, w) }}\n'.encode(),
    }


@pytest.mark.parametrize("form", text(""))
@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "C:\\x", "file:///x"])
def test_onnx_as_text_with_data_outside(form: str, location: str) -> None:
    found = scan(text(location.replace("\\", "\\\\") if form == "syntax" else location)[form])
    assert "onnx-text" in found.formats, found
    assert "ONX001" in _rules(found), found
    assert _is_refused(found)


@pytest.mark.parametrize("form", text(""))
def test_onnx_as_text_with_python_operators(form: str) -> None:
    assert "ONX002" in _rules(scan(text("w.bin", "PyOp")[form]))
    assert scan(text("w.bin")[form]).outcome is Outcome.CLEAN


def test_onnx_as_text_inside_an_archive_is_the_same() -> None:
    data = archive(Member(b"m.json", text("../x")["JSON"], method=8))
    assert "ONX001" in _rules(scan(data))


def test_a_python_operator_in_a_text_or_comment_is_none() -> None:
    model = text("w.bin")["syntax"].replace(
        b"ir_version: 8", b'doc_string: "y = PyOp (x)", ir_version: 8'
    )
    assert scan(model).outcome is not Outcome.FINDINGS


STORES = [name for name in sorted(FILES) if name.startswith("ocdbt-plain") and b"d/" in FILES[name]]


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("path", [b"../", b"/et"])
def test_array_store_that_takes_data_from_outside(name: str, path: bytes) -> None:
    data = FILES[name]
    at = data.rindex(b"d/")
    found = scan(data[:at] + path + data[at + 3 :], name=name)
    assert "ZAR002" in _rules(found), found
    assert _is_refused(found)


def test_array_store_that_lies_about_its_size_or_is_cut_off_is_never_clean() -> None:
    for name in ("ocdbt-plain/manifest.ocdbt", "ocdbt-zstd/manifest.ocdbt"):
        data = FILES[name]
        assert scan(data, name=name).outcome is Outcome.CLEAN
        for size in range(12, len(data)):
            assert scan(data[:size], name=name).outcome is not Outcome.CLEAN, size
        assert scan(data + b"more", name=name).outcome is not Outcome.CLEAN


@pytest.mark.parametrize(
    "name", ["xgboost-dart.model", "xgboost-linear.model", "xgboost-tree.model"]
)
@pytest.mark.parametrize("magic", [b"", b"binf"])
def test_xgboost_binary_with_a_payload_behind_it_or_cut_off(name: str, magic: bytes) -> None:
    data = magic + FILES[name]
    assert scan(data).outcome is Outcome.CLEAN
    assert "PKL013" in _rules(scan(data + EVIL))
    for size in range(200, len(data), 3):
        found = scan(data[:size])
        assert found.problems, size
        assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.UNCHECKED


@pytest.mark.parametrize("count", [0x7FFFFFFF, 0xFFFFFFFF])
def test_xgboost_binary_with_more_trees_than_bytes(count: int) -> None:
    data = FILES["xgboost-tree.model"]
    at = data.index(b"gbtree") + len(b"gbtree")
    found = scan(data[:at] + struct.pack("<I", count) + data[at + 4 :])
    assert "BST001" in _rules(found)
    assert found.problems


LIGHTGBM = packed("models.zip")["lightgbm.txt"]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (b"num_leaves=2", b"num_leaves=2000000000"),
        (b"max_feature_idx=2", b"max_feature_idx=4294967295"),
        (b"tree_sizes=312 320 321", b"tree_sizes=312 320 99999999999"),
        (b"num_class=1", b"num_class=" + b"9" * 4000),
    ],
)
def test_lightgbm_that_counts_what_is_not_there(line: bytes, count: bytes) -> None:
    assert line in LIGHTGBM
    found = scan(LIGHTGBM.replace(line, count, 1))
    assert "BST001" in _rules(found)


def test_catboost_as_json_is_read_to_its_end() -> None:
    data = packed("models.zip")["catboost.json"]
    assert scan(data, name="catboost.json").outcome is Outcome.CLEAN
    assert scan(data[:-40], name="catboost.json").outcome is not Outcome.CLEAN
    hostile = json.dumps({**json.loads(data), "auto_map": {"AutoModel": "other/repo--m.C"}})
    assert "REP001" in _rules(scan(hostile.encode(), name="model.json"))


_SOURCES = [ORT, *text("w").values(), *(FILES[name] for name in sorted(FILES))]


@given(st.sampled_from(_SOURCES), st.integers(0, 3000), st.binary(max_size=20))
def test_any_damage_ends_in_an_answer(data: bytes, at: int, noise: bytes) -> None:
    found = scan(data[:at] + noise + data[at + len(noise) :])
    assert found.outcome is not Outcome.CLEAN or not found.problems
