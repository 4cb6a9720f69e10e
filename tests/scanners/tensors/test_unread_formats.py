"""No file that may hold weights is passed over in silence, in whatever order it is written."""

import json
import struct
from pathlib import Path

import pytest

from tests.attacks.scan_builders import Member, archive
from tests.scanners.tensors.weights import (
    FLOATS,
    field,
    npy,
    onnx,
    onnx_tensor,
    plain,
    safetensors,
    table,
)
from weightmark.errors import LimitError, MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.tensors.catalogue import may_hold_tensors, read_content
from weightmark.scanners.tensors.files import TensorWatcher
from weightmark.scanners.tensors.interface import HEAD
from weightmark.scanners.tensors.survey import survey_tensors

MODEL = onnx(onnx_tensor("w", 1, (2, 3), field(9, FLOATS)))
FIRST = {
    "an unknown field": b"\x9a\x06\x00",
    "a function": b"\xca\x01\x00",
    "a number that nobody knows": field(500, 7),
    "a group": b"\xfb\x01\xfc\x01",
    "a key that is longer than it needs to be": b"\x88\x80\x00\x08",
    "training": b"\xa2\x01\x00",
}


@pytest.mark.parametrize("name", FIRST)
def test_a_model_is_read_whatever_field_comes_first(name: str) -> None:
    data = FIRST[name] + MODEL
    assert may_hold_tensors(data[:HEAD])
    assert table(data).weights == plain().weights


def test_a_graph_behind_too_many_fields_is_unchecked_and_not_absent() -> None:
    junk = b"".join(field(number, 0) for number in range(100, 100 + 64)) * 8000
    with pytest.raises(LimitError):
        read_content(MemoryView(junk + MODEL))


UNREAD = {
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(600),
    "pickle": b"\x80\x04}\x94\x8c\x01a]\x94s.",
    "pickle, protocol 0": b"(dp0\nS'a'\np1\n(lp2\ns.",
    "msgpack": b"\x81\xa1a\x01",
    "msgpack, 16 bits": b"\xde\x00\x01\xa1a\x01",
    "tflite": b"\x1c\x00\x00\x00TFL3" + bytes(40),
    "a zip": archive(Member(b"model.weights.h5", b"x")),
    "a tar": bytes(257) + b"ustar" + bytes(250),
    "gzip": b"\x1f\x8b\x08" + bytes(20),
    "saved model": field(1, 1) + field(2, field(1, b"x")),
    "tensorflow index": b"\x00\x00\x08\x08\x01\x1a\x02\x08\x01" + bytes(40),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_kind_that_is_not_read_is_named_beside_one_that_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "model").write_bytes(safetensors({"w": ("F32", (6,), FLOATS)}))
    (tmp_path / "other").write_bytes(UNREAD[name])
    found = survey_tensors(tmp_path)
    assert [one.path for one in found.sets] == ["model"]
    assert [(one.path, one.is_unsupported) for one in found.unread] == [("other", True)]


@pytest.mark.parametrize(
    "data", [b"", b"words\n", b'{"a": 1}', b"\x89PNG\r\n\x1a\n", b"#!/bin/sh\n", b"a,b\n1,2\n"]
)
def test_what_holds_no_weights_is_not_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model").write_bytes(safetensors({"w": ("F32", (6,), FLOATS)}))
    (tmp_path / "other").write_bytes(data)
    assert not survey_tensors(tmp_path).unread


def test_an_index_that_lies_hides_no_shard(tmp_path: Path) -> None:
    (tmp_path / "one.safetensors").write_bytes(safetensors({"w": ("F32", (6,), FLOATS)}))
    lie = {"weight_map": {"w": "one.safetensors", "zz": "one.safetensors"}}
    (tmp_path / "model.index.json").write_text(json.dumps(lie), encoding="utf-8")
    found = survey_tensors(tmp_path)
    assert [one.path for one in found.sets] == ["one.safetensors"]
    assert [(one.path, type(one.error)) for one in found.unread] == [
        ("model.index.json", MalformedError)
    ]


def test_a_lying_index_beside_a_true_one_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(safetensors({"w": ("F32", (6,), FLOATS)}))
    for name, shards in (("a.json", {"w": "one"}), ("b.json", {"v": "one"})):
        (tmp_path / name).write_text(json.dumps({"weight_map": shards}), encoding="utf-8")
    found = survey_tensors(tmp_path)
    assert [one.path for one in found.sets] == ["a.json"]
    assert [one.path for one in found.unread] == ["b.json"]


class _Broken:
    """A view that fails as a reader with a mistake in it would."""

    size = 64

    def read_at(self, offset: int, length: int) -> bytes:
        raise IndexError(offset, length)


def test_a_mistake_in_a_reader_is_an_answer_about_one_file_only() -> None:
    watcher = TensorWatcher(64)
    watcher.update(memoryview(b"GGUF" + struct.pack("<I", 3) + bytes(56)))
    error = watcher.finish(_Broken()).error
    assert isinstance(error, UncheckedError)
    assert not isinstance(error, UnsupportedError)
    assert "IndexError" in error.why


def test_arrays_whose_names_differ_by_case_only_are_two(tmp_path: Path) -> None:
    members = [Member(b"W.npy", npy("(6,)", FLOATS)), Member(b"w.npy", npy("(2, 3)", FLOATS))]
    (tmp_path / "a.npz").write_bytes(archive(*members))
    (found,) = survey_tensors(tmp_path).sets
    assert [one.name for one in found.table.entries] == ["W", "w"]
