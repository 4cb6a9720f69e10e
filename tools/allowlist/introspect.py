"""Write what a library's classes and functions look like, as JSON; runs inside a throw-away environment."""

import importlib
import inspect
import json
import pkgutil
import sys
import warnings
from contextlib import redirect_stdout
from importlib.metadata import version

HOOKS = ("__del__", "__new__", "__setattr__", "__setstate__", "__getattr__", "__getattribute__")
PLAIN_OWNERS = ("builtins", "typing", "abc", "enum", "collections.abc")
SKIPPED = ("tests", "testing", "conftest", "_build_utils", "f2py", "distutils", "__main__")


def main() -> None:
    """Describe the packages named on the command line."""
    warnings.simplefilter("ignore")
    names: dict[str, dict[str, object]] = {}
    with redirect_stdout(sys.stderr):
        for package in sys.argv[2:]:
            for module in _modules(package):
                names |= _describe(module)
    json.dump({"version": version(sys.argv[1]), "names": names}, sys.stdout, sort_keys=True)


def _modules(package: str) -> list[object]:
    root = importlib.import_module(package)
    found = [root]
    for info in pkgutil.walk_packages(
        getattr(root, "__path__", []), f"{package}.", onerror=lambda _name: None
    ):
        if any(part in SKIPPED for part in info.name.split(".")):
            continue
        try:
            found.append(importlib.import_module(info.name))
        except BaseException as error:  # noqa: BLE001 - optional parts of a library may not import
            print(f"not imported: {info.name}: {error}"[:200], file=sys.stderr)
    return found


def _describe(module: object) -> dict[str, dict[str, object]]:
    """Describe what a pickle would import from this very module."""
    rows = {}
    for name, value in sorted(vars(module).items()):
        kind = "class" if inspect.isclass(value) else _function_kind(value)
        at_home = getattr(value, "__module__", None) == module.__name__
        if kind and at_home and getattr(value, "__qualname__", name) == name:
            row = {"kind": kind}
            if kind == "class":
                row |= {"bases": _bases(value), "hooks": _hooks(value)}
            rows[f"{module.__name__}:{name}"] = row
    return rows


def _function_kind(value: object) -> str:
    if type(value).__name__ == "ufunc":
        return "ufunc"
    return "function" if inspect.isroutine(value) else ""


def _bases(cls: type) -> list[str]:
    return [f"{base.__module__}:{base.__qualname__}" for base in cls.__mro__[1:-1]]


def _hooks(cls: type) -> dict[str, str]:
    """Name, for each method that loading may run, the class that it comes from."""
    found = {}
    for hook in HOOKS:
        owner = next((base for base in cls.__mro__ if hook in vars(base)), object)
        if owner.__module__ not in PLAIN_OWNERS:
            found[hook] = f"{owner.__module__}:{owner.__qualname__}"
    return found


if __name__ == "__main__":
    main()
