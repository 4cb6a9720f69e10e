"""Listing an artifact: links, special files, reserved names, what lies outside."""

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.errors import ArtifactRefusedError, CallError, FileChangedError, NoInputError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.engine import Column, Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView


def identity(path: Path) -> str:
    return read_artifact(open_artifact(path).require_identifiable()).manifest().identity


def make_tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def problems(path: Path) -> list[str]:
    return [str(problem) for problem in open_artifact(path).problems]


def test_a_missing_path_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(CallError):
        open_artifact(tmp_path / "none")


def test_an_empty_folder_has_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoInputError):
        open_artifact(tmp_path).require_identifiable()


def test_renaming_a_single_file_keeps_its_identity(tmp_path: Path) -> None:
    one = make_tree(tmp_path, a="content") / "a"
    before = identity(one)
    assert identity(one.rename(tmp_path / "b")) == before


def test_renaming_a_file_in_a_tree_changes_its_identity(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1", b="2")
    before = identity(tree)
    (tree / "a").rename(tree / "c")
    assert identity(tree) != before


def test_a_file_that_poses_as_a_manifest_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m"
    file.write_bytes(b"weightmark-manifest/v2\nanything")
    with pytest.raises(ArtifactRefusedError):
        identity(file)


def test_sidecars_never_change_the_identity(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    before = identity(tree)
    make_tree(tree, **{"model.sig": "x", "model.claims": "y", "model.receipt": "z"})
    assert identity(tree) == before


def test_a_nested_claims_file_is_content(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    before = identity(tree)
    make_tree(tree, **{"sub__model.claims": "y"})
    assert identity(tree) != before


def test_a_reserved_name_in_other_letters_is_refused(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1", **{"MODEL.sig": "x"})
    assert problems(tree) == ["`MODEL.sig` is the reserved name `model.sig` in other letters"]


def test_git_and_hub_folders_lie_outside(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    before = identity(tree)
    make_tree(tree, **{".git__HEAD": "x", ".git__o__p": "y", ".cache__huggingface__m": "z"})
    assert identity(tree) == before
    assert {(part.path, part.files) for part in open_artifact(tree).outside} == {
        (".git", 2),
        (".cache/huggingface", 1),
    }


def test_a_nested_git_folder_is_content(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    before = identity(tree)
    make_tree(tree, **{"sub__.git__HEAD": "x"})
    assert identity(tree) != before


def test_a_link_inside_counts_as_the_bytes_of_its_target(tmp_path: Path) -> None:
    linked = make_tree(tmp_path / "l", a="1")
    (linked / "b").symlink_to("a")
    plain = make_tree(tmp_path / "p", a="1", b="1")
    assert identity(linked) == identity(plain)
    assert open_artifact(linked).has_links


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/hostname", "leaves the artifact"),
        ("../outsider", "leaves the artifact"),
        ("nothing", "link to nothing"),
        ("sub", "link to a folder"),
        ("link", "loop of links"),
        ("model.sig", "lies outside of the identity"),
        (".git/HEAD", "lies outside of the identity"),
        ("/dev/zero", "FIFO, device or socket"),
    ],
)
def test_a_link_that_leads_astray_is_refused(tmp_path: Path, target: str, reason: str) -> None:
    make_tree(tmp_path, outsider="s")
    tree = make_tree(tmp_path / "t", sub__a="1", **{"model.sig": "x", ".git__HEAD": "y"})
    (tree / "link").symlink_to(target)
    if not Path(target).is_absolute() or Path(target).exists():
        (problem,) = problems(tree)
        assert reason in problem


def test_links_of_a_hub_cache_are_storage(tmp_path: Path) -> None:
    repo = make_tree(tmp_path / "models--o--n", blobs__abc="weights")
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "w.bin").symlink_to("../../blobs/abc")
    plain = make_tree(tmp_path / "plain", **{"w.bin": "weights"})
    assert identity(snapshot) == identity(plain)
    assert not open_artifact(snapshot).has_links


def test_a_blob_folder_elsewhere_is_no_storage(tmp_path: Path) -> None:
    make_tree(tmp_path / "other", blobs__abc="weights")
    repo = make_tree(tmp_path / "models--o--n", blobs__x="y")
    snapshot = repo / "snapshots" / "rev"
    snapshot.mkdir(parents=True)
    (snapshot / "w.bin").symlink_to(tmp_path / "other" / "blobs" / "abc")
    assert "leaves the artifact" in problems(snapshot)[0]


def test_special_files_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    os.mkfifo(tree / "fifo")
    with socket.socket(socket.AF_UNIX) as peer:
        monkeypatch.chdir(tree)
        peer.bind("sock")
        assert [problem.split("` ")[1] for problem in problems(tree)] == [
            "is a FIFO, device or socket"
        ] * 2


def test_a_fifo_as_artifact_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ArtifactRefusedError):
        open_artifact(tmp_path / "fifo")


def test_a_loop_of_links_as_artifact_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("l")
    with pytest.raises(ArtifactRefusedError):
        open_artifact(tmp_path / "l")


def test_a_name_that_is_not_utf8_is_named_and_refused(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    (Path(os.fsdecode(os.fsencode(tree) + b"/bad\xff"))).write_text("x")
    assert problems(tree) == ["`bad\\\\xff` is not UTF-8"]


def test_a_very_deep_tree_is_read(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 20, dir_fd=here)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    file = os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.close(file)
    os.close(here)
    assert identity(tmp_path).startswith("wm1:")


def test_a_file_replaced_between_listing_and_reading_is_noticed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")
    artifact = open_artifact(tree)
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").replace(tree / "a")
    with pytest.raises(FileChangedError):
        read_artifact(artifact)


def test_a_file_that_grows_while_it_is_inspected_is_noticed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", a="1")

    def grow(_path: str, _view: object) -> str:
        (tree / "a").write_text("longer")
        return "seen"

    with pytest.raises(FileChangedError):
        read_artifact(open_artifact(tree), inspect=grow)


def test_large_and_small_files_give_the_digests_of_the_libraries(tmp_path: Path) -> None:
    import hashlib

    from blake3 import blake3

    contents = {
        "empty": b"",
        "small": b"x" * 1000,
        "edge": b"y" * 1024 * 1024,
        "large": os.urandom(9_000_001),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    reading: Reading[None] = read_artifact(open_artifact(tmp_path), columns=Column)
    for file in reading.files:
        assert file.blake3 == blake3(contents[file.path]).hexdigest()
        assert file.sha256 == hashlib.sha256(contents[file.path]).hexdigest()
        assert file.size == len(contents[file.path])


def test_worker_count_does_not_change_the_result(tmp_path: Path) -> None:
    make_tree(tmp_path, **{f"f{n}": str(n) * n for n in range(40)})
    (tmp_path / "big").write_bytes(b"z" * 3_000_000)
    results = {
        read_artifact(open_artifact(tmp_path), jobs=jobs).manifest().identity for jobs in (1, 2, 8)
    }
    assert len(results) == 1


def test_an_inspector_sees_the_bytes_that_were_hashed_or_none(tmp_path: Path) -> None:
    """A write that hides its times between hashing and scanning does not get other bytes scanned."""
    content = os.urandom(3_000_000)
    (tmp_path / "big").write_bytes(content)
    before = (tmp_path / "big").stat()

    def swap_and_look(_path: str, view: ByteView) -> bytes:
        untouched = view.read_at(0, 10) + view.read_at(view.size - 5, 50)
        with (tmp_path / "big").open("r+b") as file:
            file.seek(1_500_000)
            file.write(b"evil")
        os.utime(tmp_path / "big", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert untouched == content[:10] + content[-5:]
        return view.read_at(1_400_000, 200_000)

    with pytest.raises(FileChangedError):
        read_artifact(open_artifact(tmp_path), inspect=swap_and_look)


@settings(max_examples=20)
@given(st.integers(0, 1_400_000), st.integers(0, 300_000))
def test_a_checked_view_reads_as_the_file_does(offset: int, length: int) -> None:
    content = bytes(range(251)) * 5_000
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f").write_bytes(content)
        reading = read_artifact(
            open_artifact(folder), inspect=lambda _path, view: view.read_at(offset, length)
        )
    assert reading.inspections == (content[offset : offset + length],)


@pytest.mark.parametrize(
    "uri",
    [
        "hf://acme/bert@main",
        "oci://127.0.0.1:5000/acme/bert:v1",
        "s3://bucket/bert",
        "https://models.example/bert/",
        "mlflow:models:/bert/3",
        "weightmark+hf://acme/bert",
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_an_address_in_place_of_a_path_is_told_how_it_is_fetched(
    uri: str, kind: type[str] | type[Path]
) -> None:
    with pytest.raises(CallError) as caught:
        open_artifact(kind(uri))
    assert f"`{uri.rstrip('/')}" in caught.value.what
    assert f"weightmark pull {uri.rstrip('/')}" in caught.value.fix


def test_a_secret_in_an_address_is_not_repeated() -> None:
    with pytest.raises(CallError) as caught:
        open_artifact("https://me:secret@host.example/m?X-Signature=secret")
    assert "secret" not in caught.value.what + caught.value.fix


def test_a_folder_that_is_called_like_an_address_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hf:" / "acme").mkdir(parents=True)
    (tmp_path / "hf:" / "acme" / "f").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert open_artifact("hf://acme").entries
    with pytest.raises(CallError, match="`c:/missing` does not exist"):
        open_artifact("c:/missing")
