"""Rules about the tree itself: names that lead a loader somewhere else."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

RULES = (
    Rule(
        "TRE001",
        "a link leads out of the artifact or nowhere",
        Severity.HIGH,
        "replace the link by the file that it means",
        ("CWE-59",),
    ),
    Rule(
        "TRE002",
        "a FIFO, device or socket stands among the files",
        Severity.HIGH,
        "remove it",
        (),
    ),
    Rule(
        "TRE003",
        "a name can't be written down unambiguously",
        Severity.MEDIUM,
        "rename the file",
        ("CWE-176",),
    ),
    Rule(
        "TRE005",
        "a pickle imports a module that lies in the artifact",
        Severity.HIGH,
        "read that module as you would read a program, or remove it",
        ("CWE-427", "CWE-502"),
    ),
    Rule(
        "TRE004",
        "a reserved name holds a folder or a link",
        Severity.HIGH,
        "remove it, or get the artifact again from its publisher",
        ("CWE-59",),
    ),
)
