"""What a rule is."""

from weightmark.scanners.findings import Severity
from weightmark.values import dataclass

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that the scanners look for."""

    id: str
    """three letters and three digits, stable for ever"""
    title: str
    """what was seen, one sentence without a full stop"""
    severity: Severity
    """how bad it is"""
    help: str
    """what to do about it"""
    references: tuple[str, ...] = ()
    """CWE, CVE or GHSA ids, or sections of a specification"""
