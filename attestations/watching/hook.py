"""The hook: a command that is run when something drifted; no shell, few variables, an end."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Self

from weightmark.attestations.watching.events import Event
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["Hook", "HookResult"]

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")
"""variables that the command sees; no other, as secrets of the watcher are none of its business"""


@dataclass(frozen=True, slots=True)
class HookResult:
    """What became of the command."""

    code: int | None
    """its exit code, 128 plus the signal that ended it; None when it did not end in time or could not be started"""
    problem: str
    """why it did not end by itself; empty when it did"""

    @property
    def is_good(self) -> bool:
        """Whether it ended with 0."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Hook:
    """A command and how it may be run."""

    words: tuple[str, ...]
    """program and arguments, taken as they are"""
    seconds: float
    """how long it may run"""
    variables: Mapping[str, str]
    """its whole environment"""

    @classmethod
    def parse(
        cls, text: str, *, seconds: float, names: Sequence[str], environment: Mapping[str, str]
    ) -> Self:
        """Split a command into words as a shell would, without giving it to one; raises `CallError`.

        Of `environment` the command sees `names` and what every program needs.
        """
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise CallError(f"the hook `{text[:200]}` is no command", why=str(error)) from error
        if not words or shutil.which(words[0]) is None:
            raise CallError(
                f"the hook `{text[:200]}` can't be run",
                why="there is no such program",
                fix="name a program; for a shell say so, as `sh -c …`",
            )
        passed = {name: environment[name] for name in (*_PASSED_ON, *names) if name in environment}
        return cls(words, seconds, passed)

    def run(self, event: Event) -> HookResult:
        """Run the command with the event as JSON on its stdin; what it says goes to stderr."""
        told = {"WEIGHTMARK_EVENT": event.kind.value}
        data = json.dumps(event.to_json()).encode("ascii") + b"\n"
        try:
            child = subprocess.Popen(
                self.words,
                stdin=subprocess.PIPE,
                stdout=2,
                env={**self.variables, **told},
                start_new_session=True,
            )
        except OSError as error:
            return HookResult(None, (error.strerror or str(error)).lower())
        return self._finished(child, data)

    def _finished(self, child: "subprocess.Popen[bytes]", data: bytes) -> HookResult:
        """Wait; whatever happens, nothing that the command started in its group outlives the wait."""
        try:
            child.communicate(data, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            return HookResult(None, f"did not end within {self.seconds:g} seconds")
        finally:
            _end(child)
        code = child.returncode
        return HookResult(code if code >= 0 else 128 - code, "")


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the group of a command that still runs."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdin:
        child.stdin.close()
