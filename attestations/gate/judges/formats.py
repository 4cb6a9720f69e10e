"""Which formats the files are of, by their content, and whether code is among them."""

from collections.abc import Iterator

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.judges.interface import MAX_DETAILS
from weightmark.attestations.gate.judges.scan import NAMED_CODE
from weightmark.attestations.policy.choices import RemoteCode
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.names import escape_path
from weightmark.scanners.findings import FileScan

__all__ = ["judge_formats", "judge_remote_code"]

_PROGRAMS = frozenset(["elf", "mach-o", "pe", "python", "script"])
"""formats that are program code"""
_IMPORTED = (".dll", ".dylib", ".py", ".pyc", ".pyd", ".pyw", ".so")
"""ends of names by which loaders import code, whatever else its content could be"""
_CONVERTED = frozenset(["pickle", "torch", "zip"])
"""formats that `convert` can read"""
_CONVERT = "convert it with `weightmark convert FILE NEW.safetensors`, or ask for another format"
_OTHER_FORMAT = "ask for a format that the policy accepts; if this one is meant, say so in `[scan]` of the policy"
_RUN_BY_LOADERS = NAMED_CODE | {"REP005", "REP006"}
"""rules that see code which a loader runs"""


def judge_formats(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge every format that a file can be read as: one that is two formats must be allowed as both."""
    denied, allowed = {*policy.scan.deny_formats}, {*policy.scan.allow_formats}
    if evidence.scan is None or not (denied or allowed):
        return
    wrong = [
        f"`{escape_path(file.path)}` is {' and '.join(file.formats) or 'of an unknown format'}"
        for file in evidence.scan.files
        if not _is_good(file, denied, allowed)
    ]
    if not wrong:
        yield Check("formats", Outcome.PASS, "every file is of a format that the policy accepts")
        return
    refused = [file for file in evidence.scan.files if not _is_good(file, denied, allowed)]
    convertible = any(_CONVERTED & {*file.formats} for file in refused)
    yield Check(
        "formats",
        Outcome.FAIL,
        f"{wrong[0]}{f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''}",
        f"the policy denies {', '.join(sorted(denied))}"
        if denied
        else f"the policy allows {', '.join(sorted(allowed))}",
        _CONVERT if convertible else _OTHER_FORMAT,
        tuple(wrong[:MAX_DETAILS]) if len(wrong) > 1 else (),
        "format-refused",
    )


def judge_remote_code(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge code that a loader can be told to run, where the policy refuses it whatever it does."""
    if evidence.scan is None or policy.scan.remote_code is not RemoteCode.REFUSE:
        return
    files = [file.path for file in evidence.scan.files if _is_code(file)]
    naming = [one.path for one in evidence.scan.findings if one.rule in _RUN_BY_LOADERS]
    found = tuple(f"`{escape_path(path)}`" for path in dict.fromkeys((*naming, *files)))
    if not found:
        yield Check("remote code", Outcome.PASS, "no code, and nothing that names any")
        return
    yield Check(
        "remote code",
        Outcome.FAIL,
        f"{counted(len(found), 'file')} with code, or that name code to run: {found[0]}",
        'the policy says `[scan] remote_code = "refuse"`',
        "ask for a release without code, or read it and accept it by an exception",
        found[:MAX_DETAILS],
        "remote-code",
    )


def _is_code(file: FileScan) -> bool:
    return bool(_PROGRAMS & {*file.formats}) or file.path.lower().endswith(_IMPORTED)


def _is_good(file: FileScan, denied: set[str], allowed: set[str]) -> bool:
    formats = {*file.formats}
    return not formats & denied and (not allowed or (bool(formats) and formats <= allowed))
