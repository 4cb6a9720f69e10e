"""Many bundles at once, on all cores: a registry's worth of signatures.

The processes are started afresh, so threads of the caller can't disturb them; the caller's main module
needs its guard (`if __name__ == "__main__":`).
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import SigstoreProof, verify_certificate_bundle
from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

__all__ = ["WORTH_PROCESSES", "ProvenBundles", "verify_certificate_bundles"]

WORTH_PROCESSES = 50
"""bundles that one process verifies sooner than others start"""
_CHUNK = 32
_SEAL = object()
Verdict = SigstoreProof | WeightmarkError


@dataclass(frozen=True)
class ProvenBundles:
    """Verdicts on bundles, under one root at one moment; only `ProvenBundles.of` can make one."""

    root: TrustedRoot
    """the root under which they were verified"""
    thresholds: Thresholds
    """how much proof was asked for"""
    now: datetime
    """what was taken as the present"""
    verdicts: Mapping[Bundle, Verdict] = field(repr=False)
    """a proof or an error for each bundle that was verified"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("ProvenBundles are made by ProvenBundles.of only")

    @classmethod
    def of(
        cls,
        bundles: Sequence[Bundle],
        root: TrustedRoot,
        *,
        now: datetime,
        thresholds: Thresholds,
        workers: int,
    ) -> "ProvenBundles":
        """Verify each bundle once, in `workers` processes; where no process can be started, none of them.

        A bundle whose process died is `UncheckedError`, and so is what had to wait for it.
        """
        verify = partial(_verify, root=root, now=now, thresholds=thresholds)
        found = _in_processes(verify, tuple(dict.fromkeys(bundles)), workers)
        return cls(root, thresholds, now, MappingProxyType(found), _SEAL)

    def verdict(
        self, bundle: Bundle, root: TrustedRoot, *, now: datetime, thresholds: Thresholds
    ) -> Verdict | None:
        """Return the verdict on this very content under this very root; None for everything else."""
        if root is not self.root or (now, thresholds) != (self.now, self.thresholds):
            return None
        return self.verdicts.get(bundle)


def verify_certificate_bundles(
    bundles: Sequence[bytes],
    root: TrustedRoot,
    *,
    now: datetime,
    thresholds: Thresholds | None = None,
    jobs: int | None = None,
) -> Iterator[Verdict]:
    """Verify the bundles, given as bytes, and yield a proof or an error for each, in their order.

    More than 50 are shared among `jobs` processes, as many as there are cores unless said.
    """
    verify = partial(_parse_and_verify, root=root, now=now, thresholds=thresholds)
    workers = min(jobs or os.cpu_count() or 1, -(-len(bundles) // _CHUNK))
    if len(bundles) <= WORTH_PROCESSES or workers < 2:  # noqa: PLR2004 - one process is this one
        yield from map(verify, bundles)
        return
    with _processes(workers) as executor:
        yield from executor.map(verify, bundles, chunksize=_CHUNK)


def _in_processes(
    verify: Callable[[Bundle], Verdict], bundles: Sequence[Bundle], workers: int
) -> dict[Bundle, Verdict]:
    """Verify in chunks; what no process took is not in the result."""
    chunks = [bundles[start : start + _CHUNK] for start in range(0, len(bundles), _CHUNK)]
    found: dict[Bundle, Verdict] = {}
    try:
        executor = _processes(min(workers, len(chunks)))
    except (OSError, ImportError, NotImplementedError):
        return found  # no semaphores here, as in some sandboxes
    try:
        for chunk, future in [(one, _submit(executor, verify, one)) for one in chunks]:
            if future:
                found.update(zip(chunk, _verdicts(future, len(chunk)), strict=True))
    finally:
        executor.shutdown(cancel_futures=True)
    return found


def _submit(
    executor: "ProcessPoolExecutor", verify: Callable[[Bundle], Verdict], chunk: Sequence[Bundle]
) -> "Future[list[Verdict]] | None":
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    try:
        return executor.submit(_verify_chunk, verify, chunk)
    except OSError:
        return None
    except BrokenProcessPool as error:
        failed: Future[list[Verdict]] = Future()
        failed.set_exception(error)
        return failed


def _verdicts(future: "Future[list[Verdict]]", count: int) -> Sequence[Verdict]:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool:
        return [_died() for _ in range(count)]


def _died() -> UncheckedError:
    return UncheckedError(
        "the signature could not be checked: a process that verified ended",
        why="memory may have run out, or somebody ended it; this bundle was with it or waited for it",
        fix="verify again with `--jobs 1`",
    )


def _processes(workers: int) -> "ProcessPoolExecutor":
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_signals)


def _leave_signals() -> None:
    """Let the parent alone answer Ctrl-C: it ends the others."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _verify_chunk(verify: Callable[[Bundle], Verdict], bundles: Sequence[Bundle]) -> list[Verdict]:
    return [verify(bundle) for bundle in bundles]


def _verify(
    bundle: Bundle, *, root: TrustedRoot, now: datetime, thresholds: Thresholds | None
) -> Verdict:
    try:
        return verify_certificate_bundle(bundle, root, now=now, thresholds=thresholds)
    except WeightmarkError as error:
        return error


def _parse_and_verify(
    data: bytes, *, root: TrustedRoot, now: datetime, thresholds: Thresholds | None
) -> Verdict:
    try:
        bundle = Bundle.parse(data)
    except WeightmarkError as error:
        return error
    return _verify(bundle, root=root, now=now, thresholds=thresholds)
