"""Scripts of shells, known by their names, as far as they run what they fetch or decode."""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.shell_scripts import is_shell_script, judge_shell_script
from weightmark.values import dataclass

__all__ = ["ShellScriptReader"]

_READ = MEBIBYTE
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class ShellScriptReader:
    """Reads `.bat`, `.cmd`, `.ps1`, `.sh` and their like; an honest one stays plain text."""

    name: Final[str] = "shell-script"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report what is fetched or decoded to be run; see `FormatReader.read`."""
        path = place.member or examination.path
        is_wide = place.head.startswith(_UTF_16)
        if not is_shell_script(path) or not (is_wide or is_text(place.head)):
            return False
        text = place.view.read_at(0, _READ).decode("utf-16" if is_wide else "utf-8", "replace")
        found = False
        for hit in judge_shell_script(text):
            examination.find(hit.rule, place, detail=hit.detail, severity=hit.severity)
            found = True
        if place.view.size > _READ:
            examination.problem(f"the script is over {_READ} bytes", place)
            found = True
        return found
