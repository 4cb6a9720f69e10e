"""Where an answer goes: files for machines, annotations and outputs for GitHub, text for every other log."""

import json
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "FORMS",
    "VSA",
    "Forms",
    "failure_forms",
    "print_unheeded",
    "reports_folder",
    "tell",
]

VSA = "decision.vsa"
FORMS = ("sarif", "junit", "text", "github", "markdown")
"""forms of one answer that are written beside its JSON"""
_ERROR = "weightmark/error/v1"
_BAD = 1
_MAX_SUMMARY = 1_000_000
"""bytes; a runner refuses more than 1 MiB a step"""


@dataclass(frozen=True, slots=True)
class Forms:
    """One answer of `weightmark` in every form that a pipeline wants."""

    answer: Mapping[str, Any]
    """the JSON object"""
    shown: Mapping[str, str]
    """the text of each of `FORMS`"""

    @classmethod
    def read(cls, stdout: bytes, folder: Path, copies: re.Pattern[str]) -> "Forms | None":
        """Read what a call printed as JSON and wrote as `FORMS` into a folder; None for no answer.

        Files are named as in the repository, and not by their `copies`, which go away. A call that
        ended before it knew its reports is shown by its error.
        """
        try:
            answer = _without(copies, json.loads(stdout))
        except ValueError:
            return None
        if not isinstance(answer, dict):
            return None
        try:
            shown = {form: copies.sub("", _text(folder / form)) for form in FORMS}
        except FileNotFoundError:
            return cls(answer, _failed(answer)) if answer.get("schema") == _ERROR else None
        return cls(answer, shown)

    @property
    def decision(self) -> str:
        """One word: the verdict, and what an error comes to."""
        if self.answer["schema"] == _ERROR:
            return "deny" if self.answer["exit"] == _BAD else "could-not-be-checked"
        return str(self.answer["verdict"])


def failure_forms(title: str, what: str, code: int) -> Forms:
    """Return the forms of a failure of the step itself."""
    answer = {
        "schema": _ERROR,
        "exit": code,
        "code": "action",
        "title": title,
        "what": what,
        "why": "",
        "fix": "",
    }
    return Forms(answer, _failed(answer))


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


def tell(forms: Forms, environment: Mapping[str, str], folder: Path | None) -> None:
    """Write every form of the answer to its place."""
    if folder is not None:
        _write(folder / "report.json", json.dumps(forms.answer, indent=2) + "\n")
        _write(folder / "report.sarif", forms.shown["sarif"])
        _write(folder / "report.junit.xml", forms.shown["junit"])
    if not _on_github(environment):
        sys.stdout.write(forms.shown["text"])
        return
    sys.stdout.write(forms.shown["github"])
    short = f"**{forms.decision}** (exit {forms.answer['exit']}); the report holds the rest\n"
    _add_summary(environment, forms.shown["markdown"] + "\n", short)
    _set_outputs(environment, {"decision": forms.decision, **_places(forms.answer, folder)})


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


def _failed(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return every form of an error, as the commands themselves show it."""
    from weightmark.cli.failures import answer_text
    from weightmark.errors import Exit, WeightmarkError

    known = {"code": answer["code"], "title": answer["title"], "exit": Exit(answer["exit"])}
    kind = type("AnsweredError", (WeightmarkError,), known)
    error = kind(answer["what"], why=answer["why"], fix=answer["fix"])
    return {form: answer_text(error, form) for form in FORMS}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _without(copies: re.Pattern[str], value: Any) -> Any:
    """Return a value with every text in it without the folders of `copies`."""
    if isinstance(value, dict):
        return {name: _without(copies, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without(copies, one) for one in value]
    return copies.sub("", value) if isinstance(value, str) else value


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
