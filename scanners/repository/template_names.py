"""What each name of a template may stand for: every assignment, loop, parameter and field."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

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
_STORING = frozenset({"append", "extend", "insert", "setdefault", "update"})


class TemplateNames:
    """Every binding of one template, whatever its scope."""

    def __init__(self, tree: "nodes.Template") -> None:
        """Collect the bindings of `tree`."""
        from jinja2 import nodes

        self.bound: dict[str, list[nodes.Node | None]] = {}
        """values of each name, None for one that the template puts together; fields as `.name`"""
        self.iterated: list[nodes.Node] = []
        """what loops go over"""
        self.looped: set[str] = set()
        """names that stand for a part of their value"""
        self._macros: set[str] = {macro.name for macro in tree.find_all(nodes.Macro)}
        self._lists: dict[str, bool] = {}
        self._namespaces: dict[str, bool] = {}
        self._calls: dict[str, list[nodes.Call]] = {}
        for call in tree.find_all(nodes.Call):
            self._calls.setdefault(_called(call), []).append(call)
        for node in tree.find_all(nodes.Node):
            self._collect(node)
        self._bind_macros(tree)

    def is_own(self, name: str) -> bool:
        """Tell whether a name is a special token of the model, a function or a macro."""
        return name.endswith(("_token", "_tokens")) or name in _FUNCTIONS | self._macros

    def only(self, name: str) -> "nodes.Node | None":
        """Return the one value of a name, or None."""
        values = self.bound.get(name, ())
        return values[0] if len(values) == 1 and name not in self.looped else None

    def is_namespace(self, node: "nodes.Node") -> bool:
        """Tell whether an expression is a name that stands for a `namespace` of known fields."""
        from jinja2 import nodes

        if not isinstance(node, nodes.Name):
            return False
        if node.name not in self._namespaces:
            values = self.bound.get(node.name, ())
            self._namespaces[node.name] = bool(values) and all(map(_is_plain_namespace, values))
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
                self._bind(target, None)
        elif isinstance(node, nodes.Call):
            self._bind_call(node)

    def _bind_call(self, call: "nodes.Call") -> None:
        from jinja2 import nodes

        if isinstance(call.node, nodes.Getattr):
            self._store(call, call.node)
        elif _called(call) == "namespace":
            for pair in call.kwargs:
                self._add(f".{pair.key}", pair.value)

    def _store(self, call: "nodes.Call", method: "nodes.Getattr") -> None:
        """Bind what a method puts into a list or a dict to every name on the way there."""
        from jinja2 import nodes

        if method.attr not in _STORING:
            return
        owner: nodes.Node = method.node
        names = []
        while isinstance(owner, nodes.Getattr | nodes.Getitem):
            names += [f".{owner.attr}"] if isinstance(owner, nodes.Getattr) else []
            owner = owner.node
        names += [owner.name] if isinstance(owner, nodes.Name) else []
        for value in [*call.args, *(pair.value for pair in call.kwargs)]:
            for name in names:
                self._add(name, value)

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
                values = [None] if unseen else _arguments(calls, index, target.name)
                for value in values:
                    self._add(target.name, value)

    def _add(self, name: str, value: "nodes.Node | None") -> None:
        self.bound.setdefault(name, []).append(value)


def _arguments(calls: "list[nodes.Call]", index: int, name: str) -> "Iterator[nodes.Node]":
    for call in calls:
        yield from call.args[index : index + 1]
        yield from (pair.value for pair in call.kwargs if pair.key == name)


def _called(call: "nodes.Call") -> str:
    from jinja2 import nodes

    return call.node.name if isinstance(call.node, nodes.Name) else ""


def _is_plain_namespace(node: "nodes.Node | None") -> bool:
    from jinja2 import nodes

    if not isinstance(node, nodes.Call) or _called(node) != "namespace":
        return False
    return not (node.args or node.dyn_args or node.dyn_kwargs)
