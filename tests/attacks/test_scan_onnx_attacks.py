"""ONNX models that read files outside of their folder, call Python, or hide either."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import (
    onnx_graph,
    onnx_model,
    onnx_node,
    onnx_tensor,
    plain,
    sized,
    varint,
)
from tests.attacks.scan_builders import Member, archive, rules, scan
from weightmark.scanners.scan import Limits, Outcome

EVIL = onnx_tensor("../../../etc/passwd")
SPARSE = sized(1, EVIL) + sized(3, b"\1")
NODE = onnx_node("Relu")
GRAPH = onnx_graph(NODE, more=sized(5, EVIL))


def attribute(number: int, content: bytes, name: str = "value") -> bytes:
    return sized(1, name) + sized(number, content)


def nested(levels: int, inner: bytes) -> bytes:
    graph = inner
    for _ in range(levels):
        graph = onnx_graph(onnx_node("If", "", attribute(6, graph, "then_branch")))
    return graph


EXTERNAL = {
    "an initializer": onnx_model(GRAPH),
    "a sparse initializer": onnx_model(onnx_graph(NODE, more=sized(15, SPARSE))),
    "the indices of a sparse one": onnx_model(onnx_graph(NODE, more=sized(15, sized(2, EVIL)))),
    "an attribute": onnx_model(onnx_graph(onnx_node("Constant", "", attribute(5, EVIL)))),
    "a list of tensors": onnx_model(onnx_graph(onnx_node("C", "", attribute(10, EVIL)))),
    "a sparse attribute": onnx_model(onnx_graph(onnx_node("C", "", attribute(22, SPARSE)))),
    "a list of sparse ones": onnx_model(onnx_graph(onnx_node("C", "", attribute(23, SPARSE)))),
    "a branch": onnx_model(nested(1, GRAPH)),
    "a branch ten levels down": onnx_model(nested(10, GRAPH)),
    "a list of graphs": onnx_model(onnx_graph(onnx_node("C", "", attribute(11, GRAPH)))),
    "a function": onnx_model(
        onnx_graph(NODE),
        sized(25, sized(1, "F") + sized(7, onnx_node("C", "", attribute(5, EVIL)))),
    ),
    "a function's default": onnx_model(
        onnx_graph(NODE), sized(25, sized(1, "F") + sized(11, attribute(5, EVIL)))
    ),
    "training": onnx_model(onnx_graph(NODE), sized(20, sized(1, GRAPH))),
    "the training algorithm": onnx_model(onnx_graph(NODE), sized(20, sized(2, GRAPH))),
    "a second graph, which is merged": onnx_model(onnx_graph(NODE), sized(7, GRAPH)),
    "an empty graph before it": plain(1, 8) + sized(7, b"") + sized(7, GRAPH),
    "the graph before all else": sized(7, GRAPH) + plain(1, 8),
    "behind an unknown field": plain(99, 5) + onnx_model(GRAPH),
    "behind many unknown fields": plain(99, 5) * 5000 + onnx_model(GRAPH),
    "behind an unknown group": varint(98 << 3 | 3) + plain(1, 1) + varint(98 << 3 | 4) + onnx_model(GRAPH),
    "a number longer than it needs to be": b"\x88\x80\x00\x0a" + sized(7, GRAPH),
    "a second location": onnx_model(
        onnx_graph(
            NODE,
            more=sized(5, onnx_tensor("w.bin") + sized(13, sized(1, "location") + sized(2, "/etc/passwd"))),
        )
    ),
    "a location said twice": onnx_model(
        onnx_graph(NODE, more=sized(5, sized(13, sized(1, "location") + sized(2, "ok") + sized(2, "../no"))))
    ),
    "a backslash": onnx_model(onnx_graph(NODE, more=sized(5, onnx_tensor("..\\..\\secret")))),
    "an absolute path": onnx_model(onnx_graph(NODE, more=sized(5, onnx_tensor("/etc/shadow")))),
    "a URL": onnx_model(onnx_graph(NODE, more=sized(5, onnx_tensor("file:///etc/shadow")))),
    "a way out in the middle": onnx_model(
        onnx_graph(NODE, more=sized(5, onnx_tensor("a/../../b")))
    ),
    "an engine": onnx_model(
        onnx_graph(onnx_node("EPContext", "com.microsoft", attribute(4, b"/lib/x.so", "ep_cache_context")))
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EXTERNAL)
def test_external_data_that_leave_the_folder(case: str) -> None:
    assert "ONX001" in rules(EXTERNAL[case]), scan(EXTERNAL[case])


PYTHON = {
    "language interop": onnx_model(onnx_graph(onnx_node("PyOp", "pyop"))),
    "in ONNX Runtime's own domain": onnx_model(onnx_graph(onnx_node("PythonOp", "com.microsoft"))),
    "extensions": onnx_model(onnx_graph(onnx_node("PyCustomOp", "ai.onnx.contrib"))),
    "in a branch": onnx_model(nested(3, onnx_graph(onnx_node("PyOp", "x")))),
    "in a function": onnx_model(onnx_graph(NODE), sized(25, sized(7, onnx_node("PyOp", "x")))),
}


@pytest.mark.parametrize("case", PYTHON)
def test_operators_that_import_python(case: str) -> None:
    assert "ONX002" in rules(PYTHON[case])


def test_unknown_domain_is_low_and_a_function_of_the_model_is_not() -> None:
    custom = onnx_model(onnx_graph(onnx_node("Thing", "my.domain")))
    assert rules(custom) == {"ONX003"}
    function = sized(25, sized(1, "Thing") + sized(7, NODE) + sized(10, "my.domain"))
    assert rules(custom + function) == set()


def test_nesting_beyond_what_parsers_take_is_unchecked() -> None:
    found = scan(onnx_model(nested(60, GRAPH)))
    assert found.problems
    assert found.outcome is not Outcome.CLEAN


def test_more_fields_than_the_budget_is_unchecked() -> None:
    data = onnx_model(onnx_graph(*[NODE] * 2000))
    found = scan(data, Limits(fields=500))
    assert found.outcome is Outcome.UNCHECKED
    assert scan(data).outcome is Outcome.CLEAN


def test_inside_a_zip_and_compressed_it_is_the_same() -> None:
    for method in (0, 8):
        data = archive(Member(b"model.onnx", EXTERNAL["a branch"], method=method))
        assert "ONX001" in rules(data)


def test_cut_off_is_never_clean() -> None:
    whole = EXTERNAL["an initializer"]
    for size in range(len(whole) // 2, len(whole)):
        assert scan(whole[:size]).outcome is not Outcome.CLEAN


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_damage_ends_in_a_result(noise: bytes, at: int) -> None:
    whole = onnx_model(GRAPH)
    scan(whole[:at] + noise + whole[at + len(noise) :])
