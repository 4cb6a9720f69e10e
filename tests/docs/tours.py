"""Pages that tell a newcomer what to type, and what a terminal then shows."""

import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANYTHING = "…"


@dataclass(frozen=True)
class Step:
    """One call of a page."""

    call: str
    """as typed after `$`"""
    shown: tuple[str, ...]
    """what the page says that it prints; `…` stands for any text, and alone for any lines"""


def tour(page: str) -> list[Step]:
    """Return the calls of all console blocks of a page, in order."""
    steps: list[Step] = []
    for block in _CONSOLE.findall((ROOT / page).read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            call, *shown = part.splitlines()
            steps.append(Step(call, tuple(shown)))
    return steps


def accepts(shown: tuple[str, ...], printed: str) -> bool:
    """Return whether a page that shows these lines is right about what was printed."""
    pattern = "".join(_line(line) for line in shown)
    return re.fullmatch(pattern, printed) is not None


def typed(call: str, folder: Path) -> str:
    """Type `call` into a terminal that stands in `folder`; return what it shows, without colours."""
    screen, keyboard = pty.openpty()
    try:
        with subprocess.Popen(
            ["/bin/bash", "-c", call],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=keyboard,
            stderr=keyboard,
        ) as process:
            os.close(keyboard)
            shown = _read(screen)
            process.wait(timeout=60)
    finally:
        os.close(screen)
    return shown.decode().replace("\r\n", "\n")


def newcomer(folder: Path) -> Path:
    """Make a home with `weightmark` on its path and nothing else; return the empty folder to work in."""
    for name in ("bin", "work"):
        (folder / name).mkdir()
    command = folder / "bin" / "weightmark"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m weightmark "$@"\n')
    command.chmod(0o755)
    return folder / "work"


def _environment(folder: Path) -> dict[str, str]:
    home = folder.parent
    return {
        "PATH": f"{home / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
        "NO_COLOR": "1",
        "WEIGHTMARK_NO_PROGRESS": "1",
        "PYTHONPATH": str(ROOT),
    }


def _read(screen: int) -> bytes:
    """Read until the last process closed the terminal, which Linux reports as an error."""
    read = b""
    while True:
        try:
            part = os.read(screen, 65536)
        except OSError:
            return read
        if not part:
            return read
        read += part


def _line(line: str) -> str:
    if line == _ANYTHING:
        return r"(?:.*\n)*"
    return ".*".join(re.escape(part) for part in line.split(_ANYTHING)) + r"\n"
