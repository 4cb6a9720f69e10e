"""`weightmark bom diff`: what two bills of materials say differently."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import CallError, Exit
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.bom.diff import BomChange
    from weightmark.attestations.bom.reading import BomFacts
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["diff"]

_SHOWN = 100
_NAMES = {
    "artifact": "digests",
    "field": "fields",
    "license": "licences",
    "weights": "weights",
    "ancestor": "ancestors",
    "dataset": "datasets",
    "step": "steps",
    "component": "components",
    "version": "versions",
    "file": "files",
    "other": "the rest",
}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two."""

    path: str
    facts: "BomFacts"
    is_document: bool


@command("bom diff", formats=("text", "json", "markdown"))
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@trust_choice_options()
@option("--exit-code", is_flag=True, help="Exit with 1 when anything differs")
@pass_console
def diff(
    console: Console, before: str, after: str, *, choice: "TrustChoice", exit_code: bool
) -> None:
    """Show what two bills of materials say differently: digests, licences, ancestors, datasets, files.

    A and B are documents, CycloneDX or SPDX 3, by whomever; or artifacts, of which a document is made by
    the claims of whom the call trusts. What a document says is compared and not verified.
    """
    from weightmark.attestations.bom.diff import compare_boms

    first, second = (_side(console, path, choice) for path in (before, after))
    changes = compare_boms(first.facts, second.facts)
    console.finish(_document(first, second, changes, exit_code=exit_code))


def _side(console: Console, path: str, choice: "TrustChoice") -> _Side:
    from weightmark.attestations.bom.cyclonedx import cyclonedx_document
    from weightmark.attestations.bom.gathering import BomRequest, gather
    from weightmark.attestations.bom.reading import read_bom
    from weightmark.attestations.bom.text import document_text

    if not Path(path).exists():
        raise CallError(f"`{path}` does not exist", fix="check the path")
    if Path(path).is_file():
        found = read_bom(_beginning(Path(path)), f"`{path}`")
        if found:
            return _Side(path, found, is_document=True)
    with console.progress(None) as progress:
        gathered = gather(
            path, BomRequest(load_trust(choice, path)), progress=progress, jobs=console.jobs
        )
    text = document_text(cyclonedx_document(gathered.content))
    made = read_bom(text.encode(), "the document")
    if made is None:
        raise TypeError("a document that was made is none")
    return _Side(path, made, is_document=False)


def _beginning(path: Path) -> bytes:
    """Return the bytes of a file that may be a document; of others only how they begin."""
    from weightmark.attestations.bom.reading import MAX_SIZE
    from weightmark.provenance.sidecars import read_named

    with path.open("rb") as file:
        start = file.read(64)
    if not start.lstrip().startswith(b"{"):
        return start
    return read_named(path, "bill of materials", limit=MAX_SIZE)


def _document(
    first: _Side, second: _Side, changes: "tuple[BomChange, ...]", *, exit_code: bool
) -> Document:
    differs = bool(changes)
    words = "say different things" if differs else _same(first, second)
    return Document(
        schema="weightmark/bom-diff/v1",
        exit=Exit.BAD if differs and exit_code else Exit.GOOD,
        verdict="different" if differs else "same",
        headline=f"`{first.path}` and `{second.path}` {words}",
        checks=tuple(
            _check(kind, changes)
            for kind in _NAMES
            if kind != "other" or first.facts.family == second.facts.family
        ),
        facts={
            "before": _side_facts(first),
            "after": _side_facts(second),
            "changes": [
                {
                    "kind": one.kind,
                    "name": one.name,
                    "change": one.word,
                    "before": list(one.before),
                    "after": list(one.after),
                }
                for one in changes
            ],
        },
    )


def _same(first: _Side, second: _Side) -> str:
    if first.facts.family == second.facts.family:
        return "say the same, but for who wrote them and when"
    return "say the same of what both forms have"


def _side_facts(side: _Side) -> dict[str, Any]:
    form = side.facts.form if side.is_document else None
    return {"path": side.path, "form": form}


def _check(kind: str, changes: "tuple[BomChange, ...]") -> CheckLine:
    found = [one for one in changes if one.kind == kind]
    if not found:
        return CheckLine(Outcome.PASS, _NAMES[kind], "the same")
    details = [_line(one) for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        details.append(f"… and {len(found) - _SHOWN} more")
    return CheckLine(
        Outcome.INFO, _NAMES[kind], counted(len(found), "difference"), details=tuple(details)
    )


def _line(one: "BomChange") -> str:
    before, after = (_shortened(" and ".join(said)) for said in (one.before, one.after))
    match one.word:
        case "added":
            return f"added `{one.name}`: {after}"
        case "removed":
            return f"removed `{one.name}`: {before}"
    return f"changed `{one.name}`: {before} → {after}"


def _shortened(text: str) -> str:
    """Return the beginning of a long text: JSON has all of it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
