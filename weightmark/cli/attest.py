"""`weightmark attest`: sign a statement about a model and add it to its claims."""

import shlex
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.moments import parse_moment
from weightmark.cli.options.common import option
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import require_folder
from weightmark.cli.sign import signed_document
from weightmark.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightmark.attestations.signers.interface import Signer

__all__ = ["attest"]

_TYPES = (
    "provenance",
    "vsa",
    "svr",
    "test-result",
    "scai",
    "vulns",
    "release",
    "reference",
    "link",
    "cyclonedx",
    "spdx",
    "dataset",
    "classification",
)
"""short names of predicate types whose content the caller supplies, as in the registry of predicates"""


@command("attest")
@click.argument("path", metavar="PATH")
@option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    required=True,
    help=f"What is stated: approval, {', '.join(_TYPES)}, or a predicate type URI",
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
@pass_console
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

    `--type approval --reason TEXT` vouches in your own name for what somebody else made.
    """
    from weightmark.attestations.making.signing import add_claim

    if predicate_type == "approval":
        uri, predicate = _approval(predicate_file, reason, expires)
    else:
        uri, predicate = _type_uri(predicate_type), _read_predicate(predicate_file, reason, expires)
        _require_form(uri, predicate)
    if out:
        require_folder(Path(out))
    only = _one(
        signer.load(
            command=shlex.join(["attest", path, "--type", predicate_type]), offline=console.offline
        )
    )
    with console.progress(None) as progress:
        result = add_claim(
            path,
            only,
            uri,
            predicate,
            out=Path(out) if out else None,
            progress=progress,
            jobs=console.jobs,
        )
    for notice in result.notices:
        console.note(notice)
    console.finish(signed_document("weightmark/attest/v1", path, result))


def _one(signers: "Sequence[Signer]") -> "Signer":
    if len(signers) > 1:
        raise CallError(
            "a claim is made by one signer, and `--pq-key` names a second one",
            fix="state it once more with `--key` and the ML-DSA key",
        )
    return signers[0]


def _approval(
    predicate_file: str | None, reason: str | None, expires: str | None
) -> tuple[str, dict[str, Any]]:
    from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim

    if predicate_file:
        raise CallError(
            "an approval takes `--reason` and `--expires`, not `--predicate`",
            fix="leave `--predicate` out",
        )
    if not reason or not reason.strip():
        raise CallError("an approval needs a reason", fix='say it with `--reason "…"`')
    return APPROVAL_PREDICATE, ApprovalClaim(reason, parse_moment(expires)).to_predicate()


def _read_predicate(path: str | None, reason: str | None, expires: str | None) -> dict[str, Any]:
    from weightmark.provenance.sidecars import read_named
    from weightmark.provenance.strict_json import parse_object

    if reason or expires:
        raise CallError(
            "`--reason` and `--expires` go with `--type approval`",
            fix="write them into the predicate",
        )
    if not path:
        raise CallError(
            "what to state was not said", fix="name a JSON file with `--predicate FILE`"
        )
    return parse_object(read_named(Path(path), "predicate"), what=f"`{path}`")


def _require_form(uri: str, predicate: dict[str, Any]) -> None:
    from weightmark.attestations.predicates.registry import check_predicate
    from weightmark.errors import MalformedError

    try:
        check_predicate(uri, predicate)
    except MalformedError as error:
        raise CallError(
            f"the predicate is not what `{uri}` says it is: {error.what}",
            why=error.why or "verifiers would refuse it",
            fix="correct the file; the specification of the type says which fields it has",
        ) from error


def _type_uri(name: str) -> str:
    from weightmark.attestations.predicates.registry import PREDICATE_TYPES

    known = {one.name: uri for uri, one in PREDICATE_TYPES.items()}
    if name in _TYPES:
        return known[name]
    if ":" not in name:
        near = get_close_matches(name, ["approval", *_TYPES], n=1)
        fix = (
            f"did you mean `{near[0]}`?" if near else f"use approval, {', '.join(_TYPES)}, or a URI"
        )
        raise CallError(f"`{name}` is no predicate type", fix=fix)
    by_hand = name in PREDICATE_TYPES and PREDICATE_TYPES[name].by_hand
    if name.startswith("https://weightmark/") and not by_hand:
        raise CallError(
            f"`{name}` is written by weightmark's own commands only", fix="use `weightmark sign`"
        )
    return name
