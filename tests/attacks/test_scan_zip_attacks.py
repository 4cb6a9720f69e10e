"""Each test is one archive that two loaders read in two ways, or that cheats in another way."""

import struct

import pytest

from tests.attacks.scan_builders import (
    EVIL,
    STATE_DICT,
    Member,
    archive,
    rules,
    scan,
    torch_zip,
    worst,
)
from weightmark.errors import Exit
from weightmark.scanners.scan import Limits, Outcome, ScanReport, Severity

DATA = b"archive/data.pkl"
GOOD = torch_zip()
BAD = torch_zip(EVIL)


def _members(data: bytes) -> set[str]:
    return {finding.member for finding in scan(data).findings if finding.rule == "PKL001"}


CRITICAL = {
    "plain": BAD,
    "compressed": archive(Member(DATA, EVIL, method=8)),
    "duplicate, evil first": archive(Member(DATA, EVIL), Member(DATA, STATE_DICT)),
    "duplicate, evil last": archive(Member(DATA, STATE_DICT), Member(DATA, EVIL)),
    "duplicate by case": archive(Member(b"archive/DATA.PKL", EVIL), Member(DATA, STATE_DICT)),
    "upper case only": archive(Member(b"ARCHIVE/DATA.PKL", EVIL)),
    "concatenated, evil first": BAD + GOOD,
    "concatenated, evil last": GOOD + BAD,
    "wrong checksum": archive(Member(DATA, EVIL, crc=1)),
    "wrong local checksum": archive(Member(DATA, EVIL, local_crc=1)),
    "other local name": archive(Member(b"archive/readme", EVIL, local_name=DATA)),
    "other central name": archive(Member(DATA, EVIL, local_name=b"archive/readme")),
    "version needed 99": archive(Member(DATA, EVIL, version=99)),
    "encrypted flag, plain data": archive(Member(DATA, EVIL, flags=1)),
    "local encrypted flag only": archive(Member(DATA, EVIL, local_flags=1)),
    "strong encryption flag": archive(Member(DATA, EVIL, flags=0x40)),
    "masked headers flag": archive(Member(DATA, EVIL, flags=0x2000)),
    "patch flag": archive(Member(DATA, EVIL, flags=0x20)),
    "not in the directory": archive(Member(DATA, EVIL, listed=False), Member(b"a", b"a")),
    "not in the directory, deflated": archive(
        Member(DATA, EVIL, method=8, listed=False), Member(b"a", b"a")
    ),
    "count too small": archive(Member(b"a", b"a"), Member(DATA, EVIL), count=1),
    "trailing garbage": BAD + b"garbage" * 9,
    "leading garbage": b"\xff" * 100 + BAD,
    "leading garbage, shifted offsets": archive(Member(DATA, EVIL), prefix=b"\xff" * 64),
    "end record missing": BAD[: BAD.rindex(b"PK\x05\x06")],
    "truncated after the member": BAD[:90],
    "nested archive": archive(Member(b"inner.zip", BAD)),
    "nested twice and compressed": archive(
        Member(b"a", archive(Member(b"b", BAD, method=8)), method=8)
    ),
    "local method differs": archive(Member(DATA, EVIL, local_method=8)),
    "pickle then zip": EVIL + GOOD,
    "evil in a storage": torch_zip(STATE_DICT, Member(b"archive/data/0", EVIL)),
    "evil in a debug pickle": torch_zip(
        STATE_DICT, Member(b"archive/constants.pkl", b"\x80\x02)."), Member(b"archive/code/x.debug_pkl", EVIL)
    ),
    "hidden in the comment": GOOD[:-2] + struct.pack("<H", len(BAD)) + BAD,
    "name without folder": archive(Member(b"data.pkl", EVIL)),
    "name says text": archive(Member(b"README.md", EVIL)),
}  # fmt: skip


@pytest.mark.parametrize("case", CRITICAL)
def test_evil_pickle_is_found_however_the_archive_is_built(case: str) -> None:
    assert worst(CRITICAL[case]) == Severity.CRITICAL, scan(CRITICAL[case])


