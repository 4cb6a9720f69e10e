"""Ignored paths: a file by its own name, a folder without what a loader could open."""

from pathlib import Path

import pytest

import weightmark
from tests.attestations.forge import ECHO, make_tree
from weightmark.attestations.ignored_paths import NOTHING_IGNORED, IgnoredPaths, beneath_any
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.predicates.oms import Serialization
from weightmark.errors import CallError, Exit
from weightmark.provenance.artifact import open_artifact

TEXT = {"logs/a.txt": b"epoch 1", "logs/deep/b.log": b"epoch 2", "logs2/c.txt": b"3"}


def ignored(tree: Path, *given: str) -> IgnoredPaths:
    return IgnoredPaths.of(open_artifact(tree), given)


def test_a_folder_covers_the_text_in_it_and_no_folder_that_begins_alike(tmp_path: Path) -> None:
    found = ignored(make_tree(tmp_path / "m", TEXT), "logs")
    assert [path for path in TEXT if found.covers(path)] == ["logs/a.txt", "logs/deep/b.log"]
    assert found.covers("logs/gone.txt"), "what is missing can not be opened"
    assert found.kept == frozenset()


@pytest.mark.parametrize(
    "content", [ECHO, b"PK\x03\x04", b"GGUF\x03", b"\x00\x01\x02\x03", b"\x7fELF", b"\x1f\x8b\x08"]
)
def test_a_folder_does_not_cover_what_a_loader_could_open(tmp_path: Path, content: bytes) -> None:
    tree = make_tree(tmp_path / "m", {**TEXT, "logs/a.png": content})
    assert ignored(tree, "logs").kept == {"logs/a.png"}
    assert not ignored(tree, "logs").covers("logs/a.png")
    assert ignored(tree, "logs", "logs/a.png").covers("logs/a.png")


def test_spellings_of_one_place_are_one(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", TEXT)
    plain = ignored(tree, "logs")
    (tmp_path / "link").symlink_to(tree)
    for given in ("logs/", "./logs", "x/../logs", str(tree / "logs"), str(tmp_path / "link/logs")):
        assert ignored(tree, given) == plain


@pytest.mark.parametrize("given", [".", "..", "../m", "/", "/etc/passwd", "a/../.."])
def test_what_is_not_in_the_artifact_is_a_wrong_call(tmp_path: Path, given: str) -> None:
    with pytest.raises(CallError):
        ignored(make_tree(tmp_path / "m", TEXT), given)


def test_a_single_file_has_nothing_to_leave_out(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", TEXT)
    assert ignored(tree / "logs/a.txt", ".") == NOTHING_IGNORED
    assert not NOTHING_IGNORED.covers(".")


def test_the_outermost_name_is_found() -> None:
    names = frozenset({"a", "a/b", "c/d"})
    assert beneath_any("a/b/c", names) == "a"
    assert beneath_any("c/d", names) == "c/d"
    assert beneath_any("ab", names) is None
    assert beneath_any("c", names) is None


@pytest.mark.parametrize(
    "name",
    [
        "vocab.txt",
        "tokenizer/merges.txt",
        "bert-vocab.txt",
        "config.pbtxt",
        "Modelfile",
        "Modelfile.q4",
        "code/x.pth",
        "dict.en.txt",
        "labels.txt",
        "net.prototxt",
        "model.xml",
        "tokenizer.model",
        "chat_template.jinja2",
        "r50k.tiktoken",
        "template",
        "params",
    ],
)
def test_plain_text_that_a_loader_goes_by_is_never_forgiven(tmp_path: Path, name: str) -> None:
    artifact = open_artifact(make_tree(tmp_path / "m", {name: b"a b\n", "README.txt": b"hello"}))
    found = NOTHING_IGNORED.forgiving(artifact, (name, "README.txt"))
    assert found.harmless == {"README.txt"}


def shards_only(place: Path, files: dict[str, bytes]) -> tuple[Path, PublicKey]:
    tree, key = make_tree(place, files), PrivateKey.generate()
    weightmark.sign(tree, key=key, oms=Serialization.of("shards", shard_size=4), scan=False)
    (tree / "model.claims").unlink()
    return tree, key.public


@pytest.mark.parametrize("name", ["__init__.py", "sub/adapter_config.json", "vocab.txt"])
def test_an_empty_file_that_a_loader_goes_by_is_not_added_to_a_signature_over_shards(
    tmp_path: Path, name: str
) -> None:
    """Shards list no empty files, so nobody knows whether one belongs there."""
    tree, key = shards_only(tmp_path / "m", {"weights.bin": b"0123456789"})
    (tree / "notes.md").write_bytes(b"")
    assert weightmark.verify(tree, key=key).exit is Exit.GOOD
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_bytes(b"")
    report = weightmark.verify(tree, key=key)
    assert report.exit is Exit.BAD
    assert f"`{name}`" in str(report.checks)
    assert weightmark.verify(tree, key=key, ignore_unsigned_files=True).exit is Exit.BAD
    assert weightmark.verify(tree, key=key, ignore_paths=name).exit is Exit.GOOD


def test_an_empty_file_is_good_where_a_claim_lists_it(tmp_path: Path) -> None:
    tree, key = (
        make_tree(tmp_path / "m", {"a.bin": b"12345", "__init__.py": b""}),
        PrivateKey.generate(),
    )
    weightmark.sign(tree, key=key, oms=Serialization.of("shards", shard_size=4), scan=False)
    assert weightmark.verify(tree, key=key.public).exit is Exit.GOOD
