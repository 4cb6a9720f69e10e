"""Texts of configurations that a loader evaluates as Python: YOLO's layers, Paddle's preprocessing.

Sources: YOLOv5, YOLOv7 and their kin, `models/yolo.py`: `eval(m)`, `eval(a)` and `eval(activation)`;
PaddleDetection `deploy/python/infer.py`: `eval(op_type)`; PaddleOCR `ppocr/data/imaug`: `eval(op_name)`.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.documents import JsonObject

__all__ = ["evaluated_texts"]

_PARTS = ("backbone", "head")
_LAYER = 4
"""values of a layer: where it comes from, how often, its class, its arguments"""
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z]\w*){0,3}", re.ASCII)
_ARGUMENT = re.compile(r"[\w .,\[\]+*/-]*", re.ASCII)
_OPERATION = re.compile(r"[A-Za-z]\w*", re.ASCII)
_ACTIVATION = re.compile(r"(?:torch\.)?nn\.[A-Za-z]\w*(?:\([\w .,=-]*\))?", re.ASCII)


def evaluated_texts(document: object) -> Iterator[tuple[str, str]]:
    """Yield key and text of what is evaluated and is more than a name or a number."""
    if not isinstance(document, JsonObject):
        return
    parts = [(key, value) for key in _PARTS for value in document.all(key)]
    for key, value in parts:
        for layer in value if isinstance(value, list) else []:
            if isinstance(layer, list) and len(layer) >= _LAYER:
                yield from ((key, text) for text in _odd_texts(layer))
    if parts or "nc" in document.keys:
        for text in document.all("activation"):
            if isinstance(text, str) and not (_ACTIVATION.fullmatch(text) or _NAME.fullmatch(text)):
                yield "activation", text
    for key, name in _operations(document):
        if not _OPERATION.fullmatch(name):
            yield key, name


def _operations(document: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield the names of what Paddle's deployment does before and after the model."""
    for listed in document.all("Preprocess"):
        for step in listed if isinstance(listed, list) else []:
            names = step.all("type") if isinstance(step, JsonObject) else ()
            yield from (("Preprocess/type", name) for name in names if isinstance(name, str))
    for part in document.all("PreProcess"):
        for listed in part.all("transform_ops") if isinstance(part, JsonObject) else ():
            for step in listed if isinstance(listed, list) else []:
                if isinstance(step, JsonObject):
                    yield from (("PreProcess/transform_ops", name) for name, _ in step.pairs)
    for part in document.all("PostProcess"):
        names = part.all("name") if isinstance(part, JsonObject) else ()
        yield from (("PostProcess/name", name) for name in names if isinstance(name, str))


def _odd_texts(layer: list[object]) -> Iterator[str]:
    kind, arguments = layer[2], layer[3]
    if isinstance(kind, str) and not _NAME.fullmatch(kind):
        yield kind
    for argument in arguments if isinstance(arguments, list) else [arguments]:
        if isinstance(argument, str) and ("__" in argument or not _ARGUMENT.fullmatch(argument)):
            yield argument
