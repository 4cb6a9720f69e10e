"""Private keys among the files of a release: a signed one would be handed to everybody."""

import os
from pathlib import Path

from weightmark.errors import ArtifactRefusedError, read_failure
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.names import escape_path

__all__ = ["refuse_private_keys"]

_LARGEST = 64 * 1024
"""bytes; no key file is larger"""
_HEAD = 64
"""bytes in which the first line of a PEM file stands"""


def refuse_private_keys(artifact: Artifact, key_file: Path | None = None) -> None:
    """Refuse an artifact that holds `key_file` or any PEM file with a private key.

    It guards against a slip, not against an attack: another encoding passes. Raises
    `ArtifactRefusedError`, and `ReadError` when a file can't be read.
    """
    own = _file_id(key_file) if key_file else None
    for entry in artifact.entries:
        if (entry.device, entry.inode) == own:
            raise _refusal(artifact, entry, "is the very key that signs")
        if entry.size <= _LARGEST and _is_private_key(_head(entry)):
            raise _refusal(artifact, entry, "is a private key")


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _head(entry: Entry) -> bytes:
    try:
        with Beneath(entry.base) as folder, os.fdopen(folder.file(entry.location), "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise read_failure(Path(entry.base) / entry.location, error) from error


def _is_private_key(head: bytes) -> bool:
    return b"-----BEGIN" in head and b"PRIVATE KEY-----" in head


def _refusal(artifact: Artifact, entry: Entry, what: str) -> ArtifactRefusedError:
    name = artifact.name if artifact.single else escape_path(entry.path)
    return ArtifactRefusedError(
        f"`{name}` {what}",
        why="a release is given away, and whoever has the private key can sign in your name",
        fix="move it out of the artifact; if it was published before, make a new key",
    )
