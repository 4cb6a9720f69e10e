"""Constant folding over the syntax tree of a template, without evaluating the template.

Every function here is a plain one on short texts and numbers; results are bounded in length.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import nodes

__all__ = ["UNKNOWN", "Folder", "Unknown"]

_LONGEST = 4096
_MOST = 256
_TEXT_METHODS = frozenset(
    {
        "capitalize",
        "casefold",
        "format",
        "join",
        "lower",
        "lstrip",
        "replace",
        "rstrip",
        "strip",
        "swapcase",
        "title",
        "upper",
    }
)
_TEXT_FILTERS = frozenset({"capitalize", "lower", "replace", "title", "upper"})


class Unknown:
    """A value that depends on the data of the template."""

    __slots__ = ()


UNKNOWN: Final = Unknown()
"""the only instance"""


class Folder:
    """Folds expressions of one template; knows the variables that are set once, to a constant."""

    def __init__(self, tree: "nodes.Template") -> None:
        """Collect the assignments of `tree`."""
        from jinja2 import nodes

        self._set: dict[str, list[nodes.Node]] = {}
        self._folded: dict[int, Any] = {}
        for assign in tree.find_all(nodes.Assign):
            if isinstance(assign.target, nodes.Name | nodes.NSRef):
                self._set.setdefault(_target(assign.target), []).append(assign.node)
        for loop in tree.find_all(nodes.For):
            if isinstance(loop.target, nodes.Name):
                self._set.setdefault(loop.target.name, []).extend([loop.iter, loop.iter])

    def fold(self, node: "nodes.Node") -> Any:
        """Return the constant that an expression stands for, or `UNKNOWN`."""
        if id(node) not in self._folded:
            self._folded[id(node)] = UNKNOWN
            self._folded[id(node)] = self._attempt(node)
        return self._folded[id(node)]

    def is_built(self, node: "nodes.Node", seen: frozenset[str] = frozenset()) -> bool:
        """Tell whether an expression that cannot be folded puts a text together."""
        from jinja2 import nodes

        if isinstance(node, nodes.Concat | nodes.Mod):
            return True
        if isinstance(node, nodes.Filter):
            return node.name in {
                "join",
                "format",
                "replace",
                "reverse",
                "attr",
                "map",
                "first",
                "last",
            }
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            return node.node.attr in {"format", "join", "replace"}
        if isinstance(node, nodes.Add):
            sides = (self.fold(node.left), self.fold(node.right))
            return any(isinstance(side, str) for side in sides)
        key = _reference(node)
        if key in seen:
            return False
        return any(self.is_built(value, seen | {key}) for value in self._set.get(key, ()))

    def _attempt(self, node: "nodes.Node") -> Any:
        try:
            return _bounded(self._fold(node))
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError):
            return UNKNOWN

    def _fold(self, node: "nodes.Node") -> Any:
        from jinja2 import nodes

        folds: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
            (nodes.Const, lambda found: found.value),
            (nodes.TemplateData, lambda found: found.data),
            ((nodes.List, nodes.Tuple), lambda found: self._all(found.items)),
            (nodes.Dict, self._dict),
            (nodes.Concat, lambda found: "".join(map(str, self._all(found.nodes)))),
            (nodes.BinExpr, self._binary),
            (nodes.Neg, lambda found: -self._known(found.node)),
            (nodes.CondExpr, self._condition),
            (nodes.Filter, self._filter),
            (nodes.Call, self._call),
            (nodes.Getitem, self._item),
            ((nodes.Name, nodes.Getattr), self._variable),
        )
        for kind, fold in folds:
            if isinstance(node, kind):
                return fold(node)
        return UNKNOWN

    def _known(self, node: "nodes.Node") -> Any:
        value = self.fold(node)
        if value is UNKNOWN:
            raise ValueError
        return value

    def _all(self, items: "list[nodes.Expr]") -> list[Any]:
        return [self._known(item) for item in items[:_MOST]]

    def _dict(self, node: "nodes.Dict") -> dict[Any, Any]:
        return {self._known(pair.key): self.fold(pair.value) for pair in node.items[:_MOST]}

    def _binary(self, node: "nodes.BinExpr") -> Any:
        left, right = self._known(node.left), self._known(node.right)
        if node.operator == "+" and isinstance(left, str) == isinstance(right, str):
            return left + right
        if node.operator == "%" and isinstance(left, str):
            return _percent(left, right)
        if node.operator == "*" and isinstance(left, str) and int(right) * len(left) <= _LONGEST:
            return left * int(right)
        if node.operator == "-":
            return left - right
        return UNKNOWN

    def _condition(self, node: "nodes.CondExpr") -> Any:
        test = self.fold(node.test)
        if test is UNKNOWN:
            return UNKNOWN
        return self.fold(node.expr1 if test or node.expr2 is None else node.expr2)

    def _filter(self, node: "nodes.Filter") -> Any:
        if node.node is None:
            return UNKNOWN
        value, arguments = self._known(node.node), self._all(node.args)
        if node.name in _TEXT_FILTERS:
            return getattr(str(value), node.name)(*arguments)
        fold = _FILTERS.get(node.name)
        return fold(value, arguments) if fold else UNKNOWN

    def _call(self, node: "nodes.Call") -> Any:
        from jinja2 import nodes

        if isinstance(node.node, nodes.Name) and node.node.name == "dict" and not node.args:
            return {pair.key: self.fold(pair.value) for pair in node.kwargs[:_MOST]}
        if not isinstance(node.node, nodes.Getattr) or node.node.attr not in _TEXT_METHODS:
            return UNKNOWN
        owner, arguments = self._known(node.node.node), self._all(node.args)
        if not isinstance(owner, str):
            return UNKNOWN
        if node.node.attr == "format":
            named = {pair.key: self._known(pair.value) for pair in node.kwargs}
            return _formatted(owner, arguments, named)
        return getattr(owner, node.node.attr)(*arguments)

    def _item(self, node: "nodes.Getitem") -> Any:
        from jinja2 import nodes

        owner = self._known(node.node)
        if not isinstance(node.arg, nodes.Slice):
            return owner[self._known(node.arg)]
        parts = (node.arg.start, node.arg.stop, node.arg.step)
        return owner[slice(*(None if part is None else self._known(part) for part in parts))]

    def _variable(self, node: "nodes.Node") -> Any:
        values = self._set.get(_reference(node), ())
        return self.fold(values[0]) if len(values) == 1 else UNKNOWN


def _target(node: "nodes.Name | nodes.NSRef") -> str:
    from jinja2 import nodes

    return f"{node.name}.{node.attr}" if isinstance(node, nodes.NSRef) else node.name


def _reference(node: "nodes.Node") -> str:
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else ""


def _percent(pattern: str, values: object) -> Any:
    """Return `pattern % values` where no width can make it long."""
    if any(digit in pattern for digit in "0123456789*"):
        return UNKNOWN
    return pattern % values


def _formatted(pattern: str, values: list[Any], named: dict[str, Any]) -> Any:
    """Return the pattern with plain `{}`, `{0}` and `{name}` filled in, nothing else."""
    text, place = pattern, 0
    while "{}" in text:
        text = text.replace("{}", str(values[place]), 1)
        place += 1
    for index, value in enumerate(values):
        text = text.replace(f"{{{index}}}", str(value))
    for name, value in named.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | dict) and len(value) > _LONGEST:
        return UNKNOWN
    return value


def _join(value: Any, arguments: list[Any]) -> str:
    return str(arguments[0] if arguments else "").join(str(item) for item in value)


def _plain(value: Any, _: list[Any]) -> str:
    return str(value)


_FILTERS: Final[dict[str, Callable[[Any, list[Any]], Any]]] = {
    "e": _plain,
    "escape": _plain,
    "first": lambda value, _: next(iter(value)),
    "forceescape": _plain,
    "format": lambda value, arguments: _percent(value, tuple(arguments)),
    "join": _join,
    "last": lambda value, _: list(value)[-1],
    "list": lambda value, _: list(value),
    "reverse": lambda value, _: value[::-1],
    "safe": _plain,
    "string": _plain,
    "trim": lambda value, _: str(value).strip(),
}
