"""SARIF 2.1.0 (OASIS), for code scanning and for any tool that collects findings."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from weightmark.cli.explanations import check_meaning, danger_of
from weightmark.cli.render.interface import Document, FindingLine, Outcome, Style
from weightmark.cli.render.json_form import json_text
from weightmark.visible import visible

__all__ = ["SarifRenderer"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"critical": "error", "high": "error", "medium": "warning"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0"}
_FINGERPRINT = "weightmarkFinding/v1"
_ESCAPED: Final = {"\\": "\\\\", "[": "\\[", "]": "\\]", "{": "{{", "}": "}}"}


class SarifRenderer:
    """One run with the rules that were broken, the files concerned and the findings."""

    def render(self, document: Document, style: Style) -> str:  # noqa: ARG002 - one look for all
        """Return one SARIF log; what could not be checked stands in it as notifications."""
        import weightmark

        used = sorted({finding.rule for finding in document.findings})
        places = _Places(document.findings)
        counted: Counter[str] = Counter()
        driver = {
            "name": "weightmark",
            "semanticVersion": weightmark.__version__,
            "rules": [_rule(rule, document.findings) for rule in used],
        }
        run = {
            "tool": {"driver": driver},
            "invocations": [_invocation(document)],
            "artifacts": places.artifacts,
            "results": [
                _result(finding, used.index(finding.rule), places, counted)
                for finding in document.findings
            ],
            "columnKind": "utf16CodeUnits",
            "properties": {"schema": document.schema, "verdict": document.verdict},
        }
        return json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


class _Places:
    """The files, and the members inside them, as nested SARIF artifacts."""

    def __init__(self, findings: Iterable[FindingLine]) -> None:
        self.artifacts: list[dict[str, Any]] = []
        self._known: dict[tuple[str, str], int] = {}
        for finding in findings:
            self.index(finding.file or finding.location, finding.member)

    def index(self, file: str, member: str) -> int:
        """Return the place of a file or member in `artifacts`; the file comes before its members."""
        if (file, member) not in self._known:
            uri = _member_uri(member) if member else _uri(file)
            artifact: dict[str, Any] = {"location": {"uri": uri}}
            if member:
                artifact["parentIndex"] = self.index(file, "")
            self._known[file, member] = len(self.artifacts)
            self.artifacts.append(artifact)
        return self._known[file, member]


def _rule(rule: str, findings: Iterable[FindingLine]) -> dict[str, Any]:
    from weightmark.scanners.rules.catalogue import catalogue

    known, danger, check = catalogue().get(rule), danger_of(rule), check_meaning(rule)
    if check is not None:
        title, severity, danger, help_text = check.title, "high", check.help, check.help
        references: tuple[str, ...] = ()
    elif known is None:
        first = next(finding for finding in findings if finding.rule == rule)
        title, severity, help_text = first.message, first.severity, first.help
        references = ()
    else:
        title, severity, help_text = known.title, known.severity.word, known.help
        references = known.references
    tags = ["security", *references]
    return {
        "id": rule,
        "shortDescription": {"text": _message(title)},
        "fullDescription": {"text": _message(danger)},
        "help": {"text": _message(f"{help_text.rstrip('.')}. More: weightmark explain {rule}")},
        "defaultConfiguration": {"level": _LEVELS.get(severity, "note")},
        "properties": {"security-severity": _SCORES.get(severity, "0.0"), "tags": tags},
    }


def _result(
    finding: FindingLine, index: int, places: _Places, counted: Counter[str]
) -> dict[str, Any]:
    file = finding.file or finding.location
    fingerprint = finding.fingerprint.removeprefix("sha256:") or finding.rule
    counted[fingerprint] += 1
    said = f"{finding.message}: {finding.detail}" if finding.detail else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": _message(said)},
        "locations": [_location(finding, places.index(file, ""))],
        "partialFingerprints": {_FINGERPRINT: f"{fingerprint}:{counted[fingerprint]}"},
        "properties": {"severity": finding.severity, "engine": finding.engine},
    }
    if finding.member:
        inner: dict[str, Any] = {
            "artifactLocation": {
                "uri": _member_uri(finding.member),
                "index": places.index(file, finding.member),
            }
        }
        _add_region(inner, finding.offset)
        result["relatedLocations"] = [{"id": 1, "physicalLocation": inner}]
    if finding.accepted:
        reason = _message(finding.accepted)
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": reason}
        ]
    return result


def _location(finding: FindingLine, index: int) -> dict[str, Any]:
    """Point to the file, and to the byte where it is not inside a member."""
    file = finding.file or finding.location
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(file), "index": index}}
    if not finding.member:
        _add_region(physical, finding.offset)
        return {"physicalLocation": physical}
    name = visible(finding.location)
    logical = {"fullyQualifiedName": name, "name": visible(finding.member), "kind": "member"}
    return {"physicalLocation": physical, "logicalLocations": [logical]}


def _add_region(physical: dict[str, Any], offset: int | None) -> None:
    if offset is not None:
        physical["region"] = {"byteOffset": offset, "byteLength": 0}


def _invocation(document: Document) -> dict[str, Any]:
    unchecked = [check for check in document.checks if check.outcome is Outcome.UNCHECKED]
    notifications = [
        {"level": "error", "message": {"text": _message(said)}}
        for check in unchecked
        for said in (check.summary, *check.details)
    ]
    return {
        "executionSuccessful": not unchecked,
        "exitCode": int(document.exit),
        "exitCodeDescription": _message(document.headline or document.verdict),
        "toolExecutionNotifications": notifications,
    }


def _uri(path: str) -> str:
    """Return a relative reference, or a `file:` URI for an absolute path."""
    quoted = _quoted(path)
    return f"file://{quoted}" if quoted.startswith("/") else quoted


def _member_uri(member: str) -> str:
    """Return the path of a nested artifact, which begins at the root of its container (3.24.3)."""
    return f"/{_quoted(member).lstrip('/')}"


def _quoted(path: str) -> str:
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = visible(path).encode("utf-8")
    return quote(raw, safe="/")


def _message(text: str) -> str:
    """Return plain text in which nothing is a link or a placeholder (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    return "".join(_ESCAPED.get(letter, letter) for letter in visible(text))
