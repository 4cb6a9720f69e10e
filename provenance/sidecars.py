"""Files beside the artifact: reserved names, and what lies outside of an artifact's identity.

Reserved names are left out of every manifest and judged apart: each must be a regular file,
at most 64 MiB, strict in its own format.
"""

import os
import stat
from pathlib import Path
from typing import Self

from weightmark.errors import (
    CallError,
    LimitError,
    SidecarRefusedError,
    WeightmarkError,
    read_failure,
)
from weightmark.provenance.hub_storage import is_stored
from weightmark.provenance.strict_json import DEFAULT_MAX_SIZE
from weightmark.values import dataclass

__all__ = [
    "CLAIMS",
    "OUTSIDE",
    "RECEIPT",
    "RESERVED_NAMES",
    "SIGNATURE",
    "UNSIGNED_BY_OMS",
    "SidecarPaths",
    "read_bounded",
    "read_named",
    "read_sidecar",
]

SIGNATURE = "model.sig"
"""an OMS signature: one Sigstore bundle"""
CLAIMS = "model.claims"
"""JSON lines, one Sigstore bundle a line"""
RECEIPT = "model.receipt"
"""a C2SP tlog-proof of the newest release entry"""
RESERVED_NAMES = (SIGNATURE, CLAIMS, RECEIPT)
OUTSIDE = (".git", ".cache/huggingface")
"""at the root: made by clones and by hub downloads, not part of the artifact"""
UNSIGNED_BY_OMS = (".gitattributes", ".gitignore", ".github")
"""at the root: content, but the OMS specification leaves it out of signatures"""


@dataclass(frozen=True, slots=True)
class SidecarPaths:
    """Where the files beside one artifact stand."""

    signature: Path
    """the OMS signature"""
    claims: Path
    """the claims"""
    receipt: Path
    """the ledger receipt"""
    storage: Path | None = None
    """the blob folder of the hub cache in which the artifact lies; links into it are storage, not links"""

    @classmethod
    def of_tree(cls, folder: Path, storage: Path | None = None) -> Self:
        """Name the sidecars of a folder, which stand at its root."""
        return cls(folder / SIGNATURE, folder / CLAIMS, folder / RECEIPT, storage)

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """Name the sidecars of a single file, which stand beside it."""
        return cls(
            *(file.with_name(file.name + ending) for ending in (".sig", ".claims", ".receipt"))
        )

    def moved_to(self, folder: Path) -> Self:
        """Return the same names in another folder."""
        return type(self)(
            folder / self.signature.name, folder / self.claims.name, folder / self.receipt.name
        )


def read_sidecar(path: Path, *, storage: Path | None = None) -> bytes | None:
    """Return the content of a reserved name, or None when nothing stands there.

    `storage` is the blob folder of a hub cache; a link to a file directly in it is no link.
    Raises `SidecarRefusedError` for anything but a regular file, `LimitError` over 64 MiB.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise read_failure(path, error) from error
    if stat.S_ISLNK(mode) and storage is not None:
        blob = Path(os.path.realpath(path))
        if is_stored(blob, storage):
            return read_bounded(blob, follow=False)
    if not stat.S_ISREG(mode):
        kind = (
            "a link"
            if stat.S_ISLNK(mode)
            else "a folder"
            if stat.S_ISDIR(mode)
            else "a special file"
        )
        raise SidecarRefusedError(
            f"reserved name `{path.name}` holds something else: {kind}",
            why="reserved names lie outside the artifact's identity and must be regular files",
            fix=f"remove or rename `{path}`",
        )
    return read_bounded(path, follow=False)


def read_named(path: Path, what: str, *, limit: int = DEFAULT_MAX_SIZE) -> bytes:
    """Read a file that the caller named; raises `CallError` when there is none, else as `read_bounded`."""
    try:
        return read_bounded(path, limit=limit)
    except WeightmarkError as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            raise CallError(f"there is no {what} at `{path}`", fix="check the path") from error
        raise


def _shown(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"


def read_bounded(path: Path, *, follow: bool = True, limit: int = DEFAULT_MAX_SIZE) -> bytes:
    """Read a regular file of at most `limit` bytes; raises `LimitError` or `ReadError`."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SidecarRefusedError(
                    f"`{path}` is not a regular file", fix="name a regular file"
                )
            data = file.read(limit + 1)
    except OSError as error:
        raise read_failure(path, error) from error
    if len(data) > limit:
        raise LimitError(
            f"`{path}` is over {_shown(limit)}", fix="check that this is the right file"
        )
    return data
