"""Text that is generated from the code and committed: written with ``--write``, compared with ``--check``."""

import argparse
import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def settle(path: Path, wanted: str, description: str) -> None:
    """Write `wanted` to `path`, or compare and exit 1 with the difference, as the command line says."""
    settle_all({path: wanted}, description)


def settle_all(
    wanted: Mapping[Path, str], description: str, *, folders: tuple[Path, ...] = ()
) -> None:
    """Do the same with several files; what else lies in one of `folders` is stale, and is removed."""
    parser = argparse.ArgumentParser(description=description)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the files")
    mode.add_argument("--check", action="store_true", help="exit 1 when a file is out of date")
    arguments = parser.parse_args()
    stale = [path for folder in folders for path in _files(folder) if path not in wanted]
    if arguments.write:
        _write(wanted, stale)
        return
    differences = [text for path, said in wanted.items() if (text := compare(path, said))]
    differences += [f"{path.name}: nothing generates this file any more" for path in stale]
    if differences:
        changed = [path for path, said in wanted.items() if compare(path, said)]
        names = ", ".join(f"`{path.relative_to(ROOT)}`" for path in (*changed, *stale))
        verb = "is" if len(differences) == 1 else "are"
        shown = "\n".join(differences)
        sys.exit(f"{shown}\nerror: {names} {verb} out of date\nhint: run `make generate`")


def compare(path: Path, wanted: str) -> str:
    """Return the difference between the file and what it should hold; empty when there is none."""
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = difflib.unified_diff(
        found.splitlines(), wanted.splitlines(), str(path.name), "generated", lineterm=""
    )
    return "\n".join(lines)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write(wanted: Mapping[Path, str], stale: list[Path]) -> None:
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in stale:
        path.unlink()
