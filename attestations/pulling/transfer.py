"""The transfer: everything that a snapshot promises, into the tree of a quarantine, and nothing else."""

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from functools import partial
from pathlib import Path
from threading import Event, Thread

from weightmark.attestations.pulling.quarantine import Quarantine, Seen
from weightmark.errors import PromiseBrokenError, read_failure
from weightmark.provenance.manifest import Manifest, Row
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sidecars import RESERVED_NAMES
from weightmark.provenance.sources.fetching import Fetched, fetch
from weightmark.provenance.sources.interface import (
    Member,
    Part,
    Snapshot,
    Source,
    left_out,
    require_path,
)
from weightmark.values import dataclass

__all__ = ["Delivery", "transfer"]

_MOST_THREADS = 8
_LONGEST_END = 15.0
"""seconds, longer than a source waits for a server that says nothing"""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Delivery:
    """What lies in quarantine: every byte as its source promised it."""

    manifest: Manifest
    """the files, by the bytes that arrived"""
    sha256: dict[str, str]
    """path to SHA-256, lowercase hex"""
    paths: frozenset[str]
    """every file in the tree, sidecars included"""
    resumed: int
    """bytes that an earlier pull had fetched"""
    seen: dict[str, Seen]
    """the tree as it was when the last byte had arrived"""


class _StoppedError(Exception):
    """Another part failed, or somebody interrupted."""


class _Watched:
    """Passes progress on, and ends a transfer that nobody waits for any more."""

    def __init__(self, progress: ProgressSink | None) -> None:
        self.stopped = Event()
        self._progress = progress

    def advance(self, count: int) -> None:
        """Pass `count` on; fetching says 0 for whatever arrives, so that a source that drips is left at once."""
        if self.stopped.is_set():
            raise _StoppedError
        if self._progress and count:
            self._progress.advance(count)

    def sleep(self, seconds: float) -> None:
        """Wait before something is tried again, no longer than somebody waits for it."""
        if self.stopped.wait(seconds):
            raise _StoppedError


def transfer(
    source: Source, snapshot: Snapshot, quarantine: Quarantine, progress: ProgressSink | None = None
) -> Delivery:
    """Fetch all parts, several at once, and unpack archives.

    Raises what `fetch` raises, and `PromiseBrokenError` for anything in the tree that nobody promised.
    """
    files = [part for part in snapshot.parts if not part.archive]
    archives = [part for part in snapshot.parts if part.archive]
    watched = _Watched(progress)
    where = snapshot.pinned
    jobs = [(part, quarantine.tree, part.path) for part in files]
    jobs += [(part, quarantine.archives, str(number)) for number, part in enumerate(archives)]
    jobs += [
        (part, quarantine.claims, f"{number}.jsonl") for number, part in enumerate(snapshot.claims)
    ]
    fetched = _fetch_all(source, jobs, quarantine, where=where, watched=watched)
    rows = {
        one.part.path: (Row(one.part.path, one.size, one.blake3), one.sha256)
        for one in fetched[: len(files)]
    }
    for number, part in enumerate(archives):
        for row, digest in _unpack(source, part, quarantine, quarantine.archives / str(number)):
            if row.path in rows:
                raise PromiseBrokenError(f"`{escape_path(row.path)}` comes twice from `{where}`")
            rows[row.path] = (row, digest)
    return _delivery(rows, quarantine, sum(one.resumed for one in fetched))


def _delivery(rows: dict[str, tuple[Row, str]], quarantine: Quarantine, resumed: int) -> Delivery:
    seen = quarantine.look()
    _require_nothing_else(seen, rows)
    content = {path: one for path, one in rows.items() if path not in RESERVED_NAMES}
    return Delivery(
        Manifest.from_rows(row for row, _ in content.values()),
        {path: digest for path, (_, digest) in content.items()},
        frozenset(rows),
        resumed,
        seen,
    )


