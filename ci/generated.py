"""Text that is generated from the code and committed: written with ``--write``, compared with ``--check``."""

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def settle(path: Path, wanted: str, description: str) -> None:
    """Write `wanted` to `path`, or compare and exit 1 with the difference, as the command line says."""
    parser = argparse.ArgumentParser(description=description)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the file")
    mode.add_argument("--check", action="store_true", help="exit 1 when the file is out of date")
    arguments = parser.parse_args()
    if arguments.write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, encoding="utf-8")
    elif difference := compare(path, wanted):
        name = path.relative_to(ROOT)
        sys.exit(f"{difference}\nerror: `{name}` is out of date\nhint: run `make generate`")


def compare(path: Path, wanted: str) -> str:
    """Return the difference between the file and what it should hold; empty when there is none."""
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = difflib.unified_diff(
        found.splitlines(), wanted.splitlines(), str(path.name), "generated", lineterm=""
    )
    return "\n".join(lines)
