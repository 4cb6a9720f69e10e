"""The sources of installed packages: finds modules, and what a name in one of them means."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

__all__ = ["Module", "Sources", "dotted_text", "read_statements"]

_MOST_HOPS = 8
_LARGEST = 3 << 20
_NATIVE = (".so", ".pyd")


@dataclass
class Module:
    """One module's source."""

    name: str
    """its full name"""
    package: str
    """what a relative import begins at"""
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    """its own classes"""
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    """its own functions"""
    tuples: set[str] = field(default_factory=set)
    """named tuples that are made by a call"""
    imports: dict[str, str] = field(default_factory=dict)
    """what a name of an import stands for, in full"""
    stars: list[str] = field(default_factory=list)
    """modules of which every name was imported"""
    names: set[str] = field(default_factory=set)
    """other names that it assigns"""


class Sources:
    """Modules below some folders of installed packages; the first folder that has a package wins."""

    def __init__(self, sites: list[Path]) -> None:
        """Look below `sites`."""
        self._sites = sites
        self._homes: dict[str, Path | None] = {}

    def home(self, package: str) -> Path | None:
        """Return the folder that holds a package or module of this top name, or None."""
        if package not in self._homes:
            found = (
                s for s in self._sites if _is_package(s / package) or (s / f"{package}.py").exists()
            )
            self._homes[package] = next(found, None)
        return self._homes[package]

    def module(self, name: str) -> Module | None:
        """Return a module by its full name, or None if there is no source for it."""
        home = self.home(name.partition(".")[0])
        return None if home is None else _parsed(home, name)

    def resolve(self, module: Module, dotted: str, hops: int = 0) -> tuple[Module | None, str]:
        """Return where a name of a module is made: its module, if its source is here, and its name in there.

        Without a source the name is the full one, as an import spells it.
        """
        head, _, rest = dotted.partition(".")
        if hops > _MOST_HOPS:
            return None, dotted
        if head in module.classes or head in module.functions or head in module.tuples:
            return module, dotted
        if head in module.imports:
            return self._found(module.imports[head] + ("." + rest if rest else ""), hops)
        if head in module.names:
            return module, dotted
        for star in module.stars:
            other = self.module(star)
            if other is not None and other is not module:
                found, name = self.resolve(other, dotted, hops + 1)
                if found is not None or not name.startswith("builtins."):
                    return found, name
        return None, f"builtins.{dotted}"

    def _found(self, full: str, hops: int) -> tuple[Module | None, str]:
        parts = full.split(".")
        for end in range(len(parts) - 1, 0, -1):
            module = self.module(".".join(parts[:end]))
            if module is not None:
                rest = ".".join(parts[end:])
                if rest.partition(".")[0] in ("__name__", "__file__"):
                    return None, full
                found, name = self.resolve(module, rest, hops + 1)
                return (
                    (None, full) if found is None and name == f"builtins.{rest}" else (found, name)
                )
        return None, full

    def modules(self, package: str) -> tuple[list[str], list[str]]:
        """Return the names of a package's modules that have a source, and of its native ones."""
        home = self.home(package)
        if home is None:
            return [], []
        if not (home / package).is_dir():
            return [package], []
        sources, native = [], []
        for path in sorted((home / package).rglob("*")):
            relative = path.relative_to(home)
            parts = [*relative.parts[:-1], relative.name.partition(".")[0]]
            if not all(part.isidentifier() for part in parts):
                continue
            name = ".".join(parts).removesuffix(".__init__")
            if path.suffix == ".py":
                sources.append(name)
            elif path.suffix in _NATIVE:
                native.append(name)
        return sources, native


def _is_package(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("**/*.py"))


@lru_cache(maxsize=1500)
def _parsed(home: Path, name: str) -> Module | None:
    path = home.joinpath(*name.split("."))
    is_package = (path / "__init__.py").exists()
    file = path / "__init__.py" if is_package else path.with_suffix(".py")
    try:
        if not file.exists() or file.stat().st_size > _LARGEST:
            return None
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    module = Module(name, name if is_package else name.rpartition(".")[0])
    read_statements(module, tree.body)
    return module


def read_statements(module: Module, body: Sequence[ast.stmt]) -> None:
    """Take note of what statements at the top of a module define and import."""
    for node in body:
        match node:
            case ast.ClassDef():
                module.classes[node.name] = node
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                module.functions.setdefault(node.name, node)
            case ast.Import():
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    module.imports[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom():
                _read_from(module, node)
            case ast.Assign() | ast.AnnAssign():
                _read_assignment(module, node)
            case ast.If() | ast.Try() | ast.With():
                read_statements(module, node.body)
                read_statements(module, getattr(node, "orelse", []))
                for handler in getattr(node, "handlers", []):
                    read_statements(module, handler.body)


def _read_from(module: Module, node: ast.ImportFrom) -> None:
    base = node.module or ""
    if node.level:
        parts = module.package.split(".")
        parts = parts[: len(parts) - node.level + 1]
        base = ".".join([*parts, base] if base else parts)
    for alias in node.names:
        if alias.name == "*":
            module.stars.append(base)
        else:
            module.imports.setdefault(alias.asname or alias.name, f"{base}.{alias.name}")


def _read_assignment(module: Module, node: ast.Assign | ast.AnnAssign) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    value = node.value
    if isinstance(value, ast.Call) and dotted_text(value.func).rpartition(".")[2] in (
        "namedtuple",
        "NamedTuple",
    ):
        module.tuples.update(names)
    elif (
        value is not None
        and dotted_text(value)
        and len(names) == 1
        and names[0] not in module.imports
    ):
        text = dotted_text(value)
        if text.partition(".")[0] != names[0] and text.partition(".")[0] in module.imports:
            full = module.imports[text.partition(".")[0]]
            module.imports[names[0]] = full + text[len(text.partition(".")[0]) :]
            return
    module.names.update(names)


def dotted_text(node: ast.expr) -> str:
    """Return `a.b.c`, or an empty text for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted_text(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""
