"""What an editor or its assistant runs by itself: tasks, containers and servers that a repository brings.

Sources: VS Code "Tasks" (`runOn`), Development Container Specification (`initializeCommand`, which
runs on the host), Claude Code "Hooks", Model Context Protocol (`mcpServers` with a `command`). The files
may hold comments, so they are read as text.
"""

import re
from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE
from weightmark.values import dataclass

__all__ = ["EditorSettingsReader"]

_READ = 4 * MEBIBYTE
_SHOWN = 120
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_TEXT_OR_COMMENT = re.compile(
    r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?', re.DOTALL
)
_PLACES = (
    (
        re.compile(r"(?:\A|[/!])\.vscode/tasks\.json\Z|\.code-workspace\Z", re.IGNORECASE),
        re.compile(r'"runOn"\s*:\s*"folderOpen"'),
        "VS Code runs a task when the folder is opened",
    ),
    (
        re.compile(
            r"(?:\A|[/!])(?:\.devcontainer/(?:[^/]+/)?devcontainer|\.devcontainer)\.json\Z",
            re.IGNORECASE,
        ),
        re.compile(r'"initializeCommand"\s*:\s*(?!"")[^\s]'),
        "`initializeCommand` runs on the host",
    ),
    (
        re.compile(
            r"(?:\A|[/!])\.(?:claude/settings(?:\.local)?|cursor/hooks)\.json\Z", re.IGNORECASE
        ),
        re.compile(r'"(?:hooks|apiKeyHelper|statusLine)"\s*:\s*(?:\{\s*[^\s}]|\[\s*[^\s\]]|"[^"])'),
        "a coding assistant runs the commands of its hooks",
    ),
    (
        re.compile(
            r"(?:\A|[/!])(?:\.mcp|\.(?:cursor|vscode|roo)/mcp|\.gemini/settings)\.json\Z",
            re.IGNORECASE,
        ),
        re.compile(r'"command"\s*:\s*"[^"]'),
        "a coding assistant starts the servers that are named",
    ),
)


@dataclass(frozen=True, slots=True)
class EditorSettingsReader:
    """Reads the settings by their place, since editors go by it."""

    name: Final[str] = "editor-settings"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report what opening the folder runs; see `FormatReader.read`."""
        path = (place.member or examination.path).replace("\\", "/")
        for known, command, reason in _PLACES:
            if known.search(path):
                text = _plain(place.view.read_at(0, _READ).decode("utf-8", "replace"))
                if command.search(text):
                    examination.find("REP005", place, detail=reason)
                if place.view.size > _READ:
                    examination.problem(f"the settings are over {_READ} bytes", place)
                return True
        return False


def _plain(text: str) -> str:
    """Return the text without comments, and with letters for their escapes."""
    bare = _TEXT_OR_COMMENT.sub(lambda found: found[1] or " ", text)
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), bare)
