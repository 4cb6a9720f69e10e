"""Small safetensors models, signed ones, and claims that somebody forged."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.attestations.forge import bundle, make_tree, read_statement, sign, trust
from weightmark.attestations.loading.releases import find_releases
from weightmark.attestations.loading.tensors import VerifiedTensors
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.tensors import TENSORS_PREDICATE
from weightmark.provenance.artifact import open_artifact

WEIGHTS = {"a": b"aaaaaaaa", "b": b"bbbb", "empty": b""}
NOTHING: Mapping[str, bytes] = {}


def safetensors(tensors: Mapping[str, bytes] = WEIGHTS, **header: Any) -> bytes:
    """Return a file of byte tensors; `header` overrides or adds entries."""
    entries: dict[str, Any] = {}
    data = b""
    for name, content in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        entries[name] = {"dtype": "U8", "shape": [len(content)], "data_offsets": offsets}
        data += content
    text = json.dumps(entries | header).encode()
    return struct.pack("<Q", len(text)) + text + data


def model(
    root: Path, tensors: Mapping[str, bytes] = WEIGHTS, more: Mapping[str, bytes] = NOTHING
) -> Path:
    files = {"model.safetensors": safetensors(tensors), "config.json": b"{}"}
    return make_tree(root, {**files, **more})


def signed(
    root: Path, tensors: Mapping[str, bytes] = WEIGHTS, more: Mapping[str, bytes] = NOTHING
) -> Path:
    tree = model(root, tensors, more)
    sign(tree)
    return tree


def sharded(
    root: Path, index: Mapping[str, str] | None = None, more: Mapping[str, bytes] = NOTHING
) -> Path:
    """Return an unsigned model of two shards; `index` replaces the right one."""
    said = {"a": "one.safetensors", "b": "two.safetensors"} if index is None else dict(index)
    files = {
        "one.safetensors": safetensors({"a": b"aaaa"}),
        "two.safetensors": safetensors({"b": b"bb"}),
        "model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": said}).encode(),
    }
    return make_tree(root, {**files, **more})


def loaded(path: Path, *by: str, file: str = "", **how: Any) -> VerifiedTensors:
    """Open `path` as `open_verified` does, with plain bytes."""
    artifact = open_artifact(path)
    releases = find_releases(artifact, trust(*by))
    return VerifiedTensors.open(artifact, releases, file=file, framework="bytes", **how)


def contents(tensors: VerifiedTensors) -> dict[str, bytes]:
    with tensors:
        return {name: bytes(tensors[name].data) for name in tensors}


def claims(tree: Path) -> list[dict[str, Any]]:
    """Return the statements in the claims file."""
    return [read_statement(line) for line in (tree / "model.claims").read_bytes().splitlines()]


def table_of(tree: Path) -> dict[str, Any]:
    """Return the statement with the tensor table."""
    return next(one for one in claims(tree) if one["predicateType"] == TENSORS_PREDICATE)


def without_table(tree: Path) -> Path:
    """Take the tensor tables out of the claims file."""
    lines = (tree / "model.claims").read_bytes().splitlines(keepends=True)
    kept = [one for one in lines if read_statement(one)["predicateType"] != TENSORS_PREDICATE]
    (tree / "model.claims").write_bytes(b"".join(kept))
    return tree


def with_table(tree: Path, statement: dict[str, Any], by: str = "release") -> Path:
    """Replace the tensor table by `statement`, properly signed."""
    return and_table(without_table(tree), statement, by)


def and_table(tree: Path, statement: dict[str, Any], by: str = "release") -> Path:
    """Add one more tensor table, properly signed."""
    line = json.dumps(bundle(statement, by)).encode() + b"\n"
    with (tree / "model.claims").open("ab") as file:
        file.write(line)
    return tree


def without_manifest(tree: Path) -> Path:
    """Leave `model.sig` as the only thing that lists files."""
    lines = (tree / "model.claims").read_bytes().splitlines(keepends=True)
    kept = [one for one in lines if read_statement(one)["predicateType"] != MANIFEST_PREDICATE]
    (tree / "model.claims").write_bytes(b"".join(kept))
    return tree


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    """Change bytes of the very file, in place."""
    data = path.read_bytes()
    assert data.count(old) == 1
    with path.open("r+b") as file:
        file.seek(data.index(old))
        file.write(new)
