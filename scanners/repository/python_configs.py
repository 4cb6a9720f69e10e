"""Configurations written in Python, which their loader runs: detectron2's `LazyConfig`, MMEngine's.

Sources: detectron2 `config/lazy.py` (`exec`), MMEngine `config/config.py` (`eval` of what was compiled)
and `registry/utils.py`, where a `type` with dots is a path to whatever it names. One that only puts
values and classes of these libraries together does no more than the same in YAML would.
"""

import ast
import re
from collections.abc import Iterator

from weightmark.scanners.repository.class_names import is_target_class

__all__ = ["why_a_configuration_runs"]

_MARKERS = re.compile(
    rb"\bimport\b[^\n]*\bLazyCall\b|^with read_base\b|^_base_\s*=|^custom_imports\s*="
    rb"|^(?:model|default_scope|train_dataloader|train_pipeline)\s*=\s*dict\(",
    re.MULTILINE,
)
_LIBRARIES = frozenset(
    [
        "detectron2",
        "fvcore",
        "mmcv",
        "mmdet",
        "mmdet3d",
        "mmengine",
        "mmpose",
        "mmpretrain",
        "mmseg",
        "omegaconf",
    ]
)
_DATA = frozenset({"dict", "float", "int", "list", "range", "str", "tuple"})
_CLASS = re.compile(r"[A-Z]\w*")
_PLAIN = (
    ast.Module, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Import, ast.ImportFrom, ast.With,
    ast.withitem, ast.alias, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.List,
    ast.Tuple, ast.Dict, ast.Set, ast.Call, ast.keyword, ast.Starred, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.IfExp, ast.Delete, ast.Pass, ast.If, ast.For, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Return, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.comprehension, ast.JoinedStr,
    ast.FormattedValue, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_RUNNING = re.compile(
    r"(?:os\.(?:system|popen|exec\w*|spawn\w*|posix_spawn)|subprocess\.\w+|exec|eval|__import__|runpy\.\w+)"
)
_SHOWN = 80


def why_a_configuration_runs(name: str, data: bytes) -> str:
    """Return what a configuration in Python does beyond stating values; empty for any other file.

    A `config.py` without the marks of these libraries counts if it runs a command as soon as it is read.
    """
    marked = _MARKERS.search(data) is not None
    if not marked and name != "config.py":
        return ""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return "it can't be parsed" if marked else ""
    if not marked:
        return _run_at_once(tree)
    texts = _assigned(tree)
    beyond = (said for node in ast.walk(tree) for said in _beyond(node, texts))
    return next(beyond, "")[:_SHOWN]


def _run_at_once(tree: ast.Module) -> str:
    """Return the first call outside of functions and classes that runs a command or code."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes: list[ast.AST] = [one for one in tree.body if not isinstance(one, defined)]
    for node in nodes:
        nodes += (one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.Lambda))
        if isinstance(node, ast.Call) and _RUNNING.fullmatch(said := ast.unparse(node.func)):
            return f"{said}(…)"
    return ""


def _assigned(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Return everything that is assigned to each plain name."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _beyond(node: ast.AST, texts: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Yield what one node does beyond stating values."""
    match node:
        case ast.Import(names=names):
            yield from (f"import {one.name}" for one in names if not _is_library(one.name))
        case ast.ImportFrom(module=module, level=0) if not _is_library(module or ""):
            yield f"from {module} import"
        case ast.Attribute(attr=name) | ast.Name(id=name) if name.startswith("__"):
            yield name
        case ast.Call():
            yield from _called(node)
        case ast.keyword(arg="custom_imports") | ast.Name(id="custom_imports"):
            yield "custom_imports"
        case ast.FunctionDef(decorator_list=[_, *_]):
            yield "a decorator"
    if not isinstance(node, _PLAIN):
        yield type(node).__name__.lower()
    for value in _types(node):
        if not _is_type(value, texts):
            yield f"type {ast.unparse(value)}"


def _types(node: ast.AST) -> list[ast.expr]:
    """Return what a node gives as the `type` of an object."""
    match node:
        case ast.keyword(arg="type", value=value):
            return [value]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return [
                one for key, one in pairs if isinstance(key, ast.Constant) and key.value == "type"
            ]
    return []


def _called(node: ast.Call) -> Iterator[str]:
    """Yield what a call reaches, unless it makes data or describes an object of a library.

    `LazyCall(Class)(…)` and a class that was imported are such descriptions.
    """
    function = node.func
    if isinstance(function, ast.Call):
        return
    name = ast.unparse(function)
    last = name.rpartition(".")[2]
    if not (name in _DATA or _CLASS.fullmatch(last) or last in {"get_config", "read_base"}):
        yield f"{name}(…)"


def _is_library(module: str) -> bool:
    """Tell modules whose classes a configuration may name; torch's are layers and optimizers only."""
    first = module.partition(".")[0]
    return first in _LIBRARIES or module in {"torch.nn", "torch.optim", "torch.optim.lr_scheduler"}


def _is_type(value: ast.expr, texts: dict[str, list[ast.expr]]) -> bool:
    """Tell a name of a registry, a class, or a path to a class of a library."""
    match value:
        case ast.Constant(value=str(path)):
            first, last = path.partition(".")[0], path.rpartition(".")[2]
            known = first in _LIBRARIES and _CLASS.fullmatch(last) is not None
            return "." not in path or known or is_target_class(path)
        case ast.Name(id=name) if name in texts:
            return all(isinstance(one, ast.Constant) and _is_type(one, {}) for one in texts[name])
        case ast.Name() | ast.Attribute() | ast.Constant():
            return True
    return False
