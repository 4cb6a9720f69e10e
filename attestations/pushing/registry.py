"""A registry: the files as layers of a manifest, and each claim attached to it."""

from collections.abc import Sequence
from typing import Any

from weightmark.attestations.pushing.merging import Contents, Sidecars
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.reading.engine import ProgressSink, Reading
from weightmark.provenance.sources.oci.attached import Attachment
from weightmark.provenance.sources.oci.pushing import Pushed, attach_to
from weightmark.provenance.sources.oci.pushing import push as send
from weightmark.provenance.sources.oci.reference import Reference
from weightmark.provenance.sources.oci.registry import WRITE, Repository

__all__ = ["attach_claims", "push_to_registry"]


def attach_claims(reference: Reference, claims: Sequence[Attachment]) -> Pushed:
    """Attach claims to what a registry holds; raises what asking the registry raises."""
    with Repository(reference, access=WRITE) as repository:
        return attach_to(repository, claims)


def push_to_registry(
    reference: Reference,
    artifact: Artifact,
    reading: Reading[Any],
    claims: Sequence[Attachment],
    *,
    move: bool = False,
    progress: ProgressSink | None = None,
) -> Pushed:
    """Send what was read, with its claims; `move` lets a tag go on that names something else.

    Raises `CallError` when there are claims, and all are about something else, and what asking the
    registry raises.
    """
    contents = Contents(
        reading.manifest().identity, {one.path: one.sha256 for one in reading.files}
    )
    Sidecars(None, [one.bundle for one in claims]).require_about(contents, artifact.path)
    with Repository(reference, access=WRITE) as repository:
        return send(repository, reading, claims, move=move, progress=progress)
