"""Truncations and flipped bits of a real file of each format: an answer, soon, and never a finding lost."""

from pathlib import PurePath
from random import Random

import pytest

from tests.attacks.scan_builders import scan
from tests.attacks.test_scan_every_rule import HOSTILE
from tests.fuzz.scan_seeds import SCANNED, packed
from weightmark.scanners.findings import FileScan
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import Outcome, Severity

_ROUNDS = 16
_LIMITS = Limits(seconds=20)
_ASSETS = ("documents.zip", "estimators.zip", "exchange.zip", "models.zip", "torch_formats.zip")


def _real() -> dict[str, bytes]:
    """Return the smallest real file of each extension in each asset."""
    found: dict[str, bytes] = {}
    for asset in _ASSETS:
        for name, data in packed(asset).items():
            kind = f"{asset}: {''.join(PurePath(name).suffixes[-2:])}"
            if kind not in found or len(data) < len(found[kind]):
                found[kind] = data
    return found


REAL = _real()


def _answered(data: bytes) -> FileScan:
    result = scan(data, _LIMITS)
    assert not any("(limit `seconds`)" in problem for problem in result.problems)
    assert result.outcome is not Outcome.CLEAN or not result.problems
    return result


@pytest.mark.parametrize("kind", sorted(REAL))
def test_damage_of_a_real_file_ends_in_an_answer(kind: str) -> None:
    random, data = Random(kind), REAL[kind]  # noqa: S311 - damage, not secrets
    for _ in range(_ROUNDS):
        _answered(data[: random.randrange(len(data))])
        damaged = bytearray(data)
        damaged[random.randrange(len(data))] ^= 1 << random.randrange(8)
        _answered(bytes(damaged))


def _hostile() -> dict[str, bytes]:
    seeds = {
        f"{kind} {number}": data
        for kind, files in SCANNED.items()
        for number, data in enumerate(files)
    }
    named = {kind: data for kind, (name, data) in HOSTILE.items() if name == "m"}
    return {
        kind: data
        for kind, data in (seeds | named).items()
        if any(one.severity > Severity.INFO for one in scan(data).findings)
    }


BAD = _hostile()
_WHOLE_BEFORE = {"npy": len(BAD["npy"]) - 1}
"""where a cut leaves a whole and honest file: before the byte that is too many"""


def test_hostile_files_of_most_formats_are_cut() -> None:
    assert len(BAD) > 25


@pytest.mark.parametrize("kind", sorted(BAD))
def test_no_cut_of_a_hostile_file_is_clean(kind: str) -> None:
    data = BAD[kind]
    harmless = _WHOLE_BEFORE.get(kind, len(data))
    for end in sorted({len(data) * part // 40 for part in range(40)} | {len(data) - 1}):
        if end != harmless:
            assert _answered(data[:end]).outcome is not Outcome.CLEAN, end
