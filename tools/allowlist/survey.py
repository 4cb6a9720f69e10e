"""Write what loading the classes of installed packages reaches, as the scanners read it.

    python -m tools.allowlist.survey SITE...            look at the packages of `surveyed.in` in these folders
    python -m tools.allowlist.survey --only P SITE...   look at package P alone

SITE is the `site-packages` of an environment; nothing of it is imported. What no folder holds is kept as it was
written last. With `--out FILE` it is written elsewhere.
"""

import argparse
import ast
import json
import re
import sys
import tomllib
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tools.allowlist.class_survey import Survey
from tools.allowlist.reached_names import ACTING, INERT
from tools.allowlist.source_index import Module, Sources

HERE = Path(__file__).resolve().parent
LISTS = HERE.parent.parent / "scanners" / "allow"
WRITTEN = LISTS / "surveyed.json"
_OTHER = ("acting.json", "dangerous.json", "surveyed.json")
_TESTS = (
    "tests",
    "test",
    "testing",
    "conftest",
    "_testing",
    "benchmarks",
    "examples",
    "__main__",
    "setup",
)
_NO_DATA = ("Error", "Exception", "Warning", "Mixin", "TestCase")
_NOTE = (
    "what loading an object reaches, by the sources: `!` acts (files, code, processes, network), `()` also calling the "
    "class computes and keeps only, nothing behind the name: making and setting its state do, `?` not known"
)
_WRITTEN_EVERY = 12
Rows = dict[str, dict[str, str]]


def main() -> None:
    """Survey the packages and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sites", type=Path, nargs="+", metavar="SITE")
    parser.add_argument("--only", nargs="+", metavar="PACKAGE")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=WRITTEN)
    arguments = parser.parse_args()
    wanted = arguments.only or (HERE / "surveyed.in").read_text().split()
    found: dict[str, Rows] = {}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        seen = pool.map(survey_package, wanted, [arguments.sites] * len(wanted))
        for number, (package, rows) in enumerate(seen, 1):
            found |= {package: rows} if rows else {}
            print(f"{package}: {sum(map(len, rows.values()))} classes", file=sys.stderr, flush=True)
            if number % _WRITTEN_EVERY == 0:
                write(found, versions(arguments.sites), arguments.out)
    write(found, versions(arguments.sites), arguments.out)


@cache
def reviewed() -> frozenset[tuple[str, str]]:
    """Return the names on the lists, of which a reviewer saw that loading them does no harm."""
    return frozenset(
        (module, name)
        for path in LISTS.glob("*.json")
        if path.name not in _OTHER
        for module, names in json.loads(path.read_text())["modules"].items()
        for name, operations in names.items()
        if "new" in operations or "apply" in operations
    )


@cache
def _tools(sites: tuple[Path, ...]) -> tuple[Sources, Survey]:
    sys.setrecursionlimit(10_000)
    sources = Sources(list(sites))
    return sources, Survey(sources, reviewed())


def survey_package(package: str, sites: list[Path]) -> tuple[str, Rows]:
    """Return what is known of the classes of a package, by module."""
    sources, survey = _tools(tuple(sites))
    rows: Rows = {}
    modules, native = sources.modules(package)
    for name in modules:
        marks = find_aliases(sources, survey, name) | survey_module(sources, survey, name)
        if marks:
            rows[name] = marks
    for name in native:
        rows.setdefault(name, {})["*"] = "?"
    return package, rows


def survey_module(sources: Sources, survey: Survey, name: str) -> dict[str, str]:
    """Return the mark of each class of a module."""
    module = sources.module(name)
    if module is None:
        return {}
    of_tests = any(part in _TESTS or part.startswith("test_") for part in name.split("."))
    marks = {}
    for cls, node in module.classes.items():
        try:
            mark = mark_of(survey, module, node)
        except RecursionError:
            mark = "?"
        if mark == "!" or not (of_tests or cls.endswith(_NO_DATA)):
            marks[cls] = mark
    if not of_tests:
        marks |= {name: "()" for name in module.tuples if name.isidentifier()}
    return marks


def mark_of(survey: Survey, module: Module, node: ast.ClassDef) -> str:
    """Return the mark of a class."""
    level = survey.loading(module, node)
    if level != INERT:
        return "!" if level == ACTING else "?"
    return "()" if survey.making(module, node) == INERT else ""


def find_aliases(sources: Sources, survey: Survey, name: str) -> dict[str, str]:
    """Return the other names by which a module holds classes that act."""
    module = sources.module(name)
    if module is None:
        return {}
    held = [alias for alias in module.imports if alias[:1].isupper() or alias[:2] == "_L"]
    for star in module.stars:
        other = sources.module(star)
        held += [n for n in (other.classes | other.imports if other else ()) if n[:1].isupper()]
    marks: dict[str, str] = {}
    for alias in held:
        found, inside = sources.resolve(module, alias)
        if found is not None and found.name != name and inside in found.classes:
            try:
                acts = survey.loading(found, found.classes[inside]) == ACTING
            except RecursionError:
                acts = False
            marks |= {alias: "!"} if acts else {}
    return marks


@cache
def _distributions(sites: tuple[Path, ...]) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    for site in sites:
        for item in distributions(path=[str(site)]):
            tops = {Path(str(file)).parts[0].removesuffix(".py") for file in item.files or ()}
            for top in tops:
                found.setdefault(top, item)
    return found


def versions(sites: list[Path]) -> dict[str, str]:
    """Return `distribution version` of each top package."""
    known = _distributions(tuple(sites))
    return {top: f"{item.metadata['Name']} {item.version}" for top, item in known.items()}


def _without_refused(package: str, rows: Rows) -> Rows:
    """Return the marks of a package, where what the review refused acts."""
    patterns = _refused().get(package, ())
    return {
        module: {
            name: "!" if any(pattern.search(f"{module}:{name}") for pattern in patterns) else mark
            for name, mark in names.items()
        }
        for module, names in rows.items()
    }


@cache
def _refused() -> dict[str, list[re.Pattern[str]]]:
    """Return what the review of each package's lists leaves out, with a reason."""
    found: dict[str, list[re.Pattern[str]]] = {}
    for entry in tomllib.loads((HERE / "review.toml").read_text()).values():
        for package in entry["packages"]:
            found.setdefault(package, []).extend(map(re.compile, entry.get("excluded", ())))
    return found


def write(found: dict[str, Rows], known: dict[str, str], out: Path) -> None:
    """Write all packages, one line a module; what was not found is kept."""
    document = json.loads(out.read_text()) if out.exists() else {"packages": {}}
    packages = document["packages"]
    listed = {module.partition(".")[0] for module, _ in reviewed()}
    for package, rows in found.items():
        modules = {}
        for module, names in sorted(_without_refused(package, rows).items()):
            shown = [
                n + m for n, m in sorted(names.items()) if m != "?" or package in listed or n == "*"
            ]
            if shown:
                modules[module.removeprefix(package)] = " ".join(shown)
        packages[package] = {"version": known.get(package, ""), "modules": modules}
    text = json.dumps({"note": _NOTE, "packages": packages}, indent=0, sort_keys=True)
    out.write_text(text + "\n")
    print(f"{len(packages)} packages, {len(text)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
