"""A zip behind a TFLite model is as tflite-support packs it, or something that hides there."""

import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import tflite
from tests.attacks.scan_builders import EVIL, Member, archive, rules, scan, torch_zip
from weightmark.errors import Exit
from weightmark.scanners.scan import Outcome, ScanReport, Severity

ASSET = Path(__file__).parents[1] / "assets" / "models.zip"
LABELS = b"cat\ndog\n"
MEBIBYTE = 1024 * 1024


def honest(name: str) -> bytes:
    with zipfile.ZipFile(ASSET) as packed:
        return packed.read(name)


PACKED = honest("tflite-labels.tflite")
MODEL = PACKED[: PACKED.index(b"PK\x03\x04")]
"""the model with its metadata, as tflite-support leaves it before it packs files"""


def append(model: bytes, files: dict[str, bytes]) -> bytes:
    out = io.BytesIO(model)
    with zipfile.ZipFile(out, "a") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


def test_the_file_of_the_real_library_is_clean_and_both_parts_are_read() -> None:
    found = scan(PACKED)
    assert set(found.formats) == {"tflite", "zip"}
    assert found.outcome is Outcome.CLEAN
    assert not found.findings


@pytest.mark.parametrize("outer", [0, 1, 2])
@pytest.mark.parametrize("padding", [0, 2 * MEBIBYTE])
def test_pickle_packed_behind_a_model_is_found_however_deep_and_large(
    outer: int, padding: int
) -> None:
    data = append(MODEL, {"weights.txt": bytes(padding), "labels.txt": EVIL})
    for _ in range(outer):
        data = archive(Member(b"model.tflite", data))
    assert ScanReport.of([scan(data)]).exit(Severity.HIGH) is Exit.BAD


@pytest.mark.parametrize(
    "files",
    [
        {"model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(64)},
        {"labels.txt": LABELS, "other.tflite": MODEL},
        {"m.gguf": b"GGUF" + bytes(64)},
        {"run": b"\x7fELF" + bytes(64)},
    ],
)
def test_another_model_behind_the_model_is_told(files: dict[str, bytes]) -> None:
    assert "ZIP006" in rules(append(MODEL, files))


def test_torch_archive_behind_a_model_is_told() -> None:
    assert "ZIP006" in rules(torch_zip(prefix=MODEL))


@pytest.mark.parametrize(
    "prefix",
    [
        b"\x10\0\0\0TFL3" + bytes(200),
        b"\xff\xff\0\0TFL3" + random.Random(1).randbytes(400),  # noqa: S311 - no secret
        b"junk" + MODEL,
        MODEL[: len(MODEL) // 2],
        MODEL[:8],
        tflite("FlexRelu"),
        honest("tflite-loop.tflite"),
    ],
    ids=["header", "noise", "shifted", "half", "magic", "bare", "no-metadata"],
)
def test_bytes_that_only_look_like_a_described_model_are_told(prefix: bytes) -> None:
    assert "ZIP006" in rules(append(prefix, {"labels.txt": LABELS}))


def test_model_whose_numbers_lie_in_the_zip_is_told() -> None:
    """Its last vector ends where the zip begins, so one byte less reaches into it."""
    ends = next(
        size for size in range(len(MODEL), 0, -1)
        if "ZIP006" in rules(append(MODEL[:size], {"labels.txt": LABELS}))
    )  # fmt: skip
    assert ends >= len(MODEL) - 64


def test_bytes_between_and_behind_the_packed_files_are_told() -> None:
    first, second = Member(b"a.txt", LABELS), Member(b"b.txt", LABELS)
    unlisted = Member(b"hidden.txt", LABELS, listed=False)
    assert "ZIP006" in rules(archive(first, unlisted, second, prefix=MODEL))
    assert "ZIP006" in rules(append(MODEL, {"a.txt": LABELS}) + b"more")


def test_member_hidden_between_model_and_files_is_told() -> None:
    hidden = Member(b"hidden.pkl", EVIL, listed=False)
    found = rules(archive(hidden, Member(b"a.txt", LABELS), prefix=MODEL))
    assert {"ZIP003", "PKL001"} <= found


@given(st.integers(0, len(PACKED) - 1), st.binary(min_size=1, max_size=4))
def test_damage_ends_in_a_result_and_hides_no_pickle(at: int, noise: bytes) -> None:
    data = append(MODEL, {"labels.txt": EVIL})
    at = min(at, len(MODEL) - len(noise))
    damaged = data[:at] + noise + data[at + len(noise) :]
    assert scan(damaged).outcome is Outcome.FINDINGS
