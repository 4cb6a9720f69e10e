"""The rows of the table that are about sources: `pull`, `verify oci://`, a cluster, and the step of a pipeline.

Whatever is asked stands on loopback: a simulated hub, a simulated registry, a real Dask cluster.
"""

import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifacts import MEBIBYTE, safetensors_of
from measure import Command, paired, run

if TYPE_CHECKING:
    from run import Bench

PULL_GOAL = 1.3
OCI_GOAL, STEP_GOAL = 1000, 2000
"""milliseconds"""
CLUSTER_GOAL = 1 / 1.6
"""time of two workers by that of one"""
_FILES = 4
_DOWNLOAD = "import sys; from huggingface_hub import snapshot_download as get; get('acme/bert', local_dir=sys.argv[1])"

_MANY_OBJECTS = b"\x80\x02](" + b"ccollections\nOrderedDict\n)R" * 30_000 + b"e."
"""an honest pickle that keeps a scanner busy for a tenth of a second, as the state of an optimizer does"""
_SOMEBODY = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")

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


def verify_figures(bench: "Bench", root: Path) -> Iterator[Figures]:
    """Yield the row: `verify oci://` of raw layers in a simulated registry, of which none is fetched."""
    sys.path.insert(0, str(root))
    from tests.sim.registry import RegistrySim

    model, key = _signed(bench, "registry", (64 if bench.quick else 1024) * MEBIBYTE)
    files = {path.name: path.read_bytes() for path in model.iterdir() if "model." not in path.name}
    with RegistrySim() as sim:
        digest = sim.add_model("acme/model", "v1", files)
        for bundle in (model / "model.claims").read_bytes().splitlines():
            sim.attach("acme/model", digest, bundle)
        call = bench.command("verify", sim.uri("acme/model"), "--key", key.with_suffix(".pub"))
        ours = _median(bench, call, bench.env)
        fetched = [one for one in sim.requests("GET", "/blobs/") if one.path.endswith(digest)]
    assert not fetched  # noqa: S101 - what the row is about
    size = sum(map(len, files.values())) // MEBIBYTE
    yield (f"`verify oci://` of {size} MiB in raw layers", ours, None, "ms", ours, OCI_GOAL)


def cluster_figures(bench: "Bench", root: Path) -> Iterator[Figures]:
    """Yield the row: one inventory over many models, by two workers and by one."""
    import distributed

    count = 20 if bench.quick else 200
    folder = bench.scratch / "many"
    for number in range(count):
        path = folder / f"m{number:03}" / "model.pkl"
        path.parent.mkdir(parents=True)
        path.write_bytes(_MANY_OBJECTS + b"%d" % number)
    env = {**bench.env, "PYTHONPATH": str(root)}
    words = [sys.executable, "-m", "weightmark", "inventory", str(folder), "--scheduler"]
    with _cluster(distributed, 2) as two, _cluster(distributed, 1) as one:
        pair = paired(
            Command("two workers", (*words, two.scheduler_address)),
            Command("one worker", (*words, one.scheduler_address)),
            1 if bench.quick else 3,
            env,
        )
    name = f"`inventory` of {count} models by two workers of a cluster / by one"
    yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, CLUSTER_GOAL)


def step_figures(bench: "Bench", root: Path) -> Iterator[Figures]:
    """Yield the row: the step of the action after it was installed, from the first word to every report."""
    model, key = _signed(bench, "workspace/step", MEBIBYTE)
    place = model.parent
    shutil.copy(key.with_suffix(".pub"), place / "release.pub")
    for words in (["init", "-q"], ["add", "release.pub"], ["commit", "-q", "-m", "a key"]):
        subprocess.run(["git", "-C", place, *_SOMEBODY, *words], check=True)  # noqa: S607 - whichever git there is
    head = subprocess.run(
        ["git", "-C", place, "rev-parse", "HEAD"],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=True,
    )
    runner = bench.scratch / "runner"
    runner.mkdir()
    env = {
        **bench.env,
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(runner / "output"),
        "GITHUB_SHA": head.stdout.strip(),
        "GITHUB_STEP_SUMMARY": str(runner / "summary"),
        "GITHUB_WORKSPACE": str(place),
        "INPUT_KEY": "release.pub",
        "INPUT_PATH": model.name,
        "RUNNER_TEMP": str(runner),
    }
    call = f"cd {shlex.quote(str(place))} && exec {bench.bin / 'python'} -I {root / 'ci/step'}"
    ours = _median(bench, Command("the action", ("sh", "-c", call)), env)
    yield (
        "the action's step on a small signed model, installed",
        ours,
        None,
        "ms",
        ours,
        STEP_GOAL,
    )


def _cluster(distributed: Any, workers: int) -> Any:
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        silence_logs=50,
    )


def _signed(bench: "Bench", name: str, size: int) -> tuple[Path, Path]:
    """Return a signed model of one file of `size` bytes, and the private key."""
    model = bench.scratch / name
    safetensors_of(model / "weights.safetensors", size)
    key = model.with_name(f"{model.name}.key")
    for words in (("key", "generate", "-o", key), ("sign", model, "--key", key)):
        run(bench.command(*words), bench.env)
    return model, key


def _median(bench: "Bench", call: Command, env: Mapping[str, str]) -> float:
    """Return the median wall time in milliseconds."""
    return statistics.median(run(call, env)[0] for _ in range(3 if bench.quick else 9)) * 1e3


def _anew(label: str, folder: Path, argv: list[str]) -> Command:
    """Run a command after its destination was removed."""
    return Command(label, ("sh", "-c", f"rm -rf {shlex.quote(str(folder))}; {shlex.join(argv)}"))
