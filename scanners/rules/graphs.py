"""Rules about computation graphs: ONNX, TensorFlow, TFLite, Core ML, Paddle and native engines."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_AGAIN = "get the file again from its source, or export the model again"
_OPERATORS = "ask the publisher what the operator is for, or export the model without it"
_PATHS = "export the model with its data inside of it or beside it"

RULES = (
    Rule(
        "ONX001",
        "a tensor's external data lie outside the model's folder",
        Severity.HIGH,
        _PATHS,
        ("CWE-22", "CVE-2022-25882", "CVE-2024-27318"),
    ),
    Rule(
        "ONX002",
        "the graph calls Python code by name",
        Severity.HIGH,
        _OPERATORS,
        ("CWE-94", "CWE-470"),
    ),
    Rule(
        "ONX003",
        "the graph uses operators that only a custom library provides",
        Severity.LOW,
        _OPERATORS,
        ("CWE-829",),
    ),
    Rule(
        "ONX004",
        "the graph carries a compiled engine that can't be looked into",
        Severity.LOW,
        "compile the engine yourself from the portable model",
        ("CWE-829",),
    ),
    Rule("ONX005", "the ONNX file is malformed", Severity.MEDIUM, _AGAIN, ("CWE-20",)),
    Rule(
        "TFG001",
        "the graph reads or writes files, or reaches the network or the process",
        Severity.HIGH,
        _OPERATORS,
        ("CWE-73", "CWE-829"),
    ),
    Rule(
        "TFG002",
        "the graph calls Python functions or native code by name",
        Severity.HIGH,
        _OPERATORS,
        ("CWE-94",),
    ),
    Rule(
        "TFG003",
        "the graph uses operators that TensorFlow does not have",
        Severity.LOW,
        _OPERATORS,
        ("CWE-829",),
    ),
    Rule(
        "TFG004",
        "an asset, table or checkpoint of the graph lies outside the model's folder",
        Severity.HIGH,
        _PATHS,
        ("CWE-22",),
    ),
    Rule("TFG005", "the TensorFlow file is malformed", Severity.MEDIUM, _AGAIN, ("CWE-20",)),
    Rule(
        "TFL001",
        "the model uses custom operators that only a native library provides",
        Severity.LOW,
        _OPERATORS,
        ("CWE-829",),
    ),
    Rule(
        "TFL002",
        "the TFLite file is malformed",
        Severity.MEDIUM,
        _AGAIN,
        ("CWE-125",),
    ),
    Rule(
        "CML001",
        "the Core ML model needs a custom layer or model from the app that loads it",
        Severity.LOW,
        _OPERATORS,
        ("CWE-829",),
    ),
    Rule(
        "CML002",
        "the Core ML model names a file outside of its package",
        Severity.HIGH,
        _PATHS,
        ("CWE-22",),
    ),
    Rule("CML003", "the Core ML file is malformed", Severity.MEDIUM, _AGAIN, ("CWE-20",)),
    Rule(
        "CML004",
        "the Core ML model links to another model",
        Severity.LOW,
        "check that model as well",
        ("CWE-829",),
    ),
    Rule(
        "PDL001",
        "the Paddle program calls Python, or reads or writes files",
        Severity.HIGH,
        _OPERATORS,
        ("CWE-73", "CWE-94"),
    ),
    Rule("PDL002", "the Paddle program is malformed", Severity.MEDIUM, _AGAIN, ("CWE-20",)),
    Rule(
        "NAT001",
        "the file is a compiled engine: native code that can't be looked into",
        Severity.LOW,
        "compile the engine yourself from the portable model",
        ("CWE-829",),
    ),
)
