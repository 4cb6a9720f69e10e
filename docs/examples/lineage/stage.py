"""Where the example plays: one folder, in which commands run as a person would type them."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BrokenPromiseError", "Stage"]


class BrokenPromiseError(Exception):
    """A command ended otherwise than the example promises."""


@dataclass(frozen=True)
class Stage:
    """A folder with models, data, keys and claims; every path in a command is relative to it."""

    folder: Path
    """where commands run; nothing is written anywhere else"""
    python: str = sys.executable
    """a Python with `torch` and `safetensors`, for the steps"""
    say: Callable[[str], None] = field(default=lambda _: None)
    """takes each line of what a person would see"""

    def run(self, command: str, *, expect: int = 0) -> str:
        """Run a command, show it with all that it says, and return its stdout."""
        self.say(f"$ {command}")
        done = self._ask(command)
        for line in (done.stdout + done.stderr).splitlines():
            self.say(line)
        if done.returncode != expect:
            raise BrokenPromiseError(
                f"`{command}` ended with {done.returncode} instead of {expect}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def answer(self, command: str) -> tuple[int, dict[str, Any]]:
        """Run a command for its JSON, and return its exit code with it."""
        done = self._ask(f"{command} -f json")
        return done.returncode, json.loads(done.stdout)

    def _ask(self, command: str) -> subprocess.CompletedProcess[str]:
        words = [self._word(one) for one in shlex.split(command)]
        if words[0] == "weightmark":
            words[:1] = [sys.executable, "-m", "weightmark"]
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _word(self, word: str) -> str:
        return self.python if word == "python" else word

    def _environment(self) -> dict[str, str]:
        """Keep settings of the caller out, and what commands remember inside the folder."""
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith("WEIGHTMARK_")
        }
        return kept | {
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / ".state"),
            "XDG_DATA_HOME": str(self.folder / ".data"),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
        }
