"""Follows what loading an object of a class runs, through its sources.

A class *acts* if a method that an unpickler calls reaches files, code, processes or the network; it is *cleared*
if everything in these methods is known to compute and keep; else nothing is said. Calls are followed
through the class itself, its bases, functions and classes of all surveyed packages.
"""

import ast
from collections.abc import Iterator

from tools.allowlist.plain_bases import (
    CHOICES,
    PLAIN_DECORATORS,
    PLAIN_METACLASSES,
    PLAIN_OUTSIDE,
    is_plain_base,
    made_base,
)
from tools.allowlist.reached_names import (
    ACTING,
    INERT,
    METHODS_ACTING,
    METHODS_INERT,
    UNSURE,
    outside,
)
from tools.allowlist.source_index import Module, Sources, dotted_text, read_statements

__all__ = ["LOADING", "Survey"]

LOADING = (
    *(
        "__new__",
        "__setstate__",
        "__setattr__",
        "__getattr__",
        "__getattribute__",
        "__setitem__",
        "__del__",
    ),
    *("append", "extend", "add", "__hash__", "__eq__", "__cinit__", "__array_finalize__"),
)
"""methods that an unpickler calls, or that run when an object is a key or goes away"""
_MAKING = (
    "__new__",
    "__init__",
    "__post_init__",
    "__attrs_post_init__",
    "__attrs_pre_init__",
    "__setattr__",
    "__del__",
)
_MOST_DEPTH = 5
_MOST_FOLLOWED = 40
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Class = tuple[Module, ast.ClassDef]


