"""A crew: worker processes that share batches of work and send back bytes.

The processes are forked, so that they see what is to be read without a copy, and before any
thread starts. They run nothing of the caller's but `work`, ignore the interrupt key (whoever
started them stops them), and end when nobody reads their answers any more.
"""

import gc
import os
import selectors
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

__all__ = ["Crew", "can_fork"]

_NUMBER = struct.Struct("<I")
_ANSWER = struct.Struct("<II")
_PIPE_BUFFER = 1 << 20
_INTERRUPTS = frozenset([signal.SIGINT, signal.SIGTERM])
_MOST_BATCHES = 8192
"""their numbers fit into a pipe that nobody has read from yet"""

Work = Callable[[int], bytes]
"""called in a worker process with the number of a batch"""


def can_fork() -> bool:
    """Tell whether worker processes can be forked safely: on Linux, while this process has one thread."""
    if sys.platform != "linux" or threading.active_count() != 1:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - only their number matters
    except OSError:
        return False


class Crew:
    """Running worker processes; a context manager that leaves none behind."""

    def __init__(self, workers: int, batches: int, work: Work) -> None:
        """Start `workers` processes on the batches `0` up to `batches`, at most 8192."""
        if batches > _MOST_BATCHES:
            raise ValueError(f"{batches} batches do not fit into a pipe")
        self._running: dict[int, int] = {}
        queue, feed = os.pipe()
        try:
            os.write(feed, b"".join(map(_NUMBER.pack, range(batches))))
        finally:
            os.close(feed)
        try:
            for _ in range(workers):
                self._start(queue, work)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answers(self) -> Iterator[tuple[int, bytes]]:
        """Yield each batch and what `work` returned for it, in any order.

        A batch whose worker died, or raised, is left out.
        """
        with selectors.DefaultSelector() as waiting:
            buffers = {answers: bytearray() for answers in self._running}
            for answers in buffers:
                waiting.register(answers, selectors.EVENT_READ)
            while buffers:
                for key, _ in waiting.select():
                    part = os.read(key.fd, _PIPE_BUFFER)
                    if part:
                        buffers[key.fd] += part
                        yield from _take_answers(buffers[key.fd])
                    else:
                        waiting.unregister(key.fd)
                        del buffers[key.fd]

    def stop(self) -> None:
        """End all workers and wait for them."""
        while self._running:
            answers, process = self._running.popitem()
            os.close(answers)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(process, 0)

    def _start(self, queue: int, work: Work) -> None:
        answers, send = os.pipe()
        # An interrupt between the fork and the worker's first line would run the caller's code twice.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
        try:
            process = os.fork()
            if process == 0:
                _serve(queue, send, work, unwanted=[answers, *self._running])
            os.close(send)
            self._running[answers] = process
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(queue: int, send: int, work: Work, unwanted: list[int]) -> None:
    """Be a worker until the queue is empty; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
        gc.freeze()
        for descriptor in unwanted:
            os.close(descriptor)
        while number := os.read(queue, _NUMBER.size):
            (batch,) = _NUMBER.unpack(number)
            answer = work(batch)
            _write(send, _ANSWER.pack(batch, len(answer)) + answer)
        status = 0
    finally:
        os._exit(status)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _take_answers(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Cut complete answers off the beginning of what a worker has sent so far."""
    while len(buffer) >= _ANSWER.size:
        batch, length = _ANSWER.unpack_from(buffer)
        end = _ANSWER.size + length
        if len(buffer) < end:
            return
        yield batch, bytes(buffer[_ANSWER.size : end])
        del buffer[:end]
