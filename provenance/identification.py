"""Identification: what an artifact is, by every name that others may know it by."""

from pathlib import Path

from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.foreign_digests import dir_hash, in_oms_set, oms_order, oms_root
from weightmark.provenance.manifest import SINGLE_FILE, Manifest
from weightmark.provenance.reading.engine import Column, ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.receipts import Receipts
from weightmark.values import dataclass

__all__ = ["Identification", "identify"]


@dataclass(frozen=True)
class Identification:
    """An artifact and its digests."""

    artifact: Artifact
    """what was read"""
    manifest: Manifest
    """its files; `manifest.identity` is the identity"""
    sha256: dict[str, str]
    """path to SHA-256 hex; empty when not asked for"""
    remembered: int = 0
    """how many large files were not read again, because receipts show that they did not change"""

    @property
    def identity(self) -> str:
        """The identity, `wm1:<hex>`."""
        return self.manifest.identity

    @property
    def oms_root(self) -> str | None:
        """The subject of an OMS signature over this artifact, lowercase hex; None without SHA-256 or files to sign."""
        covered = {path: digest for path, digest in self.sha256.items() if in_oms_set(path)}
        return (
            oms_root(covered[path] for path in sorted(covered, key=oms_order)) if covered else None
        )

    @property
    def dir_hash(self) -> str | None:
        """in-toto's dirHash of a folder, lowercase hex; None without SHA-256, for a file, or when a name can't be written."""
        if SINGLE_FILE in self.sha256 or not self.sha256:
            return None
        return dir_hash(self.sha256.items())


def identify(
    path: str | Path,
    *,
    sha256: bool = False,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Identification:
    """Read the artifact at `path` once and name it; `receipts` spare what did not change.

    Raises `CallError` when nothing is there, `NoInputError` when it holds no files,
    `ArtifactRefusedError` for what no identity can cover, `ReadError` and `FileChangedError`.
    """
    artifact = open_artifact(path).require_identifiable()
    columns = [Column.BLAKE3, Column.SHA256] if sha256 else [Column.BLAKE3]
    reading: Reading[None] = read_artifact(
        artifact, columns=columns, receipts=receipts, progress=progress, jobs=jobs
    )
    digests = {file.path: file.sha256 for file in reading.files} if sha256 else {}
    return Identification(artifact, reading.manifest(), digests, reading.remembered)
