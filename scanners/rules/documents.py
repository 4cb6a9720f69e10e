"""Rules about models that are documents or programs: XML, R data, skops, native executables, git."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_PROGRAM = "run it only if you would run any other program of its publisher"

RULES = (
    Rule(
        "ARW001",
        "the schema has a Python type, which older versions of pyarrow unpickle",
        Severity.HIGH,
        "read it with pyarrow 14.0.1 or later only, and write the data with Arrow's own types",
        ("CWE-502", "CVE-2023-47248"),
    ),
    Rule(
        "XML001",
        "the model declares entities, which its reader may take from files or the network",
        Severity.HIGH,
        "remove the document type; no model needs entities",
        ("CWE-611", "CWE-776"),
    ),
    Rule(
        "XML002",
        "the model names an outer document type, which its reader may fetch",
        Severity.HIGH,
        "remove the document type",
        ("CWE-611",),
    ),
    Rule(
        "XML003",
        "the model calls a function that is no part of PMML",
        Severity.MEDIUM,
        "check what the evaluator does with this name: some load a class of this name",
        ("CWE-470",),
    ),
    Rule(
        "XML004",
        "the model has extensions, which only some evaluators understand",
        Severity.INFO,
        "check what your evaluator does with them",
        (),
    ),
    Rule(
        "XML005",
        "the model uses operations that need a library of their own",
        Severity.MEDIUM,
        "find out which library brings these operations, and whether you trust it",
        ("CWE-829",),
    ),
    Rule(
        "XML006",
        "the model includes another document",
        Severity.HIGH,
        "write it in one piece",
        ("CWE-73", "CWE-611"),
    ),
    Rule(
        "XML007",
        "the model takes numbers from a place that its file of weights can't have",
        Severity.HIGH,
        "convert the model again; a reader that does not check would read other memory",
        ("CWE-125",),
    ),
    Rule(
        "RDS001",
        "the R file holds a promise: reading a variable runs its code",
        Severity.HIGH,
        "read it in a sandbox only, and ship the weights in a format without code",
        ("CWE-502", "CVE-2024-27322"),
    ),
    Rule(
        "RDS002",
        "the R file holds functions",
        Severity.LOW,
        "call nothing from it before you have read it",
        ("CWE-502",),
    ),
    Rule(
        "RDS003",
        "the R file is malformed",
        Severity.MEDIUM,
        "get the file again from its source",
        ("CWE-20",),
    ),
    Rule(
        "SKO001",
        "the skops file names a type that is on no list",
        Severity.HIGH,
        "review the type before you trust it with `skops.io.load(trusted=…)`",
        ("CWE-502", "CVE-2024-37065"),
    ),
    Rule(
        "SKO002",
        "the skops file names a dangerous type",
        Severity.CRITICAL,
        "do not load it",
        ("CWE-502",),
    ),
    Rule(
        "SKO003",
        "the skops file contradicts itself about what it builds",
        Severity.HIGH,
        "do not load it",
        ("CWE-351", "CWE-502", "CVE-2025-54412", "CVE-2025-54413"),
    ),
    Rule(
        "EXE001",
        "a program has the name of a model",
        Severity.HIGH,
        "do not run it, and ask the publisher what it is",
        ("CWE-646", "CWE-506"),
    ),
    Rule(
        "EXE002", "the file is a native program or library", Severity.MEDIUM, _PROGRAM, ("CWE-829",)
    ),
    Rule(
        "EXE003",
        "a script has the name of a model",
        Severity.HIGH,
        "do not run it, and ask the publisher what it is",
        ("CWE-646", "CWE-506"),
    ),
    Rule(
        "EXE004",
        "the model is a program as well, as llamafile makes it",
        Severity.MEDIUM,
        _PROGRAM,
        ("CWE-829",),
    ),
    Rule(
        "EXE005",
        "a program or script stands in bytes that belong to no part of the model",
        Severity.HIGH,
        "get the file again from its source, and ask the publisher what these bytes are",
        ("CWE-506",),
    ),
    Rule(
        "NBK001",
        "the notebook holds code, which runs when somebody runs its cells",
        Severity.INFO,
        "read it before you run it",
        (),
    ),
    Rule(
        "NBK002",
        "a cell of the notebook hands what it fetches or decodes to a shell",
        Severity.HIGH,
        "read what the shell would run before you run the cell",
        ("CWE-78", "CWE-494"),
    ),
    Rule(
        "GIT001",
        "git runs a command that the repository names",
        Severity.HIGH,
        "clone the repository anew instead of using this copy",
        ("CWE-829", "CWE-78"),
    ),
    Rule(
        "GIT002",
        "the repository takes its objects from another place",
        Severity.MEDIUM,
        "clone the repository anew, with all objects inside of it",
        ("CWE-73",),
    ),
)
