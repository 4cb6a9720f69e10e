"""Every reader of a format, each behind a door, so that only what a file may need is imported and asked.

A door lets in whatever its reader could take or say something about, and more: the reader decides. It
is a few comparisons with the first bytes, or with the ending of the name where the reader goes by names.
What most doors need to stay shut, the first byte and an unremarkable name, is decided once for all of them.
Names that are not ASCII open every door, since there are letters that fold to others.
"""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import cast

from weightmark.errors import UncheckedError
from weightmark.scanners.containers.tar_headers import is_header
from weightmark.scanners.containers.zip_records import LOCAL_SIGNATURE, may_end_archive
from weightmark.scanners.formats.interface import FormatReader, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.pickles.opcodes import OPCODES
from weightmark.scanners.wire.hdf5_objects import find_signature
from weightmark.scanners.wire.protobuf import may_hold_fields

__all__ = ["READERS", "Door", "load_reader", "readers_for"]

Door = Callable[[Place, str], bool]
"""is asked with a place and the path by which readers call it"""

_BEFORE_JSON = b" \t\r\n\v\f\xef\xbb\xbf\xff\xfe\0"
_BEFORE_KEYS = tuple(bytes([byte]) for byte in b" \t\r\n\v\f\xef\xbb\xbf#<{")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_EBCDIC_XML = b"\x4c\x6f"
_BEFORE_MARKUP = frozenset(b"< \t\n\r\v\f\xef\xff\xfe\0\x4c")
"""first bytes of XML: the mark, space before it, and what other encodings begin with"""
_PROGRAMS = (
    b"#!",
    b"MZ",
    b"\x7fELF",
    b"jartsr='",
    b"APEDBG='",
    b"\xfe\xed\xfa",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba",
    b"\0asm",
)
_LINE_END = b"\r\n"
_COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"ZF",
    *(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16)),
)
_CHUNKED = b"\x83\xaf\x70\xd1"
_KEYS = frozenset({first for first in range(8, 256) if first & 7 < 6} | {_CHUNKED[0]})  # noqa: PLR2004 - kinds of a field
"""first bytes of the keys of protobuf"""
_ARROW = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
_SHORTEST_STREAM, _HIGHEST = 8, b"\x04"
"""bytes of the lengths before an old stream of Arrow, and the highest byte of one that is looked into"""
_PICKLE = OPCODES - frozenset(b"QRo012abdeghjlpqrstu.\x81\x85\x86\x87\x90\x91\x92\x93\x94\x98")
"""opcodes that do something while the stack and the memo are empty"""
_FOUR_BYTE_LENGTH = frozenset(b"TXB")
_PACKED = frozenset([*range(0x81, 0x90), *range(0x91, 0xA0), *range(0xDC, 0xE0)])
"""first bytes of maps and lists of MessagePack that hold something"""
_OCDBT = (b"\x0c\xdb\x3a\x2a", b"\x0c\xdb\x20\xde", b"\x0c\xdb\x12\x34")
_DATA_FOLDER, _DATA_NAME = "d/", 32
_BINARY_BOOSTER = b"binf"
_LONGEST_WORD_AT = slice(140, 144)
"""the higher half of a length of eight bytes, that of the objective of an old model of XGBoost"""


class _Starts:
    """Opens for one of some magic numbers."""

    def __init__(self, *magic: bytes, at: int = 0) -> None:
        self.magic = magic
        self.at = at

    def __call__(self, place: Place, _: str) -> bool:
        return place.head.startswith(self.magic, self.at)


class _Begins:
    """Opens for some first bytes where `then` opens as well, which alone is asked of an empty head."""

    def __init__(self, firsts: frozenset[int], then: Door | None = None) -> None:
        self.firsts = firsts
        self.then = then

    def __call__(self, place: Place, path: str) -> bool:
        head = place.head
        if not head:
            return self.then is not None and self.then(place, path)
        return head[0] in self.firsts and (self.then is None or self.then(place, path))


class _Named:
    """Opens for some endings of the name."""

    def __init__(self, *endings: str) -> None:
        self.endings = endings

    def __call__(self, _: Place, path: str) -> bool:
        return not path.isascii() or path.lower().endswith(self.endings)


def _in_git(_: Place, path: str) -> bool:
    return not path.isascii() or ".git" in path.lower()


def _object(place: Place, _: str) -> bool:
    """JSON, or only white space so far."""
    return place.head.lstrip(_BEFORE_JSON)[:1] in (b"{", b"[", b"")


def _catboost(place: Place, path: str) -> bool:
    return place.head.startswith(b"CBM1") or _object(place, path)


def _words(place: Place, _: str) -> bool:
    return is_text(place.head) or place.head.startswith(_UTF_16)


def _keyed_text(keys: tuple[bytes, ...], *endings: str) -> Door:
    """Open for text that begins with a key, perhaps behind spaces and comments, and for endings of the name."""
    starts = (*_BEFORE_KEYS, *keys)

    def opens(place: Place, path: str) -> bool:
        head = place.head
        if b"\0" in head:
            return False
        return head.startswith(starts) or not path.isascii() or path.lower().endswith(endings)

    return opens


