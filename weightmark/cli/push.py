"""`weightmark push`: put a model or a dataset into a registry or a hub, with its claims."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.receipts import fresh_option, kept_receipts
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.cli.stopping import stoppable
from weightmark.errors import CallError, Exit, NetworkError

if TYPE_CHECKING:
    from weightmark.attestations.pushing.publishing import Published
    from weightmark.provenance.artifact import Artifact
    from weightmark.provenance.reading.engine import ProgressSink, Reading
    from weightmark.provenance.sources.oci.attached import Attachment
    from weightmark.provenance.sources.oci.pushing import Pushed
    from weightmark.provenance.sources.oci.reference import Reference

__all__ = ["push"]

_PUBLISHED = frozenset(["hf", "mlflow"])
"""where claims are files beside the artifact"""


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
@option("--move", is_flag=True, help="Let a tag of a registry that names something else name this")
@option("--prune", is_flag=True, help="Delete files from the hub that PATH does not have")
@fresh_option()
@pass_console
@stoppable
def push(
    console: Console,
    path: str,
    uri: str,
    *,
    claims_only: bool,
    claims: tuple[str, ...],
    move: bool,
    prune: bool,
    fresh: bool,
) -> None:
    """Push a folder to a registry or a hub, with its claims.

    URI is `oci://HOST/REPOSITORY:TAG`, where claims are attached as referrers (log in with `docker login`
    or `oras login`); `hf://OWNER/NAME@BRANCH`, where files and claims are one commit (`HF_TOKEN`); or,
    with `--claims-only`, `mlflow:models:/NAME/VERSION`, whose tags then say the identity.
    """
    from weightmark.attestations.pushing.collecting import collect_claims
    from weightmark.attestations.pushing.registry import attach_claims
    from weightmark.provenance.artifact import open_artifact
    from weightmark.provenance.sources.choice import bare_uri, scheme_of

    uri = bare_uri(uri)
    _require_fitting(scheme_of(uri), move=move, prune=prune)
    artifact = open_artifact(path)
    if scheme_of(uri) in _PUBLISHED:
        published = _publish(
            console,
            artifact,
            uri,
            stores=[Path(one) for one in claims],
            claims_only=claims_only,
            prune=prune,
            fresh=fresh,
        )
        console.finish(_document(path, uri, *published))
    reference = _reference(uri, offline=console.offline)
    attachments = collect_claims(artifact, [Path(one) for one in claims])
    if claims_only and not attachments:
        raise CallError(
            f"`{path}` has no claims to attach",
            why=f"looked for `{artifact.sidecars.signature}` and `{artifact.sidecars.claims}`",
            fix="make some with `weightmark sign` or `weightmark attest`, or name them with `--claims FILE`",
        )
    if claims_only:
        identity, pushed = "", attach_claims(reference, attachments)
    else:
        identity, pushed = _push(console, artifact, reference, attachments, fresh=fresh, move=move)
    console.finish(_document(path, uri, identity, pushed, len(attachments)))


def _require_fitting(scheme: str, *, move: bool, prune: bool) -> None:
    """Refuse what would do nothing; raises `CallError`."""
    if move and scheme != "oci":
        raise CallError("`--move` is about tags of a registry", fix="leave it out")
    if prune and scheme != "hf":
        raise CallError("`--prune` is about files on the hub", fix="leave it out")


def _publish(
    console: Console,
    artifact: "Artifact",
    uri: str,
    *,
    stores: "Sequence[Path]",
    claims_only: bool,
    prune: bool,
    fresh: bool,
) -> "tuple[str, Published, int]":
    """Publish to a hub or to MLflow; return the identity and the number of claims, too."""
    from weightmark.attestations.pushing.collecting import collect_claims
    from weightmark.attestations.pushing.publishing import Plan, publish_to_hub, publish_to_mlflow
    from weightmark.provenance.sources.addresses import printable_uri
    from weightmark.provenance.sources.choice import scheme_of

    to_hub = scheme_of(uri) == "hf"
    if console.offline:
        raise NetworkError(f"`{printable_uri(uri)}` can't be reached with `--offline`")
    if not to_hub and not claims_only:
        raise CallError(
            "versions of MLflow are made by MLflow",
            why="they belong to a run",
            fix="log the model with MLflow, then add its claims with `--claims-only`",
        )
    claims = tuple(one.bundle for one in collect_claims(artifact, stores, signature=False))
    count = len(collect_claims(artifact, stores))
    with console.progress(None) as progress:
        reading = _read(console, artifact, progress, fresh=fresh)
        plan = Plan(artifact, reading, claims, claims_only, prune)
        publish = publish_to_hub if to_hub else publish_to_mlflow
        done = publish(plan, uri, progress=progress)
    return reading.manifest().identity, done, count


def _reference(uri: str, *, offline: bool) -> "Reference":
    from weightmark.provenance.sources.addresses import printable_uri
    from weightmark.provenance.sources.oci.reference import SCHEME, Reference

    if not uri.startswith(SCHEME):
        raise CallError(
            f"`{printable_uri(uri)}` is no place that weightmark pushes to",
            fix="write `oci://HOST/REPOSITORY:TAG`, `hf://OWNER/NAME@BRANCH` or, with `--claims-only`, `mlflow:models:/NAME/VERSION`",
        )
    reference = Reference.parse(uri)
    if offline:
        raise NetworkError(f"`{reference}` can't be reached with `--offline`")
    return reference


def _push(
    console: Console,
    artifact: "Artifact",
    reference: "Reference",
    attachments: "Sequence[Attachment]",
    *,
    fresh: bool,
    move: bool,
) -> "tuple[str, Pushed]":
    """Read everything once, then send it; returns the identity too."""
    from weightmark.attestations.pushing.registry import push_to_registry

    with console.progress(None) as progress:
        reading = _read(console, artifact, progress, fresh=fresh)
        pushed = push_to_registry(
            reference, artifact, reading, attachments, move=move, progress=progress
        )
    return reading.manifest().identity, pushed


def _read(
    console: Console, artifact: "Artifact", progress: "ProgressSink | None", *, fresh: bool
) -> "Reading[Any]":
    """Read every file of a folder once; raises `CallError` for a single file."""
    from weightmark.provenance.reading.engine import Column, read_artifact

    if artifact.single:
        raise CallError(
            f"`{artifact.name}` is a single file, and what is pulled is a folder",
            why="its identity would be another one, and no claim about the file would hold for it",
            fix="put it into a folder, and sign that",
        )
    artifact.require_identifiable().require_portable()
    with kept_receipts([str(artifact.path)], fresh=fresh) as receipts:
        return read_artifact(
            artifact,
            columns=[Column.BLAKE3, Column.SHA256],
            receipts=receipts,
            progress=progress,
            jobs=console.jobs,
        )


def _document(
    path: str, uri: str, identity: str, pushed: "Pushed | Published", claims: int
) -> Document:
    layers = pushed.uploaded + pushed.kept
    checks = []
    if identity:
        kept = f", {pushed.kept} there already" if pushed.kept else ""
        what = "layer" if uri.startswith("oci:") else "file"
        checks.append(
            CheckLine(Outcome.PASS, "files", f"{counted(layers, what)}{kept}, {identity}")
        )
    if claims:
        there = f", {claims - pushed.claims} there already" if claims > pushed.claims else ""
        attached = f"{counted(pushed.claims, 'claim')} attached{there}"
        checks.append(CheckLine(Outcome.PASS, "claims", attached))
    else:
        hint = "nobody signed it; `weightmark sign`, then push again"
        checks.append(CheckLine(Outcome.INFO, "claims", "no claims to attach", hint))
    if pushed.moved_from.startswith("sha256:"):
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
