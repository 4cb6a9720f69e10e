"""Running a command: words and no shell, few variables, an end; names of artifacts are no part of a word."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from weightmark.attestations.responding.happening import Happening
from weightmark.errors import CallError, UncheckedError
from weightmark.values import dataclass

__all__ = ["Command", "CommandAction", "CommandResult"]

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")
"""variables that the command sees; no other, as secrets of the caller are none of its business"""
_PATH, _IDENTITY = "{path}", "{identity}"
"""words that stand for what happened; only a whole word is one"""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command."""

    code: int | None
    """its exit code, 128 plus the signal that ended it; None when it did not end in time or could not be started"""
    problem: str
    """why it did not end by itself; empty when it did"""

    @property
    def is_good(self) -> bool:
        """Whether it ended with 0."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Command:
    """A command and how it may be run."""

    words: tuple[str, ...]
    """program and arguments, taken as they are"""
    program: str
    """absolute path of the program, as it was found when the command was read"""
    folder: Path | None
    """the folder in which it runs; None for that of the caller"""
    seconds: float
    """how long it may run"""
    variables: Mapping[str, str]
    """its whole environment"""

    @classmethod
    def parse(
        cls, text: str, *, seconds: float, names: Sequence[str], environment: Mapping[str, str]
    ) -> Self:
        """Split a command into words as a shell would, without giving it to one; raises `CallError`."""
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise CallError(f"the hook `{text[:200]}` is no command", why=str(error)) from error
        return cls.of(words, seconds=seconds, names=names, environment=environment)

    @classmethod
    def of(
        cls,
        words: Sequence[str],
        *,
        seconds: float,
        names: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> Self:
        """Take words; raises `CallError` for a program that is not there.

        Of `environment` the command sees `names` and what every program needs. It runs in `folder`, to which
        a relative path of a program is relative as well.
        """
        program = _found(words[0], folder or Path(), environment) if words else None
        if program is None:
            raise CallError(
                f"the hook `{shlex.join(words)[:200]}` can't be run",
                why="there is no such program",
                fix="name a program; for a shell say so, as `sh -c …`",
            )
        passed = {name: environment[name] for name in (*_PASSED_ON, *names) if name in environment}
        return cls(tuple(words), program, folder, seconds, passed)

    def run(self, data: bytes, told: Mapping[str, str]) -> CommandResult:
        """Run it with `data` on stdin and `told` among its variables; what it says goes to stderr."""
        try:
            child = subprocess.Popen(
                self.words,
                executable=self.program,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=2,
                env={**self.variables, **told},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return CommandResult(None, (getattr(error, "strerror", "") or str(error)).lower())
        return self._finished(child, data)

    def _finished(self, child: "subprocess.Popen[bytes]", data: bytes) -> CommandResult:
        """Wait; whatever happens, nothing that the command started in its group outlives the wait."""
        try:
            child.communicate(data, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            return CommandResult(None, f"did not end within {self.seconds:g} seconds")
        finally:
            _end(child)
        code = child.returncode
        return CommandResult(code if code >= 0 else 128 - code, "")


@dataclass(frozen=True, slots=True)
class CommandAction:
    """Runs a command with the happening as JSON on its stdin."""

    command: Command
    """what is run; the whole words `{path}` and `{identity}` stand for those of the happening"""

    def plan(self, happening: Happening) -> str:
        """Say which command would be run; raises `UncheckedError` when it wants a path and there is none."""
        return f"run `{shlex.join(self._words(happening))}`"

    def act(self, happening: Happening) -> str:
        """Run it; raises `UncheckedError` when it does not end with 0."""
        words = self._words(happening)
        ready = replace(self.command, words=words)
        result = ready.run(happening.to_bytes(), {"WEIGHTMARK_EVENT": happening.trigger.value})
        if not result.is_good:
            raise UncheckedError(
                f"the command `{words[0]}` {result.problem or f'ended with {result.code}'}"
            )
        return f"ran `{shlex.join(words)}`"

    def _words(self, happening: Happening) -> tuple[str, ...]:
        """Put in what happened: an absolute path and an identity, neither of which can be an option."""
        if happening.path is None and _PATH in self.command.words:
            raise UncheckedError(
                f"`{_PATH}` stands for nothing here",
                why=happening.unplaced or "what this is about lies nowhere here",
            )
        path = str(happening.path.absolute()) if happening.path else ""
        given = {_PATH: path, _IDENTITY: happening.identity}
        return tuple(given.get(word, word) for word in self.command.words)


def _found(word: str, folder: Path, environment: Mapping[str, str]) -> str | None:
    """Return the absolute path of a program; None when there is none.

    Relative entries of `PATH` do not count: the current folder may be the artifact, with a program of that name.
    """
    if os.sep in word:
        return shutil.which((folder / word).absolute())
    entries = environment.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(
        word, path=os.pathsep.join(one for one in entries if one.startswith(os.sep))
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the group of a command, which it may have left running."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdin:
        child.stdin.close()