class Survey:
    """Remembers what it found out about classes and functions."""

    def __init__(self, sources: Sources, reviewed: frozenset[tuple[str, str]]) -> None:
        """Follow `sources`. Bases that are `reviewed`, by module and name, add nothing."""
        self.sources = sources
        self._reviewed = reviewed
        self._known: dict[tuple[str, str, str, str], int] = {}
        self._running: set[tuple[str, str, str, str]] = set()
        self._awaited: set[tuple[str, str, str, str]] = set()
        self._lineages: dict[tuple[str, str], tuple[list[_Class], int]] = {}
        self._properties: dict[tuple[str, str], frozenset[str]] = {}
        self._unsure: set[tuple[str, str, str, str]] = set()
        self._left = 0
        self.hurried = False

    def loading(self, module: Module, cls: ast.ClassDef) -> int:
        """Tell what making an object without a call, setting its state and forgetting it reaches."""
        self.hurried = False
        self._left = _MOST_FOLLOWED
        lines, level = self._lineage(module, cls)
        level = max(level, self._decorated(module, cls))
        for method in LOADING:
            level = max(level, self._method((module, cls), lines, method))
        return max(level, *(self._setters((module, cls), lines)), INERT)

    def making(self, module: Module, cls: ast.ClassDef, depth: int = 0) -> int:
        """Tell what calling the class reaches."""
        if depth == 0:
            self._left, self.hurried = _MOST_FOLLOWED, True
        lines, level = self._lineage(module, cls)
        if self._is_choice(lines):
            return self._method((module, cls), lines, "_missing_", depth)
        level = max(level, self._decorated(module, cls), self._factories(lines))
        for method in _MAKING:
            if self.hurried and level != INERT:
                break
            level = max(level, self._method((module, cls), lines, method, depth))
        return level

    def _lineage(self, module: Module, cls: ast.ClassDef) -> tuple[list[_Class], int]:
        """Return the class and its bases as far as sources go, and what is not known of the others."""
        key = (module.name, cls.name)
        if key not in self._lineages:
            self._lineages[key] = self._found_lineage(module, cls)
        return self._lineages[key]

    def _found_lineage(self, module: Module, cls: ast.ClassDef) -> tuple[list[_Class], int]:
        found: list[_Class] = []
        level, waiting = INERT, [(module, cls)]
        while waiting:
            home, node = waiting.pop(0)
            if any(node is other for _, other in found):
                continue
            found.append((home, node))
            level = max(level, self._metaclass(home, node))
            for base in node.bases:
                where = self._base(home, base)
                if isinstance(where, int):
                    level = max(level, where)
                else:
                    waiting.append(where)
        return found, level

    def _metaclass(self, module: Module, cls: ast.ClassDef) -> int:
        for word in cls.keywords:
            if word.arg == "metaclass":
                found, name = self.sources.resolve(module, dotted_text(word.value))
                if found is not None or name not in PLAIN_METACLASSES:
                    return UNSURE
        return INERT

    def _base(self, module: Module, base: ast.expr) -> _Class | int:
        if isinstance(base, ast.Subscript):
            base = base.value
        if isinstance(base, ast.Call):
            return made_base(base)
        text = dotted_text(base)
        if not text:
            return UNSURE
        if self._spelled(module, text) in PLAIN_OUTSIDE:
            return INERT
        found, name = self.sources.resolve(module, text)
        if found is None:
            return INERT if is_plain_base(name) else UNSURE
        if (found.name, name) in self._reviewed or name in found.tuples:
            return INERT
        return (found, found.classes[name]) if name in found.classes else UNSURE

    def _spelled(self, module: Module, text: str) -> str:
        """Return a name in full as the module's import spells it."""
        head, _, rest = text.partition(".")
        return module.imports.get(head, head) + ("." + rest if rest else "")

    def _decorated(self, module: Module, node: ast.ClassDef | _Function) -> int:
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            text = dotted_text(call)
            if isinstance(call, ast.Attribute) and call.attr in ("setter", "getter", "deleter"):
                continue
            found, name = self.sources.resolve(module, text) if text else (None, "")
            if found is not None or name not in PLAIN_DECORATORS:
                return UNSURE
        return INERT

    def _is_choice(self, lines: list[_Class]) -> bool:
        """Tell an enumeration: calling it looks up a value among those that it has."""
        names = {
            self._spelled(home, dotted_text(base)) for home, cls in lines for base in cls.bases
        }
        return not names.isdisjoint(CHOICES)

    def _factories(self, lines: list[_Class]) -> int:
        """Tell whether a field's default or converter may be a function that nobody looked at."""
        plain = {"dict", "list", "set", "tuple", "OrderedDict", "str", "int", "float"}
        words = {"default_factory", "factory", "converter"}
        fields = (stmt for _, cls in lines for stmt in cls.body if not isinstance(stmt, _Function))
        given = (
            node for stmt in fields for node in ast.walk(stmt) if isinstance(node, ast.keyword)
        )
        odd = any(node.arg in words and dotted_text(node.value) not in plain for node in given)
        return UNSURE if odd else INERT

    def _setters(self, cls: _Class, lines: list[_Class]) -> Iterator[int]:
        """Tell of each property what setting it reaches: slots are set like attributes."""
        yield INERT
        for home, node in lines:
            for stmt in node.body:
                if isinstance(stmt, _Function) and any(
                    isinstance(d, ast.Attribute) and d.attr == "setter" for d in stmt.decorator_list
                ):
                    yield self._followed(home, stmt, cls, f"{node.name}.{stmt.name}=", 0)

    def _method(self, cls: _Class, lines: list[_Class], name: str, depth: int = 0) -> int:
        """Tell what a method of a class reaches, looked up in its order of bases."""
        for home, node in lines:
            for stmt in node.body:
                if isinstance(stmt, _Function) and stmt.name == name:
                    decorated = self._decorated(home, stmt)
                    return max(
                        decorated, self._followed(home, stmt, cls, f"{node.name}.{name}", depth)
                    )
                if isinstance(stmt, ast.Assign) and any(
                    isinstance(target, ast.Name) and target.id == name for target in stmt.targets
                ):
                    return INERT if isinstance(stmt.value, ast.Constant) else UNSURE
        return INERT

    def _followed(
        self, home: Module, function: _Function, cls: _Class | None, name: str, depth: int
    ) -> int:
        owner = (cls[0].name, cls[1].name) if cls else ("", "")
        key = (home.name, name, *owner)
        if key in self._known:
            return self._known[key]
        if self.hurried and key in self._unsure:
            return UNSURE
        if key in self._running:
            self._awaited.add(key)
            return INERT
        self._left -= 1
        if depth > _MOST_DEPTH or self._left < 0:
            return UNSURE
        self._running.add(key)
        level = _Body(self, home, function, cls, depth).level()
        self._running.discard(key)
        self._awaited.discard(key)
        if level == ACTING or (
            self._left > 0
            and ((level == UNSURE and not self.hurried) or (level == INERT and not self._awaited))
        ):
            self._known[key] = level
        elif level == UNSURE:
            self._unsure.add(key)
        return level

    def own(self, cls: _Class, name: str, depth: int, *, after: bool = False) -> int | None:
        """Tell what `self.name(...)`, or `super().name(...)`, reaches; None if no source has it."""
        lines, level = self._lineage(*cls)
        for home, node in lines[1:] if after else lines:
            for stmt in node.body:
                if isinstance(stmt, _Function) and stmt.name == name:
                    followed = self._followed(home, stmt, cls, f"{node.name}.{name}", depth + 1)
                    return max(followed, self._decorated(home, stmt))
        if after and level == INERT:
            return INERT
        return None

    def is_property(self, cls: _Class, name: str) -> bool:
        """Tell an attribute that a method of the class or of a base computes."""
        key = (cls[0].name, cls[1].name)
        if key not in self._properties:
            self._properties[key] = frozenset(
                stmt.name
                for _, node in self._lineage(*cls)[0]
                for stmt in node.body
                if isinstance(stmt, _Function)
                and any("property" in dotted_text(d) for d in stmt.decorator_list)
            )
        return name in self._properties[key]

    def named(self, home: Module, text: str, depth: int) -> int:
        """Tell what calling a name of a module reaches."""
        imported = text.partition(".")[0] in home.imports
        level = outside(self._spelled(home, text)) if imported else UNSURE
        if level != UNSURE:
            return level
        found, name = self.sources.resolve(home, text)
        if found is None:
            return outside(name)
        level = outside(f"{found.name}.{name}")
        return ACTING if level == ACTING else self._defined(found, name, depth, level)

    def _defined(self, found: Module, name: str, depth: int, otherwise: int) -> int:
        """Tell what calling something reaches that a module defines."""
        head, _, method = name.partition(".")
        if name in found.tuples or (found.name, name) in self._reviewed:
            return INERT
        if name in found.functions:
            function = found.functions[name]
            followed = self._followed(found, function, None, name, depth + 1)
            return max(self._decorated(found, function), followed)
        if name in found.classes:
            return self.making(found, found.classes[name], depth + 1)
        if head not in found.classes or not method or "." in method:
            return otherwise
        owner = (found, found.classes[head])
        inside = self.own(owner, method, depth)
        if inside is None and method in LOADING + _MAKING:
            return self._lineage(*owner)[1]
        return UNSURE if inside is None else inside


