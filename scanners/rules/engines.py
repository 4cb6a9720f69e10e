"""Rules about what other engines say."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

RULES = (
    Rule(
        "MSC001",
        "modelscan found an unsafe operator",
        Severity.CRITICAL,
        "compare with what weightmark says about the file, and ask its publisher",
        ("CWE-502",),
    ),
)
