"""Stopping: SIGTERM and SIGHUP end a command as Ctrl-C does, so that nothing that it fetched is left behind."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["stoppable"]

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

P = ParamSpec("P")
T = TypeVar("T")


def stoppable(call: Callable[P, T]) -> Callable[P, T]:
    """Let whoever cancels a job or stops a pod end `call` with its temporary folders removed."""

    @wraps(call)
    def stopped(*args: P.args, **named: P.kwargs) -> T:
        with _as_interrupts():
            return call(*args, **named)

    return stopped


@contextmanager
def _as_interrupts() -> Iterator[None]:
    """Let the first signal interrupt what runs, and later ones nothing; what is ignored, as by `nohup`, stays so."""
    taken = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def interrupt(_number: int, _frame: object) -> None:
        for number in taken:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
