"""References in notebooks: the code of all cells as one piece of Python, without the lines that are none."""

from collections.abc import Iterator

from weightmark.attestations.inventory.references.interface import Reference
from weightmark.attestations.inventory.references.python_code import PythonReader
from weightmark.attestations.inventory.references.text_lines import TextReader
from weightmark.errors import MalformedError
from weightmark.provenance.strict_json import parse_object

__all__ = ["NotebookReader"]

_SHELL = ("!", "%")


class NotebookReader:
    """Reads the cells of code; lines for the shell are read as a script."""

    def read(self, label: str, data: bytes) -> Iterator[Reference]:
        """Yield the references, counted over the code of all cells; raises `MalformedError`."""
        lines = "\n".join(_code(parse_object(data, what=f"`{label}`"), label)).split("\n")
        shell = [line.lstrip().startswith(_SHELL) for line in lines]
        python = ["pass" if is_shell else line for line, is_shell in zip(lines, shell, strict=True)]
        script = [
            line.lstrip()[1:] if is_shell else ""
            for line, is_shell in zip(lines, shell, strict=True)
        ]
        found = [*TextReader().read(label, "\n".join(script).encode("utf-8", "replace"))]
        indented = "\n".join(_as_before(lines, python, shell))
        found += PythonReader().read(label, indented.encode("utf-8", "replace"))
        yield from sorted(found, key=lambda one: one.line)


def _as_before(lines: list[str], python: list[str], shell: list[bool]) -> Iterator[str]:
    """Yield Python with `pass` at the depth of each line for the shell."""
    for line, code, is_shell in zip(lines, python, shell, strict=True):
        depth = len(line) - len(line.lstrip())
        yield line[:depth] + code if is_shell else code


def _code(notebook: dict[str, object], label: str) -> Iterator[str]:
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise MalformedError(f"`{label}` is no notebook")
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            text = "".join(map(str, source)) if isinstance(source, list) else str(source or "")
            if not text.startswith("%%"):
                yield text
