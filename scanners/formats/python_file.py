"""Python files, as far as a loader would run them by itself."""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.python_files import judge_path_list, judge_python_file
from weightmark.values import dataclass

__all__ = ["PythonFileReader"]

_READ = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class PythonFileReader:
    """Reads files whose name ends in `.py`, and path lists in `.pth`, since Python goes by it."""

    name: Final[str] = "python"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report what runs by itself; other Python files are not read as anything."""
        path = place.member or examination.path
        if path.endswith(".pth") and is_text(place.head):
            hits = judge_path_list(place.view.read_at(0, _READ))
        elif path.endswith(".py"):
            hits = judge_python_file(path, place.view.read_at(0, _READ))
        else:
            return False
        found = False
        for hit in hits:
            examination.find(hit.rule, place, detail=hit.detail, severity=hit.severity)
            found = True
        return found
