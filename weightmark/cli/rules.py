"""`weightmark rules`: list what the scanners look for."""

from typing import NoReturn

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.render import Document
from weightmark.errors import Exit

__all__ = ["rules"]


@command("rules")
@pass_console
def rules(console: Console) -> NoReturn:
    """List every scan rule with its severity; `weightmark explain RULE` tells more."""
    from weightmark.scanners.rules import catalogue

    known = list(catalogue().values())
    facts = [{"id": rule.id, "title": rule.title, "severity": rule.severity.word} for rule in known]
    lines = tuple(f"{rule.id}  {rule.severity.word:<8}  {rule.title}" for rule in known)
    console.finish(Document("weightmark/rules/v1", Exit.GOOD, facts={"rules": facts}, lines=lines))
