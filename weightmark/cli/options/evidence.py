"""Options of every command that verifies: where signature and claims stand, and how bad is too bad."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from weightmark.cli.options.common import option

__all__ = ["SEVERITIES", "claims_option", "evidence_options", "fail_on_option"]

F = TypeVar("F", bound=Callable[..., Any])

SEVERITIES = ("info", "low", "medium", "high", "critical")
"""the words of `weightmark.scanners.findings.Severity`, without importing it"""


def evidence_options() -> Callable[[F], F]:
    """Add `--signature` and `--claims`."""
    signature = option(
        "--signature",
        metavar="FILE",
        type=click.Path(),
        help="Model signature, if it is not at its usual place",
    )
    claims = claims_option()
    return lambda function: signature(claims(function))


def claims_option() -> Callable[[F], F]:
    """Add `--claims`."""
    return option(
        "--claims",
        metavar="FILE|DIR",
        type=click.Path(),
        multiple=True,
        help="More claims: a file, or a folder with files of claims or with a signed artifact; may be given several times",
    )


def fail_on_option(help_text: str, *, default: str | None = "high") -> Callable[[F], F]:
    """Add `--fail-on`."""
    return option(
        "--fail-on",
        type=click.Choice(SEVERITIES),
        default=default,
        show_default=default is not None,
        help=help_text,
    )
