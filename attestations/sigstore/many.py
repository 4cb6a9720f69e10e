"""Many bundles at once, on all cores: a registry's worth of signatures."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import SigstoreProof, verify_certificate_bundle
from weightmark.errors import WeightmarkError

__all__ = ["verify_certificate_bundles"]

_WORTH_PROCESSES = 50
_CHUNK = 32
Verdict = SigstoreProof | WeightmarkError


def verify_certificate_bundles(
    bundles: Sequence[bytes],
    root: TrustedRoot,
    *,
    now: datetime,
    thresholds: Thresholds | None = None,
    jobs: int | None = None,
) -> Iterator[Verdict]:
    """Verify the bundles, given as bytes, and yield a proof or an error for each, in their order.

    More than 50 are shared among `jobs` processes, as many as there are cores unless said; these
    are started afresh, so threads of the caller can't disturb them.
    """
    verify = partial(_verify, root=root, now=now, thresholds=thresholds)
    workers = min(jobs or os.cpu_count() or 1, -(-len(bundles) // _CHUNK))
    if len(bundles) <= _WORTH_PROCESSES or workers < 2:  # noqa: PLR2004 - one process is this one
        yield from map(verify, bundles)
        return
    with _processes(workers) as executor:
        yield from executor.map(verify, bundles, chunksize=_CHUNK)


def _processes(workers: int) -> Executor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _verify(
    data: bytes, *, root: TrustedRoot, now: datetime, thresholds: Thresholds | None
) -> Verdict:
    try:
        return verify_certificate_bundle(Bundle.parse(data), root, now=now, thresholds=thresholds)
    except WeightmarkError as error:
        return error
