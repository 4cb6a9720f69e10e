"""`weightmark convert`: take the weights out of a checkpoint, and leave the rest."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.keyless import names_keyless
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import require_folder_of
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit
from weightmark.provenance.sizes import human_bytes

if TYPE_CHECKING:
    from weightmark.attestations.making.conversion import SignedConversion
    from weightmark.scanners.convert import Conversion

__all__ = ["convert"]


@command("convert")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@option("--at", metavar="KEY", help="Convert the dict under this key of the checkpoint")
@option("--replace", is_flag=True, help="Overwrite OUT")
@signer_options(several=True)
@pass_console
def convert(
    console: Console,
    source: str,
    target: str,
    *,
    at: str | None,
    replace: bool,
    signer: SignerRequest,
) -> NoReturn:
    """Write the tensors of a torch checkpoint, an npz or an npy as safetensors.

    IN is scanned first, and nothing is unpickled: what is no plain tensor is refused with its key.
    OUT is read back, and both must have the same weights digest. With a signer, a claim in
    `OUT.claims` says so.
    """
    require_folder_of(Path(target))
    if not _is_named(signer):
        from weightmark.scanners.convert import convert as convert_file

        done = convert_file(Path(source), Path(target), at=at or "", replace=replace)
        console.finish(_document(source, target, done, None))
    from weightmark.attestations.making.conversion import convert_and_sign

    signers = signer.load(command=shlex.join(["convert", source, target]), offline=console.offline)
    signed = convert_and_sign(Path(source), Path(target), signers, at=at or "", replace=replace)
    for notice in dict.fromkeys(text for one in signers for text in one.notices):
        console.note(notice)
    names = [one.identity.name for one in signers]
    console.finish(_document(source, target, signed.conversion, (signed, names)))


def _is_named(signer: SignerRequest) -> bool:
    """Tell whether anybody is to sign; a timestamp authority alone is nobody."""
    choice = signer.choice
    half = (choice.pq_key, choice.signing_cert, choice.cert_chain, choice.require_timestamp)
    return not choice.is_empty or any(half) or names_keyless(signer.keyless)


def _document(
    source: str,
    target: str,
    done: "Conversion",
    signed: "tuple[SignedConversion, list[str]] | None",
) -> Document:
    count = len(done.source.entries)
    ties = sum(bool(entry.alias_of) for entry in done.source.entries)
    tensors = counted(count, "tensor")
    shared = f", {ties} of them share{'s' * (ties == 1)} the bytes of another" if ties else ""
    checks = [
        CheckLine(Outcome.PASS, "scan", f"nothing unsafe in `{source}`"),
        CheckLine(
            Outcome.PASS, "tensors", f"{tensors}{shared}; `{target}` has {human_bytes(done.size)}"
        ),
        CheckLine(Outcome.PASS, "weights", f"the same in both files: {done.source.weights}"),
    ]
    signers = signed[1] if signed else []
    if signed:
        checks.append(CheckLine(Outcome.PASS, "claim", f"by {', '.join(signers)}"))
    claims = f"{target}.claims" if signed else None
    return Document(
        schema="weightmark/convert/v1",
        exit=Exit.GOOD,
        verdict="converted",
        headline=f"wrote `{target}`" + (f" and `{claims}`" if claims else ""),
        checks=tuple(checks),
        facts={
            "source": source,
            "source_identity": done.source_file.identity,
            "target": target,
            "target_identity": done.written_file.identity,
            "tensors": count,
            "shared": ties,
            "size": done.size,
            "weights": done.written.weights,
            "values": done.written.values,
            "signers": signers,
            "claims": claims,
        },
    )
