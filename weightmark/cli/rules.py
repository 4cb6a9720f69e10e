"""`weightmark rules`: list what the scanners look for."""

from typing import NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.render import Document
from weightmark.errors import CallError, Exit

__all__ = ["rules"]


@command("rules")
@click.argument("prefix", metavar="[PREFIX]", required=False)
@pass_console
def rules(console: Console, prefix: str | None) -> NoReturn:
    """List every scan rule with its severity, or those that begin with PREFIX, as `PKL`.

    `weightmark explain RULE` tells more.
    """
    from weightmark.scanners.rules import catalogue

    known = [rule for rule in catalogue().values() if rule.id.startswith((prefix or "").upper())]
    if not known:
        raise CallError(
            f"no rule begins with `{(prefix or '')[:80]}`",
            fix="`weightmark rules` lists all; `weightmark explain CODE` knows error codes, too",
        )
    facts = [{"id": rule.id, "title": rule.title, "severity": rule.severity.word} for rule in known]
    lines = tuple(f"{rule.id}  {rule.severity.word:<8}  {rule.title}" for rule in known)
    console.finish(Document("weightmark/rules/v1", Exit.GOOD, facts={"rules": facts}, lines=lines))
