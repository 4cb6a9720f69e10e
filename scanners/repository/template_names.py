"""What each name of a template may stand for: every assignment, loop, parameter and field."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from weightmark.errors import LimitError

if TYPE_CHECKING:
    from jinja2 import nodes

__all__ = ["POWERFUL_GLOBALS", "TemplateNames"]

POWERFUL_GLOBALS: Final = frozenset(
    {"cycler", "get_flashed_messages", "joiner", "lipsum", "self", "url_for"}
)
"""objects of jinja2 and Flask whose attributes lead to modules"""
_FUNCTIONS = POWERFUL_GLOBALS | {
    "caller",
    "dict",
    "kwargs",
    "namespace",
    "raise_exception",
    "range",
    "strftime_now",
    "varargs",
}
_CHANGING = frozenset(
    [
        "append",
        "clear",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "update",
    ]
)
"""methods that change the list or dict that they belong to"""
_TEXT_FILTERS = frozenset(
    [
        "capitalize",
        "escape",
        "float",
        "int",
        "join",
        "length",
        "lower",
        "replace",
        "string",
        "title",
        "tojson",
        "trim",
        "upper",
    ]
)
_TEXT_METHODS = frozenset(
    [
        "capitalize",
        "endswith",
        "format",
        "join",
        "lower",
        "lstrip",
        "replace",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "upper",
    ]
)


_MOST_BINDINGS = 100_000


class TemplateNames:
    """Every binding of one template, whatever its scope."""

    def __init__(self, tree: "nodes.Template", check_time: "Callable[[], None]") -> None:
        """Collect the bindings of `tree`; `check_time` is called again and again meanwhile.

        Raises `LimitError` when a template binds too often.
        """
        from jinja2 import nodes

        self.check_time = check_time
        self._bindings = 0
        self.bound: dict[str, list[nodes.Node | None]] = {}
        """values of each name, None for one that the template puts together; fields as `.name`"""
        self.iterated: list[nodes.Node] = []
        """what loops go over"""
        self.looped: set[str] = set()
        """names that stand for a part of their value"""
        self._macros: set[str] = {macro.name for macro in tree.find_all(nodes.Macro)}
        self._own: set[str] = set(self._macros)
        self._texts: dict[str, bool] = {}
        self._lists: dict[str, bool] = {}
        self._namespaces: dict[str, bool] = {}
        self._calls: dict[str, list[nodes.Call]] = {}
        self._changed: set[str] = set()
        for call in tree.find_all(nodes.Call):
            self._calls.setdefault(_called(call), []).append(call)
        for node in tree.find_all(nodes.Node):
            self._collect(node)
        self._bind_macros(tree)
        self._change(tree)

    def is_own(self, name: str) -> bool:
        """Tell whether a name is a special token of the model, a function or a macro."""
        return name.endswith(("_token", "_tokens")) or name in _FUNCTIONS | self._macros

    def is_builtin(self, name: str) -> bool:
        """Tell whether a name of jinja2's own, such as `loop` or `range`, keeps its meaning."""
        return name not in self._own and name not in self.bound

    def is_text(self, node: "nodes.Node | None") -> bool:
        """Tell whether an expression can only be a text or a number, and holds no function."""
        from jinja2 import nodes

        if isinstance(node, nodes.Add):
            return self.is_text(node.left) or self.is_text(node.right)
        if isinstance(node, nodes.CondExpr):
            return self.is_text(node.expr1) and (node.expr2 is None or self.is_text(node.expr2))
        if isinstance(node, nodes.Name):
            return self._is_text_name(node.name)
        if isinstance(node, nodes.Getattr):
            return self.is_namespace(node.node) and self._is_text_name(f".{node.attr}")
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            return _is_text(node) and self.is_text(node.node.node)
        return isinstance(node, nodes.Const | nodes.TemplateData | nodes.Concat) or (
            isinstance(node, nodes.Filter) and _is_text(node)
        )

    def _is_text_name(self, name: str) -> bool:
        if name not in self._texts:
            self._texts[name] = False
            values = () if name in self.looped | self._changed else self.bound.get(name, ())
            self._texts[name] = bool(values) and all(map(self.is_text, values))
        return self._texts[name]

    def only(self, name: str) -> "nodes.Node | None":
        """Return the one value of a name, or None."""
        values = self.bound.get(name, ())
        is_part = name in self.looped or name in self._changed
        return values[0] if len(values) == 1 and not is_part else None

    def is_namespace(self, node: "nodes.Node") -> bool:
        """Tell whether an expression is a name that stands for a `namespace` of known fields."""
        from jinja2 import nodes

        if not isinstance(node, nodes.Name):
            return False
        if node.name not in self._namespaces:
            values = self.bound.get(node.name, ())
            plain = self.is_builtin("namespace") and all(map(_is_plain_namespace, values))
            self._namespaces[node.name] = bool(values) and plain
        return self._namespaces[node.name]

    def is_list(self, node: "nodes.Node | None") -> bool:
        """Tell whether an expression can only be a list."""
        from jinja2 import nodes

        if isinstance(node, nodes.List | nodes.Tuple):
            return True
        if isinstance(node, nodes.Add):
            return self.is_list(node.left) or self.is_list(node.right)
        if isinstance(node, nodes.Filter):
            return node.name == "list"
        return isinstance(node, nodes.Name) and self._is_list_name(node.name)

    def _is_list_name(self, name: str) -> bool:
        if name not in self._lists:
            self._lists[name] = False
            values = () if name in self.looped else self.bound.get(name, ())
            self._lists[name] = bool(values) and all(map(self.is_list, values))
        return self._lists[name]

    def _collect(self, node: "nodes.Node") -> None:
        from jinja2 import nodes

        if isinstance(node, nodes.Assign):
            self._bind(node.target, node.node)
        elif isinstance(node, nodes.AssignBlock):
            self._bind(node.target, None)
        elif isinstance(node, nodes.For):
            self._bind_loop(node)
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=False):
                self._bind(target, value)
        elif isinstance(node, nodes.CallBlock):
            for target in node.args:
                self._own.add(target.name)
                self._bind(target, None)
                for call in self._calls.get("caller", ()):
                    self._bind(target, nodes.List([*filter(None, _given(call))]), is_part=True)
        elif isinstance(node, nodes.Call):
            self._bind_call(node)

    def _bind_call(self, call: "nodes.Call") -> None:
        if _called(call) == "namespace":
            for pair in call.kwargs:
                self._add(f".{pair.key}", pair.value)

    def _change(self, tree: "nodes.Template") -> None:
        """Bind what changes a list or dict to each name that may stand for it."""
        from jinja2 import nodes

        aliases = _Aliases()
        for name, values in self.bound.items():
            for value in values:
                aliases.join(name, _names_in(value))
        callees = {id(call.node) for calls in self._calls.values() for call in calls}
        changes: list[tuple[nodes.Node, list[nodes.Node | None]]] = [
            (node.node, [None])
            for node in tree.find_all(nodes.Getattr)
            if node.attr in _CHANGING and id(node) not in callees
        ]
        for calls in self._calls.values():
            changes += [(call.node, _given(call)) for call in calls if self._may_change(call)]
        for owner, stored in changes:
            self._count(1)
            inside = {name for value in stored for name in _names_in(value)}
            for name in _names_in(owner):
                aliases.join(name, inside)
        groups = aliases.groups()
        for owner, stored in changes:
            for name in {same for one in _names_in(owner) for same in groups.get(one, (one,))}:
                self._changed.add(name)
                for value in stored:
                    self._add(name, value)

    def _may_change(self, call: "nodes.Call") -> bool:
        """Tell whether a call may change what it is called on: by name, or in a roundabout way."""
        from jinja2 import nodes

        if isinstance(call.node, nodes.Getattr):
            return call.node.attr in _CHANGING
        return not isinstance(call.node, nodes.Name) or call.node.name in self.bound

    def _bind_loop(self, loop: "nodes.For") -> None:
        values = [loop.iter]
        if loop.recursive:
            values += [part for call in self._calls.get("loop", ()) for part in call.args]
        self.iterated += values
        for value in values:
            self._bind(loop.target, value, is_part=True)

    def _bind(
        self, target: "nodes.Node", value: "nodes.Node | None", *, is_part: bool = False
    ) -> None:
        from jinja2 import nodes

        if isinstance(target, nodes.NSRef):
            self._add(f".{target.attr}", value)
        elif isinstance(target, nodes.Name):
            self._add(target.name, value)
            self.looped |= {target.name} if is_part else set()
        elif isinstance(target, nodes.Tuple):
            values = value.items if isinstance(value, nodes.Tuple | nodes.List) else ()
            whole = len(values) == len(target.items) and not is_part
            for index, part in enumerate(target.items):
                self._bind(part, values[index] if whole else value, is_part=is_part or not whole)

    def _bind_macros(self, tree: "nodes.Template") -> None:
        """Bind the parameters of every macro to the arguments of its calls."""
        from jinja2 import nodes

        callees = {id(call.node) for calls in self._calls.values() for call in calls}
        elsewhere = {
            name.name
            for name in tree.find_all(nodes.Name)
            if name.ctx == "load" and id(name) not in callees
        }
        for macro in tree.find_all(nodes.Macro):
            for target, default in zip(
                reversed(macro.args), reversed(macro.defaults), strict=False
            ):
                self._add(target.name, default)
            calls = self._calls.get(macro.name, [])
            unseen = macro.name in elsewhere or any(
                call.dyn_args or call.dyn_kwargs for call in calls
            )
            for index, target in enumerate(macro.args):
                self._own.add(target.name)
                self._count(len(calls))
                values = [None] if unseen else _arguments(calls, index, target.name)
                for value in values:
                    self._add(target.name, value)

    def _add(self, name: str, value: "nodes.Node | None") -> None:
        self._count(1)
        self.bound.setdefault(name, []).append(value)

    def _count(self, bindings: int) -> None:
        self._bindings += bindings
        if self._bindings > _MOST_BINDINGS:
            raise LimitError(f"a template binds names more than {_MOST_BINDINGS} times")
        self.check_time()


