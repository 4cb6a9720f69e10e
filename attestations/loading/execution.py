"""Running a command on a snapshot: signals reach it, and its exit code comes back."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from weightmark.errors import CallError

__all__ = ["PLACEHOLDER", "VARIABLE", "Relay", "require_command"]

PLACEHOLDER = "{}"
"""stands for the snapshot in the words of a command"""
VARIABLE = "WEIGHTMARK_MODEL"
"""environment variable of the command that holds the path of the snapshot"""
_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_SIGNALLED = 128


def require_command(words: Sequence[str]) -> None:
    """Refuse a command that can't be found, before anything is read; raises `CallError`."""
    if PLACEHOLDER not in words[0] and shutil.which(words[0]) is None:
        raise _not_found(words[0])


class Relay:
    """Passes signals on to a command; a context manager for the main thread.

    A signal that comes before the command runs ends the call with 128 plus its number, as a shell
    would say it, and everything is cleaned up on the way; those that follow are ignored, so that none
    interrupts the cleaning.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._ending = False
        self._waiting: list[int] = []

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, words: Sequence[str], snapshot: Path) -> int:
        """Run the command on the snapshot and return its exit code, 128 plus the signal that ended it.

        Raises `CallError` when it can't be started.
        """
        spoken = [word.replace(PLACEHOLDER, str(snapshot)) for word in words]
        return self.run_as_said(spoken, {VARIABLE: str(snapshot)})

    def run_as_said(self, words: Sequence[str], variables: Mapping[str, str]) -> int:
        """Run a command with further environment variables; otherwise as `run`."""
        self._starting = True
        try:
            self._child = subprocess.Popen(words, env={**os.environ, **variables})
        except OSError as error:
            raise _not_found(words[0], error.strerror or "") from error
        for number in self._waiting:
            self._pass_on(self._child, number)
        code = self._child.wait()
        return code if code >= 0 else _SIGNALLED - code

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._child:
            self._pass_on(self._child, number)
        elif self._starting:
            self._waiting.append(number)
        elif self._ending:
            return
        else:
            self._ending = True
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(_SIGNALLED + number)

    @staticmethod
    def _pass_on(child: subprocess.Popen[bytes], number: int) -> None:
        if number not in _FROM_TERMINAL or not _terminal_is_ours():
            child.send_signal(number)


def _terminal_is_ours() -> bool:
    """Tell whether the terminal sends its signals to the command anyway, as to all of its group."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _not_found(word: str, reason: str = "") -> CallError:
    return CallError(
        f"the command `{word}` can't be run",
        why=reason.lower() or "there is no such program",
        fix="check the words after `--`",
    )
