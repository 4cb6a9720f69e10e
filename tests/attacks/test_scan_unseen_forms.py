"""Attacks that were called clean, or went unread, until somebody thought of them."""

import json

import pytest

from tests.attacks.model_builders import msg_map, sized, tf_const, tf_graph, tf_node
from tests.attacks.scan_builders import EVIL, Member, archive, scan
from tests.fuzz.scan_seeds import packed
from weightmark.errors import Exit
from weightmark.scanners.scan import FileScan, Outcome, ScanReport, Severity


def _rules(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


def _is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


def function(name: str, *nodes: bytes) -> bytes:
    """A function of one parameter `a`."""
    return sized(1, sized(1, name) + sized(2, sized(1, "a"))) + b"".join(sized(3, n) for n in nodes)


SAVE = function("inner", tf_node("SaveV2", "s", ["a"]))
OUTER = function("outer", tf_node("inner", "c", ["a"]))
BY_ATTRIBUTE = function(
    "outer", tf_node("PartitionedCall", "c", ["a"], f=sized(10, sized(1, "inner")))
)
DEEP = [
    function("f0", tf_node("SaveV2", "s", ["a"])),
    *(function(f"f{n}", tf_node(f"f{n - 1}", "c", ["a"])) for n in range(1, 20)),
]
GRAPHS = {
    "through two functions": tf_graph(
        tf_const("p", "/etc/cron.d/x"), tf_node("outer", "c", ["p"]), functions=[SAVE, OUTER]
    ),
    "in another order": tf_graph(
        tf_const("p", "/etc/cron.d/x"), tf_node("outer", "c", ["p"]), functions=[OUTER, SAVE]
    ),
    "by an attribute": tf_graph(
        tf_const("p", "/etc/cron.d/x"), tf_node("outer", "c", ["p"]), functions=[SAVE, BY_ATTRIBUTE]
    ),
    "through twenty functions": tf_graph(
        tf_const("p", "/etc/cron.d/x"), tf_node("f19", "c", ["p"]), functions=DEEP
    ),
    "from inside of a function": tf_graph(
        tf_node("start", "c"),
        functions=[
            SAVE,
            OUTER,
            sized(1, sized(1, "start"))
            + sized(3, tf_const("p", "/etc/x"))
            + sized(3, tf_node("outer", "c", ["p"])),
        ],
    ),
    "as text": b'node { name: "p" op: "Const" attr { key: "value" value { tensor { string_val: "/etc/x" } } } }'
    b'node { name: "c" op: "outer" input: "p" } library {'
    b'function { signature { name: "inner" input_arg { name: "a" } } node_def { name: "s" op: "SaveV2" input: "a" } }'
    b'function { signature { name: "outer" input_arg { name: "a" } } node_def { name: "c" op: "PartitionedCall" input: "a"'
    b' attr { key: "f" value { func { name: "inner" } } } } } }',
}  # fmt: skip


@pytest.mark.parametrize("case", GRAPHS)
def test_path_that_goes_through_functions(case: str) -> None:
    found = scan(GRAPHS[case])
    assert "TFG004" in _rules(found), found
    assert _is_refused(found)


def test_functions_that_call_each_other_end() -> None:
    loop = [function("f", tf_node("g", "c", ["a"])), function("g", tf_node("f", "c", ["a"]))]
    assert scan(tf_graph(tf_node("f", "c", ["x"]), functions=loop)).outcome is Outcome.CLEAN


CODEC = '{"zarr_format": 2, "filters": [{"id": "pickle"}], "dtype": "|O", "shape": [1]}'
ZARR = {
    "UTF-8 with a mark": (".zarray", CODEC.encode("utf-8-sig")),
    "UTF-16": (".zarray", CODEC.encode("utf-16")),
    "UTF-16 under another name": ("m", CODEC.encode("utf-16-le")),
    "an escaped key": (".zarray", CODEC.replace("zarr_format", "\\u007aarr_format").encode()),
    "an escaped codec": (".zarray", CODEC.replace('"id"', '"\\u0069d"').encode()),
    "consolidated metadata": (
        ".zmetadata",
        json.dumps({"metadata": {"a/.zarray": json.loads(CODEC)}}).encode(),
    ),
}


@pytest.mark.parametrize("case", ZARR)
def test_codec_that_unpickles_in_any_spelling(case: str) -> None:
    name, data = ZARR[case]
    assert "ZAR001" in _rules(scan(data, name=name))


def test_manifest_of_a_package_with_a_mark_before_it() -> None:
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"a": {"path": "../../x"}}}
    found = scan(json.dumps(manifest).encode("utf-8-sig"), name="Manifest.json")
    assert "CML002" in _rules(found)


@pytest.mark.parametrize("name", ["hostile-table.parquet", "hostile-file.arrow", "hostile-stream.arrow"])  # fmt: skip
def test_type_that_pyarrow_unpickled(name: str) -> None:
    data = packed("exchange.zip")[name]
    for found in (scan(data), scan(archive(Member(b"data", data, method=8)))):
        assert "ARW001" in _rules(found), found
        assert _is_refused(found)


def test_archive_that_the_real_archiver_made_with_a_handler_of_its_own() -> None:
    found = scan(packed("exchange.zip")["hostile.mar"], name="hostile.mar")
    assert "MAR001" in _rules(found)
    assert _is_refused(found)


@pytest.mark.parametrize("splits", [["train", "../../evil"], ["/etc"], [["~/x"]]])
def test_splits_of_a_dataset_that_lie_outside(splits: list[object]) -> None:
    found = scan(json.dumps({"splits": splits}).encode(), name="data/dataset_dict.json")
    assert "REP004" in _rules(found)
    assert not scan(b'{"splits": ["train", "test"]}', name="dataset_dict.json").findings


def test_pickle_in_an_extension_of_message_pack() -> None:
    for code in (b"\x01", b"\x2a"):
        data = msg_map(a=b"\xc7" + bytes([len(EVIL)]) + code + EVIL)
        assert "PKL001" in _rules(scan(data))


def operation(name: object) -> FileScan:
    layer = {"class_name": "TFOpLambda", "config": {"name": "x", "function": name}}
    model = {"class_name": "Functional", "config": {"layers": [layer]}}
    return scan(json.dumps(model).encode(), name="model.json")


@pytest.mark.parametrize(
    "name",
    [
        "io.write_file",
        "io.read_file",
        "raw_ops.PyFunc",
        "numpy_function",
        "compat.v1.py_func",
        "load_op_library",
        "keras.utils.get_file",
        "saved_model.load",
        "data.Dataset.list_files",
        "strings.__init__",
        7,
    ],
)
def test_keras_layer_that_calls_tensorflow_by_name(name: object) -> None:
    found = operation(name)
    assert "KER002" in _rules(found)
    assert _is_refused(found)


@pytest.mark.parametrize(
    "name", ["math.add", "nn.relu", "__operators__.add", "reshape", "compat.v1.nn.conv2d", "cast"]
)
def test_keras_layer_that_computes_is_no_finding(name: str) -> None:
    assert not operation(name).findings
