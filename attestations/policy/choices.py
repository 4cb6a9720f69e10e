"""The words among which a policy chooses."""

from enum import StrEnum

__all__ = [
    "Clashes",
    "DecisionClock",
    "Digests",
    "Mode",
    "OutsideRule",
    "RemoteCode",
    "Unsupported",
]


class Mode(StrEnum):
    """What a refusal does."""

    ENFORCE = "enforce"
    """it ends with exit code 1"""
    WARN = "warn"
    """it is said, as `would deny`, and the exit code is 0"""


class Digests(StrEnum):
    """By which digests content is compared with what was signed."""

    ANY = "any"
    """by the fastest that a trusted claim allows"""
    SHA256 = "sha256"
    """by SHA-256"""
    BOTH = "both"
    """by BLAKE3 and SHA-256"""


class OutsideRule(StrEnum):
    """What to do with `.git`, `.cache/huggingface` and root git files that no claim holds."""

    REFUSE = "refuse"
    """deny"""
    REPORT = "report"
    """list them"""


class Clashes(StrEnum):
    """What to do with names that are something else on other systems."""

    REFUSE = "refuse"
    """deny"""
    ALLOW = "allow"
    """list them"""


class Unsupported(StrEnum):
    """What to do with files in which the scanners know nothing to check."""

    REFUSE = "refuse"
    """each file must be scanned"""
    LIST = "list"
    """at least one file must be scanned, the others are listed"""
    ALLOW = "allow"
    """an artifact in which nothing can be scanned counts as scanned"""


class RemoteCode(StrEnum):
    """What to do with code in the artifact that its usual loader can be told to run."""

    REFUSE = "refuse"
    """deny every file of program code, and every configuration that names code"""
    JUDGE = "judge"
    """by the severity of what is found, as everything else"""
    ALLOW = "allow"
    """accept that configurations name code; what the code itself does is still judged"""


class DecisionClock(StrEnum):
    """What proves when an earlier decision was made."""

    VERIFIED = "verified"
    """a timestamp or a log entry"""
    VERIFIER = "verifier"
    """the word of whoever decided, where no clock says anything"""
