"""Where the text of an expression in a template comes from: a number, the data, or the template.

A name can be put together in more ways than folding follows. What matters is only whether a text
that the template itself holds was put together; data and numbers cannot name an attribute.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from weightmark.scanners.repository.template_names import TemplateNames

if TYPE_CHECKING:
    from jinja2 import nodes

    from weightmark.scanners.repository.folding import Folder

__all__ = ["Origin", "Origins"]

_MOST_ROUNDS = 16
_LOOP_NUMBERS = frozenset(
    ["depth", "depth0", "first", "index", "index0", "last", "length", "revindex", "revindex0"]
)
_NUMBER_FILTERS = frozenset({"abs", "count", "float", "int", "length", "round", "wordcount"})
_NUMBER_METHODS = frozenset(
    {"count", "endswith", "find", "index", "isdigit", "rfind", "startswith"}
)
_CHOOSING_FILTERS = frozenset(
    [
        "batch",
        "d",
        "default",
        "dictsort",
        "first",
        "items",
        "last",
        "list",
        "max",
        "min",
        "random",
        "rejectattr",
        "reject",
        "select",
        "selectattr",
        "slice",
        "sort",
        "trim",
        "unique",
    ]
)
_DATA_FILTERS = frozenset(
    ["capitalize", "e", "escape", "lower", "reverse", "safe", "string", "title", "tojson", "upper"]
)
_CHOOSING_METHODS = frozenset({"get", "items", "keys", "pop", "values"})
_DATA_METHODS = frozenset(
    [
        "casefold",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "strip",
        "upper",
    ]
)


class Origin(IntEnum):
    """What an expression can stand for, the worst of its possibilities."""

    NOTHING = 0
    """nothing is known yet"""
    NUMBER = 1
    """a number or a truth value"""
    DATA = 2
    """something in the data, as it stands there"""
    TEXT = 3
    """one of the texts that stand in the template as they are"""
    BUILT = 4
    """a text that the template puts together"""


class Origins:
    """Origins of the expressions of one template, whatever path its rendering takes."""

    def __init__(self, names: TemplateNames, folder: "Folder") -> None:
        """Follow the names until nothing changes; after too many rounds each counts as built."""
        self._names = names
        self._folder = folder
        self._known = {
            name: Origin.BUILT if None in values else Origin.NOTHING
            for name, values in names.bound.items()
        }
        for _ in range(_MOST_ROUNDS):
            if not self._follow():
                return
        self._known = dict.fromkeys(self._known, Origin.BUILT)

    def of(self, node: "nodes.Node") -> Origin:
        """Return the origin of an expression."""
        folded = self._folder.fold(node)
        if isinstance(folded, bool | int | float) or folded is None:
            return Origin.NUMBER
        if isinstance(folded, str):
            return Origin.TEXT
        found: Origin = _RULES.get(type(node).__name__, _built)(self, node)
        return found

    def worst(self, parts: "Iterable[nodes.Node | None]") -> Origin:
        """Return the worst origin of several expressions."""
        return max((self.of(part) for part in parts if part is not None), default=Origin.NOTHING)

    def named(self, name: str) -> Origin:
        """Return the origin of a name, of a field where it starts with a dot."""
        return self._known.get(name, Origin.NOTHING)

    def _follow(self) -> bool:
        changed = False
        for name, values in self._names.bound.items():
            self._names.check_time()
            if self._known[name] is not Origin.BUILT:
                found = max(self._known[name], self.worst(values))
                changed |= found is not self._known[name]
                self._known[name] = found
        return changed

    def name(self, node: "nodes.Name") -> Origin:
        """Return the origin of a name; what nobody binds is data, but for tokens and functions."""
        if self._names.is_own(node.name):
            return Origin.BUILT
        if node.name in self._names.bound:
            return self.named(node.name)
        return Origin.DATA

    def add(self, node: "nodes.Add") -> Origin:
        """Return the origin of a sum: text and number have none, and lists keep their parts."""
        sides = (self.of(node.left), self.of(node.right))
        if self._names.is_list(node.left) or self._names.is_list(node.right):
            return max(sides)
        return _arithmetic(*sides, enough=any)

    def multiply(self, node: "nodes.Mul") -> Origin:
        """Return the origin of a product; a text times a number is a text."""
        return _arithmetic(self.of(node.left), self.of(node.right), enough=all)

    def remainder(self, node: "nodes.Mod") -> Origin:
        """Return the origin of `%`, which formats where the left side is a text."""
        left = self.of(node.left)
        return left if left <= Origin.NUMBER else Origin.BUILT

    def attribute(self, node: "nodes.Getattr") -> Origin:
        """Return the origin of `x.y`, and of everything that is stored under that name."""
        from jinja2 import nodes

        stored = self.named(f".{node.attr}")
        is_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
        if is_loop and self._names.is_builtin("loop"):
            return Origin.NUMBER if node.attr in _LOOP_NUMBERS else self._iterated()
        if self._names.is_namespace(node.node):
            return stored
        return max(stored, self.of(node.node))

    def _iterated(self) -> Origin:
        return max(Origin.DATA, self.worst(self._names.iterated))

    def item(self, node: "nodes.Getitem") -> Origin:
        """Return the origin of `x[y]`; a cut text is a new one."""
        from jinja2 import nodes

        owner = self.of(node.node)
        is_cut = isinstance(node.arg, nodes.Slice) and owner is Origin.TEXT
        cut = is_cut and not self._names.is_list(node.node)
        key = self._folder.fold(node.arg)
        stored = self.named(f".{key}") if isinstance(key, str) else Origin.NOTHING
        return Origin.BUILT if cut else max(owner, stored)

    def filtered(self, node: "nodes.Filter") -> Origin:
        """Return the origin of `x|f`."""
        if node.name in _NUMBER_FILTERS:
            return Origin.NUMBER
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return Origin.BUILT
        owner = self.worst([node.node])
        if node.name in {"d", "default"}:
            return max(owner, self.worst([*node.args, *(pair.value for pair in node.kwargs)]))
        if node.name in _CHOOSING_FILTERS and node.node is not None:
            return owner
        is_field = not node.args and [pair.key for pair in node.kwargs] == ["attribute"]
        data_only = node.name in _DATA_FILTERS or (node.name == "map" and is_field)
        return owner if data_only and owner <= Origin.DATA else Origin.BUILT

    def called(self, node: "nodes.Call") -> Origin:
        """Return the origin of what a call returns."""
        from jinja2 import nodes

        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return Origin.BUILT
        parts = [*node.args, *(pair.value for pair in node.kwargs)]
        if isinstance(node.node, nodes.Name):
            return self._by_name(node.node.name, parts)
        if not isinstance(node.node, nodes.Getattr):
            return Origin.BUILT
        owner, method = self.of(node.node.node), node.node.attr
        if method in _NUMBER_METHODS:
            is_own = owner <= Origin.TEXT or self._names.is_text(node.node.node)
            return Origin.NUMBER if is_own else Origin.BUILT
        if method in _CHOOSING_METHODS:
            return max(owner, self.worst(parts[1:]))
        return owner if method in _DATA_METHODS and owner <= Origin.DATA else Origin.BUILT

    def _by_name(self, name: str, parts: "Iterable[nodes.Node]") -> Origin:
        """Return the origin of what a function of jinja2 returns, if the name still means it."""
        if not self._names.is_builtin(name) or name not in {"dict", "namespace", "range"}:
            return Origin.BUILT
        return Origin.NUMBER if name == "range" else self.worst(parts)


def _arithmetic(left: Origin, right: Origin, *, enough: Any) -> Origin:
    if Origin.NOTHING in (left, right):
        return Origin.NOTHING
    return (
        Origin.NUMBER if enough(side is Origin.NUMBER for side in (left, right)) else Origin.BUILT
    )


def _built(_: Origins, __: "nodes.Node") -> Origin:
    return Origin.BUILT


def _number(_: Origins, __: "nodes.Node") -> Origin:
    return Origin.NUMBER


def _choice(origins: Origins, node: "nodes.CondExpr") -> Origin:
    return origins.worst([node.expr1, node.expr2])


def _dict(origins: Origins, node: "nodes.Dict") -> Origin:
    return origins.worst(part for pair in node.items for part in (pair.key, pair.value))


_RULES: dict[str, Any] = {
    "Add": Origins.add,
    "And": lambda origins, node: origins.worst([node.left, node.right]),
    "Call": Origins.called,
    "Compare": _number,
    "Concat": _built,
    "CondExpr": _choice,
    "Dict": _dict,
    "Div": _number,
    "Filter": Origins.filtered,
    "FloorDiv": _number,
    "Getattr": Origins.attribute,
    "Getitem": Origins.item,
    "List": lambda origins, node: origins.worst(node.items),
    "Mod": Origins.remainder,
    "Mul": Origins.multiply,
    "Name": Origins.name,
    "Neg": _number,
    "Not": _number,
    "Or": lambda origins, node: origins.worst([node.left, node.right]),
    "Pos": _number,
    "Pow": _number,
    "Slice": _number,
    "Sub": _number,
    "Test": _number,
    "Tuple": lambda origins, node: origins.worst(node.items),
}
