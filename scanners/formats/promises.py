"""Names that promise a model, kept or not.

A loader that is given such a name takes the content for its format. Where no reader of that format
took the file, nobody can say what the loader would make of it.
"""

import re

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.repository.paths import base_name

__all__ = ["broken_promise"]

_FORMATS = re.compile(
    r"\.(ckpt|dill|gguf|h5|hdf5|joblib|keras|mar|mlmodel|msgpack|nemo|npy|npz|onnx|ort|pdparams|pickle"
    r"|pkl|pmml|pt|pt2|ptd|pte|pth|ptl|rda|rdata|rds|safetensors|skops|tflite|ubj)\Z"
    r"|(?:\A|[_.-])(?:pytorch_model|adapter_model|training_args)[\w.-]*\.bin\Z"
    r"|\Asaved_model\.pb\Z",
    re.IGNORECASE,
)
"""names of formats that show themselves by their first bytes"""
_PLAIN_TEXT = re.compile(r"\.(pt|pth)\Z", re.IGNORECASE)
"""word lists in Portuguese, and the path lists that Python's `site` reads"""
_POINTER = "git-lfs-pointer"
_APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00"
_CHECKPOINT = re.compile(r"\.ckpt\Z", re.IGNORECASE)
_TABLE_END = (0xDB4775248B80FB57).to_bytes(8, "little")
"""the last bytes of TensorFlow's first checkpoints (`table/format.h`)"""


def broken_promise(place: Place, kind: str, examination: Examination) -> str:
    """Return why a place that no reader took could not be checked, or an empty text.

    `kind` is the word of `recognise` for the content.
    """
    name = base_name(place.member or examination.path)
    if kind == "empty" or place.head.startswith(_APPLE_DOUBLE) or not _FORMATS.search(name):
        # `.bin` and its like promise no format: raw numbers and plain text are data that no loader runs
        return ""
    if kind == _POINTER:
        return (
            "a pointer of Git LFS stands for the model, whose content is not here (`git lfs pull`)"
        )
    listed = is_text(place.head) and _PLAIN_TEXT.search(name)
    if listed or _is_other_checkpoint(name, place, examination):
        return ""
    ending = name.rpartition(".")[2].lower()
    return (
        f"the name ends in `.{ending}`, and what the file holds is no such model that can be read"
    )


def _is_other_checkpoint(name: str, place: Place, examination: Examination) -> bool:
    """Tell the checkpoints of TensorFlow 1 and MindSpore, which hold numbers only."""
    if not _CHECKPOINT.search(name) or is_text(place.head):
        return False
    size = place.view.size
    if place.view.read_at(max(0, size - len(_TABLE_END)), len(_TABLE_END)) == _TABLE_END:
        return True
    return examination.probe(place).sound
