"""Records inside files: what is no record must never be proven absent, and no shard is a trap."""

import bz2
import gzip
import hashlib
import io
import tarfile
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.membership.prove import Member, prove_member
from weightmark.provenance.membership.records import RecordKind, record_key, record_tree
from weightmark.provenance.membership.tally import DigestTally, TallyKeys, TallyRows
from weightmark.provenance.membership.tree import SortedTree
from weightmark.provenance.reading.views import MemoryView

ROW = b'{"row": 1}'
LINES = ROW + b'\n{"row": 2}\n'


def shard(*infos: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return data.getvalue()


def member(name: str, size: int = 4, **headers: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    info.pax_headers = {key.replace("_", "."): value for key, value in headers.items()}
    return info


def oldest(data: bytes) -> bytes:
    """Return a shard as tars were written before POSIX: without magic, with a good checksum."""
    head = bytearray(data[:512])
    head[257:265] = bytes(8)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data[512:]


NO_RECORDS = {
    "gzip": gzip.compress(LINES),
    "bzip2": bz2.compress(LINES),
    "a compressed tar": gzip.compress(shard(member("1.txt"))),
    "parquet": b"PAR1" + ROW + b"\0PAR1",
    "UTF-16": LINES.decode().encode("utf-16-le"),
    "Latin-1 at the end": LINES + b"caf\xe9",
    "NUL behind a mebibyte": LINES * 100_000 + b"\0",
    "a character that breaks off": LINES + "é".encode()[:1],
    "a tar with a bad checksum": oldest(shard(member("1.txt")))[:-1].replace(b"1.txt", b"2.txt"),
}


@pytest.mark.parametrize("name", NO_RECORDS)
def test_what_is_no_text_has_no_records_that_could_be_absent(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows").write_bytes(NO_RECORDS[name])
    with pytest.raises(CallError, match="are not looked at"):
        prove_member(tmp_path, Member.parse("rows!" + ROW.decode()))


def test_the_oldest_tar_is_a_tar() -> None:
    kind, _ = record_tree(MemoryView(oldest(shard(member("1.txt"), form=tarfile.USTAR_FORMAT))))
    assert kind is RecordKind.WEBDATASET


def test_lines_are_the_same_across_blocks(tmp_path: Path) -> None:
    line = "é" * 700_000
    (tmp_path / "rows").write_text(f"a\n{line}\n\nb{line}", encoding="utf-8")
    for record in ("a", line, "", f"b{line}"):
        assert prove_member(tmp_path, Member.parse(f"rows!{record}")).check_rows()
    assert not prove_member(tmp_path, Member.parse("rows!b")).check_rows()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"GNU.sparse.map": "a"}, MalformedError),
        ({"GNU.sparse.map": "0,4", "GNU.sparse.size": "4"}, UnsupportedError),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, MalformedError),
        ({"GNU.sparse.map": "0,4", "GNU.sparse.size": "abc"}, MalformedError),
        ({"GNU.sparse.size": "1099511627776", "GNU.sparse.map": "0,1"}, UnsupportedError),
        ({"size": "99999999999999999999999999"}, MalformedError),
    ],
)
def test_a_shard_with_sparse_or_senseless_headers_is_refused(
    headers: dict[str, str], error: type[WeightmarkError]
) -> None:
    info = member("1.txt")
    info.pax_headers = headers
    data = shard(info)
    with pytest.raises((error, UnsupportedError)):
        record_tree(MemoryView(data))


def test_a_sparse_member_of_a_tebibyte_is_not_read() -> None:
    info = member("1.txt")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT)[:512])
    header[386:410] = b"%011o\0%011o\0" % (0, 4)
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(UnsupportedError, match="sparse"):
        record_tree(MemoryView(bytes(header) + bytes(512 + 1024)))


def test_a_header_that_asks_for_much_memory_gets_none() -> None:
    info = member("1.txt", 1 << 33)
    info.type = tarfile.XHDTYPE
    with pytest.raises((LimitError, MalformedError)):
        record_tree(MemoryView(info.tobuf(tarfile.GNU_FORMAT) + bytes(32 * 1024 * 1024)))


