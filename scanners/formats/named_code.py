"""Small texts that name code for their loader: libraries, modules, commands.

Sources: Triton "Model Configuration" (`config.pbtxt`, `model_operations`), OpenVINO Model Server "Python
execution" (`graph.pbtxt`), GluonTS `Predictor.deserialize` (`type.txt`), Caffe `PythonLayer`, Kaldi
`ExtendedFilename` and kaldi_io (lists of recordings, in which a shell runs what a `|` follows).
"""

import re
from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.paths import base_name
from weightmark.values import dataclass

__all__ = ["NamedCodeReader"]

_READ = 16 * MEBIBYTE
_SHOWN = 120
_QUOTED = r"""\s*(?::\s*)?["']([^"'\n]+)["']"""
_GLUON = r"gluonts(?:\.[a-z_]\w*)*\.[A-Z]\w*"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the name of a file ends, and what in it leads to code."""

    ending: str
    pattern: re.Pattern[str]
    rule: str
    who: str


_KINDS = (
    _Kind(
        "config.pbtxt",
        re.compile(rf"\bop_library_filename\s*(?::\s*)?\[?{_QUOTED}"),
        "REP001",
        "Triton loads",
    ),
    _Kind(
        "graph.pbtxt",
        re.compile(rf"\bhandler_path{_QUOTED}"),
        "REP001",
        "OpenVINO Model Server imports",
    ),
    _Kind(
        "type.txt",
        re.compile(rf"\A\s*(?!{_GLUON}\s*\Z)([A-Za-z_]\w*(?:\.\w+)+)\s*\Z"),
        "REP003",
        "GluonTS imports",
    ),
    _Kind(
        ".prototxt",
        re.compile(rf"\bpython_param\s*(?::\s*)?\{{[^}}]*?\bmodule{_QUOTED}"),
        "REP001",
        "Caffe imports",
    ),
    _Kind(
        ".scp",
        re.compile(r"^(?:\S+[ \t]+)?([^\r\n]*\|)[ \t]*$|^(?:\S+[ \t]+)?(\|[^\r\n]+)", re.MULTILINE),
        "REP001",
        "a shell runs",
    ),
)


@dataclass(frozen=True, slots=True)
class NamedCodeReader:
    """Reads texts that their loaders open by name."""

    name: Final[str] = "named-code"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report what is named; see `FormatReader.read`. Settings that name no code are no finding."""
        name = base_name(place.member or examination.path).lower()
        kinds = [one for one in _KINDS if name.endswith(one.ending)]
        if not kinds or not is_text(place.head):
            return False
        text = place.view.read_at(0, _READ).decode("utf-8", "replace")
        known = place.view.size > _READ
        if known:
            examination.problem(f"the settings are over {_READ} bytes", place)
        for kind in kinds:
            for found in kind.pattern.finditer(text):
                said = next(filter(None, found.groups()), "")
                detail = f"{kind.who} `{_shown(said)}`"
                examination.find(kind.rule, place, detail=detail)
                known = True
        return known


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text[:_SHOWN])
