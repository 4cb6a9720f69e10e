"""The map of commands: every entry exists, and every flag has its two environment twins."""

import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from tests.cli.running import RunCli
from weightmark.cli.app import COMMANDS, app, load, walk
from weightmark.cli.command import WeightmarkCommand
from weightmark.cli.options.common import FlagOption, environment_twins
from weightmark.cli.reference import environment_page

_COMMANDS = list(walk())
_OPTIONS = [
    pytest.param(words, option, id=f"{words} --{option.flag}".replace(" ", "-"))
    for words, command in _COMMANDS
    if isinstance(command, WeightmarkCommand)
    for option in command.flag_options()
]
_ON_EVERY_COMMAND = {
    "format", "quiet", "verbose", "color", "no-progress", "offline", "config", "isolated",
    "jobs", "output",
}  # fmt: skip


@pytest.mark.parametrize(("words", "command"), _COMMANDS, ids=[words for words, _ in _COMMANDS])
def test_every_command_is_made_by_command(words: str, command: click.Command) -> None:
    assert isinstance(command, WeightmarkCommand)
    assert command.path == words
    assert command.help, "a command says what it does"
    assert {option.flag for option in command.flag_options()} >= _ON_EVERY_COMMAND
    strangers = [
        param.name
        for param in command.params
        if isinstance(param, click.Option) and not isinstance(param, FlagOption)
    ]
    assert not strangers, "made with click.option instead of option()"


@pytest.mark.parametrize(("words", "command"), _COMMANDS, ids=[words for words, _ in _COMMANDS])
def test_every_parameter_reaches_the_function(words: str, command: click.Command) -> None:
    assert command.callback is not None
    taken = set(_taken(inspect.signature(command.callback)))
    given = {param.name for param in command.params if param.expose_value}
    assert given == taken - {"console"}


def _taken(signature: inspect.Signature) -> Iterator[str]:
    """Yield the names of parameters; those that arrive together by the names of the options that go together."""
    for name, parameter in signature.parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            yield name
        else:
            (values,) = get_args(parameter.annotation)
            yield from values.__annotations__


_OWN_ONLY = {
    "key generate --output",
    "key rotate --output",
    "policy init --output",
    "trust update --output",
    "ledger append --output",
    "ledger export --output",
    "record --output",
    "record --format",
    "report --format",
    "gate serve --format",
    "ledger serve --format",
    "ledger witness serve --format",
    "help --format",
    "completion --format",
    "demo --format",
}
"""flags that what is set for all commands at once does not reach"""


@pytest.mark.parametrize(("words", "option"), _OPTIONS)
def test_both_twins_of_every_flag_are_read_and_the_specific_one_wins(
    words: str, option: FlagOption, monkeypatch: pytest.MonkeyPatch
) -> None:
    specific, general = environment_twins(words, option.flag)
    ctx = click.Context(click.Command("any"))
    strong, weak = _two_values(option)
    if f"{words} --{option.flag}" in _OWN_ONLY:
        monkeypatch.setenv(general, weak)
        assert not option.value_from_envvar(ctx)
        general, weak = specific, strong
    monkeypatch.setenv(general, weak)
    assert option.type_cast_value(ctx, option.value_from_envvar(ctx)) == _cast(option, ctx, weak)
    monkeypatch.setenv(specific, strong)
    assert option.type_cast_value(ctx, option.value_from_envvar(ctx)) == _cast(option, ctx, strong)
    assert option.variable_in_use() == specific


def test_no_two_flags_share_a_variable() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for words, command in _COMMANDS:
        assert isinstance(command, WeightmarkCommand)
        for option in command.flag_options():
            specific, general = environment_twins(words, option.flag)
            meanings[specific].add(f"{words} --{option.flag}")
            meanings[general].add(f"--{option.flag}")
    assert {name: uses for name, uses in meanings.items() if len(uses) > 1} == {}


def test_every_variable_is_documented() -> None:
    page = environment_page()
    for words, command in _COMMANDS:
        assert isinstance(command, WeightmarkCommand)
        for option in command.flag_options():
            shown = "COMMAND" if option.common else words
            twins = environment_twins(shown, option.flag)
            for name in twins[: 1 if f"{words} --{option.flag}" in _OWN_ONLY else 2]:
                assert f"`{name}`" in page


def test_the_generated_page_is_in_sync() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "environment.md"
    assert page.read_text() == environment_page(), (
        "run `weightmark help --environment -o docs/reference/environment.md`"
    )


def test_a_newcomer_sees_at_most_ten_commands() -> None:
    assert sum(entry.newcomer for entry in COMMANDS.values()) <= 10


def test_help_and_map_agree_about_groups() -> None:
    for name, entry in COMMANDS.items():
        assert isinstance(load(name, entry), click.Group) == (not entry.target)


def test_help_for_every_command_and_group(run_cli: RunCli) -> None:
    for words, _ in _COMMANDS:
        by_flag = run_cli(*words.split(), "--help")
        by_word = run_cli("help", *words.split())
        assert (by_flag.returncode, by_flag.stderr) == (0, "")
        assert by_flag.stdout == by_word.stdout
    listed = run_cli("help", "--all").stdout
    for words, _ in _COMMANDS:
        assert f"  {words} " in listed


def test_the_first_page(run_cli: RunCli) -> None:
    assert run_cli("--help").stdout == _FIRST_PAGE


def test_completion_knows_commands_without_importing_them() -> None:
    ctx = click.Context(app)
    assert [item.value for item in app.shell_complete(ctx, "de")] == ["demo"]
    assert [item.value for item in app.shell_complete(ctx, "--v")] == ["--version"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(run_cli: RunCli, shell: str) -> None:
    ran = run_cli("completion", shell)
    assert ran.returncode == 0
    assert "_WEIGHTMARK_COMPLETE" in ran.stdout


def test_completion_answers_a_shell(spawn_cli: RunCli) -> None:
    env = {
        "_WEIGHTMARK_COMPLETE": "bash_complete",
        "COMP_WORDS": "weightmark ver",
        "COMP_CWORD": "1",
    }
    assert "plain,verify" in spawn_cli(env=env).stdout


def _two_values(option: FlagOption) -> tuple[str, str]:
    if option.is_flag:
        return "1", "0"
    if isinstance(option.type, click.Choice):
        choices = list(option.type.choices)
        return choices[-1], choices[0]
    return "7", "5"


def _cast(option: FlagOption, ctx: click.Context, value: str) -> object:
    return option.type_cast_value(ctx, [value] if option.multiple else value)


_FIRST_PAGE = """\
Usage: weightmark COMMAND [OPTIONS] [ARGUMENTS]

  Decide whether a model or a dataset may be trusted: sign, scan, verify,
  gate, record

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Daily:
  sign     scan, hash and sign a release
  verify   check signature and content
  scan     look for unsafe content
  inspect  show what a bundle says, without judging
  digest   print the identity of a model

Gate:
  gate    allow or refuse a model by policy
  policy  write, check and explain a policy

Register:
  ledger  keep and check an append-only register

Set-up:
  key   make and show signing keys
  demo  see the whole job on a tiny model

Examples:
  weightmark key generate -o release.key       once: make a key
  weightmark sign ./model --key release.key    scan it, sign it
  weightmark verify ./model --key release.pub  is it what they signed?

`weightmark help --all` lists every command
"""