def test_a_name_of_many_kilobytes_hits_a_bound() -> None:
    with pytest.raises(LimitError, match="name"):
        record_tree(MemoryView(shard(member("a" * 5000))))


def test_a_record_that_is_not_utf_8_is_a_wrong_call() -> None:
    for kind in RecordKind:
        with pytest.raises(CallError, match="UTF-8"):
            record_key(kind, b"\xff")


def test_a_file_with_a_mark_in_its_name_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a!b.txt").write_bytes(LINES)
    (tmp_path / "a").write_bytes(b"b.txt\n")
    file = prove_member(tmp_path, Member.parse(r"a\x21b.txt"))
    assert file.record is None
    assert file.check_rows()
    assert Member.parse(file.member) == Member("a!b.txt")
    assert prove_member(tmp_path, Member.parse(r"a\x21b.txt!" + ROW.decode())).check_rows()
    line = prove_member(tmp_path, Member.parse("a!b.txt"))
    assert line.file == "a"
    assert line.check_rows()


@given(st.binary(max_size=700), st.integers(0, 1023))
def test_a_damaged_shard_is_read_or_refused(damage: bytes, at: int) -> None:
    data = bytearray(shard(member("1.txt", 10), member("ü.json", 10)))
    data[at : at + len(damage)] = damage
    try:
        record_tree(MemoryView(bytes(data)))
    except WeightmarkError:
        return


@pytest.mark.parametrize(
    ("content", "asked", "words"),
    [
        (b'{"a": 1}\r\n{"b": 2}\r\n', '{"a": 1}', "with a carriage return"),
        (b'{"a": 1}\n', '{"a": 1}\r', "without the carriage return"),
        (shard(member("./0001.txt")), "0001", "with `./` before it"),
        (shard(member("0001.txt")), "./0001", "without `./` before it"),
    ],
)
def test_an_absent_record_that_stands_there_in_another_spelling_is_noted(
    tmp_path: Path, content: bytes, asked: str, words: str
) -> None:
    (tmp_path / "rows").write_bytes(content)
    near: list[str] = []
    proof = prove_member(tmp_path, Member.parse(f"rows!{asked}"), near=near.append)
    assert not proof.check_rows()
    assert len(near) == 1
    assert words in near[0]


def test_nothing_is_noted_about_a_record_that_is_there_or_nowhere(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(LINES + ROW + b"\r\n")
    near: list[str] = []
    for asked in (ROW.decode(), "other"):
        prove_member(tmp_path, Member.parse(f"rows!{asked}"), near=near.append)
    assert near == []


def test_many_lines_take_little_memory_each() -> None:
    """An object a line and a hash took 440 bytes of memory for each: 2.2 GB for the largest file."""
    count = 100_000
    data = b"".join(b"%d\n" % number for number in range(count))
    tracemalloc.start()
    try:
        _, tree = record_tree(MemoryView(data))
        assert tree.head.size == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 120 * count + 8 * 1024 * 1024


def test_one_line_over_and_over_takes_no_memory_for_each() -> None:
    data = b"\n" * 1_000_000
    tracemalloc.start()
    try:
        _, tree = record_tree(MemoryView(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (leaf,) = tree.prove(hashlib.sha256(b"").hexdigest().encode())
    assert leaf.row.endswith(b" 1000000\n")
    assert peak < 64 * 1024 * 1024


@given(st.lists(st.integers(0, 300), min_size=1, max_size=600))
def test_a_tally_is_the_tree_of_its_sorted_lines(values: list[int]) -> None:
    digests = [hashlib.sha256(bytes([value % 256, value // 256])).digest() for value in values]
    tally = DigestTally()
    for digest in digests:
        tally.add(digest)
    count = tally.finish()
    made = SortedTree(TallyKeys(tally, count), TallyRows(tally, count))
    counted = Counter(digest.hex() for digest in digests)
    known = SortedTree.of((key.encode(), f"{key} {n}\n".encode()) for key, n in counted.items())
    assert made.head == known.head
    for key in (*counted, "0" * 64, "f" * 64, "8" * 64):
        assert made.prove(key.encode()) == known.prove(key.encode())
        assert made.holds(key.encode()) is (key in counted)
