"""What can be seen of the place where a step runs: source, lock files, container, hardware; never a secret.

Everything here is the recorder's own word. Environment variables are taken by an allowlist.
"""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.fields import without_empty
from weightmark.attestations.recording.masking import without_user

__all__ = ["default_builder", "environment_facts", "source_facts"]

_LOCK_FILES = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pylock.toml",
    "requirements.txt",
    "requirements.lock",
    "environment.yml",
    "conda-lock.yml",
    "pixi.lock",
)
_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VERSION",
    "CUDA_VISIBLE_DEVICES",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
    "CI_COMMIT_SHA",
    "CI_JOB_ID",
    "CI_JOB_IMAGE",
    "CI_PIPELINE_ID",
    "CI_PROJECT_PATH",
    "NCCL_ALGO",
    "OMP_NUM_THREADS",
    "PYTHONHASHSEED",
    "RUNNER_ARCH",
    "RUNNER_ENVIRONMENT",
    "RUNNER_OS",
    "SLURM_JOB_ID",
    "TORCH_DETERMINISTIC",
    "TRANSFORMERS_OFFLINE",
    "WORLD_SIZE",
)
"""environment variables that say how a step ran and hold no secret"""
_CONTAINERS = frozenset({"docker", "lxc", "oci", "podman", "systemd-nspawn"})
"""what the variable `container` says inside of one"""
_MAX_FACT = 64 * 1024
_MAX_LOCK = 64 * 1024 * 1024
_TIMEOUT = 20


def environment_facts(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what can be seen of machine, container and interpreter, as texts."""
    facts: dict[str, Any] = {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cpus": str(os.cpu_count() or ""),
        "memory": _memory(),
        "gpus": sorted(_gpus()),
        "gpu_driver": _gpu_driver(),
        "container": _container(environment),
        "variables": {name: environment[name] for name in _VARIABLES if environment.get(name)},
    }
    return without_empty(facts)


def source_facts(folder: Path) -> tuple[dict[str, Any], tuple[Descriptor, ...]]:
    """Return the state of the git repository around `folder`, and the source and lock files as dependencies."""
    facts: dict[str, Any] = {}
    found: list[Descriptor] = []
    commit = _git(folder, "rev-parse", "HEAD") or ""
    if commit:
        origin = without_user(_git(folder, "remote", "get-url", "origin") or "")
        facts = {
            "commit": commit,
            **_changes(folder),
            "repository": origin,
        }
        found.append(
            Descriptor(
                name="source",
                uri=f"git+{origin}@{commit}" if origin else "",
                digest={"gitCommit": commit},
                annotations={"role": "code"},
            )
        )
    found += _lock_files(folder)
    return without_empty(facts), tuple(found)


def default_builder(environment: Mapping[str, str] = os.environ) -> str:
    """Return the URI of who runs this: the workflow of a CI, else a local builder."""
    workflow, server = environment.get("GITHUB_WORKFLOW_REF"), environment.get("GITHUB_SERVER_URL")
    if environment.get("GITHUB_ACTIONS") == "true" and workflow and server:
        return f"{server}/{workflow}"
    pipeline = environment.get("CI_PROJECT_URL")
    if environment.get("GITLAB_CI") == "true" and pipeline:
        return f"{pipeline}//.gitlab-ci.yml"
    return "https://weightmark/builders/local/v1"


def _lock_files(folder: Path) -> Iterator[Descriptor]:
    for name in _LOCK_FILES:
        path = folder / name
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _MAX_LOCK:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                yield Descriptor(
                    name=name, digest={"sha256": digest}, annotations={"role": "environment"}
                )


def _changes(folder: Path) -> dict[str, str]:
    """Return whether files differ from the commit: `unknown` where git can't say, which is not `no`."""
    said = _git(folder, "status", "--porcelain", "--untracked-files=normal")
    if said is None:
        return {"dirty": "unknown"}
    states = said.splitlines()
    untracked = sum(state.startswith("??") for state in states)
    return {
        "dirty": "yes" if len(states) > untracked else "no",
        "untracked": str(untracked),
    }


def _git(folder: Path, *words: str) -> str | None:
    """Ask git, without its hooks, pagers and file-system monitors; None when it can't say."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TIMEOUT, check=False, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def _memory() -> str:
    with suppress(OSError, ValueError):
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**20} MiB"
    return ""


def _processor() -> str:
    text = _first_bytes(Path("/proc/cpuinfo"))
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor()


def _gpu_driver() -> str:
    """Return the version of the NVIDIA driver."""
    text = _first_bytes(Path("/proc/driver/nvidia/version"))
    match = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)", text)
    return match[1] if match else ""


def _first_bytes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FACT).decode("utf-8", "replace")
    except OSError:
        return ""


def _gpus() -> Iterator[str]:
    """Name the GPUs that the NVIDIA driver lists; nothing is run for it."""
    with suppress(OSError):
        for one in Path("/proc/driver/nvidia/gpus").iterdir():
            text = _first_bytes(one / "information")
            match = re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)
            if match:
                yield match[1].strip()


def _container(environment: Mapping[str, str]) -> str:
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    if environment.get("container") in _CONTAINERS:
        return environment["container"]
    for place, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if Path(place).exists():
            return name
    return ""
