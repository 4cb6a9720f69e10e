"""`--report FORM=FILE` of `scan` and `sign`: several forms of one answer, from one read."""

import json
from pathlib import Path

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_model
from tests.cli.running import RunCli

FORMS = ("text", "json", "sarif", "junit", "github", "markdown")


def _reports(folder: Path) -> list[str]:
    return [word for form in FORMS for word in ("--report", f"{form}={folder / form}")]


@pytest.fixture
def key(tmp_path: Path) -> str:
    (tmp_path / "own.key").write_bytes(KEY.to_pem(None))
    return str(tmp_path / "own.key")


@pytest.mark.parametrize("form", FORMS)
def test_a_scan_writes_the_same_answer_as_if_it_had_been_asked_for_that_form(
    run_cli: RunCli, tmp_path: Path, form: str
) -> None:
    model = make_model(tmp_path / "model", **{"evil.bin": EVIL_PICKLE})
    ran = run_cli("scan", str(model), "--report", f"{form}={tmp_path / 'out'}")
    alone = run_cli("scan", str(model), "-f", form)
    assert ran.code == alone.code == 1
    assert (tmp_path / "out").read_text() == alone.stdout


def test_every_report_of_a_scan_that_fails_holds_the_failure(
    run_cli: RunCli, tmp_path: Path
) -> None:
    """A pipeline that reads the files only must never meet those of an earlier run."""
    model = make_model(tmp_path / "model")
    out = tmp_path / "out"
    out.mkdir()
    assert run_cli("scan", str(model), *_reports(out)).code == 0
    ran = run_cli("scan", str(tmp_path / "gone"), *_reports(out))
    assert ran.code == 2
    assert json.loads((out / "json").read_text())["exit"] == 2
    for form in FORMS:
        assert "clean" not in (out / form).read_text()


def test_a_report_in_the_folder_that_is_scanned_is_refused(run_cli: RunCli, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    ran = run_cli("scan", str(model), "--report", f"json={model / 'report.json'}")
    assert ran.code == 2
    assert not (model / "report.json").exists()


def test_signing_reports_what_it_wrote_and_what_it_refused(
    run_cli: RunCli, tmp_path: Path, key: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    model = make_model(tmp_path / "model")
    assert run_cli("sign", str(model), "--key", key, *_reports(out)).code == 0
    assert json.loads((out / "json").read_text())["verdict"] == "signed"
    evil = make_model(tmp_path / "evil", **{"evil.bin": EVIL_PICKLE})
    assert run_cli("sign", str(evil), "--key", key, *_reports(out)).code == 1
    (run,) = json.loads((out / "sarif").read_text())["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert not (evil / "model.sig").exists()
