"""`weightmark attest`: sign a statement about a model and add it to its claims."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.predicates.steps import BY_HAND
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.moments import parse_moment
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import require_folder
from weightmark.cli.sign import signed_document
from weightmark.cli.stopping import stoppable
from weightmark.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightmark.attestations.signers.interface import Signer

__all__ = ["attest"]


@command("attest")
@click.argument("path", metavar="PATH|URI")
@option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    required=True,
    help=f"What is stated: {', '.join(BY_HAND)}, or a predicate type URI",
)
@option(
    "--predicate",
    "predicate_file",
    metavar="FILE",
    type=click.Path(),
    help="JSON object that is stated",
)
@option("--reason", metavar="TEXT", help="For `--type approval`: why you vouch for it")
@option(
    "--expires",
    metavar="DATE",
    help="For `--type approval`: last moment, as 2027-01-31 or 2027-01-31T12:00:00Z",
)
@signer_options()
@option(
    "--out",
    metavar="DIR",
    type=click.Path(),
    help="Write the claim there instead of beside the artifact",
)
@events_options()
@pass_console
@stoppable
def attest(
    console: Console,
    path: str,
    *,
    predicate_type: str,
    predicate_file: str | None,
    reason: str | None,
    expires: str | None,
    signer: SignerRequest,
    out: str | None,
) -> None:
    """State something about a model or a dataset, signed, as one more line of its claims.

    `--type approval --reason TEXT` vouches in your own name for what somebody else made. What an
    address holds (`hf://owner/name@REVISION`, `oci://…`) is fetched, identified and not kept: the claim
    goes to `--out`.
    """
    from weightmark.attestations.making.signing import add_claim
    from weightmark.attestations.predicates.stating import stated
    from weightmark.provenance.sources.choice import is_remote

    saying = stated(
        predicate_type,
        _read_predicate(predicate_file),
        reason=reason,
        expires=parse_moment(expires),
    )
    if out:
        require_folder(Path(out))
    elif is_remote(path):
        raise CallError(
            "a claim about an address needs a place",
            why="nothing is written where the address leads",
            fix="name a folder with `--out`; `gate --claims` and `pull --claims` read it",
        )
    only = _one(
        signer.load(
            command=shlex.join(["attest", path, "--type", predicate_type]), offline=console.offline
        )
    )
    with _artifact(console, path) as (place, pinned), console.progress(None) as progress:
        result = add_claim(
            place,
            only,
            saying.uri,
            saying.predicate,
            out=Path(out) if out else None,
            progress=progress,
            jobs=console.jobs,
        )
    if pinned:
        console.note(f"stated of {pinned}: {result.manifest.identity}")
    for notice in result.notices:
        console.note(notice)
    console.finish(signed_document("weightmark/attest/v1", path, result, stated=saying.words))


@contextmanager
def _artifact(console: Console, path: str) -> Iterator[tuple[Path, str]]:
    """Give the artifact, and for what had to be fetched its pinned address."""
    from weightmark.provenance.sources.choice import is_remote

    if not is_remote(path):
        yield Path(path), ""
        return
    from weightmark.attestations.pulling.visiting import visit

    with ExitStack() as stack:
        with console.progress(None) as progress:
            fetched = stack.enter_context(visit(path, offline=console.offline, progress=progress))
        yield fetched.path, fetched.snapshot.pinned


def _one(signers: "Sequence[Signer]") -> "Signer":
    if len(signers) > 1:
        raise CallError(
            "a claim is made by one signer, and `--pq-key` names a second one",
            fix="state it once more with `--key` and the ML-DSA key",
        )
    return signers[0]


def _read_predicate(path: str | None) -> dict[str, Any] | None:
    from weightmark.provenance.sidecars import read_named
    from weightmark.provenance.strict_json import parse_object

    if path is None:
        return None
    return parse_object(read_named(Path(path), "predicate"), what=f"`{path}`")
