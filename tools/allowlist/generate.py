"""Write the allowlists of the scanners from the real libraries and the review beside this script.

    python tools/allowlist/generate.py            make an environment, look at the libraries, write
    python tools/allowlist/generate.py --facts D  use what an earlier run left in folder D
    python tools/allowlist/generate.py --only L   write list L alone

Nothing is allowed because it exists: `review.toml` says which families and names may stand on a
list, and a class whose loading would run a method that nobody has reviewed is left out.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LISTS = HERE.parent.parent / "scanners" / "allow"
WRITTEN = HERE / "written.json"
"""what the script wrote last: digests of each list and of the part of the review that it follows"""
LOADING = ("__del__", "__new__", "__setattr__", "__setstate__", "__getattribute__")
Facts = dict[str, dict[str, Any]]
Rows = dict[tuple[str, str], str]


def main() -> None:
    """Write one list for each entry of the review."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=Path, help="folder that keeps what was seen")
    parser.add_argument("--only", nargs="+", metavar="LIST", help="write these lists only")
    arguments = parser.parse_args()
    folder = arguments.facts
    review = tomllib.loads((HERE / "review.toml").read_text())
    review = {name: row for name, row in review.items() if name in (arguments.only or review)}
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary)
        gather(review, folder)
        for name, entry in review.items():
            facts = json.loads((folder / f"{entry['library']}.json").read_text())
            write(name, entry, facts["version"], choose(entry, facts["names"]))
    note_written(review)


def digests(name: str, entry: dict[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of a list as it lies there, and of its part of the review."""
    part = json.dumps(entry, sort_keys=True).encode()
    written = (LISTS / f"{name}.json").read_bytes()
    return {
        "list": hashlib.sha256(written).hexdigest(),
        "review": hashlib.sha256(part).hexdigest(),
    }


def note_written(review: dict[str, Any]) -> None:
    """Note what was written, so that a list or a review changed by hand is seen without the libraries."""
    known = json.loads(WRITTEN.read_text()) if WRITTEN.exists() else {}
    known |= {name: digests(name, entry) for name, entry in review.items()}
    WRITTEN.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def gather(review: dict[str, Any], folder: Path) -> None:
    """Describe every library that `folder` does not describe yet."""
    missing: dict[str, list[dict[str, Any]]] = {}
    for row in review.values():
        if not (folder / f"{row['library']}.json").exists():
            missing.setdefault(row["library"], []).append(row)
    if not missing:
        return
    with tempfile.TemporaryDirectory() as temporary:
        python = Path(temporary, "bin", "python")
        subprocess.run([sys.executable, "-m", "venv", temporary], check=True)
        wanted = {name for rows in missing.values() for row in rows for name in _needed(row)}
        pins = ["-c", str(HERE / "requirements.in")]
        pip = [str(python), "-m", "pip", "install", "-q", *pins, *sorted(wanted)]
        subprocess.run(pip, check=True)
        for name, rows in missing.items():
            packages = sorted({package for row in rows for package in row["packages"]})
            script = str(HERE / "introspect.py")
            command = [str(python), script, rows[0]["requirement"], *packages]
            seen = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            (folder / f"{name}.json").write_bytes(seen)


def _needed(entry: dict[str, Any]) -> list[str]:
    """Name what to install for one list: the library, and those that its classes build upon."""
    return [entry["requirement"], *entry.get("beside", ())]


def choose(entry: dict[str, Any], facts: Facts) -> Rows:
    """Return what the review allows of what the library holds."""
    rows: Rows = {}
    for full, fact in facts.items():
        operations = _operations(entry, full, fact)
        if operations is not None and _reason_against(entry, full) is None:
            rows[_pair(full)] = operations
    for module, names in entry.get("names", {}).items():
        rows |= {(module, name): operations for name, operations in names.items()}
    ufuncs = [
        full for full, fact in facts.items() if fact["kind"] == "ufunc" and _pair(full) in rows
    ]
    for module in entry.get("ufunc_modules", ()):
        rows |= {(module, _pair(full)[1]): "" for full in ufuncs}
    for full, modules in entry.get("aliases", {}).items():
        module, name = _pair(full)
        rows |= {(other, name): rows[module, name] for other in modules}
    return rows


def _operations(entry: dict[str, Any], full: str, fact: dict[str, Any]) -> str | None:
    module, name = _pair(full)
    if fact["kind"] == "ufunc":
        return "" if entry.get("ufuncs") and not name.startswith("_") else None
    if fact["kind"] == "function":
        public = module in entry.get("functions", ()) and not name.startswith("_")
        return "" if public else None
    families = entry.get("families", {})
    patterns = entry.get("classes", {})
    found = [word for pattern, word in patterns.items() if re.match(pattern, full)]
    found += [families[base] for base in (full, *fact["bases"]) if base in families]
    if not found or _reason_against(entry, full) is not None or _is_no_data(fact):
        return None
    operations = str(found[0])
    run = {hook: owner for hook, owner in fact["hooks"].items() if _runs(hook, operations)}
    unknown = [owner for hook, owner in run.items() if _unreviewed(entry, hook, owner)]
    if unknown:
        print(f"left out: {full}: nobody has reviewed {', '.join(sorted(set(unknown)))}")
        return None
    return operations


def _is_no_data(fact: dict[str, Any]) -> bool:
    """Tell a class that makes classes, or a native one of which a pickle makes no instance."""
    return bool(
        set(fact["bases"]) & {"builtins:type", "_pickle:Unpickler", "torch._C:_FunctionBase"}
    )


def _runs(hook: str, operations: str) -> bool:
    """Tell a method that loading runs; a state that must be one dict goes past `__setattr__`."""
    return hook != "__setattr__" or "build:dict" not in operations


def _unreviewed(entry: dict[str, Any], hook: str, owner: str) -> bool:
    hooks = entry.get("hooks", {})
    module = owner.partition(":")[0]
    return hook in LOADING and owner not in hooks and f"{module}:*" not in hooks


def _reason_against(entry: dict[str, Any], full: str) -> str | None:
    excluded = entry.get("excluded", {})
    return next((why for pattern, why in excluded.items() if re.search(pattern, full)), None)


def _pair(full: str) -> tuple[str, str]:
    module, _, name = full.partition(":")
    return module, name


def write(name: str, entry: dict[str, Any], version: str, rows: Rows) -> None:
    """Write one list, sorted, one name a line."""
    modules: dict[str, dict[str, str]] = {}
    for (module, item), operations in sorted(rows.items()):
        modules.setdefault(module, {})[item] = operations
    document = {
        "grade": entry["grade"],
        "library": entry["library"],
        "modules": modules,
        "version": version.partition("+")[0],
    }
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    (LISTS / f"{name}.json").write_text(text)
    print(f"{name}.json: {len(rows)} names of {entry['library']} {document['version']}")


if __name__ == "__main__":
    main()
