"""`weightmark trust pin`: remember which trusted root you looked at."""

from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.render.interface import Document
from weightmark.cli.trust.files import Entry, target, write_entries
from weightmark.errors import Exit

__all__ = ["pin"]

_MAX_ROOT = 4 * 1024 * 1024


@command("trust pin")
@click.argument("word", metavar="NAME|FILE")
@click.argument("root", metavar="ROOT", type=click.Path())
@option(
    "--as",
    "label",
    metavar="LABEL",
    help="Name of the root in the trust file (default: after ROOT)",
)
@option(
    "--profile",
    type=click.Choice(["sigstore", "github"]),
    default="sigstore",
    show_default=True,
    help="What the instance proves: logs, or timestamps alone as GitHub's for private repositories",
)
@pass_console
def pin(console: Console, word: str, root: str, *, label: str | None, profile: str) -> None:
    """Record the trusted root in ROOT, a `trusted_root.json`, and its digest in a trust file.

    From then on another content of ROOT is refused until it is pinned again. Identities in the
    trust file use it by `root = "LABEL"`.
    """
    from weightmark.attestations.trust.roots import parse_root
    from weightmark.provenance.sidecars import read_named

    path = target(word)
    place = Path(root)
    entry = label or place.stem
    read = parse_root(
        read_named(place, "trusted root", limit=_MAX_ROOT), name=entry, profile=profile
    )
    values = {
        "file": str(place.resolve()),
        "sha256": f"sha256:{read.sha256}",
        "profile": profile,
    }
    write_entries(path, [Entry("roots", entry, values)], replace=True)
    console.finish(
        Document(
            schema="weightmark/trust-pin/v1",
            exit=Exit.GOOD,
            facts={"path": str(path), "entry": f"roots.{entry}", "digest": f"sha256:{read.sha256}"},
            notices=(f"pinned {root} as `roots.{entry}` in {path}: sha256:{read.sha256}",),
        )
    )
