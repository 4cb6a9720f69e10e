"""Numbers that are written as text are read as C's unpickler reads them: none of them ends the walk too early."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from weightmark.scanners.findings import Severity
from weightmark.scanners.tree import scan_tree

PAYLOAD = b"0cos\nsystem\n(Vecho x\ntR."
NUMBERS = [
    b"L0x10L\n",
    b"L0o17L\n",
    b"L0b1L\n",
    b"L0x10\n",
    b"I017\n",
    b"I0x1F\n",
    b"I 7\n",
    b"L7L\n",
]


def severe(path: Path) -> bool:
    found = scan_tree(path).report.findings
    return any(one.severity >= Severity.HIGH for one in found)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["m.pkl", "m.bin", "m.json", "m"])
def test_a_number_before_the_payload_hides_nothing(
    tmp_path: Path, number: bytes, name: str
) -> None:
    (tmp_path / name).write_bytes(number + PAYLOAD)
    assert severe(tmp_path)


@pytest.mark.parametrize("number", NUMBERS)
def test_nor_does_it_inside_of_an_archive(tmp_path: Path, number: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("model.bin", number + PAYLOAD)
    assert severe(tmp_path)


@pytest.mark.parametrize("number", [b"L0x10L\n", b"L0o17L\n", b"I0x1F\n", b"L7L\n"])
def test_the_unpickler_reads_these_numbers(number: bytes) -> None:
    assert isinstance(pickle.load(io.BytesIO(number + b".")), int)