def _message(place: Place, _: str) -> bool:
    head = place.head
    return head.startswith(_CHUNKED) or may_hold_fields(head, place.view.size)


def _pickle(place: Place, _: str) -> bool:
    """A pickle whose first value, if its length says so, does not reach over the end."""
    head = place.head
    if not head or head[0] not in _FOUR_BYTE_LENGTH:
        return True
    return 5 + int.from_bytes(head[1:5], "little") <= place.view.size


def _markup(place: Place, _: str) -> bool:
    head = place.head
    return b"<" in head or not head.strip() or head.startswith(_EBCDIC_XML)


def _tar(place: Place, _: str) -> bool:
    return is_header(place.head)


def _hdf5(place: Place, _: str) -> bool:
    try:
        return find_signature(place.view, place.head, everywhere=not place.depth) is not None
    except UncheckedError:
        return True


def _zip(place: Place, _: str) -> bool:
    """An archive at either end; of long members the end is not read, which may have to be decompressed."""
    if place.head.startswith(LOCAL_SIGNATURE) or (place.depth and place.view.size > MEBIBYTE):
        return True
    try:
        return may_end_archive(place.view)
    except UncheckedError:
        return True


def _program(place: Place, _: str) -> bool:
    """A native program or a script, or Python's bytecode by the line end in its magic number."""
    head = place.head
    return head.startswith(_PROGRAMS) or head[2:4] == _LINE_END


def _compressed(place: Place, _: str) -> bool:
    """A magic number, a header of zlib, or the zero with which the coder of lzma begins."""
    head = place.head
    if head.startswith(_COMPRESSED) or head[13:14] == b"\0":
        return True
    return len(head) > 1 and head[0] & 0x8F == 8 and not (head[0] << 8 | head[1]) % 31  # noqa: PLR2004 - RFC 1950, 2.2


def _arrow(place: Place, _: str) -> bool:
    head = place.head
    if head.startswith(_ARROW):
        return True
    return len(head) >= _SHORTEST_STREAM and head[3:4] <= _HIGHEST and head[7:8] <= _HIGHEST


def _is_data_file(path: str) -> bool:
    return path[-_DATA_NAME - len(_DATA_FOLDER) : -_DATA_NAME] == _DATA_FOLDER


def _ocdbt(place: Place, path: str) -> bool:
    return place.head.startswith(_OCDBT) or _is_data_file(path)


def _old_booster(place: Place, _: str) -> bool:
    head = place.head
    return head.startswith(_BINARY_BOOSTER) or (
        not any(head[_LONGEST_WORD_AT])
        and (b"dart" in head or b"gblinear" in head or b"gbtree" in head)
    )


_TEXT_STARTS = _BEFORE_JSON + b"{["
_ONNX_TEXT = _keyed_text(
    (
        b"configuration",
        b"do",
        b"functions",
        b"graph",
        b"ir_",
        b"m",
        b"opset",
        b"producer",
        b"training",
    ),
    ".onnxtxt",
    ".onnxtext",
    ".textproto",
    ".pbtxt",
    ".prototxt",
    ".txtpb",
    ".textpb",
)
_TENSORFLOW_TEXT = _keyed_text(
    (
        *(b"asset", b"collection", b"graph", b"library", b"meta", b"node"),
        *(b"object", b"saved", b"saver", b"signature", b"versions"),
    ),
    ".pbtxt",
    ".textproto",
    ".prototxt",
    ".txtpb",
    ".textpb",
)
_FOR_TEXT = frozenset({_object, _words, _ONNX_TEXT, _TENSORFLOW_TEXT})
"""doors that are shut where a zero byte stands, unless the first byte is one of `_TEXT_STARTS`"""

_MESSAGE = _Begins(_KEYS, _message)

