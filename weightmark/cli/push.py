"""`weightmark push`: put a model or a dataset into a registry, with its claims attached."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.receipts import fresh_option, kept_receipts
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import CallError, Exit, NetworkError, WeightmarkError

if TYPE_CHECKING:
    from weightmark.provenance.artifact import Artifact
    from weightmark.provenance.sources.oci.attached import Attachment
    from weightmark.provenance.sources.oci.pushing import Pushed
    from weightmark.provenance.sources.oci.reference import Reference

__all__ = ["push"]


@command("push")
@click.argument("path", metavar="PATH")
@click.argument("uri", metavar="URI")
@option(
    "--claims-only",
    is_flag=True,
    help="Push no files: attach the claims of PATH to what stands at URI",
)
@option(
    "--claims",
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    help="Further claims to attach; may be given several times",
)
@fresh_option()
@pass_console
def push(
    console: Console,
    path: str,
    uri: str,
    *,
    claims_only: bool,
    claims: tuple[str, ...],
    fresh: bool,
) -> None:
    """Push a folder to a registry, one layer a file, and attach its claims as referrers.

    URI is `oci://HOST/REPOSITORY:TAG`. Log in with `docker login` or `oras login`.
    """
    from weightmark.provenance.artifact import open_artifact

    reference = _reference(uri, offline=console.offline)
    artifact = open_artifact(path)
    attachments = _attachments(artifact, [Path(one) for one in claims])
    if claims_only and not attachments:
        raise CallError(
            f"`{path}` has no claims to attach",
            why=f"looked for `{artifact.sidecars.signature}` and `{artifact.sidecars.claims}`",
            fix="make some with `weightmark sign` or `weightmark attest`, or name them with `--claims FILE`",
        )
    if claims_only:
        identity, pushed = "", _attach(reference, attachments)
    else:
        identity, pushed = _push(console, artifact, reference, attachments, fresh=fresh)
    console.finish(_document(path, uri, identity, pushed, len(attachments)))


def _reference(uri: str, *, offline: bool) -> "Reference":
    from weightmark.provenance.sources.oci.reference import SCHEME, Reference

    if not uri.startswith(SCHEME):
        raise CallError(
            f"`{uri[:200]}` is no place that weightmark pushes to",
            fix="write `oci://HOST/REPOSITORY:TAG`",
        )
    reference = Reference.parse(uri)
    if offline:
        raise NetworkError(f"`{reference}` can't be reached with `--offline`")
    return reference


def _attach(reference: "Reference", attachments: "Sequence[Attachment]") -> "Pushed":
    from weightmark.provenance.sources.oci.pushing import attach_to
    from weightmark.provenance.sources.oci.registry import WRITE, Repository

    with Repository(reference, access=WRITE) as repository:
        return attach_to(repository, attachments)


def _push(
    console: Console,
    artifact: "Artifact",
    reference: "Reference",
    attachments: "Sequence[Attachment]",
    *,
    fresh: bool,
) -> "tuple[str, Pushed]":
    """Read everything once, then send it; returns the identity too."""
    from weightmark.provenance.reading.engine import Column, Reading, read_artifact
    from weightmark.provenance.sources.oci.pushing import push as send
    from weightmark.provenance.sources.oci.registry import WRITE, Repository

    if artifact.single:
        raise CallError(
            f"`{artifact.name}` is a single file, and what is pulled is a folder",
            why="its identity would be another one, and no claim about the file would hold for it",
            fix="put it into a folder, and sign that",
        )
    artifact.require_identifiable().require_portable()
    with (
        console.progress(None) as progress,
        kept_receipts([str(artifact.path)], fresh=fresh) as receipts,
        Repository(reference, access=WRITE) as repository,
    ):
        reading: Reading[None] = read_artifact(
            artifact,
            columns=[Column.BLAKE3, Column.SHA256],
            receipts=receipts,
            progress=progress,
            jobs=console.jobs,
        )
        pushed = send(repository, reading, attachments, progress=progress)
    return reading.manifest().identity, pushed


def _attachments(artifact: "Artifact", stores: "Sequence[Path]") -> "list[Attachment]":
    """Collect every bundle beside the artifact and in the stores, each once, as the bytes that stand there."""
    from weightmark.provenance.sidecars import read_named, read_sidecar
    from weightmark.provenance.sources.oci.attached import Attachment

    places = artifact.sidecars
    found: dict[bytes, Attachment] = {}
    lines: list[tuple[str, bytes]] = []
    for path in (places.signature, places.claims):
        data = read_sidecar(path, storage=places.storage)
        whole = path == places.signature
        lines += [(path.name, one) for one in _lines(data or b"", whole=whole)]
    for store in stores:
        lines += [
            (str(store), one) for one in _lines(read_named(store, "claims file"), whole=False)
        ]
    for name, raw in lines:
        kind = _predicate_type(raw, name)
        if kind is not None:
            found[raw] = Attachment(raw, kind)
    return list(found.values())


def _lines(data: bytes, *, whole: bool) -> Iterator[bytes]:
    if whole:
        yield from [data] if data.strip() else []
    else:
        yield from (line for line in data.split(b"\n") if line.strip())


def _predicate_type(raw: bytes, name: str) -> str | None:
    """Return what a bundle states; None for a list of files, which is no claim. Raises `CallError`."""
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.predicates.file_list import is_file_list
    from weightmark.attestations.statements import Statement

    if is_file_list(raw):
        return None
    try:
        envelope = Bundle.parse(raw).envelope
        return Statement.parse(envelope.payload_type, envelope.payload).predicate_type
    except WeightmarkError as error:
        raise CallError(
            f"`{name}` holds something that is no claim, so nothing was pushed",
            why=error.what,
            fix="mend or remove it, and push again",
        ) from error


def _document(path: str, uri: str, identity: str, pushed: "Pushed", claims: int) -> Document:
    layers = pushed.uploaded + pushed.kept
    checks = []
    if identity:
        kept = f", {pushed.kept} there already" if pushed.kept else ""
        checks.append(
            CheckLine(Outcome.PASS, "files", f"{counted(layers, 'layer')}{kept}, {identity}")
        )
    if claims:
        there = f", {claims - pushed.claims} there already" if claims > pushed.claims else ""
        checks.append(
            CheckLine(Outcome.PASS, "claims", f"{counted(claims, 'claim')} attached{there}")
        )
    else:
        hint = "nobody signed it; `weightmark sign`, then push again"
        checks.append(CheckLine(Outcome.INFO, "claims", "no claims to attach", hint))
    if pushed.moved_from:
        checks.append(CheckLine(Outcome.INFO, "tag", f"it named {pushed.moved_from} before"))
    return Document(
        schema="weightmark/push/v1",
        exit=Exit.GOOD,
        verdict="pushed",
        headline=f"pushed: {pushed.pinned}",
        checks=tuple(checks),
        facts={
            "path": path,
            "uri": uri,
            "pinned": pushed.pinned,
            "identity": identity or None,
            "moved_from": pushed.moved_from or None,
            "layers": layers,
            "uploaded": pushed.uploaded,
            "claims": claims,
            "attached": pushed.claims,
        },
    )
