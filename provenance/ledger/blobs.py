"""The content-addressed blob store: `claims/<sha256 hex>` holds claims and signed requests."""

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from weightmark.errors import (
    LedgerInconsistentError,
    LimitError,
    ReadError,
    UnsupportedError,
    WeightmarkError,
    read_failure,
)
from weightmark.provenance.atomic import name_files, sync_folder
from weightmark.provenance.ledger.admission import MAX_CLAIM_SIZE
from weightmark.provenance.ledger.files import file_digest, read_file, read_piece
from weightmark.provenance.ledger.view.interface import ViewFiles
from weightmark.values import dataclass

__all__ = [
    "BlobState",
    "BlobStore",
    "Blobs",
    "ViewBlobs",
    "checked_blob",
    "not_the_blob",
    "require_digest",
]

_HEX = re.compile(r"[0-9a-f]{64}\Z")
_WRITERS = 8


class BlobState(StrEnum):
    """What became of a blob that the log commits to."""

    PRESENT = "present"
    """it is there, and is what the log says"""
    REDACTED = "redacted"
    """it was erased, and a `redact` entry says so"""
    MISSING = "missing"
    """it is gone"""
    DAMAGED = "damaged"
    """other bytes stand in its place"""
    UNREADABLE = "unreadable"
    """something stands there that could not be read"""


class Blobs(Protocol):
    """Claims and requests by their SHA-256 hex."""

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Store blobs durably, all or none; those that are there already stay. Raises `ReadError`."""
        ...

    def get(self, digest: str) -> bytes:
        """Return a blob that is what its name says.

        Raises `ReadError` when it is missing and `LedgerInconsistentError` when it was changed.
        """
        ...

    def size(self, digest: str) -> int:
        """Return the bytes of a blob that is what its name says, without holding it; raises as `get`."""
        ...

    def piece(self, digest: str, start: int, count: int) -> bytes:
        """Return at most `count` bytes of a blob; what it is, `size` said. Raises `ReadError` when it is gone."""
        ...

    def state(self, digest: str) -> BlobState:
        """Say whether a blob is present, missing, damaged or unreadable."""
        ...

    def erase(self, digest: str) -> bool:
        """Remove a blob for ever; returns whether it was there. Raises `ReadError` or `UnsupportedError`."""
        ...


@dataclass(frozen=True, slots=True)
class BlobStore:
    """Blobs below one folder."""

    folder: Path
    """`claims/`"""

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Store blobs by their SHA-256 hex, durably, all or none."""
        wanted = [digest for digest in sorted(blobs) if self.state(digest) != BlobState.PRESENT]
        try:
            self._put_many({require_digest(digest): blobs[digest] for digest in wanted})
            sync_folder(self.folder)
        except WeightmarkError:
            for digest in wanted:
                with suppress(OSError):
                    self._path(digest).unlink()
            raise

    def _put_many(self, blobs: Mapping[str, bytes]) -> None:
        digests = list(blobs)
        if len(digests) <= _WRITERS:
            name_files(self.folder, blobs)
            return
        from concurrent.futures import ThreadPoolExecutor

        def put(some: list[str]) -> None:
            name_files(self.folder, {digest: blobs[digest] for digest in some})

        with ThreadPoolExecutor(_WRITERS) as writers:
            for _ in writers.map(put, [digests[at::_WRITERS] for at in range(_WRITERS)]):
                pass

    def get(self, digest: str) -> bytes:
        """Return a blob that is what its name says; see `Blobs`."""
        path = self._path(digest)
        return checked_blob(digest, read_file(path, max_size=MAX_CLAIM_SIZE), str(path))

    def size(self, digest: str) -> int:
        """Return the bytes of a blob that is what its name says; see `Blobs`."""
        path = self._path(digest)
        found = file_digest(path, max_size=MAX_CLAIM_SIZE)
        if found is None or found[0] != digest:
            raise not_the_blob(str(path), missing=found is None)
        return found[1]

    def piece(self, digest: str, start: int, count: int) -> bytes:
        """Return bytes of a blob; see `Blobs`."""
        path = self._path(digest)
        piece = read_piece(path, start, count)
        if piece is None:
            raise not_the_blob(str(path), missing=True)
        return piece

    def state(self, digest: str) -> BlobState:
        """Say whether a blob is present, missing, damaged or unreadable."""
        if not os.path.lexists(self._path(digest)):
            return BlobState.MISSING
        try:
            self.get(digest)
        except (LedgerInconsistentError, LimitError):
            return BlobState.DAMAGED
        except ReadError:
            return BlobState.UNREADABLE
        return BlobState.PRESENT

    def erase(self, digest: str) -> bool:
        """Remove a blob for ever; returns whether it was there."""
        path = self._path(digest)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise read_failure(path, error) from error
        sync_folder(self.folder)
        return True

    def _path(self, digest: str) -> Path:
        return self.folder / require_digest(digest)


@dataclass(frozen=True, slots=True)
class ViewBlobs:
    """Blobs that are published with a view."""

    view: ViewFiles
    """the view; blobs lie below `claims/`"""

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Publish blobs."""
        self.view.create({f"claims/{require_digest(one)}": data for one, data in blobs.items()})

    def get(self, digest: str) -> bytes:
        """Return a blob that is what its name says; see `Blobs`."""
        path = f"claims/{require_digest(digest)}"
        data = self.view.get(path, max_size=MAX_CLAIM_SIZE)
        return checked_blob(digest, data, f"{self.view.name}/{path}")

    def size(self, digest: str) -> int:
        """Return the bytes of a blob that is what its name says; see `Blobs`."""
        return len(self.get(digest))

    def piece(self, digest: str, start: int, count: int) -> bytes:
        """Return bytes of a blob; see `Blobs`."""
        return self.get(digest)[start : start + count]

    def state(self, digest: str) -> BlobState:
        """Say whether a blob is present, missing, damaged or unreadable."""
        try:
            if self.view.get(f"claims/{require_digest(digest)}", max_size=MAX_CLAIM_SIZE) is None:
                return BlobState.MISSING
            self.get(digest)
        except (LedgerInconsistentError, LimitError):
            return BlobState.DAMAGED
        except WeightmarkError:
            return BlobState.UNREADABLE
        return BlobState.PRESENT

    def erase(self, digest: str) -> bool:
        """Refuse: what was published is erased where it is published."""
        raise UnsupportedError(
            f"`claims/{require_digest(digest)}` cannot be erased from a published view",
            fix="erase it in the ledger, then remove the file wherever a copy was published",
        )


def checked_blob(digest: str, data: bytes | None, name: str) -> bytes:
    """Return `data` if it is the blob `digest`; raises `ReadError` or `LedgerInconsistentError`."""
    if data is None or hashlib.sha256(data).hexdigest() != digest:
        raise not_the_blob(name, missing=data is None)
    return data


def not_the_blob(name: str, *, missing: bool) -> ReadError | LedgerInconsistentError:
    """Say that a blob is missing, or was changed."""
    if missing:
        return ReadError(
            f"`{name}` is missing",
            why="the ledger commits to it, so its claim cannot be checked",
            fix="restore it from a backup; its name is the SHA-256 of its bytes",
        )
    return LedgerInconsistentError(
        f"`{name}` was changed",
        why="its bytes do not have the SHA-256 that the ledger commits to",
        fix="restore it from a backup",
    )


def require_digest(digest: str) -> str:
    """Return a digest that names a blob; raises `ValueError` for anything else."""
    if not _HEX.match(digest):
        raise ValueError("a blob is named by SHA-256 in lowercase hex")
    return digest
