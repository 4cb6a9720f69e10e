"""Rules about containers: where two loaders can see two different things."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_REPACK = "save the model again with its library, and compare with the source"
_READINGS = ("CWE-436",)

RULES = (
    Rule(
        "ZIP001",
        "two members have one name, and loaders differ in which they take",
        Severity.HIGH,
        _REPACK,
        _READINGS,
    ),
    Rule(
        "ZIP002",
        "a member's local header and the central directory differ",
        Severity.HIGH,
        _REPACK,
        _READINGS,
    ),
    Rule(
        "ZIP003",
        "a member is not listed in the central directory",
        Severity.HIGH,
        _REPACK,
        _READINGS,
    ),
    Rule(
        "ZIP004",
        "a member's checksum is wrong: some loaders load it all the same",
        Severity.MEDIUM,
        "get the file again from its source",
        ("CWE-354",),
    ),
    Rule(
        "ZIP005",
        "a member is encrypted or needs features that loaders treat differently",
        Severity.MEDIUM,
        _REPACK,
        _READINGS,
    ),
    Rule(
        "ZIP006",
        "the archive has bytes before, between or after its members",
        Severity.MEDIUM,
        _REPACK,
        ("CWE-436", "CWE-506"),
    ),
    Rule("ZIP007", "members overlap in the file", Severity.HIGH, _REPACK, ("CWE-436", "CWE-409")),
    Rule(
        "ZIP008",
        "a member's path leaves the folder, or is a link",
        Severity.HIGH,
        "do not unpack it",
        ("CWE-22", "CWE-59"),
    ),
    Rule(
        "ZIP009",
        "the archive can be read in more than one way: it has more than one directory",
        Severity.HIGH,
        _REPACK,
        _READINGS,
    ),
    Rule(
        "ZIP010",
        "the archive is damaged",
        Severity.MEDIUM,
        "get the file again from its source",
        ("CWE-20",),
    ),
    Rule(
        "CMP001",
        "bytes follow the compressed content",
        Severity.MEDIUM,
        _REPACK,
        ("CWE-436", "CWE-506"),
    ),
    Rule(
        "TSC001",
        "the archive holds TorchScript code, which its interpreter runs",
        Severity.INFO,
        "prefer safetensors where the code is not needed",
        (),
    ),
)
