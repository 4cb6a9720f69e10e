"""Between settings files and a command: which file applies, and does each value fit its flag."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.errors import CallError, SettingsError
from weightmark.settings import (
    Discovery,
    Setting,
    Settings,
    Vocabulary,
    discover,
    named_file,
    resolve,
)

if TYPE_CHECKING:
    from weightmark.cli.command import WeightmarkCommand
    from weightmark.cli.options.common import FlagOption

__all__ = ["settings_for"]

_ABOUT_FILES = frozenset({"config", "isolated"})


def settings_for(
    command: "WeightmarkCommand", ctx: click.Context, given: Mapping[str, Any]
) -> tuple[Settings, dict[str, Any]]:
    """Return the settings for a call, and their values by parameter name as click wants them.

    `given` is what stands on the command line. Raises `SettingsError` or `CallError`.
    """
    options = {option.flag: option for option in command.flag_options()}
    named = _said(options["config"], ctx, given)
    isolated = options["isolated"].type_cast_value(
        ctx, _said(options["isolated"], ctx, given) or False
    )
    if isolated and named:
        raise CallError("`--config` and `--isolated` contradict each other", fix="give one of them")
    if isolated:
        return Settings(), {}
    artifacts = _artifacts(command, given)
    settings = resolve(_discover(named, artifacts), _vocabulary(command, options))
    values = {
        options[flag].name or flag: _fitting(options[flag], setting)
        for flag, setting in settings.values.items()
    }
    return settings, values


def _said(option: "FlagOption", ctx: click.Context, given: Mapping[str, Any]) -> Any:
    value = given.get(option.name or "")
    return value if isinstance(value, (str, bool)) else option.value_from_envvar(ctx)


def _artifacts(command: click.Command, given: Mapping[str, Any]) -> list[Path]:
    """Every positional argument that exists may be what is judged."""
    words: list[Any] = []
    for param in command.params:
        if isinstance(param, click.Argument):
            value = given.get(param.name or "")
            words += value if isinstance(value, (list, tuple)) else [value]
    return [Path(word) for word in words if isinstance(word, str) and _exists(word)]


def _exists(word: str) -> bool:
    try:
        return bool(word) and os.path.lexists(word)
    except ValueError:
        return False


def _discover(named: Any, artifacts: list[Path]) -> Discovery:
    try:
        start = Path.cwd()
    except OSError:
        found = Discovery()
    else:
        found = discover(start, artifacts)
    if not named:
        return found
    chosen = named_file(Path(named), artifacts)
    others = [file for file in found.files if not _same_file(file.path, chosen.path)]
    return Discovery((chosen, *others), found.notes)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _vocabulary(command: "WeightmarkCommand", options: Mapping[str, "FlagOption"]) -> Vocabulary:
    from weightmark.cli.app import all_flags, top_level_names

    flags = {flag: made.harmless for flag, made in options.items() if flag not in _ABOUT_FILES}
    return Vocabulary(
        command=command.path,
        flags=flags,
        commands=top_level_names(),
        all_flags=lambda: all_flags() - _ABOUT_FILES,
        own=frozenset(flag for flag, made in options.items() if command.is_own(made)),
    )


def _fitting(option: "FlagOption", setting: Setting) -> Any:
    """Return the value with relative paths anchored at the file that said them."""
    wanted, fits = _shape(option, setting.value)
    if not fits:
        raise SettingsError(f"`{option.flag}` in {setting.origin} is not {wanted}")
    texts = setting.value if isinstance(setting.value, list) else [setting.value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise SettingsError(f"`{option.flag}` in {setting.origin} holds a NUL")
    if option.multiple:
        return [_anchored(option, item, setting.directory) for item in setting.value]
    return _anchored(option, setting.value, setting.directory)


def _shape(option: "FlagOption", value: Any) -> tuple[str, bool]:
    if option.count:
        return "a number", type(value) is int
    if option.is_flag:
        return "`true` or `false`", isinstance(value, bool)
    if option.multiple:
        is_list = isinstance(value, list)
        return "a list of strings", is_list and all(isinstance(item, str) for item in value)
    return "a string or a number", type(value) in {str, int, float}


def _anchored(option: "FlagOption", value: Any, directory: Path) -> Any:
    if not isinstance(value, str):
        return value
    if isinstance(option.type, click.Path):
        return str(directory / value)
    anchor = getattr(option.type, "anchor", None)
    return anchor(value, directory) if anchor else value
