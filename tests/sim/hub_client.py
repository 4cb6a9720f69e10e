"""The hub's own client, run as others run it: in a process of its own, with nothing of this machine's settings."""

import os
import subprocess
import sys
from pathlib import Path

from tests.sim.hub import Hub

__all__ = ["download"]

_SCRIPT = """
import sys
from huggingface_hub import snapshot_download
kind, name, revision, folder, local = sys.argv[1:]
place = {"local_dir": folder} if local == "local" else {"cache_dir": folder}
print(snapshot_download(name, repo_type=kind, revision=revision, **place))
"""


def download(hub: Hub, name: str, folder: Path, *, kind: str = "model", local: bool) -> Path:
    """Run `snapshot_download` against the simulated hub; return the folder that it names."""
    command = [sys.executable, "-c", _SCRIPT, kind, name, "main", str(folder)]
    done = subprocess.run(
        [*command, "local" if local else "cache"],
        env={**os.environ, **hub.environment, "HF_HOME": str(folder / "home")}
        if not local
        else {**os.environ, **hub.environment, "HF_HOME": str(folder.parent / "home")},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return Path(done.stdout.strip().splitlines()[-1])
