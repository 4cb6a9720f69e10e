"""The row of the table that is about `pull`: beside the hub's own client, from one simulated hub on loopback."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from artifacts import MEBIBYTE, safetensors_of
from measure import Command, paired

if TYPE_CHECKING:
    from run import Bench

PULL_GOAL = 1.3
_FILES = 4
_DOWNLOAD = "import sys; from huggingface_hub import snapshot_download as get; get('acme/bert', local_dir=sys.argv[1])"

Figures = tuple[str, float, float | None, str, float, float]
"""as the fields of a `Row`"""


def pull_figures(bench: "Bench", root: Path) -> Iterator[Figures]:
    """Yield the row: whole processes, the same repository, an empty destination each time."""
    sys.path.insert(0, str(root))
    from tests.sim.hub import Content, Hub, Lfs

    size = 64 if bench.quick else 1024
    folder = bench.scratch / "hub"
    files: dict[str, Content] = {"config.json": b"{}"}
    for number in range(_FILES):
        path = safetensors_of(folder / f"{number}.safetensors", size * MEBIBYTE // _FILES)
        files[path.name] = Lfs(path.read_bytes())
    shutil.rmtree(folder)
    with Hub.running() as hub:
        repository = hub.add("models", "acme/bert", files)
        env = {**bench.env, **hub.environment, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        env |= {"PYTHONPATH": str(root)}
        ours, theirs = bench.scratch / "pulled", bench.scratch / "downloaded"
        pull = [sys.executable, "-m", "weightmark", "pull", repository.uri, "--policy", "audit"]
        pair = paired(
            _anew("weightmark pull", ours, [*pull, "--to", str(ours)]),
            _anew("snapshot_download", theirs, [sys.executable, "-c", _DOWNLOAD, str(theirs)]),
            2 if bench.quick else 5,
            env,
        )
    name = f"`pull` of {size} MiB from a hub on loopback / `snapshot_download`"
    yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, PULL_GOAL)


def _anew(label: str, folder: Path, argv: list[str]) -> Command:
    """Run a command after its destination was removed."""
    return Command(label, ("sh", "-c", f"rm -rf {shlex.quote(str(folder))}; {shlex.join(argv)}"))
