"""GGUF models in several files: parts that are missing, doubled, or lie about their set."""

import struct
from pathlib import Path

import pytest

from tests.attacks.model_builders import gguf, gguf_pair, gguf_tensor
from weightmark.scanners.findings import Outcome
from weightmark.scanners.tree import scan_artifact

NAME = "m-{:05d}-of-{:05d}.gguf"


def _part(number: int, count: int, total: int | None = None, *, here: int = 1) -> bytes:
    pairs = [
        gguf_pair("split.no", 2, struct.pack("<H", number)),
        gguf_pair("split.count", 2, struct.pack("<H", count)),
        gguf_pair("split.tensors.count", 5, struct.pack("<i", count if total is None else total)),
    ]
    tensors = [gguf_tensor(f"t{number}.{index}", (8,), offset=32 * index) for index in range(here)]
    return gguf(pairs, tensors, bytes(32 * here))


def _told(folder: Path, files: dict[str, bytes]) -> list[tuple[str, str]]:
    """Return path and reason for each part that does not fit."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    found = scan_artifact(folder).findings
    return [(one.path, one.detail) for one in found if one.rule == "GGF006"]


def test_whole_set_is_quiet_in_every_folder(tmp_path: Path) -> None:
    files = {
        f"{folder}/{NAME.format(number + 1, 3)}": _part(number, 3)
        for folder in ("q4", "q8")
        for number in range(3)
    }
    assert _told(tmp_path, files) == []
    report = scan_artifact(tmp_path)
    assert {file.outcome for file in report.files} == {Outcome.CLEAN}
    assert {finding.rule for finding in report.findings} == {"GGF005"}


ODD: dict[str, tuple[dict[str, bytes], str]] = {
    "missing": ({NAME.format(1, 3): _part(0, 3), NAME.format(3, 3): _part(2, 3)}, "1 of 3 parts are missing: 2"),
    "alone": ({"m.gguf": _part(0, 2)}, "1 of 2 parts are missing: 2"),
    "no part under the name of one": ({NAME.format(1, 2): _part(0, 2), NAME.format(2, 2): gguf()}, "parts are missing: 2"),
    "doubled": ({NAME.format(1, 2): _part(0, 2), NAME.format(2, 2): _part(0, 2)}, "part 1 is there 2 times"),
    "another number than its name": ({NAME.format(1, 2): _part(1, 2), NAME.format(2, 2): _part(0, 2)}, "the name says part 1 of 2"),
    "another count": ({NAME.format(1, 2): _part(0, 2), NAME.format(2, 2): _part(1, 3, 2)}, "says that there are 2 parts"),
    "another count of tensors": ({NAME.format(1, 2): _part(0, 2), NAME.format(2, 2): _part(1, 2, 9)}, "and 2 tensors"),
    "a tensor too many": ({NAME.format(1, 2): _part(0, 2), NAME.format(2, 2): _part(1, 2, here=2)}, "hold 3 tensors"),
    "in another folder": ({f"a/{NAME.format(1, 2)}": _part(0, 2), f"b/{NAME.format(2, 2)}": _part(1, 2)}, "are missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_parts_that_do_not_fit_are_told(case: str, tmp_path: Path) -> None:
    files, reason = ODD[case]
    told = _told(tmp_path, files)
    assert any(reason in detail for _, detail in told), told


def test_old_formats_of_ggml_are_never_clean(tmp_path: Path) -> None:
    """What llama.cpp read before GGUF has counts and no bounds, and nothing here reads it."""
    for magic in (b"lmgg", b"fmgg", b"tjgg", b"algg"):
        (tmp_path / "m.gguf").write_bytes(magic + bytes(100))
        (tmp_path / "ggml-model.bin").write_bytes(magic + bytes(100))
        outcomes = {file.path: file.outcome for file in scan_artifact(tmp_path).files}
        assert outcomes == {"m.gguf": Outcome.UNCHECKED, "ggml-model.bin": Outcome.UNSUPPORTED}
