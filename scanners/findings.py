"""What a scan says: findings, the outcome of one file, the report over many."""

from collections.abc import Iterable
from enum import Enum, IntEnum

from weightmark.errors import CallError, Exit
from weightmark.values import dataclass

__all__ = ["FileScan", "Finding", "Outcome", "ScanReport", "Severity"]


class Severity(IntEnum):
    """How bad a finding is; comparable."""

    INFO = 0
    """worth knowing, nothing to do"""
    LOW = 1
    """unusual"""
    MEDIUM = 2
    """suspicious: look at it before use"""
    HIGH = 3
    """a usual loader runs code or can be led astray"""
    CRITICAL = 4
    """a usual loader runs a function that is known to be dangerous"""

    @property
    def word(self) -> str:
        """The name in lower case, as it is printed and parsed."""
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> "Severity":
        """Return the severity called `text`; raises `CallError` for another word."""
        try:
            return cls[text.strip().upper()]
        except KeyError:
            known = ", ".join(f"`{severity.word}`" for severity in cls)
            raise CallError(f"`{text}` is no severity", fix=f"use one of {known}") from None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule saw at one place."""

    rule: str
    """rule id, a key of `weightmark.scanners.rules.catalogue()`"""
    severity: Severity
    """how bad it is"""
    message: str
    """one sentence without a full stop"""
    path: str
    """the file inside the artifact"""
    member: str = ""
    """path inside containers, joined by `!`; empty for the file itself"""
    offset: int | None = None
    """byte offset in that member"""
    detail: str = ""
    """the symbolic call, for example `os.system('echo x')`"""
    help: str = ""
    """what to do about it"""
    engine: str = "weightmark"
    """which scanner said so"""

    @property
    def fingerprint(self) -> str:
        """`sha256:<hex>` of what was found: the rule and what it saw, without the place.

        The same content gives the same fingerprint after it was moved, renamed or packed anew.
        """
        import hashlib

        said = "\0".join(["weightmark-finding/v1", self.engine, self.rule, self.detail])
        return f"sha256:{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()}"

    @property
    def sort_key(self) -> tuple[str, str, int, str, str, int, str]:
        """Order by place, then rule, so that every run prints the same."""
        offset = -1 if self.offset is None else self.offset
        return (
            self.path,
            self.member,
            offset,
            self.rule,
            self.detail,
            -self.severity,
            self.message,
        )


class Outcome(Enum):
    """What is known about one file after its scan."""

    CLEAN = "clean"
    """checked to the end, and nothing over `info` was found"""
    FINDINGS = "findings"
    """something was found; problems may stand beside it"""
    UNCHECKED = "unchecked"
    """could not be checked to the end: truncated, damaged, encrypted, a limit hit"""
    UNSUPPORTED = "unsupported"
    """nothing in it that the scanners know how to check"""


@dataclass(frozen=True, slots=True)
class FileScan:
    """The result for one file."""

    path: str
    """the file inside the artifact"""
    formats: tuple[str, ...]
    """every format that the content can be read as, for example `pickle`, `zip`"""
    outcome: Outcome
    """what is known now"""
    findings: tuple[Finding, ...]
    """sorted by place"""
    problems: tuple[str, ...]
    """why the file, or a part of it, could not be checked"""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """The results for all files of an artifact, sorted by path."""

    files: tuple[FileScan, ...]
    """one entry a file"""

    @classmethod
    def of(cls, files: Iterable[FileScan]) -> "ScanReport":
        """Collect results in any order into a report with a deterministic one."""
        return cls(tuple(sorted(files, key=lambda file: file.path)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, sorted by file, member and offset."""
        found = (finding for file in self.files for finding in file.findings)
        return tuple(sorted(found, key=lambda finding: finding.sort_key))

    @property
    def worst(self) -> Severity | None:
        """The highest severity found, or None without findings."""
        severities = [finding.severity for file in self.files for finding in file.findings]
        return max(severities, default=None)

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings of each severity there are, zeros included."""
        counts = dict.fromkeys(Severity, 0)
        for file in self.files:
            for finding in file.findings:
                counts[finding.severity] += 1
        return counts

    def exit(self, fail_on: Severity) -> Exit:
        """Return the exit code: bad over unchecked over nothing-checked over good."""
        worst = self.worst
        if worst is not None and worst >= fail_on:
            return Exit.BAD
        if any(file.problems for file in self.files):
            return Exit.UNCHECKED
        if all(file.outcome is Outcome.UNSUPPORTED for file in self.files):
            return Exit.NOTHING
        return Exit.GOOD
