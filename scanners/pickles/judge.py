"""The judge: hears what the machine would do, and says what is wrong with it."""

from collections.abc import Callable

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.allow.names import Grade, Permission, permission
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.array_types import is_honest_dtype_state
from weightmark.scanners.pickles.broken import BreakError
from weightmark.scanners.pickles.checks import (
    freeze,
    gets_own_method,
    gives_attributes,
    has_new,
    has_odd_key,
    is_block,
    is_codec_call,
    is_inert,
    is_no_text,
    is_one_dict,
    is_plain,
    is_ratio,
    is_sized,
    is_state,
    names_classes,
    names_factory,
    names_generator,
    reconstructs,
    sets_state,
    stores,
)
from weightmark.scanners.pickles.code_objects import code_text
from weightmark.scanners.pickles.persistent_ids import (
    STORAGE_MODULES,
    class_of_source,
    is_source,
    is_storage,
)
from weightmark.scanners.pickles.results import call_text, result
from weightmark.scanners.pickles.values import (
    CONSTANTS,
    ArrayType,
    BytesAt,
    Call,
    Container,
    Global,
    Instance,
    Persistent,
    TextAt,
    Unknown,
    Value,
    is_armed,
    show,
)

__all__ = ["Judge"]

_CHECKS: dict[str, Callable[[tuple[Value, ...]], bool]] = {
    "any": is_inert,
    "attributes": lambda arguments: all(map(is_state, arguments)) and not has_odd_key(arguments),
    "block": is_block,
    "class-first": names_classes,
    "class-or-name": names_generator,
    "codec": is_codec_call,
    "dtype": is_inert,
    "factory": names_factory,
    "plain": lambda arguments: all(map(is_plain, arguments)),
    "ratio": is_ratio,
    "reconstructor": reconstructs,
    "sized": is_sized,
    "state": sets_state,
}
"""what arguments must be for the word in the allowlist"""
_PARTIAL_STATE = 4
_REBUILD_ARGUMENTS = 4
_SHOWN_ITEMS = 3
_HANDED_OVER = frozenset({"function-first", "nested-bytes", "rebuild", "state"})
_NO_PERMISSION = Permission(Grade.UNKNOWN)
_QUIET = Permission(Grade.SAFE, call="any", new=True, build=True)
_RECURSIVE = frozenset({"function-first", "rebuild"})
_MOST_STORAGES = 200_000
_MOST_FRAME_ENDS = 8
_DATA = (str, int, float, tuple, type(None), BytesAt, TextAt)
"""types of values that are no objects to a loader"""
_COMPUTED = frozenset({"PKL006", "PKL007", "PKL011"})


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
        "_second",
        "acted",
        "frame_ends",
        "storages",
    )

    def __init__(self, place: Place, examination: Examination, *, second: bool = False) -> None:
        """Judge for `place`; nothing is reported before `report`. `second` is another loader's reading."""
        self._place = place
        self._examination = examination
        self._dialect = place.dialect
        self._globals: dict[tuple[str, str], Global] = {}
        self._findings: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._nested: dict[Value, bool] = {}
        self._second = second
        self.acted = False
        self.frame_ends: set[int] = set()
        self.storages: dict[str, tuple[str, int]] = {}

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
        """Take note of an import whose name is no constant text.

        Raises `BreakError` in another loader's reading where a name is certainly no text: what the
        first reading means by its memo, that loader stops at.
        """
        if self._second and (is_no_text(module) or is_no_text(name)):
            raise BreakError("a name to import is no text")
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
        code = code_text(arguments)
        if code:
            self._find("PKL019", offset, code)
        if not isinstance(function, Global):
            self._stop_at_data(function, Container)
            detail = call_text(show(function), arguments)
            self._find("PKL007", offset, detail)
            return Call(None, detail)
        function.called = True
        if gets_own_method(function, arguments):
            function.reported = True
            return Call(function)
        permission_ = function.permission
        if permission_.call and self._check(permission_.call, offset, arguments):
            return result(function, arguments)
        detail = call_text(show(function), arguments)
        if permission_.call:
            self._find("PKL016", offset, detail, function)
        else:
            self._refuse_call(offset, function, detail)
        return Call(function, detail)

    def instantiated(self, offset: int, cls: Value, arguments: Value) -> Instance:
        """Take note of `cls.__new__(cls, *arguments)` and return the instance."""
        self.acted = True
        if not isinstance(cls, Global):
            self._stop_at_data(cls, Container, Instance)
            self._find("PKL007", offset, call_text(f"{show(cls)}.__new__", arguments))
            return Instance(None)
        if not cls.permission.new:
            self._refuse_call(offset, cls, call_text(f"{show(cls)}.__new__", arguments))
        elif not (is_inert(arguments) or (cls.permission.keeps and not is_armed(arguments))):
            self._find("PKL016", offset, call_text(f"{show(cls)}.__new__", arguments), cls)
        return Instance(cls)

    def built(self, offset: int, target: Value, state: Value) -> None:
        """Take note of `target.__setstate__(state)`; an honest pickle does so once an object."""
        self._stop_at_data(target, Container)
        self.acted = True
        rule = self._refused_state(offset, target, state)
        if rule:
            self._find(rule, offset, f"{show(target)}.__setstate__({show(state)})")
        if not isinstance(target, (Call, Instance)) or target.of is None:
            return
        target.built = True
        target.carries = gives_attributes(state)
        freeze(state)
        if isinstance(target, ArrayType):
            target.state = state

    def _refused_state(self, offset: int, target: Value, state: Value) -> str:
        """Return the rule that the state breaks, or an empty text."""
        if not isinstance(target, (Call, Instance)) or target.of is None:
            return "PKL008"
        if not target.of.permission.build or target.built:
            return "PKL008"
        if target.of.permission.call == "function-first":
            if isinstance(state, tuple) and has_odd_key(state[-1:]):
                return "PKL005"
            return "" if self._is_partial_state(offset, state) else "PKL008"
        if has_odd_key(state):
            return "PKL005"
        honest = target.of.permission.call != "dtype"
        if isinstance(target, ArrayType):
            honest = is_honest_dtype_state(target, state)
        if target.of.permission.state == "dict":
            honest = is_one_dict(state)
        return "" if honest and is_state(state) else "PKL008"

    def stored(self, offset: int, operation: str, target: Value, items: list[Value]) -> None:
        """Take note of items that go into something that is no plain container of its own."""
        self._stop_at_data(target)
        self.acted = True
        allowed = False
        if isinstance(target, (Call, Instance)) and target.of is not None and not target.built:
            allowed = stores(target.of.permission, operation) and (
                CONSTANTS.issuperset(map(type, items)) or not any(map(is_armed, items))
            )
        if not allowed:
            shown = ", ".join(show(item) for item in items[:_SHOWN_ITEMS])
            self._find("PKL009", offset, f"{show(target)} ← {shown}")

    def persistent(self, offset: int, identifier: Value) -> Persistent | Global:
        """Take note of a persistent id and return what the loader gives for it."""
        if self._dialect.torch_tar:
            return self._tensor_or_class(offset, identifier)
        if self._dialect.torch and is_source(identifier):
            return identifier[1]
        if not self._dialect.torch:
            self._find("PKL015", offset, "")
        elif is_storage(identifier):
            self._keep_storage(offset, identifier)
        else:
            self._find("PKL010", offset, show(identifier))
        return Persistent(identifier)

    def _tensor_or_class(self, offset: int, identifier: Value) -> Persistent | Global:
        """Return what torch's tar format gives: a tensor by its number, or a class with its source."""
        cls = class_of_source(identifier)
        if cls is not None:
            return cls
        if not (type(identifier) is int or (isinstance(identifier, str) and identifier.isdigit())):
            self._find("PKL010", offset, show(identifier))
        return Persistent(identifier)

    def _keep_storage(self, offset: int, identifier: tuple[Value, ...]) -> None:
        """Remember type and length of a storage; two that share a key must agree."""
        kind, key, count = identifier[1], identifier[2], identifier[4]
        if not isinstance(kind, Global) or not isinstance(key, str) or type(count) is not int:
            self._find("PKL010", offset, show(identifier))
            return
        if len(self.storages) >= _MOST_STORAGES:
            raise LimitError(f"more than {_MOST_STORAGES} tensor storages in a pickle")
        if self.storages.setdefault(key, (kind.name, count)) != (kind.name, count):
            self._find("PKL020", offset, f"storage `{key[:40]}` is named with two types or lengths")

    def lied(self, offset: int, what: str) -> None:
        """Take note of a wrapped array that contradicts itself."""
        self.acted = True
        self._find("PKL018", offset, what)

    def misframed(self, offset: int, end: int, what: str) -> None:
        """Take note of what honest picklers never do before a frame's `end`, where loaders may go on."""
        self._find("PKL021", offset, f"{what} that ends at byte {end}")
        if len(self.frame_ends) < _MOST_FRAME_ENDS:
            self.frame_ends.add(end)

    def reaches_danger(self) -> bool:
        """Tell whether a name on the denylist was imported."""
        return any(found.permission.grade is Grade.DANGEROUS for found in self.globals)

    def computes(self) -> bool:
        """Tell whether a name was computed, or something computed was called."""
        return not _COMPUTED.isdisjoint(self._counts)

    def second_reading(self) -> "Judge":
        """Return a judge for another loader's reading of the same bytes."""
        return Judge(self._place, self._examination, second=True)

    def report(self) -> None:
        """Report what was found, and the imports that no other finding has named."""
        stored = "PKL017" if self._builds_objects() else "PKL004"
        for found in self._globals.values():
            if found.permission.call in _HANDED_OVER and not found.called:
                self._find("PKL016", found.offset, f"{show(found)}, handed over uncalled", found)
            if found.reported:
                continue
            match found.permission.grade:
                case Grade.DANGEROUS:
                    self._find("PKL003", found.offset, show(found), found)
                case Grade.UNKNOWN:
                    rule = "PKL004" if found.module == "__main__" else stored
                    self._find(rule, found.offset, show(found), found)
                case Grade.KNOWN:
                    self._find("PKL014", found.offset, show(found), found)
                case Grade.SAFE:
                    pass
        for (rule, detail), offset in self._findings.items():
            self._examination.find(rule, self._place, offset=offset, detail=detail)

    def _stop_at_data(self, value: Value, *more: type) -> None:
        """Raise `BreakError` in another loader's reading where it uses plain data as an object."""
        if self._second and isinstance(value, (*_DATA, *more)):
            raise BreakError("plain data are used as an object")

    def _builds_objects(self) -> bool:
        """Tell whether a library object is made that may call what is stored in it."""
        known = (found.permission for found in self._globals.values())
        return any(p.grade is Grade.KNOWN and (p.new or p.call) for p in known)

    def _permission(self, module: str, name: str) -> Permission:
        if self._dialect.torchscript and _is_torchscript(module, name):
            return _QUIET
        if module in STORAGE_MODULES and name.endswith("Storage") and not _reaches(name):
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
        allows = _CHECKS.get(check)
        if allows is not None:
            return allows(arguments)
        match check:
            case "function-first":
                return self._binds(offset, arguments)
            case "nested-bytes":
                return self._look_into_bytes(arguments)
            case "rebuild":
                return self._rebuilds_subclass(offset, arguments)
        return False

    def _binds(self, offset: int, arguments: tuple[Value, ...]) -> bool:
        """Allow a function and arguments that it may be called with."""
        function = arguments[0] if arguments else None
        if not isinstance(function, Global) or not is_inert(arguments[1:]):
            return False
        if not function.harmless:
            if function.permission.call in _RECURSIVE:
                return False
            self.called(offset, function, arguments[1:])
        return True

    def _is_partial_state(self, offset: int, state: Value) -> bool:
        """Allow `(function, arguments, keywords, attributes)` of a function that is harmless.

        The attributes become the object's own dict, so that only an empty one is allowed.
        """
        if not isinstance(state, tuple) or len(state) != _PARTIAL_STATE:
            return False
        function, arguments, keywords, attributes = state
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            return False
        if not function.harmless:
            self.called(offset, function, arguments)
            return False
        empty = attributes is None or (
            isinstance(attributes, Container) and attributes.kind == "dict" and not attributes.items
        )
        return empty and is_inert(arguments) and (keywords is None or is_plain(keywords))

    def _rebuilds_subclass(self, offset: int, arguments: tuple[Value, ...]) -> bool:
        """Allow `(function, class, arguments, state)`: the class may set its own state."""
        if len(arguments) != _REBUILD_ARGUMENTS:
            return False
        function, cls, inner, state = arguments
        if not isinstance(function, Global) or function.permission.call in _RECURSIVE:
            return False
        self.called(offset, function, inner)
        return has_new(cls) and is_state(state) and not has_odd_key(state)

    def _look_into_bytes(self, arguments: tuple[Value, ...]) -> bool:
        view = self._nested_view(arguments[0]) if len(arguments) == 1 else None
        if view is None:
            return False
        first = arguments[0]
        key = (first.encoded, first.codec) if isinstance(first, Call) else first
        if key not in self._nested:
            inner = self._place.inside(f"bytes {len(self._nested)}", view)
            self._nested[key] = self._examination.look(inner)
        return self._nested[key]

    def _nested_view(self, value: Value) -> ByteView | None:
        """Return bytes that the pickle holds, as they are or as text and the codec for it."""
        limit = self._examination.limits.nested
        if isinstance(value, BytesAt):
            if value.length > limit:
                raise over_limit("nested", f"a nested file is over {limit} bytes")
            return Slice(self._place.view, value.offset, value.length)
        if not isinstance(value, Call) or not value.codec:
            return None
        text = value.encoded
        try:
            if isinstance(text, TextAt):
                if text.length > limit:
                    raise over_limit("nested", f"a nested file is over {limit} bytes")
                raw = self._place.view.read_at(text.offset, text.length)
                errors = "surrogatepass" if text.encoding == "utf-8" else "strict"
                text = raw.decode(text.encoding, errors)
            return MemoryView(text.encode(value.codec)) if isinstance(text, str) else None
        except UnicodeError:
            return None

    def _find(self, rule: str, offset: int, detail: str, named: Global | None = None) -> None:
        if named is not None:
            named.reported = True
        count = self._counts[rule] = self._counts.get(rule, 0) + 1
        if count <= self._examination.limits.findings + 1:
            self._findings.setdefault((rule, detail), offset)


def _reaches(name: str) -> bool:
    return "." in name or (name.startswith("__") and name.endswith("__"))


def _is_torchscript(module: str, name: str) -> bool:
    parts = module.split(".")
    return parts[0] == "__torch__" and all(part.isidentifier() for part in [*parts, name])
