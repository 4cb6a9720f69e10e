"""Tensors of ONNX graphs, initializers and constants, inside the file or in files beside it.

Source: `onnx.proto` (IR version 13), messages ModelProto, GraphProto and TensorProto, and ONNX
`docs/ExternalData.md`.
"""

from collections.abc import Iterator
from math import prod
from typing import Final

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.tensors import ITEM_SIZES
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.onnx import is_model
from weightmark.scanners.limits import MEBIBYTE, Budget, Limits
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.tensors.interface import ExternalTensor, FileContent, TensorSource
from weightmark.scanners.tensors.stored import (
    NameBudget,
    PackedTensor,
    StoredTensor,
    c_order_strides,
    shown_key,
)
from weightmark.scanners.wire.protobuf import Field, Message, may_be_message, probe
from weightmark.values import dataclass

__all__ = ["OnnxTensors"]

_VARINT, _BYTES, _FIXED32, _FIXED64 = 0, 2, 5, 1
_GRAPH, _TRAINING, _FUNCTION = 7, 20, 25
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_NODE_OUTPUT, _NODE_ATTRIBUTE = 2, 5
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN, _FUNCTION_DEFAULT = 1, 7, 10, 11
_ATTRIBUTE_NAME, _TENSOR, _SUBGRAPH, _TENSORS, _GRAPHS = 1, 5, 6, 10, 11
_SPARSE_VALUES = (22, 23)
_REPEATED = (_TENSORS, _GRAPHS, 23)
_STORED_VALUES, _INDICES, _DENSE_DIMS = 1, 2, 3
_DIMS, _TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
_SEGMENT, _STRINGS = 3, 6
_FLOATS, _INTS, _LONGS, _DOUBLES, _UNSIGNED = 4, 5, 7, 10, 11
_KEY, _VALUE = 1, 2
_IS_EXTERNAL = 1
_SIGN = 1 << 63
_DTYPES = {
    1: "F32",
    2: "U8",
    3: "I8",
    4: "U16",
    5: "I16",
    6: "I32",
    7: "I64",
    9: "BOOL",
    10: "F16",
    11: "F64",
    12: "U32",
    13: "U64",
    14: "C64",
    16: "BF16",
    17: "F8_E4M3",
    18: "F8_E4M3FNUZ",
    19: "F8_E5M2",
    20: "F8_E5M2FNUZ",
    24: "F8_E8M0",
}
"""numbers of `TensorProto.DataType`, by the names of safetensors"""
_HALF_BYTES = {21: "U4", 22: "I4", 23: "F4"}
_TYPED = {
    **dict.fromkeys(("F32", "C64"), (_FLOATS, _FIXED32)),
    **dict.fromkeys(("F64",), (_DOUBLES, _FIXED64)),
    **dict.fromkeys(("I64",), (_LONGS, _VARINT)),
    **dict.fromkeys(("U32", "U64"), (_UNSIGNED, _VARINT)),
}
"""the field that holds the numbers of a type, and their wire type; others stand in `int32_data`"""
_LARGEST_VARINTS = 64 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class OnnxTensors:
    """Reads initializers and constants, those of nested graphs under the way to them."""

    name: Final[str] = "onnx"

    def recognises(self, head: bytes) -> bool:
        """Tell a first byte with which a message can begin: fields come in any order, unknown ones too."""
        return may_be_message(head)

    def read(self, view: ByteView) -> FileContent | None:
        """Return every tensor; see `TensorReader.read`."""
        found = probe(view)
        if not is_model(found):
            if found.sound and not found.whole:
                raise LimitError("what may be an ONNX model has too many fields before its graph")
            return None
        names = NameBudget()
        tensors: list[TensorSource] = []
        external: list[ExternalTensor] = []
        for one in _tensors(Message.whole(view, Budget(Limits.default()))):
            names.spend(one.name)
            if one.is_external:
                external.append(one.elsewhere())
            else:
                tensors.append(one.here(view))
        return FileContent(tuple(tensors), tuple(external))


