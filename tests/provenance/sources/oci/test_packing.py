"""What `push` writes is fixed for ever: claims of others name it by its digest."""

import json
from hashlib import sha256

import pytest

from weightmark.errors import LimitError
from weightmark.provenance.sources.oci.documents import Manifest, parse_document
from weightmark.provenance.sources.oci.packing import PackedFile, pack

NAMES = {
    "LICENSE": "doc",
    "README.md": "doc",
    "config.json": "weight.config",
    "data/train.jsonl": "dataset",
    "data/train.parquet": "dataset",
    "model-00001-of-00002.safetensors": "weight",
    "modeling.py": "code",
    "onnx/model.onnx": "weight",
    "tokenizer.model": "weight.config",
    "größe 模型\n.gguf": "weight.config",
    "größe.gguf": "weight",
}
FILES = [PackedFile(path, len(path), sha256(path.encode()).hexdigest()) for path in NAMES]


def test_the_digest_of_a_list_of_files_never_changes() -> None:
    assert (
        pack(FILES).descriptor.digest
        == "sha256:7068e672da23bba404e2d45ca3035d07bb60fae4da0af126e40e4297baf0b928"
    )


def test_files_are_sorted_by_their_names_as_other_tools_do() -> None:
    kinds = [
        one.media_type.split(".v1.")[0].removeprefix("application/vnd.cncf.model.")
        for one in pack(FILES).layers
    ]
    assert kinds == list(NAMES.values())


def test_a_package_is_a_manifest_that_is_read_back() -> None:
    package = pack(FILES)
    found = parse_document(package.manifest, "", "it")
    assert isinstance(found, Manifest)
    assert [one.digest for one in found.layers] == [one.digest for one in package.layers]
    config = json.loads(package.config)
    assert config["modelfs"] == {
        "type": "layers",
        "diffIds": [one.digest for one in package.layers],
    }


def test_more_files_than_a_manifest_holds_hit_a_limit() -> None:
    with pytest.raises(LimitError):
        pack(PackedFile(f"{number}.bin", 1, "ab" * 32) for number in range(20_000))
