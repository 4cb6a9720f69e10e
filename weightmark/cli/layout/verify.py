"""`weightmark layout verify`: whether the steps of a supply chain were done as its layout demands."""

from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.events import events_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

__all__ = ["verify"]


@command("layout verify")
@click.argument("layout", metavar="LAYOUT", type=click.Path())
@click.argument("path", metavar="[PATH]", required=False)
@option(
    "--links", metavar="DIR", type=click.Path(), help="Folder of links (default: beside the layout)"
)
@option(
    "--as", "root", metavar="NAME", help="How the links call the folder PATH (default: its name)"
)
@option(
    "--key",
    metavar="FILE|URI",
    type=FILE_OR_URI,
    multiple=True,
    help="Public key of an owner of the layout; every owner who is named must have signed it",
)
@events_options()
@pass_console
def verify(
    console: Console,
    layout: str,
    path: str | None,
    *,
    links: str | None,
    root: str | None,
    key: tuple[str, ...],
) -> None:
    """Verify a layout of in-toto by its owners' keys, and PATH against what its last step made.

    Inspections, which are commands, are never run: name PATH instead.
    """
    from weightmark.attestations.checks import exit_of
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.layouts.verification import product_checks, verify_layout
    from weightmark.provenance.identification import identify

    if not key:
        raise CallError(
            "whose layout to trust was not said", fix="name its owners' public keys with `--key`"
        )
    folder = Path(links) if links else Path(layout).parent
    verified = verify_layout(Path(layout), [PublicKey.load(one) for one in key], folder)
    checks = list(verified.checks)
    if path:
        with console.progress(None) as progress:
            found = identify(path, sha256=True, progress=progress, jobs=console.jobs)
        checks += product_checks(verified.products, found.sha256, root or Path(path).name)
    code = exit_of(checks)
    verdicts = {Exit.GOOD: "verified", Exit.BAD: "refused"}
    console.finish(
        Document(
            schema="weightmark/layout-verify/v1",
            exit=code,
            verdict=verdicts.get(code, "unchecked"),
            headline="the layout holds" if code is Exit.GOOD else "the layout is not verified",
            checks=check_lines(checks),
            facts={
                "layout": layout,
                "steps": list(verified.steps),
                "products": [
                    {"path": name, "sha256": digest}
                    for name, digest in sorted(verified.products.items())
                ],
            },
        )
    )
