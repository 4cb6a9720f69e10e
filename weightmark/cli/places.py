"""Folders of the user, by the XDG base directory specification."""

import os
from collections.abc import Mapping
from pathlib import Path

from weightmark.errors import ReadError

__all__ = ["cache_directory", "config_directory", "data_directory", "state_directory"]


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what can be computed again."""
    return _place("XDG_CACHE_HOME", ".cache", environment)


def config_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what the user decides."""
    return _place("XDG_CONFIG_HOME", ".config", environment)


def data_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what must not be lost, the default ledger among it."""
    return _place("XDG_DATA_HOME", ".local/share", environment)


def state_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what weightmark remembers about its runs."""
    return _place("XDG_STATE_HOME", ".local/state", environment)


def _place(variable: str, default: str, environment: Mapping[str, str]) -> Path:
    """Ignore a relative path in the variable, as the specification demands; raises `ReadError`."""
    base = environment.get(variable, "")
    if base.startswith("/"):
        return Path(base) / "weightmark"
    try:
        home = Path(environment.get("HOME") or "~").expanduser()
    except RuntimeError as error:
        fix = f"set `HOME` or `{variable}`"
        raise ReadError("this user has no home directory", fix=fix) from error
    return home / default / "weightmark"
