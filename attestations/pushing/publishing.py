"""Publishing: files and claims to a hub, claims and tags to MLflow; what stands there afterwards is looked at again."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from weightmark.attestations.pulling.visiting import visit_source
from weightmark.attestations.pushing.merging import Contents, Sidecars
from weightmark.attestations.verifying.promised_files import PromisedFiles
from weightmark.errors import CallError, FileChangedError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.identification import identify
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import ProgressSink, Reading
from weightmark.provenance.sidecars import RESERVED_NAMES, read_sidecar
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.interface import Snapshot
from weightmark.values import dataclass

__all__ = ["Plan", "Published", "publish_to_hub", "publish_to_mlflow"]

_MOST_NAMED = 5


@dataclass(frozen=True)
class Plan:
    """What is to be published."""

    artifact: Artifact
    """the folder"""
    reading: Reading[Any]
    """its files, read with SHA-256 and BLAKE3"""
    claims: Sequence[bytes] = ()
    """bundles of claims, without `model.sig`, each as it stands beside the artifact or in another store"""
    claims_only: bool = False
    """whether only claims are added, to files that have to be there already"""
    prune: bool = False
    """whether files that the artifact does not have are deleted there"""
    contents: Contents = field(init=False)
    """identity and SHA-256 of the files"""
    sidecars: Sidecars = field(init=False)
    """what goes beside them"""

    def __post_init__(self) -> None:
        """Raises `CallError` when there are claims, and all are about something else."""
        digests = {one.path: one.sha256 for one in self.reading.files}
        contents = Contents(self.reading.manifest().identity, digests)
        places = self.artifact.sidecars
        sidecars = Sidecars(
            read_sidecar(places.signature, storage=places.storage),
            self.claims,
            read_sidecar(places.receipt, storage=places.storage),
        )
        sidecars.require_about(contents, self.artifact.path)
        object.__setattr__(self, "contents", contents)
        object.__setattr__(self, "sidecars", sidecars)

    @property
    def sha256(self) -> Mapping[str, str]:
        """Path to SHA-256, lowercase hex."""
        return self.contents.sha256


@dataclass(frozen=True, slots=True)
class Published:
    """What stands there now."""

    pinned: str
    """the address that can't move"""
    moved_from: str
    """what the branch named before; empty when nothing changed, or for what has no branches"""
    uploaded: int
    """files that were sent"""
    kept: int
    """files that were there already"""
    claims: int
    """claims that were not there before"""


def publish_to_hub(plan: Plan, uri: str, *, progress: ProgressSink | None = None) -> Published:
    """Make one commit of what the branch `uri` lacks; afterwards the hub has to list exactly what was read.

    Raises `CallError` for files that the artifact does not have, unless they are pruned, and for other
    files where only claims are added; `FileChangedError` when a file is another one than was read.
    """
    from weightmark.provenance.sources.huggingface.address import HubAddress
    from weightmark.provenance.sources.huggingface.pushing import HubBranch

    branch = HubBranch(HubAddress.parse(uri))
    before, there, sidecars = _described(uri, progress)
    changed = [path for path, digest in plan.sha256.items() if there.get(path) != digest]
    extra = sorted(there.keys() - plan.sha256.keys())
    _require_alike(plan, uri, changed, extra)
    merged, attached = plan.sidecars.added_to(
        Sidecars.of(sidecars), plan.contents, alike=not changed and not extra
    )
    additions: dict[str, Path | bytes] = {**_places(plan, changed), **merged}
    kept = len(plan.sha256) - len(changed)
    if not additions and not extra:
        return Published(before.pinned, "", 0, kept, 0)
    parent = before.digest["gitCommit"]
    made = branch.commit(parent, additions, extra, "Add files and claims with weightmark")
    address = HubAddress.parse(uri).at(made).uri
    _, now, found = _described(address, progress)
    if now != plan.sha256 or any(found.get(name) != data for name, data in merged.items()):
        raise FileChangedError(
            f"`{address}` does not hold what was read",
            why="a file changed while it was pushed, or the hub left one out, as `.gitignore` may say",
            fix="look at the commit, and push again when nothing writes to the folder",
        )
    return Published(address, before.pinned, len(changed), kept, attached)


def publish_to_mlflow(plan: Plan, uri: str, *, progress: ProgressSink | None = None) -> Published:
    """Put claims beside a model version whose files are those of the artifact, and write its identity into tags.

    The tags say what was pushed, to people who look at the registry; nothing ever believes them.
    Raises `CallError` when the version holds something else.
    """
    from weightmark.provenance.sources.mlflow_registry.source import MlflowSource

    with MlflowSource(uri) as source:
        with visit_source(source, progress=progress) as visited:
            pinned = visited.snapshot.pinned
            found = identify(visited.path, sha256=True).sha256
            changed = [path for path, digest in plan.sha256.items() if found.get(path) != digest]
            _require_alike(plan, uri, changed, sorted(found.keys() - plan.sha256.keys()))
            there = Sidecars.of(_sidecars(visited.path))
        merged, attached = plan.sidecars.added_to(there, plan.contents, alike=True)
        for name, data in merged.items():
            source.add(name, data)
        source.tag(
            {
                "weightmark.identity": plan.contents.identity,
                "weightmark.claims": str(len(plan.claims)),
            }
        )
    return Published(pinned, "", 0, len(plan.sha256), attached)


def _described(
    uri: str, progress: ProgressSink | None
) -> tuple[Snapshot, dict[str, str], dict[str, bytes]]:
    """Return what an address holds now: the snapshot, SHA-256 of each file, and the sidecars themselves."""
    with (
        open_source(uri, current=True) as source,
        TemporaryDirectory(prefix="weightmark-") as folder,
    ):
        snapshot = source.resolve()
        artifact, reading = PromisedFiles(source, snapshot, Path(folder), progress).described()
        digests = {one.path: one.sha256 for one in reading.files}
        return snapshot, digests, _sidecars(artifact.path)


def _sidecars(folder: Path) -> dict[str, bytes]:
    found = {name: read_sidecar(folder / name) for name in RESERVED_NAMES}
    return {name: data for name, data in found.items() if data is not None}


def _require_alike(plan: Plan, uri: str, changed: Sequence[str], extra: Sequence[str]) -> None:
    if plan.claims_only and (changed or extra):
        raise CallError(
            f"`{uri}` holds other files than those that the claims are about",
            why=_named([*changed, *extra]),
            fix="push the files too, without `--claims-only`",
        )
    if extra and not plan.prune:
        raise CallError(
            f"`{uri}` holds files that are not in the folder",
            why=f"{_named(extra)}; who pulls gets them too, and no claim would hold for that",
            fix="copy them into the folder and sign again, or delete them there with `--prune`",
        )


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(f"`{escape_path(path)}`" for path in paths[:_MOST_NAMED]) + more


def _places(plan: Plan, changed: Sequence[str]) -> Mapping[str, Path]:
    entries = {one.path: one.entry for one in plan.reading.files}
    return {path: Path(entries[path].base, entries[path].location) for path in changed}
