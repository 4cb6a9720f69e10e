"""`weightmark trust update`: fetch a trusted root from its TUF repository; the only command here that asks anybody."""

import hashlib
from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.trust import trust_directory
from weightmark.cli.places import require_folder_of
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit, NetworkError

__all__ = ["update"]


@command("trust update", own_output=True)
@option("--tuf-url", metavar="URL", help="TUF repository of the instance (default: the public one)")
@option(
    "--tuf-root",
    metavar="FILE",
    type=click.Path(),
    help="First root of that repository, which came to you by another way",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Where to write it (default: `trusted_root.json` in your configuration)",
)
@pass_console
def update(
    console: Console, *, tuf_url: str | None, tuf_root: str | None, output: str | None
) -> None:
    """Fetch the present trusted root of a Sigstore instance, verified by TUF, and write it to a file.

    Verify with it by `--trusted-root FILE`, or pin it with `weightmark trust pin`.
    """
    if console.offline:
        raise NetworkError(
            "`trust update` asks a TUF repository, and `--offline` forbids the network",
            fix="leave `--offline` out, or verify with the root that comes with weightmark",
        )
    from weightmark.attestations.signers.keyless.instance import PUBLIC_GOOD_TUF, SigstoreInstance
    from weightmark.attestations.trust.roots import parse_root
    from weightmark.provenance.atomic import replace_file

    url = tuf_url or PUBLIC_GOOD_TUF
    data = SigstoreInstance.from_tuf(url, tuf_root).trusted_root
    root = parse_root(data, name=url)
    path = Path(output) if output else trust_directory() / "trusted_root.json"
    if output:
        require_folder_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    expires = f"{root.expires:%Y-%m-%dT%H:%M:%SZ}" if root.expires else None
    digest = hashlib.sha256(data).hexdigest()
    console.finish(
        Document(
            schema="weightmark/trust-update/v1",
            exit=Exit.GOOD,
            facts={"path": str(path), "url": url, "digest": f"sha256:{digest}", "expires": expires},
            notices=(f"wrote {path}: sha256:{digest}; verify with `--trusted-root {path}`",),
        )
    )
