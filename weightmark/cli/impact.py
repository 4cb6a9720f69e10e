"""`weightmark impact`: what descends from an artifact, and where it was used."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.parties import identified
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weightmark.attestations.ledger.impact import Impact, Use

__all__ = ["impact"]

_DIGEST = re.compile(r"(?:wm1|sha256):[0-9a-f]{64}")


@command("impact")
@click.argument("digest", metavar="DIGEST|PATH")
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--draw",
    type=click.Choice(["mermaid", "dot"]),
    help="Print a graph instead of a list, for Mermaid or Graphviz",
)
@pass_console
def impact(
    console: Console, digest: str, *, ledger: str | None, log_key: str | None, draw: str | None
) -> None:
    """List everything that descends from DIGEST, and every decision and deployment it took part in.

    DIGEST is `wm1:<hex>` of a model or dataset, `sha256:<hex>` of a file; PATH is an artifact. Descent
    is what the ledger's provenance claims say; whatever holds a file descends from it, as releases list
    their files. The first call of a ledger reads them all into an index of yours. Where some cannot be
    read, there may be more: exit code 4.
    """
    if not _DIGEST.fullmatch(digest):
        if not Path(digest[:4096]).exists():
            raise CallError(
                f"`{digest[:100]}` is no digest and no artifact",
                fix="name it as `weightmark digest` does: `wm1:<hex>`",
            )
        digest = identified(console, digest)
    from weightmark.attestations.ledger.claim_index import ClaimIndex
    from weightmark.attestations.ledger.impact import find_impact

    with open_ledger(ledger, log_key) as log, ClaimIndex.of(log) as index:
        found = find_impact(index, log, digest)
        origin = log.origin
    drawn = ""
    if draw:
        drawing = found.drawing()
        drawn = drawing.to_mermaid() if draw == "mermaid" else drawing.to_dot()
    else:
        console.note(
            f"{counted(len(found.descendants), 'descendant')}, "
            f"{counted(len(found.uses), 'decision or deployment', 'decisions and deployments')}"
        )
    console.finish(
        Document(
            schema="weightmark/impact/v1",
            exit=Exit.GOOD if found.whole else Exit.UNCHECKED,
            facts={
                "origin": origin,
                "size": found.size,
                "digest": digest,
                "descendants": [
                    {
                        "identity": one.identity,
                        "parents": list(one.parents),
                        "entries": list(one.entries),
                    }
                    for one in found.descendants
                ],
                "uses": [
                    {
                        "index": one.index,
                        "kind": one.kind.value,
                        "identity": one.identity,
                        "verdict": one.verdict or None,
                        "said": one.said or None,
                    }
                    for one in found.uses
                ],
                "unread": found.unread + found.forgotten,
                "erased": found.erased,
                "elsewhere": found.elsewhere,
                "unfollowed": found.unfollowed,
                "drawing": drawn or None,
            },
            notices=tuple(_gaps(found)),
            lines=tuple(drawn.splitlines()) if draw else _lines(found),
        )
    )


def _gaps(found: "Impact") -> "Iterator[str]":
    if found.unread:
        yield f"{counted(found.unread, 'claim')} could not be read: more may descend from it"
    if found.forgotten:
        yield (
            f"{counted(found.forgotten, 'claim')} or more that told of descent in the log before this one "
            "may not be entered here: more may descend from it"
        )
    if found.erased:
        yield f"{counted(found.erased, 'claim')} erased, as the ledger says: more may descend from it"
    if found.elsewhere:
        yield (
            f"{counted(found.elsewhere, 'release')} of very many files, whose list is not in the ledger: "
            "more may hold a file of it"
        )
    if found.unfollowed:
        yield (
            f"{counted(found.unfollowed, 'thing')} that went in somewhere, which no claim names by SHA-256: "
            "they are followed nowhere"
        )


def _said(use: "Use") -> str:
    """Return what a decision came to, or where something was deployed."""
    return use.verdict or use.said


def _lines(found: "Impact") -> tuple[str, ...]:
    lines = [
        f"descends    {one.identity}  by {', '.join(f'#{index}' for index in one.entries)}"
        for one in found.descendants
    ]
    lines += [
        f"{one.kind.value:<11} {one.identity}  #{one.index}{f': {_said(one)}' if _said(one) else ''}"
        for one in found.uses
    ]
    return tuple(lines)
