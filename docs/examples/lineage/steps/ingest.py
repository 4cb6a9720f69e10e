"""Step `ingest`: take the vendor's weights as they are, and write down what they are.

Usage: ``python ingest.py WEIGHTS FOLDER``
"""

import json
import shutil
import sys
from pathlib import Path

CARD = {"architecture": "silero-vad-16k", "license": "MIT", "source": "silero-vad 6.2.3"}


def main(weights: Path, folder: Path) -> None:
    """Write the base model."""
    folder.mkdir()
    shutil.copyfile(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CARD, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