def _arguments(calls: "list[nodes.Call]", index: int, name: str) -> "Iterator[nodes.Node]":
    for call in calls:
        yield from call.args[index : index + 1]
        yield from (pair.value for pair in call.kwargs if pair.key == name)


class _Aliases:
    """Names that may stand for one list or dict, because one is part of what another is set to."""

    def __init__(self) -> None:
        self._same: dict[str, str] = {}

    def join(self, name: str, others: "Iterable[str]") -> None:
        """Say that a name may stand for a part of the others."""
        for other in others:
            self._same[self._root(other)] = self._root(name)

    def groups(self) -> dict[str, list[str]]:
        """Return for each name the names that it may be the same as, itself included."""
        members: dict[str, list[str]] = {}
        for name in list(self._same):
            members.setdefault(self._root(name), []).append(name)
        return {name: members[self._root(name)] for name in list(self._same)}

    def _root(self, name: str) -> str:
        root = name
        while self._same.setdefault(root, root) != root:
            root = self._same[root]
        while self._same[name] != root:
            self._same[name], name = root, self._same[name]
        return root


def _names_in(node: "nodes.Node | None") -> set[str]:
    """Return the names of which an expression may be a part, fields as `.name`; no text is one."""
    from jinja2 import nodes

    names: set[str] = set()
    stack = [node] if node else []
    while stack:
        one = stack.pop()
        if isinstance(one, nodes.Name):
            names.add(one.name)
        elif isinstance(one, nodes.Getattr):
            names.add(f".{one.attr}")
            stack.append(one.node)
        elif isinstance(one, nodes.Getitem):
            stack.append(one.node)
        elif not _is_text(one):
            stack += one.iter_child_nodes()
    return names


def _is_text(node: "nodes.Node") -> bool:
    """Tell an expression that can only be a text, a number or a new list of them."""
    from jinja2 import nodes

    if isinstance(node, nodes.Filter):
        return node.name in _TEXT_FILTERS
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Getattr) and node.node.attr in _TEXT_METHODS
    return isinstance(node, nodes.Concat | nodes.Compare | nodes.Not | nodes.Test)


def _given(call: "nodes.Call") -> "list[nodes.Node | None]":
    """Return every argument of a call."""
    starred = [part for part in (call.dyn_args, call.dyn_kwargs) if part is not None]
    return [*call.args, *(pair.value for pair in call.kwargs), *starred]


def _called(call: "nodes.Call") -> str:
    from jinja2 import nodes

    return call.node.name if isinstance(call.node, nodes.Name) else ""


def _is_plain_namespace(node: "nodes.Node | None") -> bool:
    from jinja2 import nodes

    if not isinstance(node, nodes.Call) or _called(node) != "namespace":
        return False
    return not (node.args or node.dyn_args or node.dyn_kwargs)
