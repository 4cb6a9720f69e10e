"""Rules about model repositories: what makes their usual loaders run code or leave the folder."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_READ_CODE = "read the code that it names, pin it, and load without remote code where possible"
_STANDARD = "use the library's own classes, or read the code before it is loaded"
_CODE = ("CWE-94", "CWE-829")

RULES = (
    Rule(
        "REP001",
        "the configuration names code for its loader to run",
        Severity.HIGH,
        _READ_CODE,
        _CODE,
    ),
    Rule("REP002", "the configuration asks to trust remote code", Severity.HIGH, _READ_CODE, _CODE),
    Rule(
        "REP003",
        "the configuration names a class outside the libraries of its format",
        Severity.HIGH,
        _STANDARD,
        ("CWE-470",),
    ),
    Rule(
        "REP004",
        "a path in the configuration leaves the repository",
        Severity.HIGH,
        "replace it by the name of a file in the repository",
        ("CWE-22",),
    ),
    Rule(
        "REP005",
        "a usual loader runs this file because of its name",
        Severity.HIGH,
        "read it before the repository is loaded or deployed, or remove it",
        _CODE,
    ),
    Rule(
        "REP006",
        "the file is a dataset or metric script that a loader runs",
        Severity.HIGH,
        "publish the data as Parquet, which needs no script",
        _CODE,
    ),
    Rule(
        "REP007",
        "the adapter is loaded on top of another model",
        Severity.INFO,
        "check that model as well",
    ),
    Rule(
        "REP008",
        "a key of the configuration is repeated, and readers differ in which they take",
        Severity.MEDIUM,
        "keep one of the two",
        ("CWE-436",),
    ),
    Rule(
        "REP009",
        "the document asks its reader to build objects by the names of their classes",
        Severity.HIGH,
        "read it with a safe loader only, and write it without such tags",
        ("CWE-502",),
    ),
    Rule(
        "REP010",
        "a list of packages takes some from another place than the usual index",
        Severity.MEDIUM,
        "install such packages only after you have looked at their source, pinned by hash",
        ("CWE-829", "CWE-494"),
    ),
    Rule(
        "REP011",
        "installing the folder runs this file",
        Severity.MEDIUM,
        "read it before you run `pip install` on the folder",
        ("CWE-829",),
    ),
    Rule(
        "REP012",
        "a setting hands a variable of the environment to another host",
        Severity.MEDIUM,
        "write the address out, and pass secrets by the program that needs them",
        ("CWE-200", "CWE-522"),
    ),
    Rule(
        "REP013",
        "a script runs what it fetches or decodes",
        Severity.HIGH,
        "read what it would run, and remove the script from the model's folder",
        ("CWE-494", "CWE-506"),
    ),
    Rule(
        "REP014",
        "installing the folder reaches a process, the network or hidden code at once",
        Severity.HIGH,
        "do not run `pip install` on the folder before you have read the file",
        ("CWE-506", "CWE-829"),
    ),
    Rule(
        "KER001",
        "a Keras layer holds Python code",
        Severity.HIGH,
        "replace the `Lambda` by a registered layer",
        ("CWE-502", "CVE-2024-3660"),
    ),
    Rule(
        "KER002",
        "the Keras configuration names something that is no building block of Keras",
        Severity.HIGH,
        _STANDARD,
        ("CWE-470", "CVE-2025-1550", "CVE-2025-8747"),
    ),
    Rule(
        "KER003",
        "a Keras layer reads a file when it is loaded",
        Severity.HIGH,
        "store the vocabulary in the model",
        ("CWE-22", "CWE-73", "CVE-2025-12058"),
    ),
    Rule(
        "KER004",
        "the Keras model needs a class or function that its loader must bring",
        Severity.LOW,
        "ask the publisher where it comes from, and read it before you register it",
        ("CWE-829",),
    ),
    Rule(
        "TPL001",
        "the template reaches beyond its data",
        Severity.HIGH,
        "render templates in a sandbox, and take the template from the model's own publisher",
        ("CWE-1336", "CVE-2024-34359"),
    ),
    Rule(
        "TPL002",
        "the template reads another template",
        Severity.HIGH,
        "write the template in one piece",
        ("CWE-1336", "CWE-73"),
    ),
    Rule(
        "TPL003",
        "the template computes the name of an attribute",
        Severity.HIGH,
        "write the name out",
        ("CWE-1336",),
    ),
)
