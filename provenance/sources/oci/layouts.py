"""Layouts: which file, or which archive of files, each layer of a manifest is.

Known: ModelPack (`application/vnd.cncf.model.*`, CNCF model-spec v1), ModelKits of KitOps
(`application/vnd.kitops.modelkit.*`), and files as ORAS pushes them (`org.opencontainers.image.title`).
A layer of which nobody can say what it is in the tree makes the whole unsupported: a part is no model.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.sources.interface import Part
from weightmark.provenance.sources.oci.documents import Descriptor, Manifest, title_of
from weightmark.provenance.strict_json import parse_object

__all__ = [
    "KITOPS_CONFIG",
    "MAX_CONFIG",
    "MODELPACK",
    "MODELPACK_CONFIG",
    "parts_of",
    "reads_config",
]

MODELPACK = "application/vnd.cncf.model.manifest.v1+json"
MODELPACK_CONFIG = "application/vnd.cncf.model.config.v1+json"
KITOPS_CONFIG = "application/vnd.kitops.modelkit.config.v1+json"
MAX_CONFIG = 4 * 1024 * 1024
"""bytes of a configuration that is read"""
FILE_PATH = "org.cncf.model.filepath"
_ORAS_UNPACK = "io.deis.oras.content.unpack"
_FOLDER_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_ARCHIVE = r"(raw|tar|tar\+gzip|tar\+zstd)"
_MODELPACK_LAYER = re.compile(
    rf"application/vnd\.cncf\.model\.(?:weight|weight\.config|doc|code|dataset)\.v1\.{_ARCHIVE}"
)
_KITOPS_LAYER = re.compile(
    rf"application/vnd\.kitops\.modelkit\.(?:model|modelpart|dataset|code|docs|prompt)\.v1\.{_ARCHIVE}"
)
_CONTAINER_LAYER = re.compile(
    r"application/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar).*"
)
_RAW = "raw"
_ROOT = "."


def reads_config(manifest: Manifest) -> bool:
    """Tell whether `parts_of` needs the configuration."""
    return manifest.config.media_type == KITOPS_CONFIG


def parts_of(manifest: Manifest, config: bytes, what: str) -> tuple[Part, ...]:
    """Return what the layers are, in their order.

    Raises `UnsupportedError` for a layer that is no part of a model in a form that is known,
    `MalformedError` for one with two names, and for two with one title.
    """
    if reads_config(manifest):
        _require_described(manifest, config, what)
    _require_distinct(manifest, what)
    return tuple(
        _part(number, layer, what) for number, layer in enumerate(manifest.layers, start=1)
    )


def _require_distinct(manifest: Manifest, what: str) -> None:
    """Refuse two layers of one title: clients that go by it would write one file over the other."""
    seen: set[str] = set()
    for layer in manifest.layers:
        title = title_of(layer)
        if title and title in seen:
            raise MalformedError(
                f"{what} has two layers that are named `{title[:200]}`",
                why="a client that goes by titles would write the one over the other",
                fix="push it again with `weightmark push`",
            )
        seen.add(title)


def _part(number: int, layer: Descriptor, what: str) -> Part:
    form = _form(number, layer, what)
    if form == _RAW:
        return _as_part(layer, _path(number, layer, what), "")
    return _as_part(layer, _ROOT, form)


def _form(number: int, layer: Descriptor, what: str) -> str:
    """Return how a layer is packed, `raw` when it is a file."""
    for pattern in (_MODELPACK_LAYER, _KITOPS_LAYER):
        found = pattern.fullmatch(layer.media_type)
        if found:
            return found[1]
    marked = layer.annotations.get(_ORAS_UNPACK) == "true"
    if marked and layer.media_type == _FOLDER_LAYER:
        return "tar+gzip"
    if marked or (title_of(layer) and layer.media_type == _FOLDER_LAYER):
        raise UnsupportedError(
            f"layer {number} of {what} is a file to some clients and a folder to others",
            why=f"ORAS goes by `{_ORAS_UNPACK}`, its Python client by the media type, and they disagree",
            fix="push the folder with `weightmark push`, or with `oras push`",
        )
    return _RAW


def _as_part(layer: Descriptor, path: str, archive: str) -> Part:
    digests = {"sha256": layer.digest.removeprefix("sha256:")}
    return Part(path, layer.size, digests, location=layer.digest, archive=archive)


def _path(number: int, layer: Descriptor, what: str) -> str:
    """Return the path of a file; two annotations that disagree would be two trees for two clients."""
    title, path = title_of(layer), layer.annotations.get(FILE_PATH, "")
    if not title and not path:
        raise _nameless(number, layer, what)
    if title and path and title not in {path, path.rpartition("/")[2]}:
        raise MalformedError(
            f"layer {number} of {what} has two names, `{path[:200]}` and `{title[:200]}`",
            why="two clients would write two trees",
        )
    return path or title


def _nameless(number: int, layer: Descriptor, what: str) -> UnsupportedError:
    if _CONTAINER_LAYER.fullmatch(layer.media_type):
        return UnsupportedError(
            f"{what} is a container image",
            why="its layers are a system's files, and which of them are the model is not said",
            fix="push the model as ModelPack with `weightmark push`",
        )
    return UnsupportedError(
        f"layer {number} of {what}, `{layer.media_type[:100]}`, names no file",
        why=f"neither `{FILE_PATH}` nor `org.opencontainers.image.title` stands there",
        fix="push the model as ModelPack with `weightmark push`",
    )


def _require_described(manifest: Manifest, config: bytes, what: str) -> None:
    """Require that a ModelKit's own description names every layer, and nothing else.

    Older kits name paths only, beneath which each client unpacks in its own way; others refer to a
    model in another repository.
    """
    fields = parse_object(config, what=f"the configuration of {what}", max_size=MAX_CONFIG)
    described = [entry.get("digest") for entry in _entries(fields, what)]
    layers = [layer.digest for layer in manifest.layers]
    if not all(described) or not set(described) <= set(layers):
        raise UnsupportedError(
            f"{what} is a ModelKit that is not whole",
            why="it is of an old form, or refers to another kit for its model",
            fix="pack it again with a current `kit`, or push the unpacked folder with `weightmark push`",
        )
    if set(layers) != set(described):
        raise MalformedError(
            f"{what} has layers that its own description leaves out",
            why="`kit` would not unpack them, and others would",
        )


def _entries(fields: Mapping[str, Any], what: str) -> Iterator[Mapping[str, Any]]:
    """Yield every entry of a Kitfile that may stand for a layer."""
    model = fields.get("model") or {}
    groups = [[model] if model else [], model.get("parts") if isinstance(model, dict) else []]
    groups += [fields.get(name) for name in ("code", "datasets", "docs", "prompts")]
    for group in groups:
        entries = [] if group is None else group
        if not isinstance(entries, list) or not all(map(_is_entry, entries)):
            raise MalformedError(f"the configuration of {what} has entries that are none")
        yield from entries


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("digest", ""), str)
