"""`weightmark bom`: a bill of materials of a model or a dataset, from its bytes and verified claims."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.bom.documents import bom_document, notes
from weightmark.cli.command import command
from weightmark.cli.console import CONSOLE_META, Console, pass_console
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.evidence import evidence_options
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.errors import CallError, Exit, RefusedError

if TYPE_CHECKING:
    from weightmark.attestations.bom.gathering import BomRequest, Gathered
    from weightmark.attestations.bom.interface import BomContent
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["bom"]

_DOCUMENTS = ("cyclonedx", "spdx")
_FORMATS = (*_DOCUMENTS, "text", "json", "markdown")
_LATEST = 253_402_300_799


@command("bom", formats=_FORMATS)
@click.argument("path", metavar="PATH")
@trust_choice_options()
@evidence_options()
@option(
    "--with",
    "ancestors",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    help="An ancestor on disk, whose claims are read; may be given several times",
)
@option("--ledger", metavar="PLACE", type=FILE_OR_URI, help="Ledger with claims and revocations")
@option(
    "--name",
    metavar="NAME",
    help="What it is called (default: as its signer calls it, else its folder)",
)
@option(
    "--kind",
    type=click.Choice(["model", "dataset"]),
    help="What it is (default: as its claims and bytes say)",
)
@option(
    "--max-depth",
    type=click.IntRange(1, 1000),
    default=64,
    show_default=True,
    help="Steps to follow from the artifact to its ancestors",
)
@option("--no-files", is_flag=True, help="Do not list each file; the identity binds them all")
@option(
    "--allow-contradicted",
    is_flag=True,
    help="Write the document even if the bytes are not what a trusted signer signed; it says so",
)
@pass_console
def bom(
    console: Console,
    path: str,
    *,
    choice: "TrustChoice",
    signature: str | None,
    claims: tuple[str, ...],
    ancestors: tuple[str, ...],
    ledger: str | None,
    name: str | None,
    kind: str | None,
    max_depth: int,
    no_files: bool,
    allow_contradicted: bool,
) -> None:
    """Write the bill of materials of a model or a dataset: CycloneDX 1.7, or SPDX 3.0.1.

    Each field says whether it was measured, who claims it, or that nobody does. Without trust flags no
    claim counts. What is missing, and the command that would add it, goes to stderr; `--format text` or
    `json` shows it instead of the document. `weightmark bom diff` compares two; a path of that name is
    `./diff`.
    """
    from weightmark.attestations.bom.gathering import BomRequest, gather
    from weightmark.attestations.ledger.consulting import consulted

    _fail_in_words(console)
    _require_output_outside(console, path)
    require_online(ledger)
    request = BomRequest(
        trust=load_trust(choice, path),
        signature=Path(signature) if signature else None,
        claims=tuple(Path(one) for one in claims),
        ancestors=tuple(Path(one) for one in ancestors),
        ledger=ledger or "",
        consultation=consulted(Path(path), ledger) if ledger else None,
        name=name or "",
        kind=kind or "",
        list_files=not no_files,
        moment=_epoch(),
        depth=max_depth,
    )
    with _fetched(console, path, request) as (place, asked), console.progress(None) as progress:
        gathered = gather(place, asked, progress=progress, jobs=console.jobs)
    _refuse_contradicted(path, gathered, allowed=allow_contradicted)
    _answer(console, path, gathered)


def _require_output_outside(console: Console, path: str) -> None:
    """Refuse to write the document among the files that it describes: it would change what they are."""
    from weightmark.attestations.outside import require_outside

    if console.output == "-" or "://" in path:
        return
    try:
        require_outside(Path(path), Path(console.output), "the bill of materials")
    except CallError as error:
        raise CallError(
            error.what,
            why="it would become one of the files that it describes",
            fix="name a place beside the artifact with `-o`",
        ) from error


def _fail_in_words(console: Console) -> None:
    """Have failures told on stderr alone where a document is asked for: neither form has a word for one."""
    if console.format in _DOCUMENTS:
        context = click.get_current_context()
        context.meta[CONSOLE_META] = replace(console, format="text")


def _epoch() -> datetime | None:
    """Return the time that `SOURCE_DATE_EPOCH` says; raises `CallError` for one that is none."""
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and int(said) <= _LATEST):
        raise CallError(
            f"`SOURCE_DATE_EPOCH` is `{said[:40]}`, which is no time",
            fix="set it to seconds since 1970, or unset it",
        )
    return datetime.fromtimestamp(int(said), UTC)


@contextmanager
def _fetched(
    console: Console, path: str, request: "BomRequest"
) -> "Iterator[tuple[Path, BomRequest]]":
    """Give the artifact; what an address holds is fetched, and gone afterwards."""
    from weightmark.provenance.sources.choice import is_remote

    if not is_remote(path):
        yield Path(path), request
        return
    from weightmark.attestations.pulling.visiting import visit

    with (
        console.progress(None) as progress,
        visit(path, offline=console.offline, progress=progress) as fetched,
    ):
        yield fetched.path, replace(request, address=fetched.snapshot.pinned)


def _refuse_contradicted(path: str, gathered: "Gathered", *, allowed: bool) -> None:
    from weightmark.attestations.bom.interface import Signed

    if gathered.content.signed is not Signed.CONTRADICTED or allowed:
        return
    reasons = dict.fromkeys(check.why for check in gathered.contradicted if check.why)
    raise RefusedError(
        f"no bill of materials was made of `{path}`: {gathered.content.why}",
        why="; ".join(reasons) or "what stands beside it contradicts it",
        fix="see what differs with `weightmark verify`; `--allow-contradicted` writes the document all the same, and it says so",
    )


def _answer(console: Console, path: str, gathered: "Gathered") -> None:
    """Write the document, or show what it would say; exit 4 where evidence could not be checked."""
    code = Exit.UNCHECKED if gathered.unchecked else Exit.GOOD
    problems = [check.summary for check in gathered.unchecked]
    document = bom_document(path, gathered.content, code, "; ".join(problems))
    if console.format not in _DOCUMENTS:
        console.finish(document)
    console.write(_text(console.format, gathered.content))
    for note in notes(document, verbose=bool(console.verbose)):
        console.note(note)
    raise SystemExit(int(code))


def _text(form: str, content: "BomContent") -> str:
    from weightmark.attestations.bom.text import document_text

    if form == "spdx":
        from weightmark.attestations.bom.spdx import spdx_document

        return document_text(spdx_document(content))
    from weightmark.attestations.bom.cyclonedx import cyclonedx_document

    return document_text(cyclonedx_document(content))
