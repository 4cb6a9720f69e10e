"""Small texts that name files for their loader: Triton's and Ollama's settings, states of training.

Sources: Triton "Model Configuration" (`config.pbtxt`), Ollama "Modelfile Reference",
`tf.train.get_checkpoint_state` (`checkpoint`), DeepSpeed `load_checkpoint` (`latest`).
"""

import re
from collections.abc import Iterator
from typing import Final

from weightmark.scanners.findings import Severity
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.paths import base_name, is_leftover, leaves
from weightmark.values import dataclass

__all__ = ["NamedPathsReader"]

_READ = MEBIBYTE
_SHOWN = 120
_QUOTED = r"""\s*(?::\s*)?(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')"""
_SERVED = re.compile(
    rf"""\b(?:backend|default_model_filename|runtime|filename){_QUOTED}"""
    rf"""|["']EXECUTION_ENV_PATH["']\s*(?:,\s*)?value\s*(?::\s*)?\{{\s*string_value{_QUOTED}"""
)
_STATE = re.compile(rf"\b(?:all_)?model_checkpoint_paths?{_QUOTED}")
_OLLAMA = re.compile(r"^[ \t]*(?:FROM|ADAPTER)[ \t]+([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_LATEST = re.compile(r"\A\s*(\S[^\r\n]{0,4096})")
_OWN_FOLDER = "$$TRITON_MODEL_DIRECTORY/"
_PATH = re.compile(r"[/~\\.]|[A-Za-z]:[/\\]|file:")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)")
_KINDS = {
    "config.pbtxt": _SERVED,
    "checkpoint": _STATE,
    "modelfile": _OLLAMA,
    "latest": _LATEST,
}


@dataclass(frozen=True, slots=True)
class NamedPathsReader:
    """Reads texts that their loaders open by name."""

    name: Final[str] = "named-paths"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge every path; see `FormatReader.read`. Settings without one that leaves are no finding."""
        name = base_name(place.member or examination.path).lower()
        pattern = _KINDS.get(name.partition(".")[0] if name.startswith("modelfile") else name)
        if pattern is None or not is_text(place.head):
            return False
        text = place.view.read_at(0, _READ).decode("utf-8", "replace")
        found = False
        for path in _paths(pattern, text):
            if leaves(path):
                weight = Severity.INFO if is_leftover(path) else None
                examination.find("REP004", place, detail=f"`{_shown(path)}`", severity=weight)
                found = True
        if place.view.size > _READ:
            examination.problem(f"the settings are over {_READ} bytes", place)
            found = True
        return found


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text[:_SHOWN])


def _paths(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for match in pattern.finditer(text):
        path = next((group for group in match.groups() if group is not None), "").strip()
        if pattern is _OLLAMA:
            path = path.strip("\"'")
            if not _PATH.match(path) and ".." not in path:
                continue
        else:
            path = _ESCAPE.sub(_unescaped, path)
        yield path.removeprefix(_OWN_FOLDER)


def _unescaped(found: re.Match[str]) -> str:
    said = found[1]
    if said[0] == "x" and len(said) > 1:
        return chr(int(said[1:], 16))
    return chr(int(said, 8) & 0xFF) if said[0] in "01234567" else said
