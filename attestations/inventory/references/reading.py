"""Reading the references of all files; a file that can't be understood hides no other."""

from collections.abc import Iterable
from pathlib import Path

from weightmark.attestations.inventory.interface import Problem
from weightmark.attestations.inventory.references.adapters import AdapterReader
from weightmark.attestations.inventory.references.candidates import reads_as
from weightmark.attestations.inventory.references.interface import Reader, Reference
from weightmark.attestations.inventory.references.notebooks import NotebookReader
from weightmark.attestations.inventory.references.python_code import PythonReader
from weightmark.attestations.inventory.references.text_lines import TextReader
from weightmark.errors import WeightmarkError
from weightmark.provenance.sidecars import read_bounded

__all__ = ["read_references"]

_LARGEST = 4 * 1024 * 1024
_READERS: dict[str, Reader] = {
    "adapter": AdapterReader(),
    "notebook": NotebookReader(),
    "python": PythonReader(),
    "text": TextReader(),
}


def read_references(
    files: Iterable[tuple[str, str]],
) -> tuple[tuple[Reference, ...], tuple[Problem, ...]]:
    """Return the references in `files`, path and printable label each, and what could not be read."""
    found: list[Reference] = []
    problems: list[Problem] = []
    for path, label in files:
        try:
            data = read_bounded(Path(path), limit=_LARGEST)
            found += _reader(path, data).read(label, data)
        except WeightmarkError as error:
            problems.append(Problem(label, error.what))
    return tuple(found), tuple(problems)


def _reader(path: str, data: bytes) -> Reader:
    first = data.partition(b"\n")[0]
    kind = "python" if first.startswith(b"#!") and b"python" in first else "text"
    return _READERS[reads_as(Path(path).name) or kind]
