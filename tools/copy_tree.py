"""Copy what git holds or would take to an empty folder: ``copy_tree.py TARGET``.

Builds run in such a copy, because a stale ``build/`` folder brings deleted modules back.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tree_files(root: Path) -> list[str]:
    """Return the paths of all files and links that git holds or would take, sorted."""
    asked = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(asked, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted(name for name in set(names) - {""} if (root / name).exists())


def copy_tree(root: Path, target: Path) -> None:
    """Copy those files; links stay links."""
    for name in tree_files(root):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, place, follow_symlinks=False)


if __name__ == "__main__":
    copy_tree(ROOT, Path(sys.argv[1]))
