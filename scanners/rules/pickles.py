"""Rules about pickles: what loading would import, call, build into and store."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_CONVERT = "ship the weights as safetensors, or quarantine the file"
_REVIEW = "ask the publisher what this name is for, or ship the weights as safetensors"
_CODE = ("CWE-502",)

RULES = (
    Rule("PKL001", "the pickle calls a dangerous function", Severity.CRITICAL, _CONVERT, _CODE),
    Rule("PKL002", "the pickle calls an unknown function", Severity.HIGH, _REVIEW, _CODE),
    Rule("PKL003", "the pickle imports a dangerous name", Severity.HIGH, _CONVERT, _CODE),
    Rule("PKL004", "the pickle imports an unknown name", Severity.MEDIUM, _REVIEW, _CODE),
    Rule("PKL005", "the pickle reaches an attribute or a dunder", Severity.HIGH, _CONVERT, _CODE),
    Rule("PKL006", "the pickle computes the name to import", Severity.HIGH, _CONVERT, _CODE),
    Rule("PKL007", "the pickle calls something that it computed", Severity.HIGH, _CONVERT, _CODE),
    Rule(
        "PKL008",
        "the pickle sets the state of something that is not allowed",
        Severity.HIGH,
        _CONVERT,
        ("CWE-502", "CWE-915"),
    ),
    Rule(
        "PKL009",
        "the pickle stores items into something that is no plain container",
        Severity.HIGH,
        _CONVERT,
        ("CWE-502", "CWE-915"),
    ),
    Rule(
        "PKL010",
        "a persistent id names something that is no tensor storage",
        Severity.HIGH,
        _CONVERT,
        _CODE,
    ),
    Rule(
        "PKL011",
        "the pickle uses the extension registry, so its names are hidden",
        Severity.HIGH,
        _CONVERT,
        _CODE,
    ),
    Rule(
        "PKL012",
        "the pickle is malformed: a loader stops here, after running what came before",
        Severity.MEDIUM,
        "get the file again from its source; what came before was judged",
        ("CWE-20",),
    ),
    Rule(
        "PKL013",
        "bytes follow the end of the pickle",
        Severity.LOW,
        "compare the file with its source",
        (),
    ),
    Rule(
        "PKL014",
        "the pickle builds an object of a known library class",
        Severity.INFO,
        "prefer a state dict or safetensors: whole objects tie the file to library versions",
        (),
    ),
    Rule(
        "PKL015",
        "the pickle needs a loader that resolves persistent ids",
        Severity.LOW,
        "load it only with the library that wrote it",
        (),
    ),
    Rule(
        "PKL016",
        "an allowed function is called with arguments that are not",
        Severity.HIGH,
        _CONVERT,
        _CODE,
    ),
    Rule(
        "PKL017",
        "an unknown name is stored where a library object may call it",
        Severity.HIGH,
        _REVIEW,
        _CODE,
    ),
    Rule(
        "PKL018",
        "an array of joblib contradicts itself, so that loaders read it differently",
        Severity.HIGH,
        "get the file again from its source, or quarantine it",
        ("CWE-20", "CWE-502"),
    ),
    Rule(
        "PKL019",
        "the pickle carries the code of a function",
        Severity.HIGH,
        "ship the code as a package that can be reviewed, and the weights as safetensors",
        ("CWE-502", "CWE-94"),
    ),
    Rule(
        "PKL020",
        "the numbers of torch's file do not lie as its pickle says",
        Severity.MEDIUM,
        "get the file again from its source, or save it again with torch",
        ("CWE-20",),
    ),
    Rule(
        "PKL021",
        "the frames of the pickle do not end with its parts, so that loaders read it differently",
        Severity.HIGH,
        "get the file again from its source, or quarantine it",
        ("CWE-436", "CWE-502"),
    ),
    Rule(
        "PKL022",
        "the pickle makes an object of an unknown class from plain data",
        Severity.MEDIUM,
        _REVIEW,
        _CODE,
    ),
)
