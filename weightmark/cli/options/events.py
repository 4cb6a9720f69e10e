"""`--events` and what belongs to it: who is told what a command decided."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import COMMON_META, FileOrUri, option
from weightmark.cli.options.given import positional
from weightmark.cli.options.responding import responder_of
from weightmark.errors import CallError, read_failure

if TYPE_CHECKING:
    from weightmark.cli.telling.aftermath import Aftermath
    from weightmark.provenance.events.delivery import Delivery

__all__ = ["aftermath_of", "events_options", "read_token", "webhook_secret"]

F = TypeVar("F", bound=Callable[..., Any])

_META = "weightmark.events"
_STDOUT = "-"
_SECRET_VARIABLE = "WEIGHTMARK_EVENTS_SECRET"  # noqa: S105 - the name of a variable, not a secret
_MOST_LINE = 4096
_SHAPES = ("ocsf", "cef", "json")


class Receiver(FileOrUri):
    """A file name, `-` or an address; only the first is relative to a settings file."""

    name = "receiver"

    def anchor(self, value: str, directory: Path) -> str:
        """Return `value` as it is meant when a settings file in `directory` says it."""
        return value if value == _STDOUT else super().anchor(value, directory)


def events_options() -> Callable[[F], F]:
    """Add `--events`, `--events-format`, `--events-required`, `--events-secret-file` and `--events-token-file`.

    The command need not know of them: they act when its answer is given.
    """
    added = (
        option(
            "--events",
            metavar="FILE|-|ADDRESS",
            type=Receiver(),
            multiple=True,
            **_REMEMBERED,
            help="Tell of the decision: append to FILE, or `syslog://`, `syslog+tcp://`, `syslog+tls://HOST`, "
            "`https://…`, `otlp+https://…`; may be given several times",
        ),
        option(
            "--events-format",
            type=click.Choice(_SHAPES),
            default=_SHAPES[0],
            show_default=True,
            **_REMEMBERED,
            help="Form of the events",
        ),
        option(
            "--events-required",
            is_flag=True,
            **_REMEMBERED,
            help="Exit with 4 when a receiver does not take the events",
        ),
        option(
            "--events-secret-file",
            metavar="FILE",
            type=click.Path(),
            **_REMEMBERED,
            help=f"Secret that signs what a webhook gets (or the variable {_SECRET_VARIABLE})",
        ),
        option(
            "--events-token-file",
            metavar="FILE",
            type=click.Path(),
            **_REMEMBERED,
            help="Bearer token for `https://` and `otlp+https://`",
        ),
    )

    def add(function: F) -> F:
        for one in reversed(added):
            function = one(function)
        return function

    return add


def aftermath_of(
    ctx: click.Context, command: str, *, output: str, offline: bool
) -> "Aftermath | None":
    """Return what comes after the answer of this call; None when nobody is told and nothing is done.

    Raises `CallError` for addresses that are none and rules that are wrong, before anything is read.
    """
    given = ctx.meta.get(_META, {})
    addresses = tuple(dict.fromkeys(given.get("events") or ()))
    responder = responder_of(ctx, command, offline=offline)
    if not addresses and responder is None:
        return None
    from weightmark.cli.telling.aftermath import Aftermath
    from weightmark.cli.telling.events import Teller

    judged, common = positional(ctx), ctx.meta.get(COMMON_META, {})
    _require_free_stdout(addresses, output)
    _require_one_owner(given.get("events_token_file"), addresses)
    _require_outside(judged, addresses)
    return Aftermath(
        Teller.of(command),
        _delivery(given, addresses, offline=offline) if addresses else None,
        bool(given.get("events_required")),
        responder,
        subject=judged[0] if len(judged) == 1 else ", ".join(judged[:10]),
        quiet=bool(common.get("quiet")) and (common.get("format") or "text") == "text",
    )


def _delivery(given: Mapping[str, Any], addresses: tuple[str, ...], *, offline: bool) -> "Delivery":
    from weightmark.cli.places import state_directory
    from weightmark.provenance.events.delivery import Delivery
    from weightmark.provenance.events.forms import named
    from weightmark.provenance.events.sinks import SinkOptions, sink_of

    form = named(given["events_format"])
    options = SinkOptions(
        form,
        state_directory() / "events",
        secret=webhook_secret(given.get("events_secret_file")),
        token=read_token(given.get("events_token_file")),
        offline=offline,
    )
    return Delivery(tuple(sink_of(one, options) for one in addresses), form)


def webhook_secret(path: str | None) -> bytes:
    """Return the secret of a file, else of the environment; nothing for none. Raises `CallError`, `ReadError`."""
    text = _first_line(path, "secret") if path else os.environ.get(_SECRET_VARIABLE, "")
    if not text:
        return b""
    from weightmark.provenance.events.sinks.webhook import parse_secret

    try:
        return parse_secret(text)
    except ValueError as error:
        raise CallError(
            f"`{path or _SECRET_VARIABLE}` holds no secret for webhooks",
            why="a secret has 16 to 4096 bytes; after `whsec_` it is Base64",
            fix="make one with `openssl rand -hex 32`",
        ) from error


def read_token(path: str | None) -> str:
    """Return the bearer token of a file; nothing for none. Raises `CallError`, `ReadError`."""
    if not path:
        return ""
    token = _first_line(path, "token")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CallError(f"`{path}` holds no token", fix="write it there, alone on one line")
    return token


def _first_line(path: str, what: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_LINE + 2)
    except OSError as error:
        raise read_failure(path, error) from error
    lines = data.decode("utf-8", "replace").strip().splitlines()
    if len(lines) != 1:
        raise CallError(f"`{path}` holds no {what}", fix="write it there, alone on one line")
    return lines[0]


def _require_free_stdout(addresses: tuple[str, ...], output: str) -> None:
    if _STDOUT in addresses and output == _STDOUT:
        raise CallError(
            "the answer and the events both want stdout",
            why="whoever reads one would find the other in it",
            fix="write the answer to a file with `-o FILE`, or send the events to `/dev/stderr`",
        )


def _require_one_owner(token_file: str | None, addresses: tuple[str, ...]) -> None:
    """Refuse to show a token to several: each could use it as the caller."""
    from weightmark.provenance.sources.addresses import is_same_origin

    web = [one.removeprefix("otlp+") for one in addresses]
    web = [one for one in web if one.startswith(("https://", "http://"))]
    if token_file and not all(is_same_origin(web[0], one) for one in web):
        raise CallError(
            "`--events-token-file` is for one receiver, and several are named",
            why="each would get the token, and could act as you with the others",
            fix="name one web address, or tell the others from a call of their own",
        )


def _require_outside(judged: list[str], addresses: tuple[str, ...]) -> None:
    from weightmark.attestations.outside import require_outside

    for path in judged:
        for place in addresses:
            if place != _STDOUT and "://" not in place and os.path.lexists(path):
                require_outside(Path(path), Path(place), "the file of events")


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    ctx.meta.setdefault(_META, {})[param.name] = value
    return value


_REMEMBERED: dict[str, Any] = {"expose_value": False, "callback": _remember}
"""for options that the command itself does not get"""
