"""Receipts where content is judged: what they spare, what they never stand for, and who never asks them."""

import inspect
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, check, policy
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.loading import execution, opening, releases, snapshot
from weightmark.attestations.making.release_files import release_luggage
from weightmark.attestations.making.signing import SignOptions, SignResult, sign_artifact
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import VerifyReport, examine
from weightmark.errors import Exit, UncheckedError, UnsafeContentError
from weightmark.provenance.reading.receipts import Receipts
from weightmark.scanners.limits import Limits
from weightmark.scanners.luggage import FILE_SCANS, code_digest, file_scans

pytestmark = pytest.mark.needs("settled_times")

SHARDS = 3
MEBIBYTE = 1024 * 1024
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R0"


def safetensors(number: int) -> bytes:
    header = b'{"w%d":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (
        *(number, MEBIBYTE, MEBIBYTE),
    )
    return struct.pack("<Q", len(header)) + header + bytes([number]) * MEBIBYTE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for number in range(SHARDS):
        (folder / f"shard-{number}.safetensors").write_bytes(safetensors(number))
    (folder / "config.json").write_bytes(b"{}")
    return folder


@pytest.fixture
def receipts(tmp_path: Path) -> Iterator[Callable[[], Receipts]]:
    """Open the store anew, by a clock ten seconds ahead, so that files made just now count as settled."""
    made: list[Receipts] = []

    def make() -> Receipts:
        for one in made:
            one.save()
        store = Receipts.open(tmp_path / "cache" / "r.db", now=lambda: time.time_ns() + 10**10)
        assert store is not None
        made.append(store)
        return store

    yield make
    for one in made:
        one.close()


def sign(model: Path, receipts: Receipts | None, *, scan: bool = True) -> SignResult:
    return sign_artifact(model, KeySigner(KEY), SignOptions(scan=scan), receipts=receipts)


def verify(model: Path, receipts: Receipts | None) -> VerifyReport:
    return examine(model, Trust.in_keys([KEY.public]), receipts=receipts).report


def change(file: Path) -> None:
    """Change one byte, and give the old time of modification back."""
    status = file.stat()
    time.sleep(0.02)
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        opened.write(b"\xff")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_signing_again_reads_only_the_shard_that_changed(
    model: Path, receipts: Callable[[], Receipts]
) -> None:
    assert sign(model, receipts()).remembered == 0
    change(model / "shard-1.safetensors")
    again = sign(model, receipts())
    fresh = sign(model, None)
    assert again.remembered == SHARDS - 1
    assert again.manifest == fresh.manifest
    assert again.scan == fresh.scan
    assert [one.envelope.payload for one in again.claims] == [
        one.envelope.payload for one in fresh.claims
    ]
    assert verify(model, None).exit is Exit.GOOD


def test_digests_alone_do_not_stand_for_a_scan(
    model: Path, receipts: Callable[[], Receipts]
) -> None:
    assert sign(model, receipts(), scan=False).remembered == 0
    assert sign(model, receipts()).remembered == 0
    assert sign(model, receipts()).remembered == SHARDS