def _tensors(model: Message) -> Iterator["_Tensor"]:
    """Yield every tensor of a model: those of graphs, of functions, and of training."""
    for field in model.fields():
        if field.wire != _BYTES:
            continue
        if field.number == _GRAPH:
            yield from _of_graph(model.below(field), "")
        elif field.number == _FUNCTION:
            function = model.below(field)
            words = function.last_text(_FUNCTION_DOMAIN), function.last_text(_FUNCTION_NAME)
            yield from _of_nodes(function, _FUNCTION_NODE, f"function {'.'.join(words)}/")
            yield from _of_attributes(function, _FUNCTION_DEFAULT, f"function {'.'.join(words)}")
        elif field.number == _TRAINING:
            for number, graph in enumerate(model.below(field).messages(1, 2)):
                yield from _of_graph(graph, f"training {number}/")


def _of_graph(graph: Message, scope: str) -> Iterator["_Tensor"]:
    for field in graph.fields():
        if field.number == _SPARSE and field.wire == _BYTES:
            yield from _of_sparse(graph.below(field), scope)
        elif field.number == _INITIALIZER and field.wire == _BYTES:
            message = graph.below(field)
            yield _Tensor.of(message, scope + message.last_text(_NAME))
    yield from _of_nodes(graph, _NODE, scope)


def _of_sparse(sparse: Message, scope: str) -> Iterator["_Tensor"]:
    """Yield the values of a sparse tensor, named with the shape that it stands for, and their places."""
    dense: list[int] = []
    for field in sparse.fields():
        if field.number == _DENSE_DIMS:
            dense += _varints(sparse, field)
    stored = list(sparse.messages(_STORED_VALUES))
    name = scope + (stored[-1].last_text(_NAME) if stored else "")
    shape = "x".join(map(str, dense)) or "scalar"
    for message in stored:
        yield _Tensor.of(message, f"{name}:values of {shape}")
    for message in sparse.messages(_INDICES):
        yield _Tensor.of(message, f"{name}:indices")


def _of_nodes(holder: Message, field: int, scope: str) -> Iterator["_Tensor"]:
    """Yield the tensors in attributes of nodes, named after what the node gives."""
    for number, node in enumerate(holder.messages(field)):
        output = next(node.texts(_NODE_OUTPUT), "") or f"node {number}"
        yield from _of_attributes(node, _NODE_ATTRIBUTE, scope + output)


def _of_attributes(holder: Message, field: int, scope: str) -> Iterator["_Tensor"]:
    for attribute in holder.messages(field):
        name = f"{scope}:{attribute.last_text(_ATTRIBUTE_NAME)}"
        for number, below in enumerate(attribute.fields()):
            if below.wire != _BYTES:
                continue
            several = f"[{number}]" if below.number in _REPEATED else ""
            if below.number in (_TENSOR, _TENSORS):
                yield _Tensor.of(attribute.below(below), name + several)
            elif below.number in (_SUBGRAPH, _GRAPHS):
                yield from _of_graph(attribute.below(below), f"{name}{several}/")
            elif below.number in _SPARSE_VALUES:
                yield from _of_sparse(attribute.below(below), f"{name}{several}")


