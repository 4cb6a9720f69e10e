"""The bounded readers of encodings: any bytes give a value or an error of the tree."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import flat_table, msg_map, plain, sized, tflite
from weightmark.errors import LimitError, MalformedError, UncheckedError
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.operators.tensorflow import Reach, reach
from weightmark.scanners.wire.flatbuffers import root_table
from weightmark.scanners.wire.msgpack import values
from weightmark.scanners.wire.protobuf import Message, probe
from weightmark.scanners.wire.protobuf_text import parse_text
from weightmark.scanners.wire.ubjson import end_of_value
from weightmark.scanners.wire.window import Window

EXPECTED = (MalformedError, UncheckedError)


def budget() -> Budget:
    return Budget(Limits(fields=10_000))


def message(data: bytes) -> Message:
    return Message.whole(MemoryView(data), budget())


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 2**64 - 1))))
def test_protobuf_numbers_are_read_back(fields: list[tuple[int, int]]) -> None:
    data = b"".join(plain(number, value) for number, value in fields)
    assert [(one.number, one.value) for one in message(data).fields()] == fields


@given(st.lists(st.tuples(st.integers(1, 500), st.binary(max_size=50))))
def test_protobuf_bytes_are_read_back(fields: list[tuple[int, bytes]]) -> None:
    read = message(b"".join(sized(number, value) for number, value in fields))
    assert [(one.number, read.data(one, 50)) for one in read.fields()] == fields


@pytest.mark.parametrize("data", [b"\x00\x01", b"\x0f", b"\x0a\x05a", b"\x08", b"\x0b", b"\x0c", b"\x80" * 11, b"\x0b" * 200])  # fmt: skip
def test_protobuf_that_no_parser_takes(data: bytes) -> None:
    with pytest.raises(MalformedError):
        list(message(data).fields())
    assert not probe(MemoryView(data)).sound


def test_protobuf_budget() -> None:
    with pytest.raises(LimitError):
        list(message(plain(1, 1) * 20_000).fields())


@given(st.binary(max_size=300))
def test_any_bytes_as_protobuf(data: bytes) -> None:
    probe(MemoryView(data))
    with contextlib.suppress(*EXPECTED):
        list(message(data).fields())


@given(st.binary(max_size=300))
def test_any_bytes_as_message_pack(data: bytes) -> None:
    try:
        found = list(values(Window(MemoryView(data)), budget(), 0, len(data)))
    except EXPECTED:
        return
    assert found[-1].kind == "end"
    assert found[-1].start <= len(data)


@given(st.binary(max_size=300), st.sampled_from([b"{", b"[", b"[$", b"[#", b"{#"]))
def test_any_bytes_as_ubjson(data: bytes, start: bytes) -> None:
    try:
        end = end_of_value(Window(MemoryView(start + data)), budget(), 0)
    except EXPECTED:
        return
    assert 0 < end <= len(start) + len(data)


@given(st.binary(max_size=300))
def test_any_bytes_as_flatbuffers(data: bytes) -> None:
    try:
        table = root_table(Window(MemoryView(data)), budget())
        for field in range(4):
            table.number(field, 4)
            table.text(field)
            table.tables(field)
    except EXPECTED:
        pass


@given(st.text(alphabet='node{}:"op#\\x [],<>\n', max_size=60))
def test_any_text_as_protobuf_text(text: str) -> None:
    with contextlib.suppress(*EXPECTED):
        parse_text(text, budget())


def test_what_the_encodings_hold() -> None:
    table = root_table(Window(MemoryView(tflite("Custom"))), budget())
    assert [code.text(1) for code in table.tables(1)] == ["Custom"]
    assert flat_table({})[:2] == b"\x04\0"
    kinds = [one.kind for one in values(Window(MemoryView(msg_map(a=b"\x01"))), budget(), 0, 4)]
    assert kinds == ["map", "text", "plain", "end"]
    text = parse_text('a { b: "x" "y" } # end', budget())
    assert [one.text("b") for one in text.all("a")] == ["xy"]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("Relu", Reach.PLAIN),
        ("SaveV2", Reach.PATHS),
        ("WriteFile", Reach.FILES),
        ("EagerPyFunc", Reach.CODE),
        ("Examples>WriteFile", Reach.FILES),
        ("relu", Reach.UNKNOWN),
        ("", Reach.UNKNOWN),
    ],
)
def test_operators_by_exact_name(operator: str, expected: Reach) -> None:
    assert reach(operator) is expected
