"""The judge: hears what the machine would do, and says what is wrong with it."""

from collections.abc import Callable
from typing import TypeGuard

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.allow.names import Grade, Permission, permission
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.pickles.values import (
    BytesAt,
    Call,
    Container,
    Global,
    Instance,
    Persistent,
    TextAt,
    Unknown,
    Value,
    show,
)

__all__ = ["Judge"]

_CODECS = frozenset({"latin1", "latin-1", "utf-8", "utf8", "ascii"})
_FIXED_ARGUMENTS = 3
_NO_PERMISSION = Permission(Grade.UNKNOWN)
_QUIET = Permission(Grade.SAFE, call="any", new=True, build=True)
_SLOT_STATE = 2
_SOURCE_NOTE = 4
_STORAGE_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})


class Judge:
    """Judges the events of one pickle and reports into an examination."""

    __slots__ = (
        "_counts",
        "_dialect",
        "_examination",
        "_findings",
        "_globals",
        "_nested",
        "_place",
        "acted",
    )

    def __init__(self, place: Place, examination: Examination) -> None:
        """Judge for `place`; nothing is reported before `report`."""
        self._place = place
        self._examination = examination
        self._dialect = place.dialect
        self._globals: dict[tuple[str, str], Global] = {}
        self._findings: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._nested: dict[Value, bool] = {}
        self.acted = False

    @property
    def globals(self) -> tuple[Global, ...]:
        """Everything imported so far."""
        return tuple(self._globals.values())

    def imported(self, offset: int, module: str, name: str) -> Global:
        """Take note of an import and return its value."""
        known = self._globals.get((module, name))
        if known is not None:
            return known
        found = Global(module, name, self._permission(module, name), offset)
        self._globals[module, name] = found
        if _reaches(name) and found.permission is not _QUIET:
            self._find("PKL005", offset, show(found), found)
        return found

    def computed_import(self, offset: int, module: Value, name: Value) -> Unknown:
        """Take note of an import whose name is no constant text."""
        self.acted = True
        self._find("PKL006", offset, f"import of {show(name)} from {show(module)}")
        return Unknown("import of a computed name")

    def extension(self, offset: int, code: int) -> Unknown:
        """Take note of a code of the extension registry."""
        self.acted = True
        self._find("PKL011", offset, f"extension code {code}")
        return Unknown(f"extension {code}")

    def called(self, offset: int, function: Value, arguments: Value) -> Call | Instance:
        """Take note of a call and return its result."""
        self.acted = True
        if not isinstance(function, Global):
            detail = _call_text(show(function), arguments)
            self._find("PKL007", offset, detail)
            return Call(None, detail)
        permission_ = function.permission
        if permission_.call == "any" or (
            permission_.call and self._check(permission_.call, offset, arguments)
        ):
            return _result(function, arguments)
        detail = _call_text(show(function), arguments)
        if permission_.call:
            self._find("PKL016", offset, detail, function)
        else:
            self._refuse_call(offset, function, detail)
        return Call(function, detail)

    def instantiated(self, offset: int, cls: Value, arguments: Value) -> Instance:
        """Take note of `cls.__new__(cls, *arguments)` and return the instance."""
        self.acted = True
        if not isinstance(cls, Global):
            self._find("PKL007", offset, _call_text(f"{show(cls)}.__new__", arguments))
            return Instance(None)
        if not cls.permission.new:
            self._refuse_call(offset, cls, _call_text(f"{show(cls)}.__new__", arguments))
        return Instance(cls)

    def built(self, offset: int, target: Value, state: Value) -> None:
        """Take note of `target.__setstate__(state)`."""
        self.acted = True
        of = target.of if isinstance(target, (Call, Instance)) else None
        if of is None or not of.permission.build:
            self._find("PKL008", offset, f"{show(target)}.__setstate__({show(state)})")
        elif _has_dunder_slot(state):
            self._find("PKL005", offset, f"{show(target)}.__setstate__({show(state)})")

    def stored(self, offset: int, target: Value, items: list[Value]) -> None:
        """Take note of items that go into something that is no plain container."""
        self.acted = True
        of = target.of if isinstance(target, (Call, Instance)) else None
        if of is None or not of.permission.items:
            shown = ", ".join(show(item) for item in items[:_FIXED_ARGUMENTS])
            self._find("PKL009", offset, f"{show(target)} ← {shown}")

    def persistent(self, offset: int, identifier: Value) -> Persistent | Global:
        """Take note of a persistent id and return what the loader gives for it."""
        if self._dialect.torch and _is_source(identifier):
            return identifier[1]
        if not self._dialect.torch:
            self._find("PKL015", offset, "")
        elif not self._is_storage(identifier):
            self._find("PKL010", offset, show(identifier))
        return Persistent(identifier)

    def report(self) -> None:
        """Report what was found, and the imports that no other finding has named."""
        for found in self._globals.values():
            if found.reported:
                continue
            match found.permission.grade:
                case Grade.DANGEROUS:
                    self._find("PKL003", found.offset, show(found), found)
                case Grade.UNKNOWN:
                    self._find("PKL004", found.offset, show(found), found)
                case Grade.KNOWN:
                    self._find("PKL014", found.offset, show(found), found)
                case Grade.SAFE:
                    pass
        for (rule, detail), offset in self._findings.items():
            self._examination.find(rule, self._place, offset=offset, detail=detail)

    def _permission(self, module: str, name: str) -> Permission:
        if self._dialect.torchscript and _is_torchscript(module, name):
            return _QUIET
        if module in _STORAGE_MODULES and name.endswith("Storage") and not _reaches(name):
            return permission(module, name)
        found = permission(module, name)
        if _reaches(name) and found.grade is not Grade.DANGEROUS:
            return _NO_PERMISSION
        return found

    def _refuse_call(self, offset: int, function: Global, detail: str) -> None:
        dangerous = function.permission.grade is Grade.DANGEROUS
        self._find("PKL001" if dangerous else "PKL002", offset, detail, function)

    def _check(self, check: str, offset: int, arguments: Value) -> bool:
        if not isinstance(arguments, tuple):
            return False
        first = arguments[0] if arguments else None
        checks: dict[str, Callable[[], bool]] = {
            "class-first": lambda: self._names_classes(arguments),
            "class-or-name": lambda: self._names_generator(arguments),
            "codec": lambda: _is_codec_call(arguments),
            "factory": lambda: first is None or self._allows(first, "call"),
            "function-first": lambda: self._check_function_first(offset, arguments),
            "nested-bytes": lambda: self._look_into_bytes(arguments),
            "rebuild": lambda: self._rebuilds_subclass(offset, arguments),
            "state": lambda: not _sets_dunder(arguments),
        }
        return check in checks and checks[check]()

    def _names_classes(self, arguments: tuple[Value, ...]) -> bool:
        """Allow a class and its bases, and plain data for the rest."""
        if not arguments or not isinstance(arguments[0], Global):
            return False
        classes = (item for item in arguments if isinstance(item, Global))
        return all(self._allows(item, "new") for item in classes)

    def _rebuilds_subclass(self, offset: int, arguments: tuple[Value, ...]) -> bool:
        """Allow `(function, class, arguments, state)`: the class may set its own state."""
        called = self._check_function_first(offset, arguments)
        return called and len(arguments) > 1 and self._allows(arguments[1], "new")

    def _names_generator(self, arguments: tuple[Value, ...]) -> bool:
        first = arguments[0] if arguments else ""
        named = isinstance(first, (str, Call, Instance)) or self._allows(first, "new")
        return named and all(self._allows(item, "call") for item in arguments[1:])

    def _check_function_first(self, offset: int, arguments: tuple[Value, ...]) -> bool:
        if not arguments or _sets_dunder(arguments):
            return False
        inner = arguments[2] if len(arguments) >= _FIXED_ARGUMENTS else arguments[1:]
        self.called(offset, arguments[0], inner if isinstance(inner, tuple) else arguments[1:])
        return isinstance(arguments[0], Global)

    def _allows(self, value: Value, operation: str) -> bool:
        if not isinstance(value, Global):
            return False
        return value.permission.new if operation == "new" else bool(value.permission.call)

    def _look_into_bytes(self, arguments: tuple[Value, ...]) -> bool:
        view = self._nested_view(arguments[0]) if len(arguments) == 1 else None
        if view is None:
            return False
        key = arguments[0].encoded if isinstance(arguments[0], Call) else arguments[0]
        if key not in self._nested:
            inner = self._place.inside(f"bytes {len(self._nested)}", view)
            self._nested[key] = self._examination.look(inner)
        return self._nested[key]

    def _nested_view(self, value: Value) -> ByteView | None:
        """Return bytes that the pickle holds, as they are or as Latin-1 text."""
        limit = self._examination.limits.nested
        if isinstance(value, BytesAt):
            if value.length > limit:
                raise LimitError(f"a nested file is over {limit} bytes")
            return Slice(self._place.view, value.offset, value.length)
        text = value.encoded if isinstance(value, Call) else None
        if isinstance(text, TextAt):
            if text.length > limit:
                raise LimitError(f"a nested file is over {limit} bytes")
            text = self._place.view.read_at(text.offset, text.length).decode(
                text.encoding, "replace"
            )
        if not isinstance(text, str):
            return None
        return MemoryView(text.encode("latin-1", "replace"))

    def _is_storage(self, identifier: Value) -> bool:
        if not isinstance(identifier, tuple) or not identifier or identifier[0] != "storage":
            return False
        kind = identifier[1] if len(identifier) > 1 else None
        if not isinstance(kind, Global) or kind.module not in _STORAGE_MODULES:
            return False
        return kind.name.endswith("Storage") and kind.permission.grade is Grade.SAFE

    def _find(self, rule: str, offset: int, detail: str, named: Global | None = None) -> None:
        if named is not None:
            named.reported = True
        count = self._counts[rule] = self._counts.get(rule, 0) + 1
        if count <= self._examination.limits.findings + 1:
            self._findings.setdefault((rule, detail), offset)


