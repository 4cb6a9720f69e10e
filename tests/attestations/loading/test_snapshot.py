"""Snapshots: private, read-only, of one identity, and gone afterwards."""

import os
import signal
import stat
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree
from weightmark.attestations.loading.snapshot import take_snapshot
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    FileChangedError,
    ReadError,
    TamperedError,
)
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.identification import identify

FILES = {"config.json": b"{}", "sub/deep/weights.bin": b"weights", "empty": b""}
OUTSIDE = {
    "model.sig": b"", "model.claims": b"", "model.receipt": b"", ".git/HEAD": b"x",
    ".cache/huggingface/x": b"x",
}  # fmt: skip


def _files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_a_snapshot_holds_the_content_and_nothing_beside_it(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", FILES | OUTSIDE)
    with take_snapshot(open_artifact(tree), identify(tree).identity, folder=tmp_path) as copy:
        assert copy.name == "m"
        assert _files(copy) == FILES
        assert identify(copy).identity == identify(tree).identity
        inside = [copy, *copy.rglob("*")]
        assert not [path for path in inside if path.stat().st_mode & 0o222]
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert not copy.parent.exists()
    assert _files(tree) == FILES | OUTSIDE


def test_a_snapshot_of_a_file_keeps_its_name(tmp_path: Path) -> None:
    file = make_tree(tmp_path / "m") / "config.json"
    with take_snapshot(open_artifact(file), identify(file).identity) as copy:
        assert (copy.name, copy.read_bytes()) == ("config.json", b"{}")
        assert not stat.S_IMODE(copy.stat().st_mode) & 0o222
    assert not copy.parent.exists()


def test_links_inside_become_files(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    (tree / "alias").symlink_to("config.json")
    with take_snapshot(open_artifact(tree), identify(tree).identity) as copy:
        assert not (copy / "alias").is_symlink()
        assert (copy / "alias").read_bytes() == b"{}"


def test_a_writer_to_the_original_does_not_reach_the_copy(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    with take_snapshot(open_artifact(tree), identify(tree).identity, folder=tmp_path) as copy:
        with (tree / "sub/weights.bin").open("r+b") as file:
            file.write(b"EVIL")
        assert (copy / "sub/weights.bin").read_bytes() == b"weights"


@pytest.mark.parametrize("swap", ["content", "link", "fifo", "gone", "shorter"])
def test_what_changed_after_it_was_judged_is_not_handed_out(tmp_path: Path, swap: str) -> None:
    tree = make_tree(tmp_path / "m")
    identity, artifact = identify(tree).identity, open_artifact(tree)
    path = tree / "sub" / "weights.bin"
    if swap == "content":
        path.write_bytes(b"WEIGHTS")
    elif swap == "shorter":
        os.truncate(path, 3)
    else:
        path.unlink()
    if swap == "link":
        path.symlink_to("/etc/hostname")
    if swap == "fifo":
        os.mkfifo(path)
    refusals = (TamperedError, FileChangedError, ReadError)
    with pytest.raises(refusals), take_snapshot(artifact, identity, folder=tmp_path):
        pytest.fail("a snapshot of something else")
    assert not list(tmp_path.glob("weightmark-*"))


def test_a_file_that_came_late_is_noticed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    identity = identify(tree).identity
    (tree / "late.py").write_bytes(b"")
    with pytest.raises(TamperedError), take_snapshot(open_artifact(tree), identity):
        pass
    (tree / "late.py").unlink()
    (tree / "late").symlink_to("/etc")
    with pytest.raises(ArtifactRefusedError), take_snapshot(open_artifact(tree), identity):
        pass


def test_a_snapshot_is_not_made_inside_the_artifact(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    for folder in (tree, tree / "sub"):
        with (
            pytest.raises(CallError, match="inside the artifact"),
            take_snapshot(open_artifact(tree), identify(tree).identity, folder=folder),
        ):
            pass
    with (
        pytest.raises(ReadError),
        take_snapshot(open_artifact(tree), identify(tree).identity, folder=tmp_path / "none"),
    ):
        pass


def test_whatever_was_left_in_a_snapshot_is_removed_and_nothing_behind_a_link(
    tmp_path: Path,
) -> None:
    tree = make_tree(tmp_path / "m")
    kept = make_tree(tmp_path / "kept")
    with take_snapshot(open_artifact(tree), identify(tree).identity, folder=tmp_path) as copy:
        copy.chmod(0o700)
        (copy / "way out").symlink_to(kept)
        (copy / "more").mkdir()
        (copy / "more" / "file").write_bytes(b"x")
        (copy / "more").chmod(0o000)
    assert not copy.parent.exists()
    assert (kept / "config.json").exists()
    assert stat.S_IMODE(kept.stat().st_mode) & 0o111


@pytest.mark.needs("reflink")
def test_shared_blocks_are_read_back_and_hashed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"w": os.urandom(1 << 20)})
    with take_snapshot(open_artifact(tree), identify(tree).identity, folder=tmp_path) as copy:
        assert (copy / "w").read_bytes() == (tree / "w").read_bytes()
        with (tree / "w").open("r+b") as file:
            file.write(b"EVIL")
        assert (copy / "w").read_bytes()[:4] != b"EVIL"


def test_a_path_near_the_longest_is_copied_and_removed(tmp_path: Path) -> None:
    """Beside the place of the snapshot it is longer than one call can take."""
    tree = make_tree(tmp_path / "m")
    names = ["d" * 200] * 18
    here = os.open(tree, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    file = os.open("w", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=here)
    os.write(file, b"weights")
    for descriptor in (file, here):
        os.close(descriptor)
    place = tmp_path / ("p" * 200) / ("p" * 200) / ("p" * 200)
    place.mkdir(parents=True)
    with take_snapshot(open_artifact(tree), identify(tree).identity, folder=place) as copy:
        inside = list(os.fwalk(copy))
        assert max(len(one[0]) for one in inside) > 4096
        assert any(one[2] == ["w"] for one in inside)
    assert not list(place.iterdir())


def test_an_interrupt_while_the_copy_is_removed_leaves_nothing(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {f"f{number}": b"" for number in range(400)})
    place = tmp_path / "place"
    place.mkdir()
    before = signal.signal(signal.SIGALRM, _interrupt)
    taken = take_snapshot(open_artifact(tree), identify(tree).identity, folder=place)
    try:
        with suppress(KeyboardInterrupt):
            with taken:
                signal.setitimer(signal.ITIMER_REAL, 0.002)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not list(place.iterdir())


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
