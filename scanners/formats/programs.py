"""Programs and scripts, as far as they pretend to be models or lie among or behind them.

Sources: System V ABI (ELF), Microsoft "PE Format", Apple `mach-o/loader.h` and `fat.h`.
"""

import re
from typing import Final, Literal

from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.paths import base_name
from weightmark.values import dataclass

__all__ = [
    "ProgramReader",
    "report_hidden_program",
    "report_leading_program",
    "report_python_archive",
]

_PE_POINTER, _PE_HEAD = 0x3C, b"PE\0\0"
_MACHO = frozenset(
    [b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"]
)
_FAT = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
_MOST_ARCHITECTURES = 30
_MACHINE_FAMILY, _MACHINES = 0xFFFFFF, frozenset({6, 7, 10, 11, 12, 13, 14, 18})
"""families of processors (`mach/machine.h`); the highest byte tells their width"""
_APE = (b"MZqFpD='", b"jartsr='", b"APEDBG='")
_LLAMAFILE = ".llamafile"
_WASM = (b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0")
_CLASS = b"\xca\xfe\xba\xbe"
_CLASS_VERSIONS = range(45, 100)
_BYTECODE_VERSIONS = range(3000, 4000)
"""magic numbers of CPython 3 (`Include/internal/pycore_magic_number.h`)"""
_BYTECODE_FLAGS = frozenset({0, 1, 3})
_CODE_AT, _CODE = 16, frozenset({b"c", b"\xe3"})
_ELF_CLASSES = frozenset(b"\x01\x02")
_HEADER = 64
_HIDDEN = lazy_pattern(
    rb"\x7fELF[\x01\x02][\x01\x02]\x01|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe"
)
_SEARCHED, _OVERLAP = 64 * MEBIBYTE, 8
_STORAGE = lazy_pattern(r"(?:\A|/)data/\d+\Z")
"""the numbers of a tensor in an archive of torch"""
_MODEL_NAMES = lazy_pattern(
    r"\.(bin|caffemodel|ckpt|dat|data|dill|gguf|ggml|h5|hdf5|joblib|keras|mar|mlmodel|model|msgpack|nemo"
    r"|npy|npz|onnx|params|pb|pdparams|pickle|pkl|pmml|pt|pt2|pte|pth|rda|rdata|rds|safetensors|skops"
    r"|tflite|ubj|weights)\Z",
    re.IGNORECASE,
)
_ENTRY_POINTS = frozenset({b"__main__.py", b"__main__.pyc"})
_SCRIPT_LINE = lazy_pattern(rb"#![ \t]*/[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class ProgramReader:
    """Tells programs by their headers; what they do is not looked into."""

    name: Final[str] = "program"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report a program; see `FormatReader.read`. A script under its own name is none."""
        script = _SCRIPT_LINE.match(place.head)
        native = _kind(place.view, place.head)
        portable = _portable_kind(place.head)
        if not (script or native or portable):
            return False
        name = place.member or examination.path
        disguised = _is_disguise(name)
        if script:
            disguised = disguised or name.lower().endswith(_LLAMAFILE)
            if disguised:
                line = script[0][:80].decode("ascii")
                examination.find("EXE003", place, offset=0, detail=line)
            return disguised
        kind = native or (portable if disguised else "")
        if not kind:
            return False
        examination.also_read_as(kind, place)
        if kind == "llamafile" and not disguised and _holds_model(place.view):
            examination.find("EXE004", place, offset=0)
        elif kind == "llamafile" and not disguised:
            examination.find("EXE001", place, offset=0, detail="llamafile without a model")
        else:
            examination.find("EXE001" if disguised else "EXE002", place, offset=0, detail=kind)
        return True


def report_python_archive(names: list[bytes], place: Place, examination: Examination) -> None:
    """Report a zip that Python runs as a program: a member `__main__` at its root (PEP 441)."""
    entry = next((name for name in names if name in _ENTRY_POINTS), None)
    if entry is not None:
        disguised = _is_disguise(place.member or examination.path)
        detail = f"`{entry.decode('ascii')}`: Python runs the archive as a program"
        examination.find("EXE003" if disguised else "EXE002", place, detail=detail)


def report_hidden_program(place: Place, examination: Examination) -> None:
    """Report a native program or a script that begins in bytes that belong to no model.

    A script counts at their start, a program anywhere in their first 64 MiB: whoever carries it this way
    cuts it out again.
    """
    if script := _SCRIPT_LINE.match(place.head):
        examination.find("EXE005", place, offset=0, detail=script[0][:80].decode("ascii"))
    end = min(place.view.size, _SEARCHED)
    for start in range(0, end, MEBIBYTE):
        block = place.view.read_at(start, MEBIBYTE + _OVERLAP)
        for found in _HIDDEN.finditer(block):
            at = start + found.start()
            rest = Slice(place.view, at, place.view.size - at)
            if kind := _kind(rest, rest.read_at(0, _HEADER)):
                examination.find("EXE005", place, offset=at, detail=kind)
                return


def report_leading_program(start: int, size: int, place: Place, examination: Examination) -> None:
    """Report a native program that stands where a tensor of plain bytes begins."""
    numbers = Slice(place.view, start, size)
    if kind := _kind(numbers, numbers.read_at(0, _HEADER)):
        examination.find("EXE005", place, offset=start, detail=kind)


def _is_disguise(path: str) -> bool:
    """Tell the name of a model, or of the numbers of one."""
    inside = path.rpartition("!")[2]
    return bool(_MODEL_NAMES.search(base_name(path)) or _STORAGE.search(inside))


def _kind(view: ByteView, head: bytes) -> str:
    """Return the word for a native program, or an empty text; raw weights may begin like one."""
    if head.startswith(_APE):
        return "llamafile"
    if head.startswith(b"\x7fELF") and head[4:5] and head[4] in _ELF_CLASSES:
        return "elf"
    if head.startswith(b"MZ"):
        at = int.from_bytes(head[_PE_POINTER : _PE_POINTER + 4], "little")
        return "pe" if view.read_at(at, len(_PE_HEAD)) == _PE_HEAD else ""
    is_fat = head.startswith(_FAT) and 0 < int.from_bytes(head[4:8], "big") < _MOST_ARCHITECTURES
    return "mach-o" if is_fat or _is_macho(head) else ""


def _holds_model(view: ByteView) -> bool:
    """Tell a program with an archive behind it whose directory lists a GGUF model, as llamafile packs it."""
    start = max(0, view.size - MEBIBYTE)
    end = view.read_at(start, MEBIBYTE).lower()
    return b"pk\1\2" in end and b".gguf" in end


def _is_macho(head: bytes) -> bool:
    """Tell a magic number of Mach-O before a known machine or kind of file."""
    if head[:4] not in _MACHO:
        return False
    machine = int.from_bytes(head[4:8], _order(head)) & _MACHINE_FAMILY
    return machine in _MACHINES or 0 < int.from_bytes(head[12:16], _order(head)) < 16  # noqa: PLR2004 - kinds of Mach-O files


def _portable_kind(head: bytes) -> str:
    """Return the word for a program of a virtual machine, or an empty text."""
    if head.startswith(_WASM):
        return "wasm"
    if head.startswith(_CLASS) and int.from_bytes(head[6:8], "big") in _CLASS_VERSIONS:
        return "java-class"
    version, flags = int.from_bytes(head[:2], "little"), int.from_bytes(head[4:8], "little")
    is_bytecode = version in _BYTECODE_VERSIONS and head[2:4] == b"\r\n"
    if is_bytecode and flags in _BYTECODE_FLAGS and head[_CODE_AT : _CODE_AT + 1] in _CODE:
        return "python-bytecode"
    return ""


def _order(head: bytes) -> Literal["little", "big"]:
    return "big" if head.startswith(b"\xfe\xed") else "little"
