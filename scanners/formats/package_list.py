"""Lists of packages for pip, known by their name as pip's users give it."""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.package_lists import is_package_list, judge_package_list
from weightmark.values import dataclass

__all__ = ["PackageListReader"]

_READ = 4 * MEBIBYTE
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class PackageListReader:
    """Reads the lines of a list of packages."""

    name: Final[str] = "package-list"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge every line; see `FormatReader.read`. A list of plain names is no finding."""
        if not is_package_list(place.member or examination.path):
            return False
        data = place.view.read_at(0, _READ)
        encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
        found = False
        for hit in judge_package_list(data.decode(encoding, "replace")):
            examination.find(hit.rule, place, detail=hit.detail, severity=hit.severity)
            found = True
        if place.view.size > _READ:
            examination.problem(f"the list of packages is over {_READ} bytes", place)
            return True
        return found
