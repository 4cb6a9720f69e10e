"""`weightmark convert`: take the weights out of a checkpoint, and leave the rest."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.places import require_folder_of
from weightmark.cli.progress import human_bytes
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.scanners.convert import Conversion

__all__ = ["convert"]


@command("convert")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@option("--at", metavar="KEY", help="Convert the dict under this key of the checkpoint")
@option("--replace", is_flag=True, help="Overwrite OUT")
@pass_console
def convert(
    console: Console, source: str, target: str, *, at: str | None, replace: bool
) -> NoReturn:
    """Write the tensors of a torch checkpoint, an npz or an npy as safetensors.

    IN is scanned first, and nothing is unpickled: what is no plain tensor is refused with its key.
    OUT is read back, and both must have the same weights digest.
    """
    from weightmark.scanners.convert import convert as convert_file

    require_folder_of(Path(target))
    done = convert_file(Path(source), Path(target), at=at or "", replace=replace)
    console.finish(_document(source, target, done))


def _document(source: str, target: str, done: "Conversion") -> Document:
    count = len(done.source.entries)
    ties = sum(bool(entry.alias_of) for entry in done.source.entries)
    tensors = f"{count} tensor{'s' * (count != 1)}"
    shared = f", {ties} of them share{'s' * (ties == 1)} the bytes of another" if ties else ""
    return Document(
        schema="weightmark/convert/v1",
        exit=Exit.GOOD,
        verdict="converted",
        headline=f"wrote `{target}`",
        checks=(
            CheckLine(Outcome.PASS, "scan", f"nothing unsafe in `{source}`"),
            CheckLine(Outcome.PASS, "tensors", f"{tensors}, {human_bytes(done.size)}{shared}"),
            CheckLine(Outcome.PASS, "weights", f"the same in both files: {done.source.weights}"),
        ),
        facts={
            "source": source,
            "target": target,
            "tensors": count,
            "shared": ties,
            "size": done.size,
            "weights": done.written.weights,
            "values": done.written.values,
        },
    )
