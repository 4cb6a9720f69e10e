"""TorchServe's archives of models (`.mar`) and workflows (`.war`): what their manifest makes it run."""

from posixpath import normpath
from typing import Any

from weightmark.errors import MalformedError
from weightmark.provenance.strict_json import parse_object
from weightmark.scanners.formats.interface import Examination, Place

__all__ = ["is_manifest", "report_manifest"]

_MANIFESTS = frozenset({b"mar-inf/manifest.json", b"war-inf/manifest.json"})
_LONGEST = 1024 * 1024
_DEPTH = 16
_OWN_HANDLERS = frozenset(
    {"image_classifier", "image_segmenter", "object_detector", "text_classifier"}
)
_PATHS = (
    "handler",
    "modelFile",
    "requirementsFile",
    "serializedFile",
    "configFile",
    "specFile",
    "extraFiles",
)
_SHOWN = 120


def is_manifest(name: bytes) -> bool:
    """Tell the member by which the server knows an archive."""
    return name.lower().removeprefix(b"./") in _MANIFESTS


def report_manifest(place: Place, examination: Examination) -> None:
    """Report the code that a manifest names, and paths that leave the archive."""
    try:
        data = place.view.read_at(0, _LONGEST + 1)
        document = parse_object(data, what="the manifest", max_size=_LONGEST, max_depth=_DEPTH)
    except MalformedError as error:
        examination.find("MAR004", place, detail=error.what)
        examination.problem("the TorchServe manifest cannot be read", place)
        return
    for part in (document.get("model"), document.get("workflow")):
        if isinstance(part, dict):
            for key in _PATHS:
                _report(key, part.get(key), place, examination)


def _report(key: str, value: Any, place: Place, examination: Examination) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        examination.find("MAR004", place, detail=f"`{key}` is no text")
        return
    shown = f"`{key}`: `{value[:_SHOWN]}`"
    path = value.replace("\\", "/")
    paths = path.split(",") if key == "extraFiles" else [path]
    if any(
        one.startswith("/") or one[1:2] == ":" or normpath(one).startswith("..") for one in paths
    ):
        examination.find("MAR002", place, detail=shown)
    if key == "modelFile" or (key == "handler" and value not in _OWN_HANDLERS):
        examination.find("MAR001", place, detail=shown)
    if key == "requirementsFile":
        examination.find("MAR003", place, detail=shown)
