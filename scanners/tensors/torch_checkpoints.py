"""Checkpoints of torch: the zip format, and the older one of pickles followed by raw storages."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from weightmark.errors import LimitError, MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.tensors import ITEM_SIZES
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.streams import is_streamed
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.tensors.interface import FileContent
from weightmark.scanners.tensors.plain_pickles import (
    Name,
    Rebuilt,
    StorageId,
    read_plain_pickle,
)
from weightmark.scanners.tensors.stored import NameBudget, StoredTensor, shown_key
from weightmark.values import dataclass

__all__ = [
    "Members",
    "TorchLegacyTensors",
    "checkpoint_content",
    "legacy_tensors",
    "zip_tensors",
]

_LARGEST_PICKLE = 64 * MEBIBYTE
_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLED_MAGIC = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")
_LATEST_MAGIC = 64
_PICKLE_NAME = "data.pkl"
_READ_NAMES = (_PICKLE_NAME, "byteorder", "version")
_MOST_VALUES = 1_000_000
_DEEPEST = 64
_SIZE_BYTES = 8
_TENSOR_FIELDS = 6
_PARAMETER_FIELDS = 3
_ARGUMENTS = {"_rebuild_tensor": 4, "_rebuild_tensor_v2": 7, "_rebuild_tensor_v3": 8}
"""arguments of each function at most, its metadata as the last one from the second version on"""
_STORAGES = {
    "BFloat16Storage": "BF16",
    "BoolStorage": "BOOL",
    "ByteStorage": "U8",
    "CharStorage": "I8",
    "ComplexFloatStorage": "C64",
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "IntStorage": "I32",
    "LongStorage": "I64",
    "ShortStorage": "I16",
}
_DTYPES = {
    "bfloat16": "BF16",
    "bool": "BOOL",
    "complex64": "C64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "int8": "I8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "uint8": "U8",
}
Members = Mapping[str, ByteView]
"""members of an archive by name"""


@dataclass(frozen=True, slots=True)
class _Storages:
    """The storages of a checkpoint by key."""

    views: Mapping[str, ByteView]
    swapped: bool


def zip_tensors(members: Members, at: str) -> list[StoredTensor]:
    """Return the tensors of a zip checkpoint; `at` is the key of a dict inside it, or empty.

    Raises `UnsupportedError` for anything but a dict of plain tensors, naming the key.
    """
    value, storages = _zip_content(members)
    return list(_tensors(value, storages, at))


def legacy_tensors(view: ByteView, at: str) -> list[StoredTensor]:
    """Return the tensors of a checkpoint of five pickles and raw storages; as `zip_tensors`."""
    value, storages = _legacy_content(view)
    return list(_tensors(value, storages, at))


def checkpoint_content(members: Members) -> FileContent:
    """Return every tensor of a zip checkpoint, however deep its dicts and lists are nested.

    The name is the way to it, joined by dots. Raises `UnsupportedError` for objects that are no
    plain data, `MalformedError` and `LimitError`.
    """
    return _every_tensor(*_zip_content(members))


@dataclass(frozen=True, slots=True)
class TorchLegacyTensors:
    """Reads a checkpoint of five pickles followed by raw storages."""

    name: Final[str] = "torch"

    def recognises(self, head: bytes) -> bool:
        """Tell the pickled number that every such file begins with."""
        return _PICKLED_MAGIC in head[:_LATEST_MAGIC]

    def read(self, view: ByteView) -> FileContent:
        """Return every tensor, as `checkpoint_content`; see `TensorReader.read`."""
        return _every_tensor(*_legacy_content(view))


def _zip_content(members: Members) -> tuple[Any, _Storages]:
    root = _root(members)
    if f"{root}constants.pkl" in members:
        raise UnsupportedError(
            "a TorchScript archive holds objects and is not read",
            fix="save the state dict of the module",
        )
    order = members.get(f"{root}byteorder")
    order_word = order.read_at(0, 16) if order else b"little"
    if order_word not in (b"little", b"big"):
        raise UnsupportedError("the byte order of the checkpoint is neither little nor big")
    prefix = f"{root}data/"
    views = {
        name.removeprefix(prefix): view for name, view in members.items() if name.startswith(prefix)
    }
    _refuse_packed(views)
    value = read_plain_pickle(_whole(members[f"{root}{_PICKLE_NAME}"])).value
    return value, _Storages(views, order_word == b"big")


def _root(members: Members) -> str:
    """Return the folder that holds `data.pkl`; each name has one reading, for torch as well.

    torch takes no notice of upper and lower case: miniz `mz_zip_reader_locate_file`, as
    `caffe2/serialize/inline_container.cc` calls it.
    """
    why = "torch does not tell upper from lower case"
    known: set[str] = set()
    for name in members:
        if name.lower() in known:
            raise MalformedError(
                f"two members of the archive are called {shown_key(name)}", why=why
            )
        known.add(name.lower())
    pickles = [name for name in members if name.lower().rpartition("/")[2] == _PICKLE_NAME]
    if len(pickles) > 1:
        raise MalformedError("the archive holds more than one `data.pkl`")
    if not pickles:
        raise UnsupportedError("the archive holds no single `data.pkl`, so it is no checkpoint")
    root = pickles[0][: -len(_PICKLE_NAME)]
    read = {one.lower(): one for one in (f"{root}{name}" for name in _READ_NAMES)}
    prefix = f"{root}data/"
    for name in members:
        is_storage = name.lower().startswith(prefix.lower())
        if read.get(name.lower(), name) != name or (is_storage and not name.startswith(prefix)):
            raise MalformedError(
                f"the member {shown_key(name)} is spelled otherwise than torch writes it", why=why
            )
    return root


def _refuse_packed(storages: Members) -> None:
    """Refuse storages that are compressed: torch with `mmap=True` takes the packed bytes for numbers."""
    for key, view in storages.items():
        if is_streamed(view):
            raise UnsupportedError(
                f"the storage {shown_key(key)} is compressed",
                why="torch reads other numbers from it with `mmap=True` than without",
                fix="load the checkpoint without `mmap`, and save it again",
            )


def _legacy_content(view: ByteView) -> tuple[Any, _Storages]:
    """Read the five pickles; storages are little-endian, whatever `little_endian` says.

    Source: torch `torch/serialization.py` (`_legacy_load`), which never looks at that field, and
    `torch/csrc/serialization.cpp` (`THPStorage_readFileRaw`), which swaps on big-endian machines.
    """
    head = view.read_at(0, _LARGEST_PICKLE)
    magic = read_plain_pickle(head)
    if magic.value != _MAGIC:
        raise UnsupportedError("the file is a pickle, and no checkpoint of torch")
    protocol = read_plain_pickle(head, magic.end)
    system = read_plain_pickle(head, protocol.end)
    content = read_plain_pickle(head, system.end)
    keys = read_plain_pickle(head, content.end)
    little = system.value.get("little_endian") if isinstance(system.value, dict) else None
    if not isinstance(little, bool) or not isinstance(keys.value, list):
        raise UnsupportedError("the header of the checkpoint is not understood")
    views = _raw_storages(view, keys.value, keys.end, content.value)
    storages = _Storages(views, swapped=False)
    return content.value, storages


def _raw_storages(
    view: ByteView, keys: list[Any], start: int, content: object
) -> dict[str, ByteView]:
    """Find each storage: a count of items, then the items of the type that the tensors name."""
    sizes = dict(_item_sizes(content))
    views: dict[str, ByteView] = {}
    for key in keys:
        if key in views:
            raise MalformedError(f"the storage {shown_key(str(key))} is stored twice")
        item_size = sizes.get(key) if isinstance(key, str) else None
        if item_size is None:
            raise UnsupportedError(f"the type of the storage {shown_key(str(key))} is not known")
        count = int.from_bytes(view.read_at(start, _SIZE_BYTES), "little", signed=True)
        size = count * item_size
        if count < 0 or start + _SIZE_BYTES + size > view.size:
            raise UncheckedError(f"the storage {shown_key(key)} reaches over the end of the file")
        views[key] = Slice(view, start + _SIZE_BYTES, size)
        start += _SIZE_BYTES + size
    return views


def _item_sizes(value: object) -> Iterator[tuple[str, int]]:
    """Yield the storages below a value with the bytes of their items; each value is looked at once."""
    stack, seen = [value], {id(value)}
    while stack:
        one = stack.pop()
        if isinstance(one, StorageId):
            dtype = _storage_type(one)
            if dtype:
                yield str(one.fields[2]), ITEM_SIZES[dtype]
            continue
        for child in _children(one):
            if id(child) not in seen:
                seen.add(id(child))
                stack.append(child)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, Rebuilt):
        return value.arguments
    return value if isinstance(value, list | tuple) else ()


def _tensors(content: object, storages: _Storages, at: str) -> Iterator[StoredTensor]:
    chosen = _chosen(content, at)
    if isinstance(chosen, Rebuilt):
        chosen = {"tensor": chosen}
    if not isinstance(chosen, dict):
        raise UnsupportedError("the checkpoint is no dict of tensors")
    for name, value in chosen.items():
        if not isinstance(name, str):
            raise UnsupportedError(f"the key {shown_key(str(name))} is no text")
        if not isinstance(value, Rebuilt):
            raise _not_a_tensor(name, value)
        yield _tensor(name, value, storages, 0)


def _every_tensor(content: object, storages: _Storages) -> FileContent:
    tensors: list[StoredTensor] = []
    others = 0
    pending: list[tuple[tuple[str, ...], object]] = [((), content)]
    names = NameBudget()
    left = _MOST_VALUES
    while pending:
        way, value = pending.pop()
        if isinstance(value, Rebuilt):
            name = names.spend(".".join(way)) or "tensor"
            tensors.append(_tensor(name, value, storages, 0))
        elif isinstance(value, StorageId):
            raise UnsupportedError(f"{shown_key('.'.join(way))} is a storage and no tensor")
        elif not isinstance(value, dict | list | tuple):
            others += 1
        left -= len(value) if isinstance(value, dict | list | tuple) else 0
        if left < 0:
            raise LimitError(f"the checkpoint holds over {_MOST_VALUES} values")
        pairs = value.items() if isinstance(value, dict) else _numbered(value)
        below = [((*way, str(key)), child) for key, child in pairs]
        if below and len(way) >= _DEEPEST:
            raise LimitError(f"the checkpoint is nested deeper than {_DEEPEST} levels")
        pending += reversed(below)
    return FileContent(tuple(tensors), others=others)


def _numbered(value: object) -> Iterable[tuple[object, object]]:
    return enumerate(value) if isinstance(value, list | tuple) else ()


def _chosen(content: object, at: str) -> object:
    if not at:
        return content
    if not isinstance(content, dict) or at not in content:
        raise UnsupportedError(f"the checkpoint holds nothing at {shown_key(at)}")
    return content[at]


def _not_a_tensor(name: str, value: object) -> UnsupportedError:
    kind = type(value).__name__ if not isinstance(value, Name | StorageId) else "other object"
    fix = "save the state dict alone"
    if isinstance(value, dict):
        fix = f"if the tensors are in it, convert that dict with `--at {name[:80]}`"
    return UnsupportedError(
        f"{shown_key(name)} is no tensor but a {kind}",
        why="safetensors holds nothing else",
        fix=fix,
    )


def _tensor(name: str, value: Rebuilt, storages: _Storages, depth: int) -> StoredTensor:
    arguments = value.arguments
    if value.function.startswith("_rebuild_parameter"):
        return _tensor(name, _of_parameter(name, value, depth), storages, depth + 1)
    storage, offset, shape, strides = (*arguments, None, None, None, None)[:4]
    if not isinstance(storage, StorageId) or not _whole_numbers((offset,)):
        raise UnsupportedError(f"{shown_key(name)}: the tensor is not understood")
    if not _whole_numbers(shape) or not _whole_numbers(strides):
        raise UnsupportedError(f"{shown_key(name)}: the shape of the tensor is not understood")
    kept = dtype = _storage_type(storage)
    _refuse_views(name, value)
    if value.function == "_rebuild_tensor_v3":
        kind = arguments[_TENSOR_FIELDS] if len(arguments) > _TENSOR_FIELDS else None
        dtype = (
            _DTYPES.get(kind.name, "") if isinstance(kind, Name) and kind.module == "torch" else ""
        )
    if not dtype:
        raise UnsupportedError(f"{shown_key(name)}: the type of the tensor is not known here")
    view = storages.views.get(str(storage.fields[2]))
    if view is None:
        raise UncheckedError(f"{shown_key(name)}: its storage is missing")
    if storage.fields[5:6] not in ((), (None,)):
        raise UnsupportedError(f"{shown_key(name)}: its storage is a view of another one")
    swapped = storages.swapped and ITEM_SIZES.get(kept, 0) != 1
    if swapped and "C64" in (kept, dtype):
        raise UnsupportedError(f"{shown_key(name)}: complex numbers are stored big-endian")
    if swapped and ITEM_SIZES.get(kept, 0) != ITEM_SIZES[dtype]:
        raise UnsupportedError(
            f"{shown_key(name)}: the items of its big-endian storage have another size than its own"
        )
    return StoredTensor.checked(StoredTensor(name, dtype, shape, strides, offset, view, swapped))


def _of_parameter(name: str, value: Rebuilt, depth: int) -> Rebuilt:
    """Return the tensor of a parameter, which may have no attributes of its own."""
    tensor = value.arguments[0] if value.arguments else None
    if not isinstance(tensor, Rebuilt) or depth:
        raise UnsupportedError(f"{shown_key(name)}: the parameter is not understood")
    if any(one != {} for one in value.arguments[_PARAMETER_FIELDS:]):
        raise UnsupportedError(f"{shown_key(name)}: the parameter has attributes of its own")
    return tensor


def _refuse_views(name: str, value: Rebuilt) -> None:
    """Refuse what a tensor says about its numbers beside the storage, such as that they are negated.

    Source: torch `torch/_utils.py` (`_rebuild_tensor_v2`, `_rebuild_tensor_v3`), `torch/_tensor.py`.
    """
    most = _ARGUMENTS.get(value.function)
    if most is None or len(value.arguments) > most:
        raise UnsupportedError(
            f"{shown_key(name)}: the tensor has arguments that are not understood"
        )
    metadata = value.arguments[_TENSOR_FIELDS + (value.function == "_rebuild_tensor_v3") : most]
    if any(one is not None and one != {} for one in metadata):
        raise UnsupportedError(
            f"{shown_key(name)}: the tensor is a conjugated, negated or otherwise changed view",
            fix="save the state dict again after `resolve_conj()` and `resolve_neg()`",
        )


def _storage_type(storage: StorageId) -> str:
    """Return the type that a storage names, or an empty text; an untyped one counts bytes."""
    fields = storage.fields
    if len(fields) < 5 or fields[0] != "storage" or not isinstance(fields[1], Name):  # noqa: PLR2004 - torch's tuple
        return ""
    kind = fields[1]
    if (kind.module, kind.name) == ("torch.storage", "UntypedStorage"):
        return "U8"
    return _STORAGES.get(kind.name, "") if kind.module == "torch" else ""


def _whole_numbers(values: object) -> bool:
    return isinstance(values, tuple) and all(type(value) is int for value in values)


def _whole(view: ByteView) -> bytes:
    if view.size > _LARGEST_PICKLE:
        raise LimitError(f"the pickle of the checkpoint is over {_LARGEST_PICKLE} bytes")
    return view.read_at(0, view.size)
