"""Step `package`: what is shipped, in one folder: the small model, its configuration and its report.

Usage: ``python package.py MODEL REPORT FOLDER``
"""

import shutil
import sys
from pathlib import Path


def main(model: Path, report: Path, folder: Path) -> None:
    """Write the release."""
    folder.mkdir()
    for source in (model / "model.safetensors", model / "config.json", report / "report.json"):
        shutil.copyfile(source, folder / source.name)


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:]))
