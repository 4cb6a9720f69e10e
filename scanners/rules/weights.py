"""Rules about files of weights with a structure of their own: GGUF, HDF5, MessagePack, boosted trees."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_AGAIN = "get the file again from its source, or convert the model again"
_INSIDE = "write the file again with everything inside of it"

RULES = (
    Rule(
        "GGF001",
        "a GGUF header says what can't be true",
        Severity.HIGH,
        _AGAIN,
        ("CWE-190", "CWE-125", "CVE-2024-21825", "CVE-2024-21836", "CVE-2025-53630"),
    ),
    Rule(
        "GGF002",
        "a GGUF key is repeated, and readers differ in which they take",
        Severity.MEDIUM,
        _AGAIN,
        ("CWE-436",),
    ),
    Rule("GGF003", "GGUF tensors overlap or share bytes", Severity.HIGH, _AGAIN, ("CWE-20",)),
    Rule(
        "GGF004",
        "bytes follow the tensors of the GGUF file",
        Severity.LOW,
        "compare the file with its source",
        ("CWE-436",),
    ),
    Rule(
        "GGF005",
        "the file is a part of a model in several files",
        Severity.INFO,
        "scan the folder that holds all parts",
    ),
    Rule(
        "GGF006",
        "the parts of a model in several files do not fit together",
        Severity.MEDIUM,
        "get all parts again from one source",
        ("CWE-345",),
    ),
    Rule(
        "BST001",
        "a model of boosted trees counts what can't be in its file",
        Severity.MEDIUM,
        _AGAIN,
        ("CWE-789", "CWE-125"),
    ),
    Rule(
        "BST002",
        "a boosted tree leads out of its lists or in a circle, which its library follows unchecked",
        Severity.HIGH,
        _AGAIN,
        ("CWE-125", "CWE-835"),
    ),
    Rule(
        "HDF001",
        "the HDF5 file takes data from other files",
        Severity.HIGH,
        _INSIDE,
        ("CWE-22", "CWE-73", "CVE-2026-1669"),
    ),
    Rule(
        "HDF002",
        "the HDF5 file needs a filter or link plugin, which is native code",
        Severity.LOW,
        "write the file again with built-in compression",
        ("CWE-829",),
    ),
    Rule("HDF003", "the HDF5 file is malformed", Severity.MEDIUM, _AGAIN, ("CWE-20",)),
    Rule(
        "HDF004",
        "bytes stand before the HDF5 file's own",
        Severity.INFO,
        "compare the file with its source",
        ("CWE-436",),
    ),
    Rule(
        "ZAR001",
        "the chunks of an array are pickles, which its reader unpickles",
        Severity.HIGH,
        "save arrays of numbers only",
        ("CWE-502",),
    ),
    Rule(
        "ZAR002",
        "an array store takes its data from a file outside of its folder",
        Severity.HIGH,
        _INSIDE,
        ("CWE-22", "CWE-73"),
    ),
    Rule("ZAR003", "a file of an array store is malformed", Severity.MEDIUM, _AGAIN, ("CWE-20",)),
    Rule(
        "MSG001",
        "an array in MessagePack holds Python objects, which its reader unpickles",
        Severity.HIGH,
        "save arrays of numbers only",
        ("CWE-502",),
    ),
    Rule(
        "MSG002",
        "a MessagePack extension is none of the library's that writes such files",
        Severity.LOW,
        "ask the publisher what wrote it",
        ("CWE-502",),
    ),
)
