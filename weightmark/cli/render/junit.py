"""JUnit XML: a test case for each finding, each check that did not pass, and the rest as one."""

from collections.abc import Iterator

from weightmark.cli.render.interface import (
    UNSAFE_FINDINGS,
    CheckLine,
    Document,
    FindingLine,
    Outcome,
    Style,
)
from weightmark.visible import visible

__all__ = ["JunitRenderer"]

_CHECKS = "check"
"""the class of cases that are checks: they are called the same in every run"""
_SEVERITIES = ("info", "low", "medium", "high", "critical")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


class JunitRenderer:
    """The form of CI systems that show test reports.

    A finding at or over `fail_on` is a failure, a lower or accepted one a skipped case; what could
    not be checked is an error, so that no reader takes it for a pass.
    """

    def render(self, document: Document, style: Style) -> str:  # noqa: ARG002 - one look for all
        """Return one test suite, as UTF-8 text with an XML declaration."""
        threshold = str(document.facts.get("fail_on", "high"))
        cases = [_finding(finding, threshold) for finding in document.findings]
        told = any("<failure " in case for case in cases)
        checks = [one for one in document.checks if not (told and one.code == UNSAFE_FINDINGS)]
        cases += [case for check in checks for case in _check(check)]
        counts = {
            "tests": len(cases),
            "failures": sum("<failure " in case for case in cases),
            "errors": sum("<error " in case for case in cases),
            "skipped": sum("<skipped " in case for case in cases),
        }
        numbers = " ".join(f'{name}="{count}"' for name, count in counts.items())
        name = _text(document.schema)
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {numbers}>",
            f'<testsuite name="{name}" {numbers}>',
            *cases,
            "</testsuite>",
            "</testsuites>",
        ]
        return "".join(f"{line}\n" for line in lines)


def _finding(finding: FindingLine, threshold: str) -> str:
    said = f"{finding.message} ({finding.severity})"
    body = [finding.called, finding.detail, finding.help]
    if finding.offset is not None:
        body[0] += f", byte {finding.offset:#x}"
    if finding.accepted:
        outcome, said = "skipped", f"accepted: {finding.accepted}"
    else:
        bad = _SEVERITIES.index(finding.severity) >= _SEVERITIES.index(threshold)
        outcome = "failure" if bad else "skipped"
    return _case(finding.called, f"{finding.rule} at {body[0]}", outcome, said, body)


def _check(check: CheckLine) -> Iterator[str]:
    match check.outcome:
        case Outcome.PASS:
            yield _case(_CHECKS, check.name)
        case Outcome.INFO:
            yield _case(_CHECKS, check.name, "skipped", check.summary, check.details)
        case Outcome.UNCHECKED:
            notes = (check.why, check.fix)
            yield _case(_CHECKS, check.name, "error", check.summary, notes)
            for detail in check.details:
                yield _case(_CHECKS, f"{check.name}: {detail}", "error", detail, notes)
        case Outcome.FAIL:
            body = (*check.details, check.why, check.fix)
            yield _case(_CHECKS, check.name, "failure", check.summary, body)


def _case(
    classname: str,
    name: str,
    outcome: str = "",
    said: str = "",
    body: tuple[str, ...] | list[str] = (),
) -> str:
    start = f'<testcase classname="{_text(classname)}" name="{_text(name)}"'
    if not outcome:
        return f"{start}/>"
    inner = "\n".join(_text(line) for line in body if line)
    return f'{start}><{outcome} message="{_text(said)}">{inner}</{outcome}></testcase>'


def _text(text: str) -> str:
    """Return text for XML: control characters are made visible, so that none breaks the document."""
    return "".join(_ENTITIES.get(letter, letter) for letter in visible(text))
