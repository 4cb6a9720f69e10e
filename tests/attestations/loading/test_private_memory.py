"""Large tensors: read and hashed at the same time, in memory that nobody else sees."""

import os
from pathlib import Path

import pytest

from tests.attestations.loading.makers import loaded, overwrite, signed, without_table
from weightmark.attestations.loading.private_memory import private_memory
from weightmark.errors import FileChangedError, TamperedError

LARGE = 20 * 1024 * 1024
MARK = b"marked here"
CONTENT = {"w": MARK.ljust(LARGE - 3, b"\x07") + b"end", "small": b"small"}


@pytest.mark.parametrize("leave", [lambda tree: tree, without_table], ids=["tensors", "whole"])
def test_a_large_tensor_comes_out_whole(tmp_path: Path, leave: object) -> None:
    assert callable(leave)
    tree = leave(signed(tmp_path / "m", CONTENT))
    with loaded(tree) as tensors:
        held = tensors["w"]
        overwrite(tree / "model.safetensors", MARK, b"overwritten")
        assert bytes(held.data) == CONTENT["w"]


@pytest.mark.parametrize("old", [MARK, b"\x07end"], ids=["first block", "last block"])
def test_one_changed_byte_of_a_large_tensor_is_found(tmp_path: Path, old: bytes) -> None:
    tree = signed(tmp_path / "m", CONTENT)
    overwrite(tree / "model.safetensors", old, bytes(len(old)))
    with loaded(tree) as tensors:
        assert bytes(tensors["small"].data) == b"small"
        with pytest.raises(TamperedError):
            tensors["w"]


def test_a_large_file_that_shrinks_while_it_is_open_is_said_to_have_changed(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", CONTENT)
    with loaded(tree) as tensors:
        os.truncate(tree / "model.safetensors", LARGE // 2)
        with pytest.raises(FileChangedError):
            tensors["w"]


@pytest.mark.parametrize("length", [0, 1, 5 * 1024 * 1024])
def test_memory_is_zero_writable_and_not_seen_by_a_forked_process(length: int) -> None:
    memory = private_memory(length)
    assert len(memory) == length
    assert not any(memory[:1000])
    if not length:
        return
    child = os.fork()
    if child == 0:
        memory[0:1] = b"x"
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert memory[0:1] == b"\0"
