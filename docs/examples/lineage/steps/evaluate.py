"""Step `evaluate`: how often the model that will be shipped is right on what it has never heard.

Usage: ``python evaluate.py MODEL DATASET FOLDER``
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from net import load
from safetensors.torch import load_file

DEMANDED = 0.9


def result(right: int, count: int, data: Path) -> dict[str, Any]:
    """Return the outcome as in-toto's test result."""
    passed = right >= DEMANDED * count
    return {
        "result": "PASSED" if passed else "FAILED",
        "configuration": [
            {"name": data.name, "digest": {"sha256": hashlib.sha256(data.read_bytes()).hexdigest()}}
        ],
        "passedTests" if passed else "failedTests": [f"accuracy of at least {DEMANDED}"],
    }


def main(model: Path, dataset: Path, folder: Path) -> None:
    """Write the report."""
    data = dataset / "heldout.safetensors"
    part = load_file(data)
    with torch.no_grad():
        said = load(model)(part["sounds"]) > 0
    right, count = int((said == part["alarms"].bool()).sum()), len(said)
    folder.mkdir()
    report = {"model": model.name, "right": right, "recordings": count}
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    told = json.dumps(result(right, count, data), indent=2) + "\n"
    (folder / "test-result.json").write_text(told, encoding="utf-8")
    print(f"{right} of {count} held-out recordings are heard rightly")


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:]))
