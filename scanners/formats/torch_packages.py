"""Torch's archives that bring code of their own: `torch.package`, and models that were compiled.

Sources: `torch.package.PackageImporter`, which executes the sources of the archive, and
`torch._inductor.aoti_load_package`, which loads its shared libraries.
"""

from collections.abc import Iterable

from weightmark.patterns import lazy_pattern
from weightmark.scanners.formats.interface import Examination, Place

__all__ = ["is_export", "is_raw_weight", "report_packages"]

_PACKAGE = b"/.data/extern_modules"
_COMPILED = b"/data/aotinductor/"
_LIBRARIES = (b".so", b".dylib", b".dll", b".pyd")
_EXPORT_MARKS = frozenset({b"archive_format", b"archive_version"})
_RAW_WEIGHT = lazy_pattern(rb"[^/]+/data/(?:weights/weight|constants/tensor)_\d+")
_SHOWN = 120


def report_packages(names: Iterable[bytes], place: Place, examination: Examination) -> None:
    """Report the sources of a package and the libraries of an export, by the names of the members."""
    slashed = [b"/" + name.replace(b"\\", b"/").lower() for name in names]
    if any(name.endswith(_PACKAGE) for name in slashed):
        for name in _first(name for name in slashed if name.endswith(b".py")):
            examination.find("TSC004", place, detail=_shown(name))
    compiled = (name for name in slashed if _COMPILED in name and name.endswith(_LIBRARIES))
    for name in _first(compiled):
        examination.find("TSC005", place, detail=_shown(name))


def is_export(names: Iterable[bytes]) -> bool:
    """Tell what `torch.export.save` wrote by its marks (`torch.export.pt2_archive.constants`)."""
    return {name.rpartition(b"/")[2] for name in names} >= _EXPORT_MARKS


def is_raw_weight(name: bytes) -> bool:
    """Tell a member of such an archive that holds the numbers of one tensor."""
    return _RAW_WEIGHT.fullmatch(name) is not None


def _first(names: Iterable[bytes]) -> list[bytes]:
    return sorted(set(names))[:1]


def _shown(name: bytes) -> str:
    text = name.removeprefix(b"/").decode("utf-8", "replace")[:_SHOWN]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
