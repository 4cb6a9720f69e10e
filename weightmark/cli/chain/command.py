"""`weightmark chain`: show what an artifact was made from, and by whose word."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted, merge_checks
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.options.common import option
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.attestations.chain.gathering import GatheredChain
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["chain"]

_DRAWINGS = ("mermaid", "dot", "svg")


@command("chain")
@click.argument("path", metavar="PATH")
@trust_choice_options()
@option(
    "--with",
    "at_hand",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    help="An ancestor on disk: its claims are read, and weights are compared; may be given several times",
)
@option(
    "--claims",
    metavar="FILE|DIR",
    type=click.Path(),
    multiple=True,
    help="More claims; may be given several times",
)
@option(
    "--max-depth",
    type=click.IntRange(1, 1000),
    default=64,
    show_default=True,
    help="Steps to follow",
)
@option("--draw", type=click.Choice(_DRAWINGS), help="Draw it instead")
@pass_console
def chain(
    console: Console,
    path: str,
    *,
    choice: "TrustChoice",
    at_hand: tuple[str, ...],
    claims: tuple[str, ...],
    max_depth: int,
    draw: str | None,
) -> None:
    """Show from what an artifact was made, step by step, as far as trusted signers say so.

    Only strong digests link. Each gap names the missing claim and the command that supplies it.
    """
    from weightmark.attestations.chain.gathering import gather_chain
    from weightmark.attestations.chain.model import StepRoles
    from weightmark.provenance.lineage.graph import Bounds

    trust = load_trust(choice, path)
    with console.progress(None) as progress:
        gathered = gather_chain(
            path,
            StepRoles(trust) if trust else None,
            at_hand=[Path(one) for one in at_hand],
            claims=[Path(one) for one in claims],
            bounds=Bounds(depth=max_depth),
            progress=progress,
            jobs=console.jobs,
        )
    console.finish(_document(path, gathered, draw))


def _document(path: str, gathered: "GatheredChain", draw: str | None) -> Document:
    from weightmark.attestations.chain.gathering import content_checks
    from weightmark.attestations.chain.judging import ChainRule, judge_chain
    from weightmark.attestations.checks import exit_of
    from weightmark.cli.chain.tree import chain_facts, draw_chain, tree_lines

    chain = gathered.chain
    checks = [
        *judge_chain(chain, ChainRule(complete=True)),
        *content_checks(gathered.compared),
        *gathered.checks,
    ]
    code = exit_of(checks)
    lines = tree_lines(chain)
    if draw:
        drawing = draw_chain(chain)
        forms = {"mermaid": drawing.to_mermaid, "dot": drawing.to_dot, "svg": drawing.to_svg}
        lines = tuple(forms[draw]().splitlines())
    verdicts = {Exit.GOOD: "complete", Exit.BAD: "incomplete", Exit.UNCHECKED: "unchecked"}
    return Document(
        schema="weightmark/chain/v1",
        exit=code,
        verdict="" if draw else verdicts.get(code, "nothing-checked"),
        headline="" if draw else _headline(code, len(chain.lineage.depths)),
        checks=() if draw else check_lines(merge_checks(checks)),
        facts={"path": path, "identity": chain.lineage.root, **chain_facts(chain)},
        lines=lines,
    )


def _headline(code: Exit, count: int) -> str:
    if code is Exit.GOOD:
        return f"the chain holds: {counted(count, 'artifact')}"
    return "the chain does not hold everywhere"
