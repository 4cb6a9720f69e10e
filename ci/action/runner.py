"""What a runner is told: outputs, the summary of the job, and lines that it must not obey."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["add_summary", "print_unheeded", "set_outputs"]

_MAX_SUMMARY = 1_000_000
"""bytes; a runner refuses more than 1 MiB a step"""


def set_outputs(environment: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Set the outputs of the step; no value can end its own block."""
    lines = []
    for name, value in outputs.items():
        end = secrets.token_hex(16)
        lines += [f"{name}<<{end}", value, end]
    _append(environment.get("GITHUB_OUTPUT", ""), "".join(f"{line}\n" for line in lines))


def add_summary(environment: Mapping[str, str], text: str, short: str) -> None:
    """Add to the summary of the job; `short` is added where `text` is more than a runner takes."""
    fits = len(text.encode(errors="replace")) <= _MAX_SUMMARY
    _append(environment.get("GITHUB_STEP_SUMMARY", ""), text if fits else short)


def print_unheeded(text: str) -> None:
    """Print lines of which the runner obeys none, whatever an artifact made them say."""
    if not text:
        return
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n")
    sys.stdout.flush()


def _append(path: str, text: str) -> None:
    if not path:
        return
    with Path(path).open("a", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