def _require_nothing_else(seen: Collection[str], promised: Collection[str]) -> None:
    """Refuse what appeared in quarantine, empty folders among it, and what is not there any more.

    Names that become one name on this file system are found so, too.
    """
    expected = set(promised)
    for path in promised:
        parts = path.split("/")[:-1]
        expected |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    differing = sorted(expected.symmetric_difference(seen))
    if differing:
        path = escape_path(differing[0])
        what = "appeared in quarantine, and nobody promised it"
        raise PromiseBrokenError(
            f"`{path}` {'is not in quarantine any more' if differing[0] in expected else what}",
            why="another process writes to the folder, or the file system can't tell names apart",
            fix="find out which it is, then pull again",
        )


def _fetch_all(
    source: Source,
    jobs: list[tuple[Part, Path, str]],
    quarantine: Quarantine,
    *,
    where: str,
    watched: _Watched,
) -> list[Fetched]:
    """Fetch in threads, largest first; the first failure ends the others."""

    def fetch_to(part: Part, name: str, folder: int) -> Fetched:
        return fetch(
            source,
            part,
            name,
            folder=folder,
            where=where,
            progress=watched,
            sleep=watched.sleep,
        )

    def one(job: tuple[Part, Path, str]) -> Fetched:
        part, folder, name = job
        if folder == quarantine.tree:
            with quarantine.place(name) as (descriptor, last):
                return fetch_to(part, last, descriptor)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return fetch_to(part, name, descriptor)
        finally:
            os.close(descriptor)

    order = sorted(range(len(jobs)), key=lambda number: -(jobs[number][0].size or 0))
    threads, futures = _in_threads([partial(one, jobs[number]) for number in order], watched)
    try:
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    except Exception as error:
        watched.stopped.set()
        _let_end(threads)
        if isinstance(error, OSError):
            raise read_failure(quarantine.tree, error) from error
        raise
    finally:
        watched.stopped.set()
    fetched = dict(zip(order, futures, strict=True))
    return [fetched[number].result() for number in range(len(jobs))]


def _in_threads(
    calls: Sequence[Callable[[], Fetched]], watched: _Watched
) -> tuple[list[Thread], list[Future[Fetched]]]:
    """Make calls in threads, in order, that nobody has to wait for: one may hang on a server that says nothing.

    Those of an executor would be waited for, even by an interpreter that ends.
    """
    futures: list[Future[Fetched]] = [Future() for _ in calls]
    pending = deque(zip(calls, futures, strict=True))

    def work() -> None:
        while not watched.stopped.is_set():
            try:
                call, future = pending.popleft()
            except IndexError:
                return
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
                future.set_exception(error)

    threads = [Thread(target=work, daemon=True) for _ in range(min(_MOST_THREADS, len(calls)))]
    for thread in threads:
        thread.start()
    return threads, futures


def _let_end(threads: Sequence[Thread]) -> None:
    """Wait for what was told to stop, as whoever clears up after it would meet it; not for ever."""
    end = time.monotonic() + _LONGEST_END
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _unpack(
    source: Source, part: Part, quarantine: Quarantine, archive: Path
) -> Iterable[tuple[Row, str]]:
    try:
        with archive.open("rb") as opened:
            for member in source.unpack(part, opened):
                require_path(member.path, part.label)
                if left_out(member.path):
                    deque(member.blocks, maxlen=0)
                else:
                    yield _write(member, quarantine)
        archive.unlink()
    except OSError as error:
        raise read_failure(archive, error) from error


def _write(member: Member, quarantine: Quarantine) -> tuple[Row, str]:
    """Write a member of an archive, over what an earlier pull left of it, hashing what is written."""
    blake3, sha256 = new_digest(Column.BLAKE3), new_digest(Column.SHA256)
    size = 0
    with (
        quarantine.place(member.path) as (folder, name),
        open(os.open(name, _NEW, 0o644, dir_fd=folder), "wb") as file,  # noqa: PTH123 - a descriptor
    ):
        for block in member.blocks:
            file.write(block)
            blake3.update(memoryview(block))
            sha256.update(memoryview(block))
            size += len(block)
        file.flush()
        os.fsync(file.fileno())
    return Row(member.path, size, blake3.hexdigest()), sha256.hexdigest()
