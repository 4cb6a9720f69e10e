"""What skops, R's writers and `Trainer` really write is quiet."""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome, Severity

ASSET = Path(__file__).parents[1] / "assets" / "documents.zip"


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(ASSET) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = members()


def test_every_library_has_written_something() -> None:
    endings = {Path(name).suffix for name in FILES}
    assert endings == {".RData", ".bin", ".rds", ".skops"}
    assert len(FILES) >= 18


@pytest.mark.parametrize("name", FILES)
def test_documents_of_the_real_libraries_are_clean(name: str) -> None:
    found = scan(FILES[name], name=name)
    assert found.outcome is Outcome.CLEAN, found
    assert all(finding.severity is Severity.INFO for finding in found.findings)


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".skops")])
def test_documents_that_were_cut_off_are_not_clean(name: str) -> None:
    data = FILES[name]
    for part in (2, 3, 5):
        assert scan(data[: len(data) - len(data) // part], name=name).outcome is not Outcome.CLEAN


def test_training_arguments_with_a_payload_are_refused() -> None:
    from tests.attacks.scan_builders import stack_global, text

    payload = stack_global("os", "system") + text("echo x") + b"\x85R"
    cls = stack_global("transformers.training_args", "TrainingArguments")
    for value in (payload, stack_global("os", "system"), stack_global("mine", "Callback")):
        data = b"\x80\x04" + cls + b")\x81}" + text("output_dir") + value + b"sb."
        found = scan(data, name="training_args.bin")
        assert any(finding.severity >= Severity.HIGH for finding in found.findings)
