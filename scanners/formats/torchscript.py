"""TorchScript: the source that an archive carries, as far as its interpreter reaches beyond tensors.

The source looks like Python. Strings are left out, and what is called by name is looked at.
"""

from collections.abc import Iterator

from weightmark.errors import LimitError
from weightmark.patterns import lazy_pattern
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE

__all__ = ["is_source", "judge_source", "report_source"]

_LONGEST = 16 * MEBIBYTE
_STRING = lazy_pattern(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\#[^\n]*""")
_CALL = lazy_pattern(r"\b(torch|ops)\s*\.\s*([A-Za-z_]\w*)\s*(?:\.\s*([A-Za-z_]\w*)\s*)?\(")
_REACHES_FILES = frozenset(
    {
        "from_file",
        "load",
        "read_file",
        "save",
        "sox_effects_apply_effects_file",
        "sox_io_get_info",
        "sox_io_load_audio_file",
        "sox_io_save_audio_file",
        "write_file",
    }
)
"""operators of torch, torchvision's images and torchaudio that open a file by its name"""
_OWN_SPACES = frozenset(
    {
        "_caffe2",
        "_quantized",
        "aten",
        "fb",
        "inductor",
        "mkldnn",
        "mkldnn_prepacked",
        "onednn",
        "prepacked",
        "prim",
        "prims",
        "profiler",
        "quantized",
        "quantized_decomposed",
        "sparse",
        "static_runtime",
        "tensorexpr",
        "torchaudio",
        "torchvision",
        "xnnpack",
    }
)


def is_source(name: bytes) -> bool:
    """Tell a member that TorchScript compiles."""
    return name.endswith(b".py") and (b"/code/" in name or name.startswith(b"code/"))


def report_source(place: Place, examination: Examination) -> None:
    """Report what one source file reaches; raises `LimitError` for one over 16 MiB."""
    if place.view.size > _LONGEST:
        raise LimitError(f"a TorchScript source is over {_LONGEST} bytes")
    text = place.view.read_at(0, place.view.size).decode("utf-8", "replace")
    for rule, detail in judge_source(text):
        examination.find(rule, place, detail=detail)


def judge_source(text: str) -> Iterator[tuple[str, str]]:
    """Yield rule and detail of each operator that reaches files, or comes from outside of torch."""
    for found in _CALL.finditer(_STRING.sub("''", text)):
        space, first, second = found.groups()
        if (second or first) in _REACHES_FILES:
            yield "TSC002", ".".join(part for part in found.groups() if part)
        elif space == "ops" and first not in _OWN_SPACES:
            yield "TSC003", f"ops.{first}.{second or ''}"
