"""One answer of `weightmark`, read once as JSON and shown in every form that a workflow wants."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from annotations import at_files

from weightmark.cli.render import CheckLine, Document, FindingLine, Outcome, Style, renderer
from weightmark.errors import Exit

__all__ = ["as_document", "show"]

_ERROR = "weightmark/error/v1"


def as_document(answer: Mapping[str, Any]) -> Document:
    """Return the answer as the commands themselves show it."""
    if answer["schema"] == _ERROR:
        return _error(answer)
    checks = tuple(_check(check) for check in answer["checks"])
    return Document(
        schema=answer["schema"],
        exit=Exit(answer["exit"]),
        verdict=answer["verdict"],
        headline=_headline(answer),
        checks=checks,
        findings=tuple(FindingLine(**finding) for finding in answer["findings"]),
    )


def show(form: str, document: Document, path: str) -> str:
    """Render the document; viewers of SARIF show findings only, and annotations stand at files."""
    if form == "sarif":
        refusals = tuple(_refusal(check, path) for check in document.checks if _failed(check))
        document = replace(document, findings=(*document.findings, *refusals))
    elif form == "github":
        document = at_files(document, path)
    return renderer(form).render(document, Style())


def _check(check: Mapping[str, Any]) -> CheckLine:
    return CheckLine(
        **{**check, "outcome": Outcome(check["outcome"]), "details": tuple(check["details"])}
    )


def _error(answer: Mapping[str, Any]) -> Document:
    bad = answer["exit"] == Exit.BAD
    line = CheckLine(
        Outcome.FAIL if bad else Outcome.UNCHECKED,
        "weightmark",
        answer["what"],
        answer["why"],
        answer["fix"],
        tuple(line for line in (answer["why"], answer["fix"]) if line),
        answer["code"],
    )
    return Document(
        schema=answer["schema"],
        exit=Exit(answer["exit"]),
        verdict="deny" if bad else "could-not-be-checked",
        headline=f"{answer['title']}: {answer['what']}",
        checks=(line,),
    )


def _headline(answer: Mapping[str, Any]) -> str:
    of = answer.get("identity") or answer.get("path") or ""
    policy = answer.get("policy")
    by = f" by policy `{policy['name']}`" if isinstance(policy, dict) else ""
    return f"{answer['verdict'].replace('-', ' ')}{': ' if of else ''}{of}{by}"


def _failed(check: CheckLine) -> bool:
    return check.outcome is Outcome.FAIL


def _refusal(check: CheckLine, path: str) -> FindingLine:
    return FindingLine(
        rule=f"gate-{check.name.replace(' ', '-')}",
        severity="high",
        message=check.summary,
        location=path,
        detail=check.why,
        help=check.fix,
        file=path,
        engine="weightmark",
    )
