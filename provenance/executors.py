"""Where work on many artifacts is done: here, or on the machines of a Dask cluster."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from weightmark.errors import CallError, ExtraMissingError, NetworkError

__all__ = ["open_executor"]

_SECONDS = 10
_SCHEMES = ("tcp://", "tls://")


@contextmanager
def open_executor(scheduler: str) -> Iterator[Executor]:
    """Connect to the Dask scheduler at `tcp://host:port` or `tls://host:port`.

    Its workers need this very version of weightmark and the same files at the same paths, and what they
    answer is believed: whoever may speak to the scheduler can write the answer. Raises `CallError` for
    no such address, `NetworkError` when nobody answers, `ExtraMissingError`.
    """
    if not scheduler.startswith(_SCHEMES):
        raise CallError(
            f"`{scheduler[:200]}` is no address of a Dask scheduler",
            fix="write `tcp://host:8786`",
        )
    try:
        import distributed
    except ImportError as error:
        raise ExtraMissingError(
            "`--scheduler` needs `distributed`, which is not installed",
            fix="run `pip install weightmark[dask]`",
        ) from error
    connect: Any = distributed.Client
    try:
        client = connect(scheduler, timeout=_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise NetworkError(
            f"the scheduler at `{scheduler}` does not answer",
            fix="check the address, and that the scheduler runs",
        ) from error
    try:
        _require_workers(len(client.scheduler_info()["workers"]), scheduler)
        yield client.get_executor(pure=False)
    finally:
        client.close()


def _require_workers(count: int, scheduler: str) -> None:
    if not count:
        raise NetworkError(
            f"the scheduler at `{scheduler}` has no workers", fix="start some with `dask worker`"
        )
