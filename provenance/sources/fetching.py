"""Fetching one part into a folder: streamed, hashed on the way, resumed where it broke off.

What lies in the folder from an earlier run counts for nothing but the bytes that need not be fetched
again: it is hashed with the rest, and fetched anew when the whole is not what was promised.
"""

import os
import stat
import time
from collections.abc import Callable
from contextlib import closing

from weightmark.errors import LimitError, PromiseBrokenError, UncheckedError, read_failure
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sources.interface import MAX_SIZE, Part, Source, TransferBrokenError
from weightmark.provenance.sources.patience import given_up, pauses
from weightmark.provenance.sources.promises import PromiseCheck
from weightmark.values import dataclass

__all__ = ["Fetched", "fetch"]

_BLOCK = 1024 * 1024
_STORED_AT_ONCE = 32 * _BLOCK
_PATIENCE_SECONDS = 120.0
_SLOWEST = 1024
"""bytes a second; a source that is slower than this for `_PATIENCE_SECONDS` only keeps the caller busy"""
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Fetched:
    """One part that lies in the folder and is what was promised."""

    part: Part
    """what was promised"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex"""
    sha256: str
    """lowercase hex"""
    resumed: int = 0
    """bytes that an earlier run had fetched"""


def fetch(
    source: Source,
    part: Part,
    name: str,
    *,
    folder: int,
    where: str,
    progress: ProgressSink | None = None,
    sleep: Callable[[float], object] = time.sleep,
    most: int = MAX_SIZE,
) -> Fetched:
    """Fetch `part` to `name` in an open folder, and return what lies there then.

    `where` names the source in messages; `most` bounds, in bytes, what has no promised size. Raises `PromiseBrokenError` for other bytes than were
    promised, `NetworkError` after several attempts, `LimitError` for a source that drips and for over `most`,
    `ReadError` for a full disk.
    """
    try:
        descriptor = os.open(name, _OPEN, _MODE, dir_fd=folder)
    except OSError as error:
        raise read_failure(part.label, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise UncheckedError(f"`{part.label}` is in use by somebody else while it is fetched")
        kept = _usable(status.st_size, part)
        return _fetch_into(_Aim(descriptor, source, part, where, progress, sleep, most), kept)
    except OSError as error:
        raise read_failure(part.label, error) from error
    finally:
        os.close(descriptor)


def _usable(there: int, part: Part) -> int:
    """Return how many bytes of an earlier run may be the beginning.

    Where nothing tells versions apart none may: the file may have been written again since, at the same size.
    Without size only a digest over all can tell.
    """
    if not part.resumable:
        return 0
    if part.size is None:
        return there if "sha256" in part.digests else 0
    return there if there <= part.size else 0


@dataclass(frozen=True, slots=True)
class _Aim:
    """What is fetched from where into which open file."""

    descriptor: int
    source: Source
    part: Part
    where: str
    progress: ProgressSink | None
    sleep: Callable[[float], object]
    most: int


def _fetch_into(aim: _Aim, kept: int) -> Fetched:
    """Resume; fetch anew when what an earlier run left can't have been the beginning."""
    try:
        return _Transfer(aim).run(kept)
    except PromiseBrokenError:
        if not kept:
            raise
    return _Transfer(aim).run(0)


class _Transfer:
    """One part on its way into one open file."""

    def __init__(self, aim: _Aim) -> None:
        self._descriptor = aim.descriptor
        self._source = aim.source
        self._part = aim.part
        self._where = aim.where
        self._progress = aim.progress
        self._sleep = aim.sleep
        self._most = aim.most
        self._size = self._stored = 0
        self._promise = PromiseCheck(aim.part, aim.part.size or 0)
        self._blake3 = new_digest(Column.BLAKE3)

    def run(self, kept: int) -> Fetched:
        """Take the first `kept` bytes from the file, and the rest from the source."""
        os.ftruncate(self._descriptor, kept)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while self._size < kept:
            block = os.read(self._descriptor, min(_BLOCK, kept - self._size))
            if not block:
                raise UncheckedError(f"`{self._part.label}` shrank while it was read")
            self._take(block)
        self._receive()
        self._require_whole()
        self._promise.require_kept(self._where)
        os.fsync(self._descriptor)
        sha256 = self._promise.digest("sha256")
        return Fetched(self._part, self._size, self._blake3.hexdigest(), sha256, kept)

    def _receive(self) -> None:
        """Ask for the rest until it is there; give up when nothing comes several times in a row."""
        waits = pauses()
        while self._size != self._part.size:
            before = self._size
            try:
                self._receive_once()
            except TransferBrokenError as broken:
                if not self._part.resumable:
                    self._begin_anew()
                elif self._size > before:
                    waits = pauses()
                wait = next(waits, None)
                if wait is None:
                    raise given_up(broken) from broken
                self._sleep(max(wait, broken.wait))
            else:
                return

    def _begin_anew(self) -> None:
        """Forget what came: what comes next may be of another version."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._size = self._stored = 0
        self._promise = PromiseCheck(self._part, self._part.size or 0)
        self._blake3 = new_digest(Column.BLAKE3)

    def _receive_once(self) -> None:
        pending = bytearray()
        began, received = time.monotonic(), 0
        with closing(self._source.read(self._part, self._size)) as blocks:
            try:
                for block in blocks:
                    if self._progress:
                        self._progress.advance(0)
                    pending += block
                    received += len(block)
                    self._require_pace(received, time.monotonic() - began)
                    if len(pending) >= _BLOCK:
                        full, pending = pending, bytearray()
                        self._write(full)
            finally:
                self._write(pending)

    def _write(self, block: bytearray) -> None:
        if self._progress:
            # whoever gave up may have let go of the folder
            self._progress.advance(0)
        self._require_room(len(block))
        view = memoryview(block)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._take(block)
        self._begin_to_store()

    def _begin_to_store(self) -> None:
        """Let the system write to the disk what came, so that waiting for all of it at the end is short."""
        if self._size - self._stored >= _STORED_AT_ONCE and hasattr(os, "posix_fadvise"):
            length = self._size - self._stored
            os.posix_fadvise(self._descriptor, self._stored, length, os.POSIX_FADV_DONTNEED)
            self._stored = self._size

    def _take(self, block: bytes | bytearray) -> None:
        self._promise.update(block)
        self._blake3.update(memoryview(block))
        self._size += len(block)
        if self._progress:
            self._progress.advance(len(block))

    def _require_room(self, pending: int) -> None:
        most = self._most if self._part.size is None else self._part.size
        if self._size + pending > most and self._part.size is None:
            raise LimitError(f"`{self._part.label}` from `{self._where}` is over {most} bytes")
        if self._size + pending > most:
            raise PromiseBrokenError(
                f"`{self._part.label}` from `{self._where}` is larger than promised",
                why=f"promised {most} bytes, and more came",
                fix="fetch it from the publisher itself, without mirror or cache",
            )

    def _require_pace(self, received: int, seconds: float) -> None:
        if seconds > _PATIENCE_SECONDS and received < _SLOWEST * seconds:
            raise LimitError(
                f"`{self._where}` sends under {_SLOWEST} bytes a second",
                fix="try again later; what was fetched is kept",
            )

    def _require_whole(self) -> None:
        if self._part.size is not None and self._size != self._part.size:
            raise PromiseBrokenError(
                f"`{self._part.label}` from `{self._where}` is smaller than promised",
                why=f"promised {self._part.size} bytes, got {self._size}",
                fix="fetch it from the publisher itself, without mirror or cache",
            )
