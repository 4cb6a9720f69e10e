"""The test vectors that docs/formats publishes, and the examples in its text."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import make_tree, read_statement, sign
from weightmark.errors import MalformedError, NoInputError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.manifest import Manifest, Row
from weightmark.provenance.reading.engine import Reading, read_artifact

DOCS = Path(__file__).resolve().parents[2] / "docs/formats"
VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (DOCS / "manifest-v1.vectors.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda one: one["name"])
def test_a_manifest_has_these_bytes_and_this_identity(vector: dict[str, Any]) -> None:
    manifest = Manifest.from_rows(
        Row(one["path"], one["size"], one["blake3"]) for one in vector["files"]
    )
    expected = bytes.fromhex(vector["manifest_hex"])
    assert manifest.canonical_bytes == expected
    assert manifest.identity == vector["identity"]
    assert Manifest.parse(expected) == manifest


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda one: one["name"])
def test_files_on_disk_have_this_identity(tmp_path: Path, vector: dict[str, Any]) -> None:
    contents = {one["path"]: one["content"].encode() for one in vector["files"]}
    if contents.keys() == {"."}:
        root = make_tree(tmp_path, {"any-name.bin": contents["."]}) / "any-name.bin"
    else:
        root = make_tree(tmp_path / "m", contents)
    reading: Reading[None] = read_artifact(open_artifact(root).require_identifiable())
    assert reading.manifest().identity == vector["identity"]


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda one: one["name"])
def test_another_spelling_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises((MalformedError, NoInputError)):
        Manifest.parse(bytes.fromhex(vector["manifest_hex"]))


@pytest.mark.parametrize(
    "row",
    [Row("a", 1, ""), Row("a", -1, "0" * 64), Row("a", 10**19, "0" * 64), Row("\ud800", 1, "")],
)
def test_a_row_that_no_line_can_say_is_refused(row: Row) -> None:
    with pytest.raises(MalformedError):
        Manifest.from_rows([row])


def test_the_example_in_the_text_is_a_vector() -> None:
    text = (DOCS / "manifest-v1.md").read_text(encoding="utf-8")
    example = re.search(r"```text\n(weightmark-manifest/v1\n.*?)```", text, re.DOTALL)
    assert example
    manifest = Manifest.parse(example[1].encode())
    assert manifest.identity in text
    assert manifest.identity in {one["identity"] for one in VECTORS["valid"]}


def test_the_claims_page_names_every_field_that_is_written(tmp_path: Path) -> None:
    text = (DOCS / "claims.md").read_text(encoding="utf-8")
    tree = make_tree(tmp_path / "m", {"a": b"1"})
    sign(tree)
    for line in (tree / "model.claims").read_bytes().splitlines():
        statement = read_statement(line)
        assert statement["predicateType"] in text
        for name in (*statement["predicate"], *statement["subject"][0]["annotations"]):
            assert f"`{name}`" in text
