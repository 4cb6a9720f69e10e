"""Every reader of a format, each behind a door, so that only what a file may need is imported.

A door lets in whatever its reader could take or say something about, and more: the reader decides. It
is a few comparisons with the first bytes, or with the ending of the name where the reader goes by names.
Names that are not ASCII open every door, since there are letters that fold to others.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import cast

from weightmark.errors import UncheckedError
from weightmark.scanners.containers.tar_headers import is_header
from weightmark.scanners.formats.interface import FormatReader, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.pickles.opcodes import OPCODES
from weightmark.scanners.wire.hdf5_objects import find_signature
from weightmark.scanners.wire.protobuf import may_be_message
from weightmark.values import dataclass

__all__ = ["READERS", "Door", "load_reader", "readers_for"]

Door = Callable[[Place, str], bool]
"""is asked with a place and the path by which readers call it"""

_BEFORE_JSON = b" \t\r\n\v\f\xef\xbb\xbf\xff\xfe\0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_EBCDIC_XML = b"\x4c\x6f"


def _always(_: Place, __: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Starts:
    magic: tuple[bytes, ...]
    at: int

    def __call__(self, place: Place, _: str) -> bool:
        return place.head.startswith(self.magic, self.at)


def _starts(*magic: bytes, at: int = 0) -> Door:
    return _Starts(magic, at)


def _named(*endings: str) -> Door:
    return lambda _, path: not path.isascii() or path.lower().endswith(endings)


def _opcode(place: Place, _: str) -> bool:
    return place.head[:1] != b"" and place.head[0] in OPCODES


def _in_git(_: Place, path: str) -> bool:
    return not path.isascii() or ".git" in path.lower()


def _object(place: Place, _: str) -> bool:
    """JSON, or only white space so far."""
    return place.head.lstrip(_BEFORE_JSON)[:1] in (b"{", b"[", b"")


def _catboost(place: Place, path: str) -> bool:
    return place.head.startswith(b"CBM1") or _object(place, path)


def _words(place: Place, _: str) -> bool:
    return is_text(place.head) or place.head.startswith(_UTF_16)


def _without_zeros(place: Place, _: str) -> bool:
    return b"\0" not in place.head


def _message(place: Place, _: str) -> bool:
    return may_be_message(place.head)


def _graph(place: Place, _: str) -> bool:
    return may_be_message(place.head) or place.head.startswith(b"\x83\xaf\x70\xd1")


def _markup(place: Place, _: str) -> bool:
    head = place.head
    return b"<" in head or not head.strip() or head.startswith(_EBCDIC_XML)


def _packed_map(place: Place, _: str) -> bool:
    return place.head[:1] > b"\x80"


def _tar(place: Place, _: str) -> bool:
    return is_header(place.head)


def _hdf5(place: Place, _: str) -> bool:
    try:
        return find_signature(place.view, place.head, everywhere=not place.depth) is not None
    except UncheckedError:
        return True


def _old_booster(place: Place, _: str) -> bool:
    head = place.head
    return head.startswith(b"binf") or b"dart" in head or b"gblinear" in head or b"gbtree" in head


_TEXT_STARTS = _BEFORE_JSON + b"{["
_FOR_TEXT = frozenset({_object, _words, _without_zeros})
"""doors that are shut where a zero byte stands, unless the first byte is one of `_TEXT_STARTS`"""

READERS: tuple[tuple[str, str, Door], ...] = (
    ("safetensors", "SafetensorsReader", _starts(b"{", at=8)),
    ("npy", "NpyReader", _starts(b"\x93NUMPY")),
    ("zip_archive", "ZipReader", _always),
    ("pickled", "PickleReader", _opcode),
    ("json_config", "JsonConfigReader", _object),
    ("yaml_config", "YamlConfigReader", _words),
    ("jinja_template", "JinjaTemplateReader", _always),
    ("python_file", "PythonFileReader", _named(".py", ".pth")),
    ("package_list", "PackageListReader", _named(".txt", ".in")),
    ("git_folder", "GitFolderReader", _in_git),
    ("editor_settings", "EditorSettingsReader", _named(".json", ".code-workspace")),
    ("named_paths", "NamedPathsReader", _words),
    ("named_code", "NamedCodeReader", _words),
    ("programs", "ProgramReader", _always),
    ("shell_script", "ShellScriptReader", _words),
    ("r_data", "RDataReader", _starts(b"RD", b"X\n", b"A\n", b"B\n")),
    ("xml_model", "XmlModelReader", _markup),
    ("compressed", "CompressedReader", _always),
    ("tar_archive", "TarReader", _tar),
    ("seven_zip", "SevenZipReader", _starts(b"7z\xbc\xaf")),
    ("executorch", "ExecutorchReader", _starts(b"ET12", at=4)),
    ("flat_tensor", "FlatTensorReader", _starts(b"FT01", at=4)),
    ("gguf", "GgufReader", _starts(b"GGUF")),
    ("hdf5", "Hdf5Reader", _hdf5),
    ("onnx", "OnnxReader", _message),
    ("onnx_runtime", "OnnxRuntimeReader", _starts(b"ORTM", at=4)),
    ("onnx_text", "OnnxTextReader", _without_zeros),
    ("tensorflow", "TensorflowReader", _graph),
    ("tensorflow_text", "TensorflowTextReader", _without_zeros),
    ("tflite", "TfliteReader", _starts(b"TFL3", at=4)),
    ("zarr", "ZarrReader", _object),
    ("ocdbt", "OcdbtReader", _always),
    ("arrow", "ArrowReader", _always),
    ("coreml", "CoremlReader", _message),
    ("coreml", "CoremlPackageReader", _object),
    ("paddle", "PaddleReader", _message),
    ("message_pack", "MessagePackReader", _packed_map),
    ("boosters", "XgboostReader", _object),
    ("xgboost_binary", "XgboostBinaryReader", _old_booster),
    ("boosters", "LightgbmReader", _starts(b"tree")),
    ("boosters", "CatboostReader", _catboost),
    ("native_engine", "NativeEngineReader", _always),
    ("opaque", "OpaqueReader", _always),
)
"""module, class and door of each reader, in the order in which they are asked"""


def readers_for(place: Place, path: str) -> Iterator[FormatReader]:
    """Yield the readers to which a place is offered, in their order; `path` is that of the file."""
    called = place.member or path
    head = place.head
    text = b"\0" not in head or head[:1] in _TEXT_STARTS
    for module, name, door in _readers(magic=_any_magic().match(head) is not None, text=text):
        if door is _always or door(place, called):
            yield load_reader(module, name)


@cache
def _any_magic() -> re.Pattern[bytes]:
    """Return what tells at once of most heads that they begin as none of the doors for magic numbers asks."""
    doors = [door for _, __, door in READERS if isinstance(door, _Starts)]
    heads = (
        b"(?:.{%d}(?:%s))" % (door.at, b"|".join(map(re.escape, door.magic))) for door in doors
    )
    return re.compile(b"|".join(heads), re.DOTALL)


@cache
def _readers(*, magic: bool, text: bool) -> tuple[tuple[str, str, Door], ...]:
    """Return the readers that are asked, with or without those for magic numbers and for text."""
    return tuple(
        reader
        for reader in READERS
        if (magic or not isinstance(reader[2], _Starts)) and (text or reader[2] not in _FOR_TEXT)
    )


@cache
def load_reader(module: str, name: str) -> FormatReader:
    """Return a reader, importing its module at the first call."""
    found = import_module(f"weightmark.scanners.formats.{module}")
    return cast("FormatReader", getattr(found, name)())
