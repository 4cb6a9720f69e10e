"""Folders of the user, by the XDG base directory specification."""

import os
from collections.abc import Mapping
from pathlib import Path

from weightmark.errors import CallError, ReadError

__all__ = [
    "cache_directory",
    "config_directory",
    "data_directory",
    "require_folder",
    "require_folder_of",
    "state_directory",
]


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


def require_folder(folder: Path) -> None:
    """Refuse a place to write in that does not exist; raises `CallError`."""
    if not folder.exists():
        raise CallError(
            f"the folder `{folder}` does not exist",
            fix=f"make it with `mkdir -p {folder}`, or name another place",
        )
    if not folder.is_dir():
        raise CallError(f"`{folder}` is not a folder", fix="name another place")


def require_folder_of(path: Path) -> None:
    """Refuse a file to write whose folder does not exist; raises `CallError`."""
    require_folder(path.parent)


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
