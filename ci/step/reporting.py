"""Where an answer goes: files for machines, annotations and outputs for GitHub, text for every other log."""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["VSA", "print_unheeded", "reports_folder", "tell"]

VSA = "decision.vsa"
_MAX_SUMMARY = 1_000_000
"""bytes; a runner refuses more than 1 MiB a step"""


def reports_folder(environment: Mapping[str, str]) -> Path:
    """Return a new folder: below RUNNER_TEMP on GitHub, else where INPUT_REPORTS says.

    Raises `FileExistsError` where something has that name already: a pull request can place a link.
    """
    if _on_github(environment):
        home = Path(environment["RUNNER_TEMP"]) / "weightmark"
        home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="run-", dir=home))
    folder = Path(environment.get("INPUT_REPORTS") or "weightmark-reports").absolute()
    folder.mkdir()
    return folder


def tell(
    answer: Mapping[str, Any], path: str, environment: Mapping[str, str], folder: Path | None
) -> None:
    """Write every form of the answer to its place."""
    from forms import as_document, show

    document = as_document(answer)
    if folder is not None:
        _write(folder / "report.json", json.dumps(answer, indent=2) + "\n")
        _write(folder / "report.sarif", show("sarif", document, path))
        _write(folder / "report.junit.xml", show("junit", document, path))
    if not _on_github(environment):
        sys.stdout.write(show("text", document, path))
        return
    sys.stdout.write(show("github", document, path))
    short = f"**{document.verdict}** (exit {int(document.exit)}); the report holds the rest\n"
    _add_summary(environment, show("markdown", document, path) + "\n", short)
    _set_outputs(environment, {"decision": document.verdict, **_places(answer, folder)})


def print_unheeded(text: str, environment: Mapping[str, str]) -> None:
    """Print lines of which a runner obeys none, whatever an artifact made them say."""
    if not text.strip():
        return
    if not _on_github(environment):
        sys.stderr.write(text)
        return
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n")
    sys.stdout.flush()


def _on_github(environment: Mapping[str, str]) -> bool:
    return environment.get("GITHUB_ACTIONS") == "true"


def _places(answer: Mapping[str, Any], folder: Path | None) -> dict[str, str]:
    claims = [one for one in answer.get("written") or () if one.endswith(".claims")]
    vsa = folder / VSA if folder else None
    return {
        "identity": answer.get("identity") or "",
        "report-path": str(folder / "report.json") if folder else "",
        "sarif-path": str(folder / "report.sarif") if folder else "",
        "vsa-path": str(vsa) if vsa and vsa.is_file() else "",
        "bundle-path": os.path.abspath(claims[0]) if claims else "",  # noqa: PTH100 - links stay
    }


def _set_outputs(environment: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Set the outputs of the step; no value can end its own block."""
    lines = []
    for name, value in outputs.items():
        end = secrets.token_hex(16)
        lines += [f"{name}<<{end}", value, end]
    _append(environment.get("GITHUB_OUTPUT", ""), "".join(f"{line}\n" for line in lines))


def _add_summary(environment: Mapping[str, str], text: str, short: str) -> None:
    fits = len(text.encode(errors="replace")) <= _MAX_SUMMARY
    _append(environment.get("GITHUB_STEP_SUMMARY", ""), text if fits else short)


def _append(path: str, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="replace")
