"""safetensors: eight bytes of length, a JSON header, then the tensors without gaps."""

from collections.abc import Iterator
from json import JSONDecoder
from typing import Any, Final

from weightmark.errors import MalformedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.strict_json import parse_object
from weightmark.scanners.findings import Severity
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.programs import report_leading_program
from weightmark.scanners.formats.trailing import look_behind
from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.hidden import look_into_payload, look_into_text
from weightmark.values import dataclass

__all__ = ["SafetensorsReader", "Tensor", "read_header", "read_tensor"]

_PREFIX = 8
_LOADERS_LIMIT = 100_000_000
_IMPLAUSIBLE = 1 << 40
"""bytes that no file of this format has: a length over it was never true"""
_OBJECT = lazy_pattern(rb"\{\s*[\"}]")
_BYTES = frozenset({"BOOL", "I8", "U8"})
_DTYPE = lazy_pattern(r"[A-Z]{1,5}\d{1,3}(?:_[A-Z0-9]+)?|BOOL")
"""how names of data types are formed, those of versions to come included"""
_DEPTH = 8
_RANGE = 2
_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a header."""

    name: str
    """the key"""
    dtype: str
    """the data type as the file calls it"""
    shape: tuple[int, ...]
    """dimensions"""
    start: int
    """first byte, counted from the end of the header"""
    end: int
    """the byte after the last"""


@dataclass(frozen=True, slots=True)
class SafetensorsReader:
    """Reads the header and checks that it tells the truth about the file."""

    name: Final[str] = "safetensors"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check every rule of the format; see `FormatReader.read`."""
        if place.head[_PREFIX : _PREFIX + 1] != b"{":
            return False
        length = int.from_bytes(place.head[:_PREFIX], "little")
        if length >= _IMPLAUSIBLE and not _OBJECT.match(place.head, _PREFIX):
            return False
        is_beyond = _PREFIX + length > place.view.size
        if length > _LOADERS_LIMIT:
            weight = Severity.HIGH if is_beyond else None
            detail = f"{length} bytes"
            examination.find("STF009", place, offset=0, detail=detail, severity=weight)
        if is_beyond:
            _check_broken_header(place, examination)
            return True
        header = read_header(place.view, examination.limits.header, length)
        if isinstance(header, str):
            examination.find("STF001", place, offset=_PREFIX, detail=header)
            return True
        _check_metadata(header.pop("__metadata__", None), place, examination)
        tensors = list(_entries(header, place, examination))
        if len(tensors) == len(header):
            _check_layout(tensors, place.view.size - _PREFIX - length, place, examination)
        for tensor in tensors:
            data = _PREFIX + length + tensor.start
            look_into_payload(data, tensor.end - tensor.start, place, examination)
            if tensor.dtype in _BYTES:
                report_leading_program(data, tensor.end - tensor.start, place, examination)
        return True


def read_header(view: ByteView, limit: int, length: int) -> dict[str, Any] | str:
    """Return the parsed header, or why it is not strict JSON; raises `LimitError`."""
    if length > limit:
        raise over_limit("header", f"the safetensors header is over {limit} bytes")
    data = view.read_at(_PREFIX, length)
    try:
        return parse_object(data, what="the header", max_size=limit, max_depth=_DEPTH)
    except MalformedError as error:
        return error.what


def _check_broken_header(place: Place, examination: Examination) -> None:
    """Tell a header that is cut off from one that ends long before it says."""
    text = place.view.read_at(_PREFIX, examination.limits.header).decode("utf-8", "replace")
    try:
        end = JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        end = 0
    if end and not text[end:].isspace() and text[end:]:
        examination.find("STF010", place, offset=0)
    examination.problem("the safetensors header reaches over the end of the file", place)


def _check_metadata(metadata: object, place: Place, examination: Examination) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        examination.find("STF008", place, offset=_PREFIX)
    else:
        for key, value in metadata.items():
            look_into_text(value, f"__metadata__ {key[:40]!r}", place, examination)


def _entries(header: dict[str, Any], place: Place, examination: Examination) -> Iterator[Tensor]:
    for name, entry in header.items():
        tensor = read_tensor(name, entry)
        if isinstance(tensor, str):
            examination.find("STF002", place, offset=_PREFIX, detail=f"`{name[:80]}`: {tensor}")
            continue
        bits = _BITS.get(tensor.dtype)
        if bits is None:
            detail = f"`{name[:80]}`: {tensor.dtype[:40]}"
            weight = None if _DTYPE.fullmatch(tensor.dtype) else Severity.HIGH
            examination.find("STF007", place, offset=_PREFIX, detail=detail, severity=weight)
        elif _bit_count(tensor.shape, bits) != 8 * (tensor.end - tensor.start):
            examination.find("STF006", place, offset=_PREFIX, detail=f"`{name[:80]}`")
        yield tensor


def read_tensor(name: str, entry: object) -> Tensor | str:
    """Return one entry of a header, or why it is none."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "not exactly `dtype`, `shape` and `data_offsets`"
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str):
        return "the data type is no text"
    if not _is_numbers(shape) or not _is_numbers(offsets) or len(offsets) != _RANGE:
        return "a shape or offset is no whole number, or is negative"
    start, end = offsets
    return Tensor(name, dtype, tuple(shape), start, end) if start <= end else "the end precedes"


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _bit_count(shape: tuple[int, ...], bits: int) -> int:
    for size in shape:
        bits *= size
        if bits > 1 << 80:
            return -1
    return bits


def _check_layout(tensors: list[Tensor], size: int, place: Place, examination: Examination) -> None:
    at = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.end)):
        shown = f"`{tensor.name[:80]}` at {tensor.start}"
        if tensor.start < at and tensor.end > tensor.start:
            examination.find("STF003", place, offset=_PREFIX, detail=shown)
        elif tensor.start > at:
            examination.find("STF004", place, offset=_PREFIX, detail=f"before {shown}")
        at = max(at, tensor.end)
    if at > size:
        weight = Severity.HIGH if at >= _IMPLAUSIBLE else None
        detail = f"ends {at - size} bytes later"
        examination.find("STF005", place, offset=_PREFIX, detail=detail, severity=weight)
        examination.problem("the safetensors file ends before its tensors do", place)
    elif at < size:
        end = place.view.size - (size - at)
        examination.find("STF004", place, offset=end, detail="at the end")
        look_behind(place, end, examination)
