"""The seam between a command that knows an answer and a form in which it is shown."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, Protocol

from weightmark.errors import Exit
from weightmark.values import dataclass

__all__ = [
    "UNSAFE_FINDINGS",
    "CheckLine",
    "Document",
    "FindingLine",
    "Outcome",
    "Renderer",
    "Style",
]

UNSAFE_FINDINGS = "unsafe-findings"
"""code of a check that failed by findings alone, each of which the document names"""


class Outcome(StrEnum):
    """How one check ended."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    """checked, and good"""
    FAIL = "fail"
    """checked, and bad"""
    UNCHECKED = "unchecked"
    """could not be checked, or nothing was there to check"""
    INFO = "info"
    """said for the record; it changes no verdict"""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check and how it ended."""

    outcome: Outcome
    """pass, fail, unchecked or info"""
    name: str
    """one word, the same in every run: `signature`, `files`, `scan`"""
    summary: str
    """what was seen, in one line"""
    why: str = ""
    """for a check that did not pass: why it matters"""
    fix: str = ""
    """for a check that did not pass: what to do, with the command"""
    details: tuple[str, ...] = ()
    """further lines, for example each file that differs"""
    code: str = ""
    """stable word for the reason, when it did not pass: `tampered`, `wrong-signer`"""


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One thing that a scan found."""

    rule: str
    """the rule id that `weightmark explain` knows"""
    severity: str
    """`critical`, `high`, `medium`, `low` or `info`"""
    message: str
    """what was found, in one line"""
    location: str
    """path relative to the argument; a member of a container after `!`"""
    offset: int | None = None
    """the byte offset inside the file or member; None where there is none"""
    detail: str = ""
    """why it matters"""
    help: str = ""
    """what to do"""
    file: str = ""
    """the file as seen from where the command was called"""
    member: str = ""
    """path inside containers, joined by `!`; empty for the file itself"""
    fingerprint: str = ""
    """`sha256:<hex>` of what was found, the same wherever the file lies and however it is packed"""
    engine: str = ""
    """which scanner said so"""
    accepted: str = ""
    """why a baseline accepts it; empty where it counts"""

    @property
    def called(self) -> str:
        """Where it is as seen from the caller: the file, a member of a container after `!`."""
        if not self.file:
            return self.location
        return f"{self.file}!{self.member}" if self.member else self.file


@dataclass(frozen=True, slots=True)
class Document:
    """The whole answer of a command, independent of the form in which it is shown."""

    schema: str
    """name and version of the published JSON schema, as `weightmark/verify/v1`"""
    exit: Exit
    """the process exit code that the answer stands for"""
    verdict: str = ""
    """one word for machines: `verified`, `refused`, `clean`; empty for plain data"""
    headline: str = ""
    """the last line in words; empty for plain data"""
    checks: tuple[CheckLine, ...] = ()
    """in the order in which they were made"""
    findings: tuple[FindingLine, ...] = ()
    """in the order in which they are shown"""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """further JSON members: strings, integers, booleans, null, lists, objects"""
    lines: tuple[str, ...] = ()
    """the data asked for, as plain text; shown even with `--quiet`"""
    neutral: bool = False
    """whether an answer that exits with 0 tells neither good nor bad, so that no mark says `good`"""
    notices: tuple[str, ...] = ()
    """what was done, in words; left out with `--quiet`"""


@dataclass(frozen=True, slots=True)
class Style:
    """How a person wants to see text."""

    color: bool = False
    """use ANSI colours; they never carry meaning alone"""
    quiet: bool = False
    """leave out what passed"""
    verbose: int = 0
    """0, 1 or 2"""
    unicode: bool = True
    """the output can show `✓`"""


class Renderer(Protocol):
    """One output form."""

    def render(self, document: Document, style: Style) -> str:
        """Return the text of the document, with a newline at its end unless it is empty."""
        ...