class _Body:
    """One function's calls, and what it changes."""

    def __init__(
        self,
        survey: Survey,
        home: Module,
        function: _Function,
        cls: _Class | None,
        depth: int,
    ) -> None:
        self._survey, self._sources, self._home = survey, survey.sources, home
        self._function, self._cls, self._depth = function, cls, depth
        arguments = function.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        self._self = given[0].arg if given and cls is not None else ""
        self._locals = {item.arg for item in given}
        self._locals |= {item.arg for item in (arguments.vararg, arguments.kwarg) if item}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._locals.add(node.id)
        self._inner = {
            n.name
            for n in ast.walk(function)
            if isinstance(n, (*_FUNCTIONS, ast.ClassDef)) and n is not function
        }
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._locals -= {alias.asname or alias.name for alias in node.names}
        self._imports = self._own_imports()

    def _own_imports(self) -> Module:
        """Return a module that knows this function's own imports as well."""
        inside = Module(self._home.name, self._home.package)
        read_statements(
            inside,
            [n for n in ast.walk(self._function) if isinstance(n, (ast.Import, ast.ImportFrom))],
        )
        return inside

    def level(self) -> int:
        level = INERT
        for stmt in self._function.body:
            for node in ast.walk(stmt):
                level = max(level, self._node(node))
                if level == ACTING or (level == UNSURE and self._survey.hurried):
                    return level
        return level

    def _node(self, node: ast.AST) -> int:
        match node:
            case ast.Call():
                return self._call(node)
            case ast.Attribute(ctx=ast.Store(), value=ast.Name(id=name)):
                return INERT if name in self._locals and name != "cls" else UNSURE
            case ast.Subscript(ctx=ast.Store(), value=ast.Name(id=name)):
                return INERT if name in self._locals else UNSURE
            case ast.Global() | ast.Nonlocal() | ast.Await():
                return UNSURE
            case ast.Attribute(ctx=ast.Load(), value=ast.Name(id=name), attr=attribute):
                if (
                    self._cls
                    and name == self._self
                    and self._survey.is_property(self._cls, attribute)
                ):
                    inside = self._survey.own(self._cls, attribute, self._depth)
                    return UNSURE if inside is None else inside
        return INERT

    def _call(self, node: ast.Call) -> int:
        return max(self._called(node), *map(self._handed_over, self._given(node)), INERT)

    def _given(self, node: ast.Call) -> list[ast.expr]:
        return [*node.args, *(word.value for word in node.keywords)]

    def _handed_over(self, node: ast.expr) -> int:
        """Tell what a function reaches that is given to another one, which may call it."""
        text = dotted_text(node)
        head = text.partition(".")[0]
        if not text or head in self._locals or head in self._inner:
            return INERT
        home = self._imports if head in self._imports.imports else self._home
        found, name = self._sources.resolve(home, text)
        if found is None:
            return ACTING if outside(name) == ACTING else INERT
        return self._named(text) if name in found.functions else INERT

    def _called(self, node: ast.Call) -> int:
        function = node.func
        if isinstance(function, ast.Name):
            return self._call_name(function.id, node)
        if not isinstance(function, ast.Attribute):
            return UNSURE
        if (
            isinstance(function.value, ast.Call)
            and dotted_text(function.value.func) == "super"
            and self._cls
        ):
            inside = self._survey.own(self._cls, function.attr, self._depth, after=True)
            return UNSURE if inside is None else inside
        text = dotted_text(function)
        head = text.partition(".")[0]
        if self._cls and head in (self._self, "cls") and text == f"{head}.{function.attr}":
            inside = self._survey.own(self._cls, function.attr, self._depth)
            return self._on_anything(function.attr) if inside is None else inside
        if text and head not in self._locals:
            return max(self._named(text), INERT)
        return self._on_anything(function.attr)

    def _call_name(self, name: str, node: ast.Call) -> int:
        if name in self._inner:
            return INERT
        if name in self._locals:
            return UNSURE
        if name in ("map", "filter") and node.args and not isinstance(node.args[0], ast.Lambda):
            text = dotted_text(node.args[0])
            return (
                self._named(text) if text and text.partition(".")[0] not in self._locals else UNSURE
            )
        if name in ("setattr", "delattr", "getattr"):
            own = bool(node.args) and dotted_text(node.args[0]) == self._self
            constant = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
            return INERT if own or constant else UNSURE
        return self._named(name)

    def _named(self, text: str) -> int:
        head = text.partition(".")[0]
        home = self._imports if head in self._imports.imports else self._home
        found = self._survey.named(home, text, self._depth)
        if (
            found == UNSURE
            and "." in text
            and text.rpartition(".")[2] in METHODS_INERT
            and self._is_value(head)
        ):
            return INERT
        return found

    def _is_value(self, head: str) -> bool:
        """Tell a module's own value, such as its logger."""
        return head in self._home.names and head not in self._home.imports

    def _on_anything(self, method: str) -> int:
        if method in METHODS_ACTING:
            return ACTING
        return INERT if method in METHODS_INERT else UNSURE


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
