"""Constant folding over the syntax tree of a template, without evaluating the template.

Every function here is a plain one on short texts and numbers; results are bounded in length.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from weightmark.scanners.repository.template_names import TemplateNames

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

    def __init__(self, names: TemplateNames) -> None:
        """Fold with what `names` knows of the template."""
        self._names = names
        self._folded: dict[int, Any] = {}

    def fold(self, node: "nodes.Node") -> Any:
        """Return the constant that an expression stands for, or `UNKNOWN`."""
        if id(node) not in self._folded:
            self._folded[id(node)] = UNKNOWN
            self._folded[id(node)] = self._attempt(node)
        return self._folded[id(node)]

    def _attempt(self, node: "nodes.Node") -> Any:
        try:
            return _bounded(self._fold(node))
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
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
        return [self._known(item) for item in _few(items)]

    def _dict(self, node: "nodes.Dict") -> dict[Any, Any]:
        return {self._known(pair.key): self.fold(pair.value) for pair in _few(node.items)}

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
        if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            return UNKNOWN
        value, arguments = self._known(node.node), self._all(node.args)
        if node.name in _TEXT_FILTERS:
            return getattr(str(value), node.name)(*arguments)
        fold = _FILTERS.get(node.name)
        return fold(value, arguments) if fold else UNKNOWN

    def _call(self, node: "nodes.Call") -> Any:
        from jinja2 import nodes

        if node.dyn_args or node.dyn_kwargs:
            return UNKNOWN
        is_dict = isinstance(node.node, nodes.Name) and node.node.name == "dict"
        if is_dict and not node.args and self._names.is_builtin("dict"):
            return {pair.key: self.fold(pair.value) for pair in _few(node.kwargs)}
        if not isinstance(node.node, nodes.Getattr) or node.node.attr not in _TEXT_METHODS:
            return UNKNOWN
        owner, arguments = self._known(node.node.node), self._all(node.args)
        if not isinstance(owner, str):
            return UNKNOWN
        if node.node.attr == "format":
            named = {pair.key: self._known(pair.value) for pair in node.kwargs}
            return _formatted(owner, arguments, named)
        return UNKNOWN if node.kwargs else getattr(owner, node.node.attr)(*arguments)

    def _item(self, node: "nodes.Getitem") -> Any:
        from jinja2 import nodes

        owner = self._known(node.node)
        if not isinstance(node.arg, nodes.Slice):
            return owner[self._known(node.arg)]
        parts = (node.arg.start, node.arg.stop, node.arg.step)
        return owner[slice(*(None if part is None else self._known(part) for part in parts))]

    def _variable(self, node: "nodes.Node") -> Any:
        """Fold a name, or a field of a namespace, that has one value; tokens are the model's own."""
        from jinja2 import nodes

        name = node.name if isinstance(node, nodes.Name) else ""
        if isinstance(node, nodes.Getattr) and self._names.is_namespace(node.node):
            name = f".{node.attr}"
        value = None if self._names.is_own(name) else self._names.only(name)
        return UNKNOWN if value is None else self.fold(value)


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
    return UNKNOWN if "{" in text or "}" in text else text


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | dict) and len(value) > _LONGEST:
        return UNKNOWN
    return value


def _few(items: list[Any]) -> list[Any]:
    """Return the items; raises `ValueError` where they are too many to fold."""
    if len(items) > _MOST:
        raise ValueError
    return items


def _join(value: Any, arguments: list[Any]) -> Any:
    if len(arguments) > 1:
        return UNKNOWN
    return str(arguments[0] if arguments else "").join(str(item) for item in value)


def _plain(value: Any, _: list[Any]) -> str:
    return str(value)


_FILTERS: Final[dict[str, Callable[[Any, list[Any]], Any]]] = {
    "e": _plain,
    "escape": _plain,
    "first": lambda value, _: next(iter(value), UNKNOWN),
    "forceescape": _plain,
    "format": lambda value, arguments: _percent(value, tuple(arguments)),
    "join": _join,
    "last": lambda value, _: list(value)[-1],
    "list": lambda value, _: list(value),
    "reverse": lambda value, _: value[::-1],
    "safe": _plain,
    "string": _plain,
    "trim": lambda value, arguments: str(value).strip(*arguments),
}
