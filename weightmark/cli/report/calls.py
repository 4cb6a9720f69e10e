"""What one call of `weightmark report` asks for, and refusals of calls that mean nothing."""

import re
from datetime import datetime
from pathlib import Path

import click

from weightmark.cli.console import Console
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["DIGEST", "FORMS", "ITEMS", "Call", "Framework", "form_said", "require_sense"]

ITEMS = ("annex-iv", "ssdf", "g7-sbom-ai", "nist-rmf")
FORMS = ("markdown", "html", "json")
DIGEST = re.compile(r"(?:wm1|sha256):[0-9a-f]{64}")
_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".json": "json"}  # fmt: skip


class Framework(click.Choice[str]):
    """What is reported; the words for forms, which `--format` means elsewhere, are sent on to `--as`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the framework; raise `CallError` for a form in its place."""
        if value in FORMS:
            raise CallError(
                f"`{value}` is a form, and `--format` says here what is reported",
                fix=f"name it, as `--format annex-iv --as {value}`",
            )
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that is the same for each artifact of one call."""

    framework: str
    """as `--format` names it"""
    form: str
    """one of `FORMS`"""
    out: Path | None
    """the folder that the files go to; None for one report to stdout or `-o`"""
    at: datetime | None
    """the moment; None when the call says none"""
    claims: tuple[Path, ...]
    """more claims of artifacts"""
    signature: Path | None
    """a model signature elsewhere"""


def require_sense(
    console: Console,
    framework: str,
    subjects: tuple[str, ...],
    *,
    out: str | None,
    ledger: str | None,
    witness_policy: str | None,
) -> None:
    """Refuse calls that mean nothing."""
    if framework == "zero-trust" and subjects:
        raise CallError(
            "`zero-trust` is about a whole ledger", fix="leave the path out, and name the ledger"
        )
    if framework == "incident" and len(subjects) != 1:
        raise CallError(
            "an incident is about one artifact",
            fix="name it, as `weightmark report wm1:… --format incident --ledger PLACE`",
        )
    if framework in ITEMS and len(subjects) != 1 and not out:
        what = f"{len(subjects)} artifacts" if subjects else "all artifacts of a ledger"
        raise CallError(
            f"reports on {what} are several files", fix="name a new folder with `--out DIR`"
        )
    if out and console.output != "-":
        raise CallError("`--out` and `--output` both say where it goes", fix="give one of them")
    for subject in subjects:
        if not DIGEST.fullmatch(subject):
            judges = (("the ledger", ledger), ("the witness policy", witness_policy))
            _require_outside(subject, judges, (out, console.output))


def _require_outside(
    artifact: str,
    judges: tuple[tuple[str, str | None], ...],
    outputs: tuple[str | None, ...],
) -> None:
    """Refuse what configures the judge inside of what is judged, and reports that would change it."""
    from weightmark.attestations.outside import require_outside

    for what, place in judges:
        if place and "://" not in place:
            require_outside(Path(artifact), Path(place), what)
    for place in outputs:
        if place is None or place == "-":
            continue
        try:
            require_outside(Path(artifact), Path(place), "the report")
        except CallError as error:
            raise CallError(
                error.what,
                why="it would change the artifact that it is about",
                fix="keep it elsewhere",
            ) from error


def form_said(console: Console, form: str | None) -> str:
    """Return the form that `--as` or the suffix of `-o` says; raise `CallError` when they disagree."""
    suffix = Path(console.output).suffix.lower() if console.output != "-" else ""
    said = _SUFFIXES.get(suffix)
    if suffix and not (form or said):
        raise CallError(
            f"`{console.output}` does not say in which form the report is written",
            why=f"the suffix `{suffix}` is none of {', '.join(f'`{one}`' for one in _SUFFIXES)}",
            fix="use one of them, or add `--as markdown`, `--as html` or `--as json`",
        )
    if form and said and form != said:
        raise CallError(
            f"`{console.output}` ends as {said}, and `--as` says {form}", fix="say one of them"
        )
    return form or said or "markdown"
