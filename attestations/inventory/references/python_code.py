"""References in Python: calls that are known to fetch, read from the syntax tree; nothing is executed."""

import ast
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping

from weightmark.attestations.inventory.references.interface import (
    Pin,
    Reference,
    pin_of_hub,
    pin_of_uri,
)
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["PythonReader"]


@dataclass(frozen=True, slots=True)
class _Call:
    """How a function that fetches is called."""

    target: tuple[str, ...]
    """names of the argument that says what"""
    position: int = 0
    """its position"""


_CALLS: Mapping[str, _Call] = {
    "AsyncEngineArgs": _Call(("model",)),
    "CrossEncoder": _Call(("model_name_or_path", "model_name")),
    "EngineArgs": _Call(("model",)),
    "LLM": _Call(("model",)),
    "SentenceTransformer": _Call(("model_name_or_path",)),
    "from_pretrained": _Call(
        ("pretrained_model_name_or_path", "repo_id", "model_id", "model_name")
    ),
    "hf_hub_download": _Call(("repo_id",)),
    "load_dataset": _Call(("path",)),
    "load_dataset_builder": _Call(("path",)),
    "pipeline": _Call(("model",), 1),
    "snapshot_download": _Call(("repo_id",)),
}
_HUB_MODULES = frozenset(["hub"])
_LONGEST = 500


class PythonReader:
    """Reads one file or the code of one notebook."""

    def read(self, label: str, data: bytes) -> Iterator[Reference]:
        """Yield the calls of a file in order of their lines; raises `MalformedError`."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(data)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise MalformedError(f"`{label}` is no Python that can be read") from error
        texts = _constants(tree)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
            found = _reference(label, call, texts)
            if found:
                yield found


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return names that stand for one text wherever they are used: bound once in the whole file."""
    times = Counter(name for node in ast.walk(tree) for name in _bound(node))
    if times["*"]:
        return {}
    found: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], _text(statement.value, {})
            if isinstance(target, ast.Name) and value and times[target.id] == 1:
                found[target.id] = value
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds or unbinds; `*` for names that nobody can know."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif not isinstance(node, ast.keyword):
        for name in ("name", "arg", "rest"):
            word = getattr(node, name, None)
            if isinstance(word, str):
                yield word


def _text(node: ast.expr | None, texts: Mapping[str, str]) -> str:
    """Return the text that an expression certainly is; empty for anything computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value[:_LONGEST]
    return texts.get(node.id, "") if isinstance(node, ast.Name) else ""


def _reference(label: str, call: ast.Call, texts: Mapping[str, str]) -> Reference | None:
    name, owner = _called(call.func)
    if name == "load" and owner in _HUB_MODULES:
        return _torch_hub(label, call, texts)
    if name == "load_model" and owner:
        return _mlflow(label, call, texts)
    known = _CALLS.get(name)
    if known is None:
        return None
    node = _argument(call, known.target, known.position)
    if node is None and not _is_spread(call):
        return None
    target, revision = _text(node, texts), _text(_argument(call, ("revision",), -1), texts)
    pin = pin_of_hub(target, revision)
    if pin is Pin.UNPINNED and not revision and _says_revision(call):
        pin = Pin.UNKNOWN
    return Reference(label, call.lineno, name, target, revision, pin)


def _called(function: ast.expr) -> tuple[str, str]:
    """Return the last word of what is called, and the one before it."""
    if isinstance(function, ast.Name):
        return function.id, ""
    if not isinstance(function, ast.Attribute):
        return "", ""
    owner = function.value
    word = owner.attr if isinstance(owner, ast.Attribute) else ""
    return function.attr, owner.id if isinstance(owner, ast.Name) else word or "?"


def _argument(call: ast.Call, names: tuple[str, ...], position: int) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    plain = call.args[: position + 1] if position >= 0 else []
    return plain[position] if len(plain) == position + 1 and position >= 0 else None


def _is_spread(call: ast.Call) -> bool:
    """Tell whether arguments come from elsewhere: `f(*words)`, `f(**settings)`."""
    spread = any(isinstance(one, ast.Starred) for one in call.args)
    return spread or any(one.arg is None for one in call.keywords)


def _says_revision(call: ast.Call) -> bool:
    """Tell whether a revision is given that is computed."""
    given = _argument(call, ("revision",), -1)
    empty = isinstance(given, ast.Constant) and given.value is None
    return (given is not None and not empty) or any(one.arg is None for one in call.keywords)


def _torch_hub(label: str, call: ast.Call, texts: Mapping[str, str]) -> Reference:
    """Read `torch.hub.load("owner/name:ref", …)`; a ref of 40 digits is a commit."""
    said = _text(_argument(call, ("repo_or_dir",), 0), texts)
    source = _text(_argument(call, ("source",), -1), texts)
    target, _, revision = said.partition(":")
    pin = Pin.LOCAL if source == "local" else pin_of_hub(target, revision)
    return Reference(label, call.lineno, "torch.hub.load", target, revision, pin)


def _mlflow(label: str, call: ast.Call, texts: Mapping[str, str]) -> Reference | None:
    """Read `mlflow.<flavor>.load_model("models:/name/1")`; anything else that is called so is a path."""
    target = _text(_argument(call, ("model_uri",), 0), texts)
    if not target.startswith(("models:/", "runs:/")):
        return None
    version = target.rpartition("/")[2]
    fixed = target.startswith("runs:/") or version.isdigit()
    pin = Pin.UNPINNED if not fixed else Pin.UNKNOWN
    if "://" in target:
        pin = pin_of_uri(target)
    return Reference(label, call.lineno, "load_model", target, version, pin)
