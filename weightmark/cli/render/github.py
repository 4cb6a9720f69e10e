"""GitHub Actions annotations: one workflow command a line."""

from weightmark.cli.render.at_files import at_files
from weightmark.cli.render.interface import Document, FindingLine, Outcome, Style
from weightmark.visible import visible

__all__ = ["GithubRenderer"]

_LEVELS = {"critical": "error", "high": "error", "medium": "warning"}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


class GithubRenderer:
    """The form that a runner turns into annotations.

    Every line is one `::` command with all else escaped, so that no name in an artifact can give
    the runner a command of its own.
    """

    def render(self, document: Document, style: Style) -> str:  # noqa: ARG002 - one look for all
        """Return one annotation for each finding and failed check, and one for the verdict."""
        document = at_files(document)
        lines = [_finding(finding) for finding in document.findings]
        lines += [
            _command("error" if check.outcome is Outcome.FAIL else "warning", check.name, said)
            for check in document.checks
            if check.outcome in {Outcome.FAIL, Outcome.UNCHECKED}
            for said in (check.summary, *check.details)
        ]
        lines += [_command("notice", "weightmark", line) for line in document.lines]
        if document.headline:
            level = "error" if document.exit else "notice"
            lines.append(_command(level, "weightmark", document.headline))
        return "".join(f"{line}\n" for line in lines)


def _finding(finding: FindingLine) -> str:
    level = "notice" if finding.accepted else _LEVELS.get(finding.severity, "notice")
    said = f"{finding.message} ({finding.severity}): {finding.called}"
    if finding.offset is not None:
        said += f", byte {finding.offset:#x}"
    if finding.detail:
        said += f"\n{finding.detail}"
    said += f"\naccepted: {finding.accepted}" if finding.accepted else f"\nhelp: {finding.help}"
    return _command(level, finding.rule, said, finding.file)


def _command(level: str, title: str, said: str, file: str = "") -> str:
    properties = [f"file={_escaped(file, _PROPERTY)}", "line=1"] if file else []
    properties.append(f"title={_escaped(title, _PROPERTY)}")
    text = "\n".join(visible(line) for line in said.split("\n"))
    return f"::{level} {','.join(properties)}::{_replaced(text, _DATA)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    return _replaced(visible(text), table)


def _replaced(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(letter, letter) for letter in text)
