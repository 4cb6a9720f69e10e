"""Pickles behind compression, and compression that is there to stop the scanner."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable

import pytest

from tests.attacks.scan_builders import EVIL, STATE_DICT, rules, scan, torch_zip
from weightmark.scanners.scan import Limits, Outcome


def _zf(data: bytes) -> bytes:
    return b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "joblib-zf": _zf,
}


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_pickle_behind_compression_is_found(kind: str) -> None:
    pack = COMPRESSIONS[kind]
    for data in (EVIL, torch_zip(EVIL), pack(EVIL), gzip.compress(EVIL)):
        found = scan(pack(data))
        assert "PKL001" in {finding.rule for finding in found.findings}, found
        assert kind in found.formats
    assert scan(pack(STATE_DICT)).outcome is Outcome.CLEAN
    assert scan(pack(b"text\n")).outcome is Outcome.CLEAN
    assert scan(pack(b"\x01\xfe\x03" * 100)).outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_cut_compression_is_unchecked_and_keeps_findings(kind: str) -> None:
    pack = COMPRESSIONS[kind]
    assert scan(pack(STATE_DICT * 9)[:-5]).outcome is not Outcome.CLEAN
    assert scan(pack(bytes(100_000)), Limits(unpacked=9000)).outcome is Outcome.UNCHECKED
    assert scan(pack(bytes(9_000_000)), Limits(ratio=3)).problems


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_second_stream_and_what_follows_are_found(kind: str) -> None:
    pack = COMPRESSIONS[kind]
    assert "PKL001" in rules(pack(STATE_DICT) + pack(EVIL))
    assert {"CMP001", "PKL001"} <= rules(pack(STATE_DICT) + EVIL)


def test_compression_nested_too_deeply_is_unchecked() -> None:
    data = EVIL
    for _ in range(12):
        data = gzip.compress(data)
    assert scan(data).outcome is Outcome.UNCHECKED


def test_tar_is_unchecked_and_never_clean() -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.pkl"), io.BytesIO(EVIL))
    assert scan(data.getvalue()).outcome is Outcome.UNCHECKED
    assert scan(gzip.compress(data.getvalue())).outcome is Outcome.UNCHECKED
