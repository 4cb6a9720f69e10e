"""Every bound: when it is hit, the file could not be checked, and the report says which bound it was."""

import gzip
import json
import pickle
import struct
from dataclasses import fields
from pathlib import Path

import pytest

from tests.attacks.model_builders import onnx_graph, onnx_model, onnx_node
from tests.attacks.scan_builders import EVIL, STATE_DICT, Member, archive, safetensors, scan
from weightmark.errors import CallError
from weightmark.scanners.scan import Limits, Outcome

NESTED = (
    b"\x80\x04ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", 600) + bytes(600) + b"\x85R."
)
GAP = archive(Member(b"a", STATE_DICT), prefix=bytes(5000))
HITS = {
    "opcodes": ("pickle opcodes", b"\x80\x02" + b"N0" * 500 + b"N."),
    "memo": ("entries in a pickle's memo", b"\x80\x04N" + b"\x94" * 500 + b"."),
    "stack": ("values on a pickle's stack", b"\x80\x04" + b"N" * 500 + b"."),
    "streams": ("pickles in a row", b"\x80\x02N." * 500),
    "members": ("container members", archive(*(Member(b"%d" % n, b"") for n in range(500)))),
    "decompressed": ("bytes after decompression", gzip.compress(bytes(5000))),
    "directory": ("the zip directory is over", archive(*(Member(b"%d" % n, b"") for n in range(99)))),
    "gaps": ("bytes lie between zip members", GAP),
    "nested": ("a nested file is over", NESTED),
    "header": ("the safetensors header is over", safetensors({"a" * 500: {}})),
    "document": ("the JSON document is over", json.dumps({"auto_map": {"a": "b" * 500}}).encode()),
    "fields": ("records", onnx_model(onnx_graph(*[onnx_node("Relu")] * 500))),
    "ratio": ("grows more than", gzip.compress(bytes(4 << 20))),
    "template": ("is over", json.dumps({"chat_template": "{{ x }}" * 100}).encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", HITS)
def test_a_hit_is_unchecked_and_named(name: str) -> None:
    words, data = HITS[name]
    found = scan(data, Limits.of({name: 400}))
    named = [problem for problem in found.problems if words in problem]
    assert any(problem.endswith(f"(limit `{name}`)") for problem in named), found
    assert found.outcome is not Outcome.CLEAN
    assert not any(words in problem for problem in scan(data).problems)


def test_containers_in_containers_hit_a_limit_that_is_named() -> None:
    data = EVIL
    for _ in range(4):
        data = archive(Member(b"a", data))
    found = scan(data, Limits(depth=2))
    assert any("(limit `depth`)" in problem for problem in found.problems)
    assert found.outcome is not Outcome.CLEAN
    assert "PKL001" in {finding.rule for finding in scan(data).findings}


def test_the_page_lists_every_limit_and_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats" / "scanning.md").read_text()
    for field in fields(Limits):
        assert f"\n| `{field.name}` | {field.default:.0f} | " in page, field.name


def test_marks_count_as_values_on_the_stack() -> None:
    data = b"\x80\x04" + b"(" * 500 + b"N."
    assert any("marks" in problem for problem in scan(data, Limits(stack=400)).problems)


def test_what_was_found_before_a_limit_is_kept() -> None:
    data = EVIL[:-1] + b"N0" * 500 + b"."
    found = scan(data, Limits(opcodes=100))
    assert {finding.rule for finding in found.findings} == {"PKL001"}
    assert found.problems


def test_time_is_a_limit_for_pickles_and_containers() -> None:
    for data in (pickle.dumps(list(range(300_000))), archive(Member(b"a", STATE_DICT))):
        found = scan(data, Limits(seconds=1e-9))
        assert any("took more than" in problem for problem in found.problems)


def test_a_policy_names_limits_by_their_fields() -> None:
    assert Limits.of({}) == Limits.default()
    assert Limits.of({"seconds": 0.5, "depth": 2}) == Limits(seconds=0.5, depth=2)
    assert all(isinstance(field.default, (int, float)) for field in fields(Limits))


@pytest.mark.parametrize(
    "document",
    [
        {"opcode": 1},
        {"opcodes": 0},
        {"opcodes": -1},
        {"opcodes": True},
        {"opcodes": 1.5},
        {"opcodes": "9"},
        {"seconds": float("inf")},
        {"seconds": float("nan")},
        {"findings": None},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(CallError):
        Limits.of(document)
