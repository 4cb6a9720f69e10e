"""`weightmark digest`: print the identity of an artifact."""

from pathlib import Path
from typing import Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options import option
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit
from weightmark.provenance.identification import Identification
from weightmark.provenance.names import escape_path

__all__ = ["digest"]


@command("digest")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@option(
    "--sha256",
    is_flag=True,
    help="Add SHA-256 of every file, the OMS root and in-toto's dirHash.",
)
@option("--files", is_flag=True, help="List every file as the manifest does.")
@pass_console
def digest(console: Console, paths: tuple[str, ...], *, sha256: bool, files: bool) -> None:
    """Print the identity of a model or a dataset.

    The identity changes exactly when a name, a size, a byte or the number of files changes.
    """
    from weightmark.provenance.identification import identify

    found = []
    for path in paths:
        with console.progress(None) as progress:
            found.append(
                (path, identify(Path(path), sha256=sha256, progress=progress, jobs=console.jobs))
            )
    for path, identification in found:
        _warn(console, path, identification)
    console.finish(
        Document(
            schema="weightmark/digest/v1",
            exit=Exit.GOOD,
            facts={"artifacts": [_facts(path, identification) for path, identification in found]},
            lines=tuple(line for path, one in found for line in _lines(path, one, files=files)),
        )
    )


def _warn(console: Console, path: str, identification: Identification) -> None:
    for clash in identification.artifact.clashes:
        names = " and ".join(f"`{escape_path(name)}`" for name in clash.paths)
        console.note(f"{names} {clash.reason}; `sign` refuses this")
    for part in identification.artifact.outside:
        console.note(f"`{path}/{part.path}` is not part of the artifact ({part.files} files)")


def _facts(path: str, identification: Identification) -> dict[str, Any]:
    return {
        "path": path,
        "identity": identification.identity,
        "size": identification.manifest.total_size,
        "files": [
            _file_facts(row.path, row.size, row.blake3, identification)
            for row in identification.manifest.rows
        ],
        "outside": [
            {"path": part.path, "files": part.files} for part in identification.artifact.outside
        ],
        "oms_root": _named("sha256", identification.oms_root),
        "dir_hash": _named("dirHash", identification.dir_hash),
    }


def _file_facts(
    path: str, size: int, blake3: str, identification: Identification
) -> dict[str, Any]:
    return {
        "path": path,
        "size": size,
        "blake3": f"blake3:{blake3}",
        "sha256": _named("sha256", identification.sha256.get(path)),
    }


def _named(algorithm: str, digest: str | None) -> str | None:
    return f"{algorithm}:{digest}" if digest else None


def _lines(path: str, identification: Identification, *, files: bool) -> list[str]:
    lines = [f"{identification.identity}  {path}"]
    if identification.sha256:
        roots = (
            ("OMS root", "sha256", identification.oms_root),
            ("dirHash", "dirHash", identification.dir_hash),
        )
        lines += [
            f"  {title:<9} {_named(algorithm, digest)}"
            for title, algorithm, digest in roots
            if digest
        ]
        lines += [
            f"  sha256:{value}  {escape_path(name)}"
            for name, value in identification.sha256.items()
        ]
    if files:
        lines += [f"  {row.line().decode().rstrip()}" for row in identification.manifest.rows]
    return lines