def _result(function: Global, arguments: Value) -> Call | Instance:
    if function.permission.call == "class-first" and isinstance(arguments, tuple):
        cls = arguments[0]
        return Instance(cls if isinstance(cls, Global) else None)
    if function.permission.call == "codec" and isinstance(arguments, tuple):
        return Call(function, encoded=arguments[0])
    return Call(function)


def _is_source(identifier: Value) -> TypeGuard[tuple[Value, Global]]:
    """Tell torch's legacy note of a class's source, which loads as the class itself."""
    if not isinstance(identifier, tuple) or len(identifier) != _SOURCE_NOTE:
        return False
    return identifier[0] == "module" and isinstance(identifier[1], Global)


def _call_text(function: str, arguments: Value) -> str:
    text = show(arguments)
    if not isinstance(arguments, tuple):
        return f"{function}(*{text})"
    return f"{function}{text}" if len(arguments) != 1 else f"{function}({text[1:-2]})"


def _reaches(name: str) -> bool:
    return "." in name or (name.startswith("__") and name.endswith("__"))


def _is_torchscript(module: str, name: str) -> bool:
    parts = module.split(".")
    return parts[0] == "__torch__" and all(part.isidentifier() for part in [*parts, name])


def _is_codec_call(arguments: tuple[Value, ...]) -> bool:
    if not arguments or not isinstance(arguments[0], (str, TextAt)):
        return False
    return all(isinstance(word, str) and word.lower() in _CODECS for word in arguments[1:])


def _sets_dunder(arguments: tuple[Value, ...]) -> bool:
    flat = [part for item in arguments for part in (item if isinstance(item, tuple) else (item,))]
    return any(isinstance(part, Container) and part.dunder for part in flat)


def _has_dunder_slot(state: Value) -> bool:
    """Slot state is set attribute by attribute, so a dunder key changes the object's class."""
    if not isinstance(state, tuple) or len(state) != _SLOT_STATE:
        return False
    return isinstance(state[1], Container) and state[1].dunder
