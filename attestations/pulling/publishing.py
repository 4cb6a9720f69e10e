"""Publishing: files and claims to a hub, claims and tags to MLflow; what stands there afterwards is looked at again."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.claims import render_claims
from weightmark.attestations.pulling.visiting import visit
from weightmark.attestations.verifying.promised_files import PromisedFiles
from weightmark.errors import CallError, FileChangedError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.identification import identify
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import ProgressSink, Reading
from weightmark.provenance.sidecars import CLAIMS, RECEIPT, RESERVED_NAMES, SIGNATURE, read_sidecar
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
    sha256: dict[str, str] = field(init=False)
    """path to SHA-256, lowercase hex"""

    def __post_init__(self) -> None:
        digests = {one.path: one.sha256 for one in self.reading.files}
        object.__setattr__(self, "sha256", digests)


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
    merged, attached = _merged(plan, sidecars)
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
    from weightmark.provenance.sources.mlflow_registry.address import MlflowAddress
    from weightmark.provenance.sources.mlflow_registry.registry import Registry

    address = MlflowAddress.parse(uri)
    registry = Registry()
    with visit(uri, progress=progress) as visited:
        pinned = MlflowAddress.parse(visited.snapshot.pinned)
        there = identify(visited.path, sha256=True).sha256
        changed = [path for path, digest in plan.sha256.items() if there.get(path) != digest]
        _require_alike(plan, uri, changed, sorted(there.keys() - plan.sha256.keys()))
        merged, attached = _merged(plan, _sidecars(visited.path))
    with TemporaryDirectory(prefix="weightmark-") as folder:
        for name, data in merged.items():
            (Path(folder) / name).write_bytes(data)
            registry.add(pinned, Path(folder) / name)
    if address.kind == "version":
        registry.tag(
            pinned,
            {
                "weightmark.identity": plan.reading.manifest().identity,
                "weightmark.claims": str(len(plan.claims)),
            },
        )
    return Published(pinned.uri, "", 0, len(plan.sha256), attached)


def _described(
    uri: str, progress: ProgressSink | None
) -> tuple[Snapshot, dict[str, str], dict[str, bytes]]:
    """Return what an address holds: the snapshot, SHA-256 of each file, and the sidecars themselves."""
    with open_source(uri) as source, TemporaryDirectory(prefix="weightmark-") as folder:
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


def _merged(plan: Plan, there: Mapping[str, bytes]) -> tuple[dict[str, bytes], int]:
    """Return the sidecars that have to be written, and how many claims are new; nobody's are dropped.

    Where another signature stands, ours goes to the claims, as a registry would hold it.
    """
    places = plan.artifact.sidecars
    signature = read_sidecar(places.signature, storage=places.storage)
    receipt = read_sidecar(places.receipt, storage=places.storage)
    lines = _lines(there.get(CLAIMS, b""))
    ours = list(plan.claims)
    merged: dict[str, bytes] = {}
    if signature and SIGNATURE not in there:
        merged[SIGNATURE] = signature
    elif signature and there[SIGNATURE] != signature:
        ours.append(Bundle.parse(signature).to_bytes())
    new = [line for line in dict.fromkeys(ours) if line not in lines]
    if new:
        merged[CLAIMS] = render_claims([*lines, *new])
    if receipt and there.get(RECEIPT) != receipt:
        merged[RECEIPT] = receipt
    return merged, len(new) + (SIGNATURE in merged)


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.strip()]
