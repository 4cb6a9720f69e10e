"""Between the check and the use: whoever writes to the files meanwhile gains nothing.

The last tests take the check out of a copy of our source, and show that the attack then succeeds:
what refuses it is that check and nothing else.
"""

import inspect
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.attestations.forge import key, make_tree, sign, trust
from tests.attestations.loading.makers import (
    WEIGHTS,
    contents,
    loaded,
    model,
    overwrite,
    safetensors,
    signed,
    without_table,
)
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.loading.private_file import PrivateFile
from weightmark.attestations.loading.releases import Releases, decided_release, find_releases
from weightmark.attestations.loading.snapshot import take_snapshot
from weightmark.attestations.loading.tensors import VerifiedTensors
from weightmark.attestations.loading.weights import by_tensor, whole
from weightmark.attestations.policy.load import load_preset
from weightmark.errors import FileChangedError, ReadError, TamperedError
from weightmark.provenance.artifact import Artifact, open_artifact

EVIL = safetensors({**WEIGHTS, "b": b"evil"})


def _in_place(path: Path) -> None:
    overwrite(path, b"bbbb", b"evil")


def _by_rename(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(EVIL)
    new.replace(path)


def _by_link(path: Path) -> None:
    elsewhere = path.parent.with_name("elsewhere")
    elsewhere.write_bytes(EVIL)
    path.unlink()
    path.symlink_to(elsewhere)


def _by_folder_link(path: Path) -> None:
    elsewhere = make_tree(path.parent.with_name("elsewhere"), {path.name: EVIL})
    path.parent.rename(path.parent.with_name("was"))
    path.parent.symlink_to(elsewhere)


def _by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _growing(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def _shrinking(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _gone(path: Path) -> None:
    path.unlink()


Swap = Callable[[Path], None]
SWAPS = [_in_place, _by_rename, _by_link, _by_fifo, _growing, _shrinking, _gone]


def _listed(tree: Path) -> tuple[Artifact, Releases]:
    artifact = open_artifact(tree)
    return artifact, find_releases(artifact, trust())


@pytest.mark.parametrize("leave", [lambda tree: tree, without_table], ids=["tensors", "whole"])
@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__)
def test_a_file_that_is_swapped_after_it_was_listed_gives_nothing(
    tmp_path: Path, swap: Swap, leave: Callable[[Path], Path]
) -> None:
    tree = leave(signed(tmp_path / "m"))
    artifact, releases = _listed(tree)
    swap(tree / "model.safetensors")
    with pytest.raises((TamperedError, FileChangedError, ReadError)):
        contents(VerifiedTensors.open(artifact, releases, framework="bytes"))


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__)
def test_a_file_that_is_swapped_after_the_gate_let_it_through_gives_nothing(
    tmp_path: Path, swap: Swap
) -> None:
    tree = model(tmp_path / "m")
    sign(tree, scan=True)
    decision = gate(tree, load_preset("baseline").with_keys([key().public]))
    artifact = open_artifact(tree)
    swap(tree / "model.safetensors")
    releases = decided_release(artifact, decision, ())
    with pytest.raises((TamperedError, FileChangedError, ReadError)):
        contents(VerifiedTensors.open(artifact, releases, framework="bytes"))


def test_a_folder_that_became_a_link_gives_nothing_of_what_it_leads_to(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m" / "inner")
    artifact, releases = _listed(tree)
    _by_folder_link(tree / "model.safetensors")
    with pytest.raises((TamperedError, ReadError)):
        contents(VerifiedTensors.open(artifact, releases, framework="bytes"))


def test_a_file_that_is_renamed_over_after_it_was_opened_changes_nothing(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    with loaded(tree) as tensors:
        _by_rename(tree / "model.safetensors")
        assert bytes(tensors["b"].data) == WEIGHTS["b"]


def test_a_file_that_shrinks_after_it_was_opened_is_said_to_have_changed(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    with loaded(tree) as tensors:
        _shrinking(tree / "model.safetensors")
        assert bytes(tensors["a"].data) == WEIGHTS["a"]
        with pytest.raises(FileChangedError):
            tensors["b"]


def test_bytes_in_memory_do_not_follow_the_file(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    with loaded(tree) as tensors:
        held = tensors["b"]
        _in_place(tree / "model.safetensors")
        assert bytes(held.data) == WEIGHTS["b"]
    tree = without_table(signed(tmp_path / "w"))
    with loaded(tree) as tensors:
        _in_place(tree / "model.safetensors")
        assert bytes(tensors["b"].data) == WEIGHTS["b"]


def test_a_writer_that_never_stops_gets_no_byte_through(tmp_path: Path) -> None:
    good, evil = b"g" * 100_000, b"e" * 100_000
    tree = signed(tmp_path / "m", {"w": good})
    path = tree / "model.safetensors"
    at = path.read_bytes().index(good)
    stop = threading.Event()

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            while not stop.is_set():
                for content in (evil, good):
                    os.pwrite(file.fileno(), content, at)

    writer = threading.Thread(target=write)
    given, refused = 0, 0
    with loaded(tree) as tensors:
        writer.start()
        try:
            while given + refused < 3000 and not (given > 5 and refused > 5):
                try:
                    data = bytes(tensors["w"].data)
                except TamperedError:
                    refused += 1
                else:
                    given += 1
                    assert data == good
        finally:
            stop.set()
            writer.join()
    assert refused


def test_tensors_of_two_signed_releases_never_come_from_one_mapping(tmp_path: Path) -> None:
    """Whoever may write to the folder puts one file together from two releases of the same shape."""
    first, second = {"a": b"a1a1", "b": b"b1b1"}, {"a": b"a2a2", "b": b"b2b2"}
    tree = model(tmp_path / "m", first)
    sign(tree, "release", add=True)
    (tree / "model.safetensors").write_bytes(safetensors(second))
    sign(tree, "other", add=True)
    (tree / "model.safetensors").write_bytes(safetensors({"a": b"a1a1", "b": b"b2b2"}))
    for order in (["a", "b"], ["b", "a"]):
        with loaded(tree, "release", "other") as tensors:
            tensors[order[0]]
            with pytest.raises(TamperedError):
                tensors[order[1]]
    for whole_release in (first, second):
        (tree / "model.safetensors").write_bytes(safetensors(whole_release))
        assert contents(loaded(tree, "release", "other")) == whole_release


def _without(module: ModuleType, check: str) -> dict[str, object]:
    """Run a copy of a module's source in which a check never refuses anything."""
    source = inspect.getsource(module)
    assert source.count(check) == 1
    mutant: dict[str, object] = {"__name__": "mutant"}
    exec(compile(source.replace(check, "if False:"), "mutant", "exec"), mutant)  # noqa: S102 - our own source
    return mutant


def test_without_the_check_of_a_tensor_the_swap_would_succeed(tmp_path: Path) -> None:
    check = "if not self._releases.keep(lambda release: self._signed(release)[name] == digest):"
    tree = signed(tmp_path / "m")
    for module, expected in ((None, TamperedError), (check, b"evil")):
        artifact, releases = _listed(tree)
        made = _without(by_tensor, module)["ListedWeights"] if module else by_tensor.ListedWeights
        entry = next(one for one in artifact.entries if one.path == "model.safetensors")
        file = PrivateFile.open(entry, entry.size)
        weights = made(file, entry.path, releases)  # type: ignore[operator] # the class, or its mutant
        if expected is TamperedError:
            _in_place(tree / "model.safetensors")
            with pytest.raises(TamperedError):
                weights.read("b")
        else:
            assert bytes(weights.read("b")) == expected
        weights.close()


def test_without_the_check_of_a_whole_file_the_swap_would_succeed(tmp_path: Path) -> None:
    check = "if not releases.keep(lambda release: release.rows[path].blake3 == digest):"
    tree = without_table(signed(tmp_path / "m"))
    artifact, releases = _listed(tree)
    entry = next(one for one in artifact.entries if one.path == "model.safetensors")
    _in_place(tree / "model.safetensors")
    with pytest.raises(TamperedError):
        whole.read_whole(PrivateFile.open(entry, entry.size), entry.path, releases, memory_limit=99)
    mutant = _without(whole, check)["read_whole"]
    file = PrivateFile.open(entry, entry.size)
    weights = mutant(file, entry.path, releases, memory_limit=99)  # type: ignore[operator] # the function's mutant
    assert bytes(weights.read("b")) == b"evil"


def test_without_the_check_of_a_snapshot_the_swap_would_succeed(tmp_path: Path) -> None:
    from weightmark.attestations.loading import snapshot

    tree = signed(tmp_path / "m")
    identity = _listed(tree)[1].newest.identity
    _in_place(tree / "model.safetensors")
    with pytest.raises(TamperedError), take_snapshot(open_artifact(tree), identity):
        pass
    mutant = _without(snapshot, "if copied.identity != identity:")["take_snapshot"]
    with mutant(open_artifact(tree), identity) as copy:  # type: ignore[operator] # the function's mutant
        assert b"evil" in (copy / "model.safetensors").read_bytes()
