"""The rows of the table that are about the auditor's pages; `pages_worker.py` measures apart."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WORKER = Path(__file__).with_name("pages_worker.py")
PAGE_GOAL = 200
"""milliseconds of processor time of any page"""
INDEX_GOAL = 600
"""microseconds of processor time that an entry takes to be indexed, once"""


def pages_figures(scratch: Path, *, quick: bool) -> Iterator[tuple[str, float, str, float]]:
    """Yield name, figure, unit and goal of each row: of each page the worst of nine."""
    count = 20_000 if quick else 1_000_000
    env = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    call = [sys.executable, str(WORKER), str(scratch), str(count)]
    done = subprocess.run(call, env=env, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    for name, (_, worst) in found["pages"].items():
        yield f"page of {count:,} entries: {name}", worst, "ms", PAGE_GOAL
    yield (
        "index for the pages, made once, an entry",
        found["index"] / count * 1e6,
        "us",
        INDEX_GOAL,
    )
