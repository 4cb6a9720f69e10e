"""What can be seen of the place where a step runs: source, lock files, container, hardware; never a secret.

Everything here is the recorder's own word. Environment variables are taken by an allowlist, and words
of the command that look like secrets are masked.
"""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.fields import without_empty

__all__ = ["MASK", "default_builder", "environment_facts", "masked_words", "source_facts"]

MASK = "***"
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
_SECRET_FLAG = re.compile(
    r"--?[\w.-]*(?:token|secret|passw|passphrase|api-?_?key|credential|auth)[\w.-]*\Z",
    re.IGNORECASE,
)
_SECRET_SETTING = re.compile(
    r"(?P<name>[\w.-]*(?:token|secret|passw|passphrase|api-?_?key|credential|auth)[\w.-]*)=.+",
    re.IGNORECASE | re.DOTALL,
)
_SECRET_VARIABLE = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|CREDENTIAL|AUTH|_KEY\Z", re.IGNORECASE
)
_USER_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)
_MIN_SECRET = 6
_MAX_WORD = 1000
_MAX_LOCK = 64 * 1024 * 1024
_TIMEOUT = 20


def masked_words(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a command with what looks like a secret masked: values of secret flags and variables, users in URLs."""
    secrets = [
        value
        for name, value in environment.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= _MIN_SECRET
    ]
    masked: list[str] = []
    hide = False
    for word in words:
        if hide and not word.startswith("-"):
            masked.append(MASK)
            hide = False
            continue
        hide = bool(_SECRET_FLAG.match(word))
        masked.append(_mask(word, secrets)[:_MAX_WORD])
    return masked


def environment_facts(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what can be seen of machine, container and interpreter, as texts."""
    facts: dict[str, Any] = {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": str(os.cpu_count() or ""),
        "memory": _memory(),
        "gpus": sorted(_gpus()),
        "container": _container(environment),
        "variables": {name: environment[name] for name in _VARIABLES if environment.get(name)},
    }
    return without_empty(facts)


def source_facts(folder: Path) -> tuple[dict[str, Any], tuple[Descriptor, ...]]:
    """Return the state of the git repository around `folder`, and the source and lock files as dependencies."""
    facts: dict[str, Any] = {}
    found: list[Descriptor] = []
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        origin = _USER_IN_URL.sub(r"\g<scheme>", _git(folder, "remote", "get-url", "origin") or "")
        facts = {"commit": commit, "dirty": "yes" if changed else "no", "repository": origin}
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


def _mask(word: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        word = word.replace(secret, MASK)
    word = _SECRET_SETTING.sub(rf"\g<name>={MASK}", word)
    return _USER_IN_URL.sub(rf"\g<scheme>{MASK}@", word)


def _lock_files(folder: Path) -> Iterator[Descriptor]:
    for name in _LOCK_FILES:
        path = folder / name
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _MAX_LOCK:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                yield Descriptor(
                    name=name, digest={"sha256": digest}, annotations={"role": "environment"}
                )


def _git(folder: Path, *words: str) -> str:
    """Ask git, without its hooks, pagers and file-system monitors; empty when it can't say."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TIMEOUT, check=False, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def _memory() -> str:
    with suppress(OSError, ValueError):
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**20} MiB"
    return ""


def _gpus() -> Iterator[str]:
    """Name the GPUs that the NVIDIA driver lists; nothing is run for it."""
    with suppress(OSError):
        for one in Path("/proc/driver/nvidia/gpus").iterdir():
            text = (one / "information").read_text(encoding="utf-8", errors="replace")
            match = re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)
            if match:
                yield match[1].strip()


def _container(environment: Mapping[str, str]) -> str:
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    for place, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if Path(place).exists():
            return name
    return ""
