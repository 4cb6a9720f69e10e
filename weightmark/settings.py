"""Settings from files: found, read strictly, and kept away from whatever is being judged.

A file that was merely found may have come with what is judged (a downloaded folder, a pull request),
so it supplies only what is harmless; one that the caller named supplies everything.

Order: flag, environment, `--config FILE`, the nearest `weightmark.toml`, `[tool.weightmark]` in
the nearest `pyproject.toml`. Keys are flag names without dashes in front; a table named after a
command (`[sign]`, `[ledger.append]`) is stronger than the top level of the same file, and
`[ledger]` speaks for all commands of its group.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from weightmark.errors import SettingsError, read_failure
from weightmark.toml import TomlError, parse_toml
from weightmark.values import dataclass

__all__ = [
    "DEFAULT",
    "Discovery",
    "Setting",
    "Settings",
    "SettingsFile",
    "Vocabulary",
    "discover",
    "named_file",
    "resolve",
]

DEFAULT = "default"
"""the origin of a value that nobody set"""
_MAX_SIZE = 1024 * 1024
_OWN_FILE = "weightmark.toml"
_PROJECT_FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file that was read and parsed."""

    path: Path
    """where it stands"""
    table: Mapping[str, Any]
    """its settings: the whole of `weightmark.toml`, `[tool.weightmark]` of `pyproject.toml`"""
    named: bool
    """the caller named it with `--config` or `WEIGHTMARK_CONFIG`, so it was not found by chance"""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a search from the current directory upward found."""

    files: tuple[SettingsFile, ...] = ()
    """strongest first"""
    notes: tuple[str, ...] = ()
    """what was ignored and why, one line each"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value from a file."""

    value: Any
    """as TOML gives it"""
    origin: str
    """file and table, as a person would look for it"""
    directory: Path
    """relative paths in the value start here"""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that a settings file may use when a command runs."""

    command: str
    """the command that runs, as `sign` or `ledger append`"""
    flags: Mapping[str, bool]
    """its flags without dashes; True where a file that was merely found may speak"""
    commands: Collection[str]
    """names of all top-level commands, each of which may name a table"""
    all_flags: Callable[[], Collection[str]]
    """every flag of every command; asked only for a key that this command does not have"""
    own: Collection[str] = ()
    """flags that mean something else here than elsewhere, so only the command's own table sets them"""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one call, and where each came from."""

    values: Mapping[str, Setting] = field(default_factory=dict)
    """flag without dashes to the value from a file"""
    files: tuple[Path, ...] = ()
    """the files that were read, strongest first"""
    notes: tuple[str, ...] = ()
    """what was ignored and why, one line each"""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """flag without dashes to the reason why a file could not set it"""
    origins: Mapping[str, str] = field(default_factory=dict)
    """flag without dashes to its origin, for flags that the caller or the environment set"""

    def origin(self, flag: str) -> str:
        """Return where the value of `flag` (without dashes) came from.

        `--policy`, `WEIGHTMARK_GATE_POLICY`, ``[gate] in `weightmark.toml` `` or `default`.
        """
        if flag in self.origins:
            return self.origins[flag]
        return self.values[flag].origin if flag in self.values else DEFAULT

    def with_origins(self, origins: Mapping[str, str]) -> "Settings":
        """Return the same settings, knowing what the caller and the environment said."""
        return replace(self, origins=dict(origins))


def named_file(path: Path, artifacts: Sequence[Path]) -> SettingsFile:
    """Read the file that `--config` names; raises `SettingsError` when it cannot be used."""
    if not path.is_file():
        raise SettingsError(f"no settings file at `{path}`", fix="check the path after `--config`")
    if _is_inside(path, artifacts):
        raise SettingsError(
            f"`{path}` lies inside the artifact",
            why="nothing from the artifact may configure its judge",
            fix="copy the file elsewhere, look at it, and name the copy",
        )
    found = _read(path, named=True)
    return found or SettingsFile(path, {}, named=True)


def discover(start: Path, artifacts: Sequence[Path]) -> Discovery:
    """Search from `start` upward for the nearest file of each kind.

    A file inside one of `artifacts`, or owned by another user than the caller and root, is
    ignored with a note. Raises `SettingsError` for a file that is not valid.
    """
    found: dict[str, SettingsFile] = {}
    notes: list[str] = []
    for path in _candidates(start):
        if path.name in found:
            continue
        reason = _distrust(path, artifacts)
        file = _read(path, named=False) if not reason else None
        if reason and _speaks_to_us(path):
            notes.append(f"ignored `{path}`: {reason}")
        if file is not None:
            found[path.name] = file
    files = tuple(found[name] for name in (_OWN_FILE, _PROJECT_FILE) if name in found)
    return Discovery(files, tuple(notes))


