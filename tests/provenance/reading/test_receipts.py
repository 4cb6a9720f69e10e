"""Receipts: what must never be believed because it was read before."""

import mmap
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.engine import Reading, read_artifact
from weightmark.provenance.reading.receipts import LEAST_SIZE, Receipts, file_system_of

LATER_NS = 10_000_000_000
DIGESTS = {Column.BLAKE3: "ab" * 32}


def later() -> int:
    """A clock ten seconds ahead, so that a file made just now counts as settled."""
    return time.time_ns() + LATER_NS


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(b"x" * LEAST_SIZE)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "receipts.db"


@pytest.fixture
def opened(store: Path) -> Iterator[Callable[[], Receipts]]:
    made: list[Receipts] = []

    def make() -> Receipts:
        receipts = Receipts.open(store, now=later)
        assert receipts is not None
        made.append(receipts)
        return receipts

    yield make
    for receipts in made:
        receipts.close()


def read(receipts: Receipts, path: Path) -> bool:
    """Do as the reader does; tell whether a receipt could be prepared."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        prepared = receipts.prepare(descriptor)
        if prepared:
            receipts.note(descriptor, prepared, DIGESTS)
    finally:
        os.close(descriptor)
    receipts.save()
    return prepared is not None


def found(receipts: Receipts, path: Path, *columns: Column) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return receipts.find(descriptor, columns or (Column.BLAKE3,)) is not None
    finally:
        os.close(descriptor)


pytestmark = pytest.mark.needs("settled_times")


def test_an_unchanged_file_is_known_again(opened: Callable[[], Receipts], model: Path) -> None:
    assert read(opened(), model)
    assert found(opened(), model)
    assert not found(opened(), model, Column.SHA256)


def test_a_second_digest_is_added_to_the_first(opened: Callable[[], Receipts], model: Path) -> None:
    receipts = opened()
    read(receipts, model)
    descriptor = os.open(model, os.O_RDONLY)
    prepared = receipts.prepare(descriptor)
    assert prepared
    receipts.note(descriptor, prepared, {Column.SHA256: "cd" * 32})
    receipts.save()
    os.close(descriptor)
    assert found(receipts, model, Column.BLAKE3, Column.SHA256)


def test_a_store_through_a_mapping_that_was_dirty_before_is_noticed(
    opened: Callable[[], Receipts], model: Path
) -> None:
    with model.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0] = ord("a")
        receipts = opened()
        assert read(receipts, model)
        time.sleep(0.02)
        mapped[1] = ord("b")
        assert not found(receipts, model)


def test_a_file_with_forged_times_is_read_again(
    opened: Callable[[], Receipts], model: Path
) -> None:
    receipts = opened()
    status = model.stat()
    assert read(receipts, model)
    time.sleep(0.02)
    model.write_bytes(b"y" * LEAST_SIZE)
    os.utime(model, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert model.stat().st_mtime_ns == status.st_mtime_ns
    assert not found(receipts, model)


def test_an_inode_that_is_used_again_is_read_again(
    opened: Callable[[], Receipts], model: Path
) -> None:
    receipts = opened()
    assert read(receipts, model)
    model.unlink()
    time.sleep(0.02)
    model.write_bytes(b"y" * LEAST_SIZE)
    assert not found(receipts, model)


def test_a_file_that_was_written_just_now_gets_no_receipt(store: Path, model: Path) -> None:
    receipts = Receipts.open(store)
    assert receipts
    assert not read(receipts, model)
    assert not found(receipts, model)
    receipts.close()


def test_a_file_from_the_future_gets_no_receipt(store: Path, model: Path) -> None:
    receipts = Receipts.open(store, now=lambda: time.time_ns() - LATER_NS)
    assert receipts
    assert not read(receipts, model)
    receipts.close()


def test_a_clock_that_was_set_back_ignores_all_receipts(
    opened: Callable[[], Receipts], store: Path, model: Path
) -> None:
    read(opened(), model)
    assert Receipts.open(store, now=time.time_ns) is None


def test_a_change_between_flush_and_end_of_reading_leaves_no_receipt(
    opened: Callable[[], Receipts], model: Path
) -> None:
    receipts = opened()
    descriptor = os.open(model, os.O_RDONLY)
    prepared = receipts.prepare(descriptor)
    assert prepared
    time.sleep(0.02)
    model.write_bytes(b"y" * LEAST_SIZE)
    receipts.note(descriptor, prepared, DIGESTS)
    receipts.save()
    os.close(descriptor)
    assert not found(receipts, model)


@pytest.mark.parametrize("column", ["state", "digests", "written_ns", "checksum", "place"])
def test_an_edited_store_is_not_believed(
    opened: Callable[[], Receipts], store: Path, model: Path, column: str
) -> None:
    read(opened(), model)
    with sqlite3.connect(store) as connection:
        new = "blake3=" + "00" * 32 if column == "digests" else "1"
        connection.execute(f"update receipts set {column} = ?", (new,))  # noqa: S608 - a literal of this test
    connection.close()
    reopened = Receipts.open(store, now=later)
    assert reopened is None or not found(reopened, model)


def test_a_damaged_store_is_as_good_as_none(store: Path) -> None:
    store.parent.mkdir()
    store.write_bytes(b"not a database" * 100)
    assert Receipts.open(store) is None


def test_a_store_that_others_can_write_is_not_believed(store: Path) -> None:
    receipts = Receipts.open(store)
    assert receipts
    receipts.close()
    store.chmod(0o666)
    assert Receipts.open(store) is None


def test_a_store_that_is_a_link_is_not_believed(store: Path, tmp_path: Path) -> None:
    store.parent.mkdir()
    store.symlink_to(tmp_path / "elsewhere.db")
    assert Receipts.open(store) is None


def test_small_files_get_no_receipt(opened: Callable[[], Receipts], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"x" * (LEAST_SIZE - 1))
    assert not read(opened(), small)


def test_files_in_memory_get_no_receipt(opened: Callable[[], Receipts]) -> None:
    descriptor = os.memfd_create("model")
    os.truncate(descriptor, LEAST_SIZE)
    assert file_system_of(descriptor) not in {"ext4", "xfs", "btrfs"}
    assert opened().prepare(descriptor) is None
    os.close(descriptor)


def read_model(path: Path, receipts: Receipts | None) -> tuple[str, int]:
    reading: Reading[None] = read_artifact(open_artifact(path), receipts=receipts)
    if receipts:
        receipts.save()
    return reading.manifest().identity, reading.remembered


def test_a_model_is_read_once_and_known_after(
    opened: Callable[[], Receipts], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        (folder / name).write_bytes(name.encode() * LEAST_SIZE)
    (folder / "config.json").write_bytes(b"{}")
    plain, _ = read_model(folder, None)
    assert read_model(folder, opened()) == (plain, 0)
    assert read_model(folder, opened()) == (plain, 2)
    time.sleep(0.02)
    with (folder / "b.bin").open("r+b") as file:
        file.write(b"X")
    changed, _ = read_model(folder, None)
    assert read_model(folder, opened()) == (changed, 1)
    assert changed != plain


def test_an_inspector_sees_a_file_that_was_not_read_again(
    opened: Callable[[], Receipts], model: Path
) -> None:
    read_model(model, opened())
    reading = read_artifact(
        open_artifact(model), receipts=opened(), inspect=lambda _, view: view.read_at(0, 4)
    )
    assert reading.remembered == 1
    assert reading.inspections == (b"xxxx",)
