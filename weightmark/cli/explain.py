"""`weightmark explain`: what a rule, an error code or a check means, and what to do."""

import difflib
import inspect
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.explanations import CHECKS, CheckMeaning, check_meaning, danger_of
from weightmark.cli.reasons import REASONS, reason_of
from weightmark.cli.render import Document
from weightmark.cli.verdict_words import VERDICT_WORDS, verdict_word
from weightmark.errors import CallError, Exit, WeightmarkError, error_catalogue

if TYPE_CHECKING:
    from weightmark.scanners.rules import Rule

__all__ = ["explain"]


@command("explain")
@click.argument("words", metavar="CODE", nargs=-1, required=True)
@pass_console
def explain(console: Console, words: tuple[str, ...]) -> NoReturn:
    """Explain CODE: a scan rule as `PKL001`, an error code as `tampered`, a check as `manifest claim`, its reason, or a verdict as `would deny`."""
    from weightmark.scanners.rules import catalogue

    code = " ".join(words)
    errors, rules = error_catalogue(), catalogue()
    if code.upper() in rules:
        document = _rule_document(rules[code.upper()])
    elif code.lower() in errors:
        document = _error_document(errors[code.lower()])
    elif meaning := check_meaning(code):
        document = _check_document("check", code.lower(), meaning)
    elif reason := reason_of(code.lower()):
        document = _check_document("reason", code.lower(), reason)
    elif word := verdict_word(code):
        document = _check_document("reason", code.lower(), word)
    elif watched := _monitor_rules().get(code.lower()):
        document = _check_document("check", code.lower(), watched)
    else:
        raise _unknown(
            code, [*rules, *errors, *CHECKS, *REASONS, *VERDICT_WORDS, *_monitor_rules()]
        )
    console.finish(document)


def _monitor_rules() -> dict[str, CheckMeaning]:
    """Return the rules of `weightmark ledger monitor` by name."""
    from weightmark.attestations.ledger.monitor.rules import RULES

    return {one.id: CheckMeaning(one.title, one.help) for one in RULES}


def _rule_document(rule: "Rule") -> Document:
    lines = [
        f"{rule.id}: {rule.title}",
        "",
        f"severity: {rule.severity.word}",
        f"why: {danger_of(rule.id)}",
        f"help: {rule.help}",
    ]
    lines += [f"reference: {reference}" for reference in rule.references]
    facts = {
        "kind": "rule",
        "code": rule.id,
        "title": rule.title,
        "severity": rule.severity.word,
        "why": danger_of(rule.id),
        "help": rule.help,
        "references": list(rule.references),
    }
    return Document("weightmark/explain/v1", Exit.GOOD, facts=facts, lines=tuple(lines))


def _error_document(error: type[WeightmarkError]) -> Document:
    text = inspect.getdoc(error) or ""
    meaning = f"exit code: {int(error.exit)} ({_meaning(error.exit)})"
    facts = {
        "kind": "error",
        "code": error.code,
        "title": error.title,
        "exit_code": int(error.exit),
        "help": text,
    }
    lines = (f"{error.code}: {error.title}", "", meaning, *text.splitlines())
    return Document("weightmark/explain/v1", Exit.GOOD, facts=facts, lines=lines)


def _check_document(kind: str, name: str, check: CheckMeaning) -> Document:
    facts = {"kind": kind, "code": name, "title": check.title, "help": check.help}
    lines = (f"{name}: {check.title}", "", check.help)
    return Document("weightmark/explain/v1", Exit.GOOD, facts=facts, lines=lines)


def _meaning(code: Exit) -> str:
    return {
        Exit.BAD: "checked, and bad",
        Exit.USAGE: "the call is wrong",
        Exit.NOTHING: "nothing was checked",
        Exit.UNCHECKED: "could not be checked",
    }.get(code, code.name.lower())


def _unknown(code: str, known: list[str]) -> CallError:
    spellings = {word.lower(): word for word in known}
    close = difflib.get_close_matches(code.lower(), spellings, n=1)
    fix = (
        f"did you mean `{spellings[close[0]]}`?" if close else "`weightmark rules` lists the rules"
    )
    return CallError(f"no rule, error code or check `{code}`", fix=fix)