@dataclass(slots=True)
class _Tensor:
    message: Message
    name: str
    shape: tuple[int, ...]
    fields: dict[int, list[Field]]

    @classmethod
    def of(cls, message: Message, name: str) -> "_Tensor":
        shape: list[int] = []
        fields: dict[int, list[Field]] = {}
        for field in message.fields():
            if field.number == _DIMS:
                shape += _varints(message, field)
            else:
                fields.setdefault(field.number, []).append(field)
        return cls(message, name, tuple(shape), fields)

    @property
    def is_external(self) -> bool:
        located = self.message.last_number(_LOCATION) == _IS_EXTERNAL
        if located != (_EXTERNAL in self.fields):
            raise self._contradiction("it is external and names no place, or the other way round")
        return located

    def here(self, view: ByteView) -> TensorSource:
        dtype = self._dtype()
        data = self._data(view, dtype)
        if data.size != self._size(dtype):
            raise self._contradiction("its data have another size than its shape and type say")
        if dtype not in ITEM_SIZES:
            return PackedTensor(self.name, dtype, self.shape, data)
        strides = c_order_strides(self.shape)
        return StoredTensor.checked(StoredTensor(self.name, dtype, self.shape, strides, 0, data))

    def elsewhere(self) -> ExternalTensor:
        if any(number in self.fields for number in (_RAW, *_NUMBERS)):
            raise self._contradiction("it holds its data and names another place")
        dtype = self._dtype()
        said = self._said()
        location, size = said.get("location", ""), self._size(dtype)
        if not location or leaves(location):
            raise MalformedError(
                f"{shown_key(self.name)}: its data lie at {shown_key(location)}, outside of the folder"
            )
        offset, length = _decimal(said.get("offset", "0")), _decimal(said.get("length", str(size)))
        if offset is None or length != size:
            raise self._contradiction("its data have another size than its shape and type say")
        return ExternalTensor(self.name, dtype, self.shape, location, offset, size)

    def _said(self) -> dict[str, str]:
        """Return the entries that say where the data lie; raises `MalformedError` for a doubled key."""
        said: dict[str, str] = {}
        for entry in self.message.messages(_EXTERNAL):
            key, value = entry.last_text(_KEY), entry.last_text(_VALUE)
            if said.setdefault(key, value) != value:
                raise self._contradiction(f"its {shown_key(key)} is said twice")
        return said

    def _dtype(self) -> str:
        number = self.message.last_number(_TYPE)
        dtype = _DTYPES.get(number) or _HALF_BYTES.get(number)
        if dtype is None or _STRINGS in self.fields or _SEGMENT in self.fields:
            raise UnsupportedError(f"{shown_key(self.name)}: data type {number} is not read")
        if any(size >= _SIGN for size in self.shape):
            raise self._contradiction("a dimension is negative")
        return dtype

    def _size(self, dtype: str) -> int:
        count = prod(self.shape)
        return count * ITEM_SIZES[dtype] if dtype in ITEM_SIZES else -(-count // 2)

    def _data(self, view: ByteView, dtype: str) -> ByteView:
        number, wire = _TYPED.get(dtype, (_INTS, _VARINT))
        held = [one for one in (_RAW, *_NUMBERS) if one in self.fields]
        if not held:
            return MemoryView(b"")
        if len(held) > 1 or held[0] not in (_RAW, number) or (_RAW in held and self._raw_twice()):
            raise self._contradiction("it holds its data twice, or under another type")
        fields = self.fields[held[0]]
        if held[0] != _RAW and wire == _VARINT:
            return MemoryView(self._numbers(fields, dtype))
        return _joined(view, fields)

    def _raw_twice(self) -> bool:
        return len(self.fields[_RAW]) > 1

    def _numbers(self, fields: list[Field], dtype: str) -> bytes:
        """Return numbers of variable length as they would stand in `raw_data`."""
        if sum(field.size for field in fields) > _LARGEST_VARINTS:
            raise LimitError(
                f"{shown_key(self.name)}: its numbers take over {_LARGEST_VARINTS} bytes"
            )
        size = ITEM_SIZES.get(dtype, 1)
        mask = (1 << 8 * size) - 1
        numbers = (number for field in fields for number in _varints(self.message, field))
        return b"".join((number & mask).to_bytes(size, "little") for number in numbers)

    def _contradiction(self, why: str) -> MalformedError:
        return MalformedError(f"the tensor {shown_key(self.name)} contradicts itself", why=why)


_NUMBERS = (_FLOATS, _INTS, _LONGS, _DOUBLES, _UNSIGNED)


def _joined(view: ByteView, fields: list[Field]) -> ByteView:
    """Return the bytes of one field, or of one that was written in several parts."""
    if len(fields) == 1:
        return Slice(view, fields[0].start, fields[0].size)
    if sum(field.size for field in fields) > _LARGEST_VARINTS:
        raise LimitError("the numbers of an initializer stand in too many parts")
    return MemoryView(b"".join(view.read_at(field.start, field.size) for field in fields))


def _varints(message: Message, field: Field) -> Iterator[int]:
    """Yield the numbers of a repeated field, packed or not."""
    if field.wire == _VARINT:
        yield field.value
        return
    if field.wire != _BYTES:
        raise MalformedError(f"a list of numbers at byte {field.start} has another wire type")
    yield from message.numbers(field)


def _decimal(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004 - digits of 2**63
