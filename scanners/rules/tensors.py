"""Rules about tensor containers whose header decides: safetensors, npy."""

from weightmark.scanners.findings import Severity
from weightmark.scanners.rules.interface import Rule

__all__ = ["RULES"]

_AGAIN = "save the tensors again with the safetensors library, and compare with the source"
_FORMAT = "safetensors format"

RULES = (
    Rule(
        "NPY001",
        "the npy file holds Python objects as a pickle",
        Severity.LOW,
        "save it without objects, and load it with `allow_pickle=False`",
        ("CWE-502",),
    ),
    Rule(
        "NPY002",
        "bytes follow that are no part of the npy array",
        Severity.LOW,
        "save the array again",
        ("CWE-1284",),
    ),
    Rule("STF001", "the safetensors header is not strict JSON", Severity.HIGH, _AGAIN, (_FORMAT,)),
    Rule("STF002", "a safetensors entry breaks the format", Severity.HIGH, _AGAIN, (_FORMAT,)),
    Rule("STF003", "safetensors tensors overlap", Severity.HIGH, _AGAIN, (_FORMAT,)),
    Rule(
        "STF004",
        "bytes of the safetensors file belong to no tensor",
        Severity.HIGH,
        _AGAIN,
        (_FORMAT, "CWE-436"),
    ),
    Rule(
        "STF005",
        "a safetensors tensor lies outside the file",
        Severity.MEDIUM,
        "the file is cut off or damaged: get it again from its source; a place that no file reaches is a lie",
        (_FORMAT,),
    ),
    Rule(
        "STF006",
        "a safetensors tensor's length does not fit its shape",
        Severity.HIGH,
        _AGAIN,
        (_FORMAT,),
    ),
    Rule(
        "STF007",
        "a safetensors data type is unknown",
        Severity.MEDIUM,
        "check with the publisher which version wrote it",
        (_FORMAT,),
    ),
    Rule(
        "STF008",
        "the safetensors metadata is no map of text to text",
        Severity.HIGH,
        _AGAIN,
        (_FORMAT,),
    ),
    Rule(
        "STF009",
        "the safetensors header is longer than loaders accept",
        Severity.MEDIUM,
        _AGAIN,
        (_FORMAT, "CWE-789"),
    ),
    Rule(
        "STF010",
        "the safetensors header ends before the length that it claims, which lies outside the file",
        Severity.HIGH,
        _AGAIN,
        (_FORMAT, "CWE-130"),
    ),
)