def resolve(discovery: Discovery, vocabulary: Vocabulary) -> Settings:
    """Choose the value of every flag that a file sets.

    A file that was merely found supplies only what is harmless; the rest is named in one note a
    file. Raises `SettingsError` for an unknown key or table.
    """
    values: dict[str, Setting] = {}
    ignored: dict[str, str] = {}
    notes = list(discovery.notes)
    for file in discovery.files:
        said = tuple(_settings_of(file, vocabulary))
        refused = {flag for flag, _ in said if not file.named and not vocabulary.flags[flag]}
        for flag, setting in said:
            if flag not in refused:
                values.setdefault(flag, setting)
        if refused:
            words = ", ".join(f"`{flag}`" for flag in sorted(refused))
            reason = f"ignored {words} from `{file.path}`: it was found, and nobody named it"
            ignored = {**dict.fromkeys(refused, reason), **ignored}
            notes.append(f"{reason}; `--config {file.path}` uses it")
    paths = tuple(file.path for file in discovery.files)
    return Settings(values=values, files=paths, notes=tuple(dict.fromkeys(notes)), ignored=ignored)


def _candidates(start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        for name in (_OWN_FILE, _PROJECT_FILE):
            path = folder / name
            if path.is_file():
                yield path


def _distrust(path: Path, artifacts: Sequence[Path]) -> str:
    if _is_inside(path, artifacts):
        return "inside the artifact"
    owner = path.stat().st_uid
    if owner not in _trusted_owners():
        return f"owned by another user (uid {owner}); name it with `--config` to use it"
    return ""


def _trusted_owners() -> set[int]:
    return {os.geteuid(), 0}


def _is_inside(path: Path, artifacts: Sequence[Path]) -> bool:
    spellings = {path.absolute(), path.resolve()}
    return any(
        spelling.is_relative_to(root)
        for artifact in artifacts
        for root in {artifact.absolute(), artifact.resolve()}
        for spelling in spellings
    )


def _speaks_to_us(path: Path) -> bool:
    return path.name != _PROJECT_FILE or b"weightmark" in _content(path)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise read_failure(path, error) from error
    if len(content) > _MAX_SIZE:
        raise SettingsError(f"`{path}` is over {_MAX_SIZE} bytes", fix="make it smaller")
    return content


def _read(path: Path, *, named: bool) -> SettingsFile | None:
    content = _content(path)
    project = path.name == _PROJECT_FILE
    if project and b"weightmark" not in content:
        return None
    table = _parse(content, path)
    if project:
        tools = table.get("tool")
        if not isinstance(tools, dict) or "weightmark" not in tools:
            return None
        table = tools["weightmark"]
    if not isinstance(table, dict):
        raise SettingsError(f"`tool.weightmark` in `{path}` is no table")
    return SettingsFile(path, table, named=named)


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    try:
        return parse_toml(content)
    except TomlError as error:
        raise SettingsError(
            f"`{path}` is not valid TOML", why=str(error), fix="correct the file"
        ) from error


def _settings_of(file: SettingsFile, vocabulary: Vocabulary) -> Iterator[tuple[str, Setting]]:
    """Yield what the file says to this command, the most specific table first."""
    words = vocabulary.command.split()
    tables = [(words[:depth], _table_at(file, words[:depth])) for depth in range(len(words) + 1)]
    _check_tables(file, vocabulary)
    for place, table in reversed(tables):
        name = f"[{'.'.join(place)}] in " if place else ""
        origin = f"{name}`{file.path}`"
        for key, value in table.items():
            if isinstance(value, dict):
                continue
            _check_key(key, origin, vocabulary, strict=place == words)
            if key in vocabulary.flags and (place == words or key not in vocabulary.own):
                yield key, Setting(value, origin, file.path.parent)


def _table_at(file: SettingsFile, place: Sequence[str]) -> Mapping[str, Any]:
    table: Any = file.table
    for word in place:
        table = table.get(word, {})
        if not isinstance(table, dict):
            return {}
    return dict(table)


def _check_tables(file: SettingsFile, vocabulary: Vocabulary) -> None:
    for key, value in file.table.items():
        if isinstance(value, dict) and key not in vocabulary.commands:
            raise _unknown("table", key, f"`{file.path}`", vocabulary.commands)


def _check_key(key: str, origin: str, vocabulary: Vocabulary, *, strict: bool) -> None:
    if key in vocabulary.flags:
        return
    known = vocabulary.flags if strict else vocabulary.all_flags()
    if key not in known:
        raise _unknown("key", key, origin, known)


def _unknown(kind: str, word: str, origin: str, known: Collection[str]) -> SettingsError:
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    fix = f"did you mean `{close[0]}`?" if close else "see `weightmark help COMMAND` for the flags"
    return SettingsError(f"unknown {kind} `{word}` in {origin}", fix=fix)
