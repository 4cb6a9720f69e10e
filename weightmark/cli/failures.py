"""How a call that could not be answered ends: what, why and fix on stderr, and an exit code."""

import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence

import click
from click.core import ParameterSource

import weightmark
from weightmark.cli.console import Console, wants_color
from weightmark.cli.options.common import FlagOption, environment_twins
from weightmark.cli.places import state_directory
from weightmark.cli.render import FORMATS, CheckLine, Document, Outcome, Style, renderer
from weightmark.cli.streams import say
from weightmark.errors import CallError, ReadError, WeightmarkError
from weightmark.visible import visible

__all__ = [
    "answer_text",
    "call_error",
    "early_console",
    "report_bug",
    "report_error",
    "without_secrets",
]

_SCHEMA = "weightmark/error/v1"
_QUOTED = re.compile(r"'([^']*)'")
_SCHEME = r"(?<![A-Za-z0-9])(?P<scheme>(?:pkcs11|awskms|gcpkms|azurekms|hv):)"
_BARE_URI = re.compile(_SCHEME + r"(?P<rest>\S*)", re.IGNORECASE)
_QUOTED_URI = re.compile(_SCHEME + r"(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"(?P<name>[^;&=/]+)=[^;&]*")
_BETWEEN = re.compile(r"[&;?]")
_TYPES = {
    "integer range": "whole number",
    "integer": "whole number",
    "float range": "number",
    "float": "number",
}
"""what click calls the values of an option, each longer name before the shorter one, and what is meant"""
_OPEN_FIELDS = frozenset(["module-path", "module-name", "pin-source"])
_SECRET_FIELDS = frozenset(["pin-value"])


def report_error(error: WeightmarkError, console: Console) -> int:
    """Say what happened, on stderr and in the form asked for, too; return the exit code."""
    _mask_secrets(error)
    label = f"error[{error.code}]"
    if wants_color(console.color, sys.stderr):
        label = f"\x1b[31m{label}\x1b[0m"
    lines = [f"{label}: {visible(error.what)}"]
    if error.why:
        lines.append(f"  why: {visible(error.why)}")
    if error.fix:
        lines.append(f"hint: {visible(error.fix)}")
    say("".join(f"{line}\n" for line in lines))
    if console.format != "text":
        _write_answer(error, console)
    return int(error.exit)


def _mask_secrets(error: WeightmarkError) -> None:
    """Take what is secret in URIs of keys out of every word that is shown, wherever the URI was repeated."""
    for part in ("what", "why", "fix"):
        setattr(error, part, without_secrets(getattr(error, part)))


def without_secrets(text: str) -> str:
    """Return `text` without the PINs, queries and user names of the URIs of keys in it."""
    if "pin-value" in text.lower():
        from weightmark.attestations.keys.schemes import without_pin

        text = without_pin(text)
    if ":" not in text:
        return text
    parts = text.split("`")
    parts[::2] = [_BARE_URI.sub(_masked_uri, part) for part in parts[::2]]
    parts[1::2] = [_QUOTED_URI.sub(_masked_uri, part) for part in parts[1::2]]
    return "`".join(parts)


def _masked_uri(found: re.Match[str]) -> str:
    named, asked, query = found["rest"].partition("?")
    user, at, place = named.rpartition("@")
    shown = _FIELD.sub(_masked_field, f"…@{place}" if at and user else named)
    kept = asked and "&".join(_masked_query(one) for one in _BETWEEN.split(query))
    return f"{found['scheme']}{shown}{asked}{kept}"


def _masked_field(found: re.Match[str]) -> str:
    from urllib.parse import unquote

    name, _, value = unquote(found[0]).partition("=")
    secret = name.lower().startswith("pin") or "=" in value
    return f"{found['name']}=…" if secret else found[0]


def _masked_query(field: str) -> str:
    """Keep where the library lies, which is all of a query that is known to be no secret."""
    name, _, value = field.partition("=")
    if name in _OPEN_FIELDS and not {"=", "%"} & {*value}:
        return field
    return f"{name}=…" if name in _SECRET_FIELDS else "…"


def call_error(error: click.ClickException) -> WeightmarkError:
    """Turn an error of the command-line parser into one of ours."""
    if isinstance(error, click.FileError):
        return ReadError(_words(error.format_message()))
    ctx = getattr(error, "ctx", None)
    page = ctx.command_path if ctx is not None else "weightmark"
    fix = f"see `{page} --help`"
    if isinstance(error, click.NoSuchOption) and page == "weightmark":
        fix = "options stand after the command, as in `weightmark sign --key FILE`"
    close = getattr(error, "possibilities", None)
    message = _words(error.message if close else error.format_message())
    if close:
        fix = f"did you mean {' or '.join(f'`{word}`' for word in close[:3])}?"
    return CallError(message, why=_source(error), fix=fix)


def early_console(args: Sequence[str], environment: Mapping[str, str] = os.environ) -> Console:
    """Guess format and colour for a call that could not be parsed."""
    form = _last_value(args, "-f", "--format") or _from_environment("format", args, environment)
    color = _last_value(args, "", "--color") or _from_environment("color", args, environment)
    return Console(
        format=form if form in FORMATS else "text",
        color=color if color in {"always", "never"} else "auto",
        verbose=int(any(arg in {"-v", "-vv", "--verbose"} for arg in args)),
    )


def report_bug(error: BaseException, console: Console) -> int:
    """Write the traceback to a file, name it, ask for a report; return the exit code."""
    trace = "".join(traceback.format_exception(error))
    kind = type(error).__name__
    where = _write_crash_file(trace)
    bug = WeightmarkError(
        f"weightmark failed unexpectedly: {kind}",
        why=f"this is a bug; the details are in `{where}`" if where else "this is a bug",
        fix="report it with that file; it may hold names of your files, so look through it first",
    )
    bug_code = report_error(bug, console)
    if console.verbose or not where:
        say(trace if console.verbose else "run again with `-v` for the details\n")
    return bug_code


def _write_answer(error: WeightmarkError, console: Console) -> None:
    """Write the failure where the answer was expected: whoever reads that may not see stderr."""
    try:
        console.write(answer_text(error, console.format))
    except ReadError as failure:
        say(f"error[{failure.code}]: {visible(failure.what)}\n")


def answer_text(error: WeightmarkError, form: str) -> str:
    """Return a failure in a form; JSON has a schema of its own for it."""
    from weightmark.cli.render.json_form import json_text

    _mask_secrets(error)

    facts = {
        "code": error.code,
        "title": error.title,
        "what": error.what,
        "why": error.why,
        "fix": error.fix,
    }
    if form == "json":
        return json_text({"schema": _SCHEMA, "exit": int(error.exit), **facts})
    return renderer(form).render(_failed(error, facts), Style())


def _failed(error: WeightmarkError, facts: Mapping[str, str]) -> Document:
    """Return an answer that no reader takes for a pass."""
    said = f"{error.title}: {error.what}"
    line = CheckLine(Outcome.UNCHECKED, "call", error.what, error.why, error.fix, code=error.code)
    return Document(_SCHEMA, error.exit, "failed", said, (line,), facts=facts)


def _write_crash_file(trace: str) -> str:
    from datetime import UTC, datetime

    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        folder = state_directory() / "crashes"
        path = folder / f"{moment}-{os.getpid()}.txt"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        header = f"weightmark {weightmark.__version__}, Python {sys.version.split()[0]}\n"
        path.write_text(
            header + without_secrets(trace), encoding="utf-8", errors="backslashreplace"
        )
    except (OSError, ReadError):
        return ""
    return str(path)


def _source(error: click.ClickException) -> str:
    """Say where a bad value came from when it does not stand on the command line."""
    param, ctx = getattr(error, "param", None), getattr(error, "ctx", None)
    if not isinstance(param, FlagOption) or ctx is None:
        return ""
    source = ctx.get_parameter_source(param.name or "")
    if source is ParameterSource.ENVIRONMENT:
        return f"the value comes from the environment variable `{param.variable_in_use()}`"
    if source is ParameterSource.DEFAULT_MAP:
        return "the value comes from a settings file; `-v` names it"
    return ""


def _words(message: str) -> str:
    """Write a message of click in our words: lower-case start, backticks, no full stop."""
    text = _QUOTED.sub(r"`\1`", " ".join(message.split())).rstrip(".")
    for said, meant in _TYPES.items():
        text = text.replace(f" is not a valid {said}", f" is no {meant}")
    return text[:1].lower() + text[1:]


def _from_environment(flag: str, args: Sequence[str], environment: Mapping[str, str]) -> str:
    commands = (" ".join(args[:2]), " ".join(args[:1]))
    names = [name for words in commands for name in environment_twins(words, flag)]
    return next(
        (
            environment[name]
            for name in sorted(names, key=len, reverse=True)
            if environment.get(name)
        ),
        "",
    )


def _last_value(args: Sequence[str], short: str, long: str) -> str:
    found = ""
    for index, arg in enumerate(args):
        if arg == "--":
            break
        if arg in {short, long} and index + 1 < len(args):
            found = args[index + 1]
        elif arg.startswith(f"{long}="):
            found = arg.partition("=")[2]
        elif short and arg.startswith(short) and len(arg) > len(short) and not arg.startswith("--"):
            found = arg[len(short) :]
    return found
