"""`weightmark ledger append`: enter claims."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import entry_line, receipt_facts
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, NoInputError

if TYPE_CHECKING:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.provenance.ledger.proof import Receipt

__all__ = ["append"]


@command("ledger append", own_output=True)
@click.argument("path", metavar="FILE", type=click.Path())
@ledger_option()
@log_key_option("File of the log's private key, for a ledger that does not hold it")
@option(
    "--kind",
    type=click.Choice(["observed"]),
    help="Enter the claims as merely observed, which no policy counts",
)
@option(
    "--line",
    "numbers",
    metavar="N",
    multiple=True,
    type=click.IntRange(min=1),
    help="Enter this line of FILE only; may be given several times (default: all)",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Where to write the receipt (default: `model.receipt` beside `model.claims`, `NAME.receipt` beside `NAME.claims`)",
)
@signer_options()
@pass_console
def append(
    console: Console,
    path: str,
    *,
    ledger: str | None,
    log_key: str | None,
    kind: str | None,
    numbers: tuple[int, ...],
    output: str | None,
    signer: SignerRequest,
) -> None:
    """Enter the claims of FILE, one bundle a line, all or none; the signer is the submitter.

    The same claims again change nothing, whoever enters them. The receipt of the newest release entry goes beside
    `model.claims` as `model.receipt`; with `--output` that of the newest entry goes there.
    """
    from weightmark.attestations.ledger.submission import submit
    from weightmark.provenance.atomic import replace_files

    claims = _read_claims(Path(path), numbers)
    command_words = f"ledger append {shlex.quote(path)}"
    (submitter,) = signer.load(command=command_words, offline=console.offline)
    with open_ledger(ledger, log_key) as log:
        before = log.refresh().size
        receipts = submit(
            log,
            [one for _, one in claims],
            submitter,
            kind=kind,
            names=[name for name, _ in claims],
        )
        facts = {"origin": log.origin, "size": log.refresh().size}
    known = sum(one.index < before for one in receipts)
    if known:
        console.note(f"{counted(known, 'claim')} stood in the ledger already")
    newest, target = _receipt_to_write(Path(path), output, receipts)
    if newest and target:
        replace_files({target: newest.text})
        console.note(f"receipt written to `{target}`")
    elif not any(one.event.kind == "release" for one in receipts):
        console.note(
            "no receipt was written: none of these claims is a release; `-o FILE` writes that of the newest entry"
        )
    console.finish(
        Document(
            schema="weightmark/ledger-append/v1",
            exit=Exit.GOOD,
            facts={
                **facts,
                "entries": [receipt_facts(one) for one in receipts],
                "receipt": str(target) if newest and target else None,
            },
            notices=tuple(entry_line(one.index, one.event) for one in receipts),
        )
    )


def _read_claims(path: Path, numbers: tuple[int, ...]) -> "list[tuple[str, Bundle]]":
    """Return the claims of these lines, of all without `numbers`, each with what messages call it."""
    from weightmark.attestations.claims import parse_claims
    from weightmark.provenance.sidecars import read_bounded

    if not path.exists():
        raise CallError(
            f"`{path}` does not exist",
            fix="name a file of claims, for example `my-model/model.claims`",
        )
    if path.is_dir():
        raise CallError(
            f"`{path}` is a folder, not a file of claims", fix=f"name `{path / 'model.claims'}`"
        )
    lines = parse_claims(read_bounded(path))
    if not lines:
        raise NoInputError(f"`{path}` holds no claims", fix="sign the artifact first")
    absent = {*numbers} - {one.number for one in lines}
    if absent:
        raise CallError(f"`{path}` has no claim in line {min(absent)}")
    lines = tuple(one for one in lines if not numbers or one.number in numbers)
    for line in lines:
        if line.error and line.files is None:
            raise line.error
    return [(_named(line.where, line.bundle), line.bundle) for line in lines if line.bundle]


def _named(where: str, claim: "Bundle") -> str:
    """Say which line it is and which key it says it was signed with."""
    return f"{where} (key hint `{claim.key_hint[:20]}`)" if claim.key_hint else where


def _receipt_to_write(
    claims: Path, output: str | None, receipts: "Sequence[Receipt]"
) -> "tuple[Receipt | None, Path | None]":
    """Choose a receipt and its place: the reserved name holds releases only."""
    releases = [one for one in receipts if one.event.kind == "release"]
    if output:
        return (releases or list(receipts))[-1], Path(output)
    if releases and claims.suffix == ".claims":
        return releases[-1], claims.with_suffix(".receipt")
    return None, None
