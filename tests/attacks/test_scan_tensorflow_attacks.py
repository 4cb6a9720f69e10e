"""TensorFlow graphs that touch files, processes or Python, wherever such an operator can stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import (
    meta_graph,
    plain,
    saved_model,
    sized,
    tf_const,
    tf_function,
    tf_graph,
    tf_node,
)
from tests.attacks.scan_builders import rules, scan
from weightmark.scanners.scan import Outcome

OPEN = tf_node("Placeholder", "x")
FILES = [
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "WholeFileReaderV2",
    "TFRecordDataset",
    "TextLineDataset",
    "SqlDataset",
    "SaveDatasetV2",
    "LoadDataset",
    "SnapshotDatasetV2",
    "CreateSummaryFileWriter",
    "DebugIdentityV2",
    "FileSystemSetConfiguration",
    "ImmutableConst",
    "RpcCall",
    "DataServiceDatasetV4",
    "Abort",
]
CODE = ["PyFunc", "PyFuncStateless", "EagerPyFunc", "LoadLibrary", "XlaCustomCallV2", "DatasetFromGraph"]  # fmt: skip


def wrapped(node: bytes) -> dict[str, bytes]:
    graph = tf_graph(OPEN, node)
    library = tf_graph(OPEN, functions=[tf_function("f", OPEN), tf_function("g", node)])
    return {
        "graph": graph,
        "library": library,
        "only a library": meta_graph(tf_graph(functions=[tf_function("f", node)])),
        "meta graph": meta_graph(graph),
        "saved model": saved_model(meta_graph(graph)),
        "its library": saved_model(meta_graph(library)),
        "second meta graph": saved_model(meta_graph(tf_graph(OPEN)), meta_graph(graph)),
        "second graph, merged": saved_model(meta_graph(tf_graph(OPEN), sized(2, graph))),
        "no schema version": sized(2, meta_graph(graph)),
        "unknown field first": plain(77, 1) + saved_model(meta_graph(graph)),
        "unknown field in a node": tf_graph(OPEN, plain(55, 1) + node),
    }


@pytest.mark.parametrize("operator", FILES)
def test_operators_that_reach_files_or_processes(operator: str) -> None:
    for where, data in wrapped(tf_node(operator)).items():
        assert "TFG001" in rules(data), (where, scan(data))


@pytest.mark.parametrize("operator", CODE)
def test_operators_that_call_python_or_native_code(operator: str) -> None:
    for where, data in wrapped(tf_node(operator)).items():
        assert "TFG002" in rules(data), where


def test_too_many_unknown_fields_before_the_graph_are_unchecked() -> None:
    graph = saved_model(meta_graph(tf_graph(OPEN, tf_node("WriteFile"))))
    assert scan(plain(77, 1) * 120_000 + graph).outcome is Outcome.FINDINGS
    assert scan(plain(77, 1) * 600_000 + graph).outcome is Outcome.UNCHECKED


def test_operator_said_twice_counts_as_the_last() -> None:
    data = tf_graph(OPEN, sized(1, "n") + sized(2, "Identity") + sized(2, "WriteFile"))
    assert "TFG001" in rules(data)


PATHS = {
    "saves to a constant path": tf_graph(tf_const("p", "out"), tf_node("SaveV2", "s", ["p", "x"])),
    "saves outside": tf_graph(tf_const("p", "/etc/cron.d/x"), tf_node("SaveV2", "s", ["p"])),
    "saves outside, joined": tf_graph(
        OPEN,
        tf_const("p", "../../.bashrc"),
        tf_node("StringJoin", "j", ["x", "p"]),
        tf_node("ShardedFilename", "f", ["j"]),
        tf_node("SaveV2", "s", ["f"]),
    ),
    "saves outside, passed on": tf_graph(
        tf_const("p", "/etc/x"),
        tf_node("PlaceholderWithDefault", "d", ["p"]),
        tf_node("Identity", "i", ["d:0"]),
        tf_node("SaveV2", "s", ["i"]),
    ),
    "restores from outside": tf_graph(
        tf_const("p", "/etc/passwd"), tf_node("RestoreV2", "s", ["p", "x"])
    ),
    "saves to a computed path": tf_graph(
        tf_const("p", "L2V0Yy94"),
        tf_node("DecodeBase64", "d", ["p"]),
        tf_node("SaveV2", "s", ["d"]),
    ),
    "saves outside, the path packed": tf_graph(
        tf_node("Const", "p", value=sized(8, plain(1, 7) + sized(4, b"\x06/etc/x"))),
        tf_node("SaveV2", "s", ["p"]),
    ),
    "saves outside through a function": tf_graph(
        tf_const("p", "/etc/cron.d/x"),
        tf_node("StatefulPartitionedCall", "c", ["x", "p"], f=sized(10, sized(1, "save"))),
        functions=[
            sized(1, sized(1, "save") + sized(2, sized(1, "a")) + sized(2, sized(1, "b")))
            + sized(3, tf_node("SaveV2", "s", ["b"]))
        ],
    ),
    "saves outside through a call by name": tf_graph(
        tf_const("p", "/etc/cron.d/x"),
        tf_node("save", "c", ["p"]),
        functions=[
            sized(1, sized(1, "save") + sized(2, sized(1, "b")))
            + sized(3, tf_node("SaveV2", "s", ["b"]))
        ],
    ),
    "merges outside": tf_graph(
        OPEN, tf_const("p", "/etc/x"), tf_node("MergeV2Checkpoints", "s", ["x", "p"])
    ),
    "table from outside": tf_graph(
        tf_const("p", "/etc/passwd"),
        tf_node("InitializeTableFromTextFileV2", "t", ["h", "p"]),
    ),
    "cache": tf_graph(tf_const("p", "/tmp/x"), tf_node("CacheDataset", "c", ["d", "p"])),
    "print to a file": tf_graph(OPEN, tf_node("PrintV2", "p", ["x"], output_stream="file:///x")),
    "descriptors from a file": tf_graph(
        OPEN, tf_node("DecodeProtoV2", "p", ["x"], descriptor_source="/etc/passwd")
    ),
    "an asset": saved_model(meta_graph(tf_graph(OPEN), sized(6, sized(2, "../../etc/passwd")))),
    "TFLite's flex in TensorFlow": tf_graph(tf_node("WriteFile", "w")),
}


@pytest.mark.parametrize("case", PATHS)
def test_paths_that_a_graph_brings_along(case: str) -> None:
    assert {"TFG001", "TFG004"} & rules(PATHS[case]), scan(PATHS[case])


def test_a_path_that_the_caller_gives_is_no_finding() -> None:
    graph = tf_graph(
        OPEN,
        tf_const("c", ".part"),
        tf_node("StringJoin", "j", ["x", "c"]),
        tf_node("SaveV2", "s", ["j"]),
        tf_node("RestoreV2", "r", ["x"]),
        tf_node("PrintV2", "p", ["x"], output_stream="stderr"),
        tf_node("DecodeProtoV2", "d", ["x"], descriptor_source="local://"),
    )
    assert scan(graph).outcome is Outcome.CLEAN


def test_an_asset_feeds_the_path_of_its_table() -> None:
    graph = tf_graph(
        tf_const("p", "/home/user/vocabulary.txt"),
        tf_node("InitializeTableFromTextFileV2", "t", ["h", "p"]),
    )
    asset = sized(6, sized(1, sized(1, "p:0")) + sized(2, "vocabulary.txt"))
    assert scan(saved_model(meta_graph(graph, asset))).outcome is Outcome.CLEAN
    assert "TFG004" in rules(saved_model(meta_graph(graph)))


def test_unknown_operators_are_low_and_functions_are_not_operators() -> None:
    assert rules(tf_graph(OPEN, tf_node("MyOwnOp"))) == {"TFG003"}
    assert rules(tf_graph(OPEN, tf_node("__inference_f_12"))) == set()
    calls = tf_graph(OPEN, tf_node("Twice"), functions=[tf_function("Twice", OPEN)])
    assert rules(calls) == set()


def test_a_function_named_like_a_dangerous_operator_hides_nothing() -> None:
    data = tf_graph(OPEN, tf_node("WriteFile"), functions=[tf_function("WriteFile", OPEN)])
    assert "TFG001" in rules(data)


LAMBDA = (
    '{"class_name": "Functional", "config": {"layers": [{"class_name": "Lambda", '
    '"config": {"name": "l", "function": ["4wAA", null, null]}}]}}'
)


def test_keras_metadata_with_a_lambda() -> None:
    node = plain(2, 0) + sized(3, "root") + sized(4, "_tf_keras_network") + sized(5, LAMBDA)
    assert "KER001" in rules(sized(1, node))


def test_keras_metadata_in_the_objects_of_a_saved_model() -> None:
    user = sized(1, "_tf_keras_layer") + sized(3, LAMBDA)
    objects = sized(7, sized(1, sized(4, user)))
    assert "KER001" in rules(saved_model(meta_graph(tf_graph(OPEN), objects)))


def test_chunked_saved_model_is_unchecked() -> None:
    data = b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f" + bytes(8) + b"\x40" + bytes(100)
    assert scan(data).outcome is Outcome.UNCHECKED


def test_cut_off_is_never_clean() -> None:
    whole = tf_graph(OPEN, *[tf_node("Relu")] * 5, tf_node("WriteFile"))
    for size in range(20, len(whole)):
        assert scan(whole[:size]).outcome is not Outcome.CLEAN or whole[size:].startswith(b"\x0a")


@given(st.binary(max_size=100), st.integers(0, 200))
def test_any_damage_ends_in_a_result(noise: bytes, at: int) -> None:
    whole = saved_model(meta_graph(tf_graph(OPEN, tf_node("WriteFile"))))
    scan(whole[:at] + noise + whole[at + len(noise) :])


TEXT = {
    "graph": 'node { name: "w" op: "WriteFile" }',
    "saved model": 'saved_model_schema_version: 1 meta_graphs { graph_def { node { op: "WriteFile" } } }',
    "function": 'library { function { signature { name: "f" } node_def { op: "WriteFile" } } }',
    "angle brackets": 'node < name: "w" op: "WriteFile" >',
    "list": 'node: [ { op: "Relu" }, { op: "WriteFile" } ]',
    "pieces": 'node { op: "Write" "File" }',
    "pieces and a comment": 'node { op: # x\n "Write" # y\n \'File\' }',
    "escapes": 'node { op: "Write\\106ile" }',
    "more escapes": 'node { op: "Write\\x46ile" }',
    "comment first": '# a comment\n node { op: "WriteFile" }',
    "said twice": 'node { op: "Relu" op: "WriteFile" }',
    "no colon before a brace": 'node{name:"w"op:"WriteFile"}',
    "constant path": 'node { name: "p" op: "Const" attr { key: "value" value { tensor { string_val: "/etc/x" } } } } node { op: "SaveV2" input: "p" }',
    "asset": 'meta_graphs { asset_file_def { filename: "../../x" } }',
}  # fmt: skip


@pytest.mark.parametrize("case", TEXT)
def test_graphs_as_text(case: str) -> None:
    assert {"TFG001", "TFG004"} & rules(TEXT[case].encode()), scan(TEXT[case].encode())


def test_text_cut_off_or_nested_too_deeply_is_unchecked() -> None:
    whole = 'node { name: "x" op: "Relu" }'
    assert scan(whole.encode()).outcome is Outcome.CLEAN
    assert scan(whole[:-1].encode()).problems
    assert scan(("node { attr " * 1 + "{ x " * 200).encode()).problems
