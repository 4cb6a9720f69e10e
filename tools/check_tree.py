"""Check what no linter looks at: lock files without addresses, and no trace of anybody's machine.

Usage: ``check_tree.py [ROOT]``. Prints one line a problem, and exits 1 when there is any.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LOCK = re.compile(r"://|^-| @ ", re.MULTILINE)
"""An address, an option line or a direct reference: a lock holds versions and hashes, nothing else."""
LOCKED = ("ci", "tools")
"""the folders whose text files are all lock files"""
PIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==\S+")
TRACES = {
    "a path of one machine": re.compile(
        r"/(?:wor[k]|opt/(?:wheels|pypi)|tmp/peer[s])/|/Users/[a-z]"
    ),
    "the host of a package registry": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|download\.pytorch\.org|conda\.anaconda\.org"
    ),
}


def lock_problems(path: Path) -> Iterator[str]:
    """Yield what a lock file holds beyond pinned versions with hashes."""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if LOCK.search(line):
            yield f"{path}:{number}: an address, option or direct reference in a lock file"
        elif line and not line.startswith(" ") and not PIN.match(line):
            yield f"{path}:{number}: not a pinned version"
    if text.count("==") == 0 or "--hash=sha256:" not in text:
        yield f"{path}: no pinned version with a hash"


def trace_problems(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that name somebody's machine or a package registry."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in TRACES.items():
            if pattern.search(line):
                yield f"{path}:{number}: {what}"


def committed(root: Path) -> Iterator[Path]:
    """Yield the regular files that git holds or would take."""
    asked = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(asked, capture_output=True, check=True).stdout.decode().split("\0")
    for name in sorted(set(names) - {""}):
        path = root / name
        if path.is_file() and not path.is_symlink():
            yield path


def problems(root: Path) -> Iterator[str]:
    """Yield every problem of the tree at `root`."""
    locks = sorted(path for folder in LOCKED for path in (root / folder).rglob("*.txt"))
    if not locks:
        yield f"{root}: no lock file found"
    for path in locks:
        yield from lock_problems(path)
    for path in committed(root):
        yield from trace_problems(path)


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
    print("\n".join(found) if found else "no problem found")
    sys.exit(bool(found))