SUSPICIOUS = {
    "ZIP001": [
        archive(Member(DATA, STATE_DICT), Member(DATA, STATE_DICT)),
        archive(Member(DATA, STATE_DICT), Member(b"Archive/Data.PKL", STATE_DICT)),
    ],
    "ZIP002": [
        archive(Member(DATA, STATE_DICT, local_name=b"archive/data.pkx")),
        archive(Member(DATA, STATE_DICT, local_crc=3)),
        archive(Member(DATA, STATE_DICT, local_flags=1)),
    ],
    "ZIP003": [archive(Member(b"x", b"x", listed=False), Member(DATA, STATE_DICT))],
    "ZIP004": [archive(Member(DATA, STATE_DICT, crc=1, local_crc=1))],
    "ZIP005": [
        archive(Member(DATA, STATE_DICT, version=99)),
        archive(Member(DATA, STATE_DICT, flags=1)),
        archive(Member(DATA, STATE_DICT, method=97)),
        archive(Member(DATA, STATE_DICT, method=12)),
    ],
    "ZIP006": [GOOD + b"x", b"x" + GOOD],
    "ZIP008": [
        archive(Member(b"../x", b"x")),
        archive(Member(b"/etc/x", b"x")),
        archive(Member(b"a\\..\\..\\x", b"x")),
        archive(Member(b"C:/x", b"x")),
        archive(Member(b"link", b"/etc", mode=0o120777)),
        archive(Member(b"a\0b", b"x")),
    ],
    "ZIP009": [GOOD + GOOD, archive(Member(DATA, STATE_DICT), Member(b"a", b"a"), count=1)],
    "ZIP010": [GOOD[: GOOD.rindex(b"PK\x05\x06")]],
    "ZIP011": [
        archive(Member(b"tool", b"x", mode=mode))
        for mode in (0o104755, 0o102755, 0o4755, 0o020666, 0o060660, 0o010666, 0o140777)
    ],
}


@pytest.mark.parametrize(
    ("rule", "data"), [(rule, data) for rule, rows in SUSPICIOUS.items() for data in rows]
)
def test_container_trick_is_a_finding_by_itself(rule: str, data: bytes) -> None:
    assert rule in rules(data), scan(data)
    assert scan(data).outcome is Outcome.FINDINGS


@pytest.mark.parametrize("method", [1, 9, 12, 14, 97, 99])
def test_compression_that_cannot_be_read_is_unchecked(method: int) -> None:
    report = ScanReport.of([scan(archive(Member(DATA, STATE_DICT, method=method)))])
    assert report.exit(Severity.HIGH) is Exit.UNCHECKED


def test_both_duplicates_are_scanned_and_named() -> None:
    data = archive(Member(DATA, EVIL), Member(b"ARCHIVE/data.pkl", EVIL))
    assert _members(data) == {"archive/data.pkl", "ARCHIVE/data.pkl"}


def test_nested_member_is_named_by_its_whole_path() -> None:
    assert _members(archive(Member(b"inner.zip", BAD))) == {"inner.zip!archive/data.pkl"}


def test_nesting_without_end_is_unchecked() -> None:
    data = STATE_DICT
    for _ in range(12):
        data = archive(Member(b"x", data))
    assert any("nested deeper" in problem for problem in scan(data).problems)


def test_zip_bomb_is_unchecked() -> None:
    payload = b"\x80\x04B" + struct.pack("<I", 30_000_000) + bytes(30_000_000) + b"."
    bomb = archive(Member(b"x", payload, method=8))
    limits = Limits(ratio=100)
    assert any("grows more than" in problem for problem in scan(bomb, limits).problems)
    limits = Limits(decompressed=1_000_000)
    assert any("after decompression" in problem for problem in scan(bomb, limits).problems)


def test_too_many_members_are_unchecked() -> None:
    data = archive(*(Member(b"%d" % i, b"") for i in range(50)))
    assert any("members" in problem for problem in scan(data, Limits(members=20)).problems)


def test_members_that_share_bytes_do_not_multiply_the_work() -> None:
    members = [Member(b"%d" % i, b"", listed=True) for i in range(200)]
    data = bytearray(archive(Member(b"big", bytes(100_000)), *members))
    at = data.index(b"PK\x01\x02")
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:
        data[at + 20 : at + 28] = struct.pack("<II", 99_000, 99_000)
        data[at + 42 : at + 46] = struct.pack("<I", 0)
    found = scan(bytes(data))
    assert any("share bytes" in problem for problem in found.problems)
    assert "ZIP002" in {finding.rule for finding in found.findings}


def test_overlapping_members_are_a_finding() -> None:
    data = bytearray(archive(Member(b"a", STATE_DICT), Member(b"b", STATE_DICT)))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    assert {"ZIP002", "ZIP003"} & rules(bytes(data))


def test_damaged_deflate_is_not_clean() -> None:
    data = bytearray(archive(Member(DATA, STATE_DICT * 50, method=8)))
    data[50:60] = b"\xff" * 10
    assert scan(bytes(data)).outcome is not Outcome.CLEAN


@pytest.mark.parametrize(
    "magic", [b"7z\xbc\xaf\x27\x1c", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"]
)
def test_compression_that_is_not_opened_is_unchecked(magic: bytes) -> None:
    for data in (magic + bytes(100), archive(Member(b"a.pkl", magic + bytes(100)))):
        assert scan(data).outcome is Outcome.UNCHECKED


def test_a_folder_that_hands_its_group_on_is_honest() -> None:
    assert not rules(
        archive(Member(b"a/", b"", mode=0o042775), Member(b"a/b", b"x", mode=0o100644))
    )
