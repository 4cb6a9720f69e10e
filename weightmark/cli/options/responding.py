"""`--respond` and `--act`: what is done when something was denied, drifted or was revoked."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option
from weightmark.cli.options.given import positional
from weightmark.errors import CallError

if TYPE_CHECKING:
    from weightmark.cli.telling.responses import Responder

__all__ = ["responder_of", "responding_options"]

F = TypeVar("F", bound=Callable[..., Any])

_META = "weightmark.responding"


def responding_options(when: str) -> Callable[[F], F]:
    """Add `--respond` and `--act`; `when` says on what, as `it is denied`. The command need not know of them."""
    added = (
        option(
            "--respond",
            metavar="FILE",
            type=click.Path(),
            **_REMEMBERED,
            help=f"When {when}, do what the rules of FILE say; those that are not enabled only say what they would do",
        ),
        option("--act", is_flag=True, **_REMEMBERED, help="With `--respond`: enable every rule"),
    )

    def add(function: F) -> F:
        for one in reversed(added):
            function = one(function)
        return function

    return add


def responder_of(ctx: click.Context, command: str, *, offline: bool) -> "Responder | None":
    """Return what responds to the answer of this call; None for nothing. Raises `CallError`."""
    given = ctx.meta.get(_META, {})
    path = given.get("respond")
    if not path:
        if given.get("act"):
            raise CallError(
                "`--act` enables rules, and none are named", fix="name them with `--respond FILE`"
            )
        return None
    from weightmark.attestations.responding.rules import Responses
    from weightmark.cli.places import state_directory
    from weightmark.cli.telling.responses import Responder

    words = positional(ctx)
    responses = Responses.load(
        Path(path),
        state=state_directory(),
        environment=os.environ,
        offline=offline,
        judged=[Path(word) for word in words if os.path.lexists(word)],
    )
    responder = Responder(command, responses, bool(given.get("act")), {})
    for word in words:
        responder.mark(word)
    return responder


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    ctx.meta.setdefault(_META, {})[param.name] = value
    return value


_REMEMBERED: dict[str, Any] = {"expose_value": False, "callback": _remember}
"""for options that the command itself does not get"""
