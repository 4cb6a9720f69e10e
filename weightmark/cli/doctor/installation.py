"""Whether Python, the libraries and the extras are those that are needed."""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module, metadata

import weightmark
from weightmark.attestations.checks import counted
from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.values import dataclass

__all__ = ["Need", "at_least", "examine_installation", "examine_library", "needs_of"]

_OLDEST_PYTHON = (3, 11)
_NATIVE = {
    "blake3": "blake3",
    "cryptography.hazmat.bindings._rust": "cryptography",
    "rfc3161_client": "rfc3161-client",
    "sqlite3": "",
    "ssl": "",
    "yaml": "PyYAML",
}
"""modules of compiled code, and the distribution that brings each, empty for Python itself: a wheel for another
machine is there and cannot be imported"""
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?P<versions>[^;)]*)\)?\s*(?:;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Need:
    """One library that a distribution asks for."""

    name: str
    """as its package is called"""
    least: str
    """the oldest version that will do; empty for any"""
    extra: str
    """the extra that asks for it; empty for all installations"""
    extras: tuple[str, ...] = ()
    """extras of that library"""


def needs_of(requirements: Iterable[str]) -> Iterator[Need]:
    """Read requirement lines of a distribution; what this Python does not need is left out."""
    for line in requirements:
        match = _REQUIREMENT.fullmatch(line.strip())
        if match is None or not _applies(match["marker"] or ""):
            continue
        least = re.search(r">=\s*([0-9][0-9.]*)", match["versions"])
        extra = _EXTRA.search(match["marker"] or "")
        inner = tuple(part.strip() for part in (match["extras"] or "").split(",") if part.strip())
        yield Need(match["name"], least[1] if least else "", extra[1] if extra else "", inner)


def at_least(version: str, least: str) -> bool:
    """Return whether a version is not older than another; only the numbers count."""
    return _numbers(version) >= _numbers(least)


def examine_installation() -> Iterator[Examined]:
    """Look at Python, the libraries that are always needed, and the extras."""
    yield Examined.note("weightmark", weightmark.__version__)
    yield _python()
    try:
        needs = tuple(needs_of(metadata.requires("weightmark") or ()))
    except metadata.PackageNotFoundError:
        yield Examined(
            "libraries", "libraries", Verdict.WARN, "weightmark is not installed as a package",
            "so nobody can tell which libraries it needs", "install it with pip",
        )  # fmt: skip
        return
    yield from _libraries([need for need in needs if not need.extra])
    always = {need.name for need in needs if not need.extra}
    yield from _extras([need for need in needs if need.extra], always)


def examine_library(module: str) -> Examined | None:
    """Import a library; say so only where that fails."""
    try:
        import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        brought = _NATIVE.get(module, "weightmark")
        fix = f"`python -m pip install --force-reinstall {brought}`, by the Python that runs it"
        if not brought:
            fix = f"install a Python that has its standard module `{name}`"
        return Examined(
            f"library:{name}", "libraries", Verdict.BAD, f"`{name}` cannot be imported", str(error), fix
        )  # fmt: skip
    return None


def _python() -> Examined:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        return Examined.ok("python", f"{version}, `{sys.executable}`")
    why, fix = "this Python is not supported", "install Python 3.11 or newer"
    return Examined("python", "python", Verdict.BAD, version, why, fix)


def _libraries(needs: list[Need]) -> Iterator[Examined]:
    faults = [fault for need in needs if (fault := _fault(need))]
    missing = {need.name.lower() for need in needs if "missing" in _fault(need)}
    broken = [
        one
        for module, brought in _NATIVE.items()
        if brought.lower() not in missing and (one := examine_library(module))
    ]
    for need, fault in ((need, _fault(need)) for need in needs):
        if fault:
            fix = f"`python -m pip install '{need.name}>={need.least}'`"
            yield Examined(f"library:{need.name}", "libraries", Verdict.BAD, fault, fix=fix)
    yield from broken
    if not faults and not broken:
        yield Examined.ok("libraries", f"{counted(len(needs), 'library', 'libraries')} as needed")


def _extras(needs: list[Need], always: set[str]) -> Iterator[Examined]:
    """Say which extras are there; one of which only a part is there is a warning."""
    by_name: dict[str, list[Need]] = {}
    for need in needs:
        own = [one for one in _with_inner(need) if one.name not in always]
        by_name.setdefault(need.extra, []).extend(own)
    there = [name for name, asked in by_name.items() if not any(map(_fault, asked))]
    absent = sorted(set(by_name) - set(there))
    details = ("not installed: " + ", ".join(absent),) if absent else ()
    yield Examined.note("extras", ", ".join(sorted(there)) or "none", details=details)
    for name in absent:
        faults = [fault for need in by_name[name] if (fault := _fault(need))]
        if len(faults) < len(by_name[name]) or any("older" in fault for fault in faults):
            fix = f"`python -m pip install 'weightmark[{name}]'`"
            said = f"`{name}` is there in part: {'; '.join(faults)}"
            why = "commands that use it end with 4"
            yield Examined(f"extra:{name}", "extras", Verdict.WARN, said, why, fix)


def _with_inner(need: Need) -> list[Need]:
    """Return a need, and what it needs for the extras that are asked of it."""
    try:
        inner = tuple(needs_of(metadata.requires(need.name) or ())) if need.extras else ()
    except metadata.PackageNotFoundError:
        return [need]
    # the library itself is there in every installation; what its extra brings tells
    found = [Need(one.name, one.least, need.extra) for one in inner if one.extra in need.extras]
    return found or [need]


def _fault(need: Need) -> str:
    """Return what is wrong with a library; empty when nothing is."""
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return f"`{need.name}` is missing"
    if need.least and not at_least(version, need.least):
        return f"`{need.name}` {version} is older than {need.least}"
    return ""


def _applies(marker: str) -> bool:
    """Judge the one kind of marker that this project uses beside extras: a bound on Python."""
    bound = re.search(r"""python_version\s*(<|>=)\s*["']([0-9.]+)["']""", marker)
    if bound is None:
        return True
    newer = sys.version_info[:2] >= _numbers(bound[2])[:2]
    return newer if bound[1] == ">=" else not newer


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    parts = [int(part) for part in release[0].split(".")] if release else [0]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
