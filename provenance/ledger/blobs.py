"""The content-addressed blob store: `claims/<sha256 hex>` holds claims and signed requests."""

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from weightmark.errors import LedgerInconsistentError, LimitError, ReadError, WeightmarkError
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.admission import MAX_CLAIM_SIZE
from weightmark.provenance.ledger.files import read_file
from weightmark.values import dataclass

__all__ = ["BlobState", "BlobStore"]

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


@dataclass(frozen=True, slots=True)
class BlobStore:
    """Blobs below one folder."""

    folder: Path
    """`claims/`"""

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Store blobs by their SHA-256 hex, durably, all or none."""
        wanted = [digest for digest in sorted(blobs) if self.state(digest) != BlobState.PRESENT]
        try:
            if len(wanted) <= _WRITERS:
                for digest in wanted:
                    replace_file(self._path(digest), blobs[digest])
            else:
                self._put_many({digest: blobs[digest] for digest in wanted})
            sync_folder(self.folder)
        except WeightmarkError:
            for digest in wanted:
                with suppress(OSError):
                    self._path(digest).unlink()
            raise

    def _put_many(self, blobs: Mapping[str, bytes]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_WRITERS) as writers:
            for _ in writers.map(lambda one: replace_file(self._path(one), blobs[one]), blobs):
                pass

    def get(self, digest: str) -> bytes:
        """Return a blob that is what its name says.

        Raises `ReadError` when it is missing and `LedgerInconsistentError` when it was changed.
        """
        path = self._path(digest)
        data = read_file(path, max_size=MAX_CLAIM_SIZE)
        if data is None:
            raise ReadError(
                f"`{path}` is missing",
                why="the ledger commits to it, so its claim cannot be checked",
                fix="restore it from a backup; its name is the SHA-256 of its bytes",
            )
        if hashlib.sha256(data).hexdigest() != digest:
            raise LedgerInconsistentError(
                f"`{path}` was changed",
                why="its bytes do not have the SHA-256 that the ledger commits to",
                fix="restore it from a backup",
            )
        return data

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

    def _path(self, digest: str) -> Path:
        if not _HEX.match(digest):
            raise ValueError("a blob is named by SHA-256 in lowercase hex")
        return self.folder / digest