READERS: tuple[tuple[str, str, Door], ...] = (
    ("safetensors", "SafetensorsReader", _Starts(b"{", at=8)),
    ("npy", "NpyReader", _Starts(b"\x93NUMPY")),
    ("zip_archive", "ZipReader", _zip),
    ("pickled", "PickleReader", _Begins(_PICKLE, _pickle)),
    ("json_config", "JsonConfigReader", _object),
    ("yaml_config", "YamlConfigReader", _words),
    ("jinja_template", "JinjaTemplateReader", _Named(".jinja", ".jinja2", ".j2")),
    ("python_file", "PythonFileReader", _Named(".py", ".pth")),
    ("package_list", "PackageListReader", _Named(".txt", ".in")),
    ("git_folder", "GitFolderReader", _in_git),
    ("editor_settings", "EditorSettingsReader", _Named(".json", ".code-workspace")),
    ("named_paths", "NamedPathsReader", _words),
    ("named_code", "NamedCodeReader", _words),
    ("programs", "ProgramReader", _program),
    ("shell_script", "ShellScriptReader", _words),
    ("r_data", "RDataReader", _Starts(b"RD", b"X\n", b"A\n", b"B\n")),
    ("xml_model", "XmlModelReader", _Begins(_BEFORE_MARKUP, _markup)),
    ("compressed", "CompressedReader", _compressed),
    ("tar_archive", "TarReader", _tar),
    ("seven_zip", "SevenZipReader", _Starts(b"7z\xbc\xaf")),
    ("executorch", "ExecutorchReader", _Starts(b"ET12", at=4)),
    ("flat_tensor", "FlatTensorReader", _Starts(b"FT01", at=4)),
    ("gguf", "GgufReader", _Starts(b"GGUF")),
    ("hdf5", "Hdf5Reader", _hdf5),
    ("onnx", "OnnxReader", _MESSAGE),
    ("onnx_runtime", "OnnxRuntimeReader", _Starts(b"ORTM", at=4)),
    ("onnx_text", "OnnxTextReader", _ONNX_TEXT),
    ("tensorflow", "TensorflowReader", _MESSAGE),
    ("tensorflow_text", "TensorflowTextReader", _TENSORFLOW_TEXT),
    ("tflite", "TfliteReader", _Starts(b"TFL3", at=4)),
    ("zarr", "ZarrReader", _object),
    ("ocdbt", "OcdbtReader", _ocdbt),
    ("arrow", "ArrowReader", _arrow),
    ("coreml", "CoremlReader", _MESSAGE),
    ("coreml", "CoremlPackageReader", _object),
    ("paddle", "PaddleReader", _MESSAGE),
    ("message_pack", "MessagePackReader", _Begins(_PACKED)),
    ("boosters", "XgboostReader", _object),
    ("xgboost_binary", "XgboostBinaryReader", _old_booster),
    ("boosters", "LightgbmReader", _Starts(b"tree")),
    ("boosters", "CatboostReader", _catboost),
    (
        "native_engine",
        "NativeEngineReader",
        _Starts(b"ftrt", b"ptrt", b"RKNN", b"\x01HEF", b"CPRK"),
    ),
    ("opaque", "OpaqueReader", _Starts(b"\x02\x21\x4c\x18")),
)
"""module, class and door of each reader, in the order in which they are asked"""


_FIRSTS: dict[Door, bytes] = {
    _object: _TEXT_STARTS,
    _catboost: _TEXT_STARTS + b"C",
    _program: bytes(magic[0] for magic in _PROGRAMS),
    _compressed: bytes(magic[0] for magic in _COMPRESSED) + bytes(range(0x08, 0x80, 0x10)),
    _arrow: bytes(magic[0] for magic in _ARROW),
    _ocdbt: bytes(magic[0] for magic in _OCDBT),
    _old_booster: _BINARY_BOOSTER,
}
"""first bytes for which doors open that otherwise go by a name, or by what stands further behind"""
_FAR_MAGIC = frozenset({b"ET12", b"FT01", b"ORTM", b"TFL3"})
"""magic numbers behind the first four bytes"""
_ENDINGS = tuple(
    ending for _, __, door in READERS if isinstance(door, _Named) for ending in door.endings
)


def readers_for(place: Place, path: str) -> Iterator[FormatReader]:
    """Yield the readers to which a place is offered, in their order; `path` is that of the file."""
    called = place.member or path
    head = place.head
    text = b"\0" not in head or head[:1] in _TEXT_STARTS
    far = (
        head[4:8] in _FAR_MAGIC
        or head[8:9] == b"{"
        or head[7:8] <= _HIGHEST
        or head[2:4] == _LINE_END
        or head[13:14] == b"\0"
        or head[143:144] <= b"\0"
    )
    known: dict[Door, bool] = {}
    for module, name, door in _readers(head[:1], far, text, _is_telling(called)):
        opens = known.get(door)
        if opens is None:
            opens = known[door] = door(place, called)
        if opens:
            yield load_reader(module, name)


def _is_telling(path: str) -> bool:
    """Tell whether a door that goes by names may open for this one."""
    if not path.isascii() or _is_data_file(path):
        return True
    folded = path.lower()
    return folded.endswith(_ENDINGS) or ".git" in folded


@cache
def _readers(
    first: bytes, far: bool, text: bool, telling: bool
) -> tuple[tuple[str, str, Door], ...]:
    """Return the readers that are asked of places that begin with one byte, as far as little tells.

    `far` is for what stands behind the start, `text` for doors of texts, `telling` for those of names.
    """
    return tuple(
        reader
        for reader in READERS
        if (text or reader[2] not in _FOR_TEXT)
        and (telling or not (isinstance(reader[2], _Named) or reader[2] is _in_git))
        and _may_begin(reader[2], first, far=far, telling=telling)
    )


def _may_begin(door: Door, first: bytes, *, far: bool, telling: bool) -> bool:
    """Tell whether a door may open for a place that begins with `first`."""
    if isinstance(door, _Starts):
        return far if door.at else any(magic[:1] == first for magic in door.magic)
    if not first:
        return True
    if isinstance(door, _Begins):
        return first[0] in door.firsts
    return far or telling or first[0] in _FIRSTS.get(door, first)


@cache
def load_reader(module: str, name: str) -> FormatReader:
    """Return a reader, importing its module at the first call."""
    found = import_module(f"weightmark.scanners.formats.{module}")
    return cast("FormatReader", getattr(found, name)())