def test_a_receipt_keeps_a_finding(tmp_path: Path, receipts: Callable[[], Receipts]) -> None:
    file = tmp_path / "weights.pkl"
    file.write_bytes(EVIL + b"C\x01x0" * (MEBIBYTE // 4) + b"N.")
    for remembered in (False, True):
        store = receipts()
        descriptor = os.open(file, os.O_RDONLY)
        stamp = release_luggage(scan=True).stamp
        assert stamp
        kept = store.find_inspection(descriptor, stamp(), file.name)
        os.close(descriptor)
        assert (kept is not None) is remembered
        with pytest.raises(UnsafeContentError, match="not signed"):
            sign(file, store)


def test_a_scan_that_could_not_be_finished_is_made_again(
    tmp_path: Path, receipts: Callable[[], Receipts]
) -> None:
    file = tmp_path / "weights.pkl"
    file.write_bytes(b"\x80\x04C\x01x0" + b"C\x01x0" * (MEBIBYTE // 4))
    stamp = release_luggage(scan=True).stamp
    assert stamp
    for _ in range(2):
        store = receipts()
        with pytest.raises(UncheckedError, match="could not be scanned"):
            sign(file, store)
        descriptor = os.open(file, os.O_RDONLY)
        assert store.find_inspection(descriptor, stamp(), file.name) is None
        os.close(descriptor)


def test_a_scan_under_other_limits_is_another_scan() -> None:
    strict = file_scans(Limits(seconds=1.0)).stamp
    usual = FILE_SCANS.stamp
    assert strict
    assert usual
    assert strict() != usual()


def test_a_scan_by_other_code_is_another_scan(tmp_path: Path) -> None:
    """Whoever changes the scanner need not remember to raise a number."""
    (tmp_path / "inner").mkdir()
    source = tmp_path / "inner" / "reader.py"
    digests = []
    for text in ("a = 1\n", "a = 2\n"):
        source.write_text(text, encoding="utf-8")
        code_digest.cache_clear()
        digests.append(code_digest(tmp_path))
    source.rename(tmp_path / "reader.py")
    code_digest.cache_clear()
    digests.append(code_digest(tmp_path))
    assert len(set(digests)) == 3
    stamp = FILE_SCANS.stamp
    assert stamp
    code_digest.cache_clear()
    assert code_digest() in stamp()


def test_code_that_can_not_be_seen_fits_no_receipt(tmp_path: Path) -> None:
    code_digest.cache_clear()
    first = code_digest(tmp_path)
    code_digest.cache_clear()
    assert code_digest(tmp_path) != first


def test_verification_says_what_it_did_not_read(
    model: Path, receipts: Callable[[], Receipts]
) -> None:
    sign(model, receipts())
    report = verify(model, receipts())
    assert report.exit is Exit.GOOD
    (said,) = [one for one in report.checks if one.name == "remembered"]
    assert "3 large files not read again" in said.summary
    assert not [one for one in verify(model, None).checks if one.name == "remembered"]


def test_verification_finds_a_change_that_forges_its_time(
    model: Path, receipts: Callable[[], Receipts]
) -> None:
    sign(model, receipts())
    change(model / "shard-2.safetensors")
    report = verify(model, receipts())
    assert report.exit is Exit.BAD
    assert any("shard-2.safetensors" in line for one in report.checks for line in one.details)


def test_a_small_file_is_always_read(model: Path, receipts: Callable[[], Receipts]) -> None:
    sign(model, receipts())
    (model / "config.json").write_bytes(b"[]")
    assert verify(model, receipts()).exit is Exit.BAD


def test_the_gate_asks_receipts_only_where_its_policy_trusts_them(
    model: Path, receipts: Callable[[], Receipts]
) -> None:
    sign(model, receipts())
    usual = gate(model, policy(), receipts=receipts())
    assert "remembered" not in {one.name for one in usual.checks}
    trusting = gate(model, policy("trust_receipts = true"), receipts=receipts())
    assert trusting.exit is Exit.GOOD
    assert "3 large files" in check(trusting, "remembered").summary
    assert usual.evidence.identity == trusting.evidence.identity
    assert usual.evidence.scan == trusting.evidence.scan


def test_the_gate_finds_a_changed_shard_with_receipts(
    model: Path, receipts: Callable[[], Receipts]
) -> None:
    sign(model, receipts())
    gate(model, policy("trust_receipts = true"), receipts=receipts())
    change(model / "shard-0.safetensors")
    assert gate(model, policy("trust_receipts = true"), receipts=receipts()).exit is Exit.BAD


@pytest.mark.parametrize("module", [execution, opening, releases, snapshot])
def test_whatever_loads_content_knows_no_receipts(module: object) -> None:
    assert "receipts" not in inspect.getsource(module).lower()  # type: ignore[arg-type]  # a module
