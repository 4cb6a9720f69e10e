"""The judge: hears what the machine would do, and says what is wrong with it."""

from collections.abc import Callable, Mapping

from weightmark.errors import LimitError
from weightmark.scanners.allow.names import Grade, Permission, permission
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.pickles.array_types import is_honest_dtype_state
from weightmark.scanners.pickles.arrow_arrays import is_sound
from weightmark.scanners.pickles.broken import BreakError
from weightmark.scanners.pickles.call_checks import CHECKS, STATES, is_factory_partial
from weightmark.scanners.pickles.checks import (
    freeze,
    gets_own_method,
    gives_attributes,
    gives_own_type,
    has_new,
    has_odd_key,
    is_inert,
    is_plain,
    is_state,
    names_code,
    stores,
)
from weightmark.scanners.pickles.code_objects import code_text
from weightmark.scanners.pickles.imports import REFUSED, Imports
from weightmark.scanners.pickles.nested_bytes import NestedBytes
from weightmark.scanners.pickles.openings import begins_archive, begins_pickle, begins_text
from weightmark.scanners.pickles.persistent_ids import (
    class_of_source,
    is_source,
    is_storage,
)
from weightmark.scanners.pickles.regular_expressions import is_pattern
from weightmark.scanners.pickles.results import call_text, result
from weightmark.scanners.pickles.unlisted import (
    binds_method,
    calls_enum,
    calls_unlisted,
    is_unlisted,
    own_names,
    reconstructs_unlisted,
    takes_items,
    takes_state,
)
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
    Value,
    is_armed,
    is_odd_key,
    show,
)

__all__ = ["Judge"]

_PARTIAL_STATE = 4
_REBUILD_ARGUMENTS = 4
_SHOWN_ITEMS = 3
_ARRAY_ARGUMENTS = (3, 4)
_RECURSIVE = frozenset({"array-and-state", "function-first", "rebuild"})
_GETATTR = ("builtins", "getattr")
_NAMED_TUPLE = ("dill._dill", "_create_namedtuple")
_DEEPEST_TEMPLATE = 2
_MOST_STORAGES = 200_000
_MOST_FRAME_ENDS = 8
_MOST_CARRIED = 100_000
_DATA = (str, int, float, tuple, type(None), BytesAt, TextAt)
"""types of values that are no objects to a loader"""


class Judge(Imports):
    """Judges the events of one pickle and reports into an examination."""

    __slots__ = ("_nested", "carried", "carries_more", "frame_ends", "storages")

    def __init__(
        self, place: Place, examination: Examination, twins: Mapping[int, Global] | None = None
    ) -> None:
        """Judge for `place`; nothing is reported before `report`. See `Imports` for `twins`."""
        super().__init__(place, examination, twins)
        self._nested = NestedBytes(place, examination)
        self.carried: list[tuple[int, int, str]] = []
        self.carries_more = False
        self.frame_ends: set[int] = set()
        self.storages: dict[str, tuple[str, int]] = {}

    def called(self, offset: int, function: Value, arguments: Value) -> Call | Instance | Global:
        """Take note of a call and return its result."""
        self.acted = True
        function = _called_class(function)
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
            return self._class_method(offset, arguments) or Call(function)
        if gives_own_type(function, arguments):
            function.reported = True
            return Call(function)
        return self._class_member(offset, function, arguments) or self._judged_call(
            offset, function, arguments
        )

    def _judged_call(
        self, offset: int, function: Global, arguments: Value
    ) -> Call | Instance | Global:
        unlisted = binds_method(function, arguments)
        if unlisted is not None:
            function.reported = True
            self._find("PKL022", offset, call_text(show(function), arguments), unlisted)
            return Call(unlisted)
        permission_ = function.permission
        if permission_.call and self._check(permission_.call, offset, arguments):
            return result(function, arguments)
        unlisted = reconstructs_unlisted(function, arguments)
        if unlisted is None and calls_unlisted(function, arguments, self._place.view):
            unlisted = function
        if unlisted is not None:
            self._find("PKL022", offset, show(unlisted), unlisted)
            return Instance(unlisted)
        detail = call_text(show(function), arguments)
        if calls_enum(function, arguments):
            self._find("PKL022", offset, detail, function)
            return Call(function, detail)
        if permission_.call:
            self._find("PKL016", offset, detail, function)
        else:
            self._refuse_call(offset, function, detail)
        return Call(function, detail)

    def _class_member(self, offset: int, function: Global, arguments: Value) -> Global | None:
        """Return what `getattr(class, name)` gives, if a list holds that very name.

        Older protocols save a method of a class in this way, newer ones as one dotted name; dill
        names a named tuple's class and its module.
        """
        match (function.module, function.name), arguments:
            case (pair, (Global() as cls, str() as member)) if pair == _GETATTR:
                module, name = cls.module, f"{cls.name}.{member}"
            case (pair, (str() as name, _, str() as module, *_)) if (
                pair == _NAMED_TUPLE and name.isidentifier()
            ):
                pass
            case _:
                return None
        listed = self._listed(offset, module, name)
        function.reported = function.reported or listed is not None
        return listed

    def _class_method(self, offset: int, arguments: Value) -> Global | None:
        """Return the method that an object shares with its class, if a list holds that very name."""
        match arguments:
            case ((Call(of=Global() as cls) | Instance(of=Global() as cls)), str() as member):
                return self._listed(offset, cls.module, f"{cls.name}.{member}")
        return None

    def _listed(self, offset: int, module: str, name: str) -> Global | None:
        refused = permission(module, name).grade in REFUSED
        return None if refused else self.imported(offset, module, name)

    def instantiated(self, offset: int, cls: Value, arguments: Value) -> Instance:
        """Take note of `cls.__new__(cls, *arguments)` and return the instance."""
        self.acted = True
        if not isinstance(cls, Global):
            self._stop_at_data(cls, Container, Instance)
            self._find("PKL007", offset, call_text(f"{show(cls)}.__new__", arguments))
            return Instance(None)
        if is_unlisted(cls, arguments):
            self._find("PKL022", offset, show(cls), cls)
        elif not cls.permission.new:
            self._refuse_call(offset, cls, call_text(f"{show(cls)}.__new__", arguments))
        elif not (is_inert(arguments) or (cls.permission.keeps and not is_armed(arguments))):
            self._find("PKL016", offset, call_text(f"{show(cls)}.__new__", arguments), cls)
        named = isinstance(arguments, tuple) and str in map(type, arguments)
        return Instance(cls, named=named)

    def built(self, offset: int, target: Value, state: Value) -> None:
        """Take note of `target.__setstate__(state)`; an honest pickle does so once an object."""
        self._stop_at_data(target, Container)
        self.acted = True
        rule = (
            "" if self._takes_plainly(target, state) else self._refused_state(offset, target, state)
        )
        if rule:
            self._find(rule, offset, f"{show(target)}.__setstate__({show(state)})")
        if not isinstance(target, (Call, Instance)) or target.of is None:
            return
        target.built = True
        target.carries = gives_attributes(state) and target.of.permission.state != "native"
        target.attributes = state if target.of.permission.methods else None
        if not rule and target.of.permission.call == "function-first" and isinstance(target, Call):
            target.armed = False
        freeze(state)
        if isinstance(target, ArrayType):
            target.state = state

    def _takes_plainly(self, target: Value, state: Value) -> bool:
        """Allow an object of an unlisted class plain attributes, and names of its own package."""
        if not takes_state(target, state, self._place.view):
            return False
        if isinstance(target, Instance) and target.of is not None:
            for name in own_names(target.of, state):
                self._find("PKL022", name.offset, show(name), name)
        return True

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
        if isinstance(target, ArrayType):
            honest = is_honest_dtype_state(target, state) and is_state(state)
        else:
            honest = target.of.permission.call != "dtype"
            honest = honest and STATES[target.of.permission.state](target, state)
            honest = honest and not (target.of.loads_models and names_code(state))
        return "" if honest else "PKL008"

    def stored(self, offset: int, operation: str, target: Value, items: list[Value]) -> None:
        """Take note of items that go into something that is no plain container of its own."""
        self._stop_at_data(target)
        self.acted = True
        allowed = takes_items(target, operation, items, self._place.view)
        if isinstance(target, (Call, Instance)) and target.of is not None and not target.built:
            plain = CONSTANTS.issuperset(map(type, items)) or not any(map(is_armed, items))
            allowed = allowed or (plain and stores(target.of.permission, operation))
        if operation == "items" and isinstance(target, Instance):
            target.odd = target.odd or any(map(is_odd_key, items[::2]))
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

    def carry(self, offset: int, length: int, head: bytes, encoding: str = "") -> None:
        """Take note of bytes, or of a text of an encoding, that begin like a pickle or an archive."""
        begins = begins_text(head) if encoding else begins_pickle(head) or begins_archive(head)
        if not begins or self._second:
            return
        if len(self.carried) < _MOST_CARRIED:
            self.carried.append((offset, length, encoding))
        else:
            self.carries_more = True

    def has_template(self, value: Value) -> bool:
        """Judge the chat templates that a tokenizer keeps: a text, or texts in a dict or a list.

        False if it is anything else, or if a container holds more than is remembered.
        """
        return self._has_templates(value, 0)

    def _has_templates(self, value: Value, depth: int) -> bool:
        if not isinstance(value, Container):
            return value is None or self._nested.judge_template(value)
        if value.more or value.armed or value.kind == "set" or depth == _DEEPEST_TEMPLATE:
            return False
        value.frozen = True
        items = value.items[1::2] if value.kind == "dict" else value.items
        return all(self._has_templates(item, depth + 1) for item in items)

    def _stop_at_data(self, value: Value, *more: type) -> None:
        """Raise `BreakError` in another loader's reading where it uses plain data as an object."""
        if self._second and isinstance(value, (*_DATA, *more)):
            raise BreakError("plain data are used as an object")

    def _refuse_call(self, offset: int, function: Global, detail: str) -> None:
        dangerous = function.permission.grade is Grade.DANGEROUS
        self._find("PKL001" if dangerous else "PKL002", offset, detail, function)

    def _check(self, check: str, offset: int, arguments: Value) -> bool:
        if not isinstance(arguments, tuple):
            return False
        if check in CHECKS:
            return CHECKS[check](arguments)
        own: dict[str, Callable[[tuple[Value, ...]], bool]] = {
            "array-and-state": lambda arguments: self._restores_array(offset, arguments),
            "arrow": lambda arguments: is_sound(arguments, self._nested.view),
            "function-first": lambda arguments: self._binds(offset, arguments),
            "nested-bytes": self._nested.look,
            "pattern": lambda arguments: is_pattern(arguments, self._nested.text),
            "rebuild": lambda arguments: self._rebuilds_subclass(offset, arguments),
        }
        return own[check](arguments)

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
        if is_factory_partial(function, arguments):
            function.called = True
        elif not function.harmless:
            self.called(offset, function, arguments)
            return False
        empty = attributes is None or (
            isinstance(attributes, Container) and attributes.kind == "dict" and not attributes.items
        )
        return empty and is_inert(arguments) and (keywords is None or is_plain(keywords))

    def _restores_array(self, offset: int, arguments: tuple[Value, ...]) -> bool:
        """Allow `(function, arguments, state, attributes)` of an array, as dill writes it.

        It is what numpy itself has a pickle do, and is judged as that (dill, `_create_array`).
        """
        if len(arguments) not in _ARRAY_ARGUMENTS:
            return False
        function, inner, state = arguments[:3]
        if not isinstance(function, Global) or function.permission.call != "class-first":
            return False
        self.built(offset, self.called(offset, function, inner), state)
        attributes = arguments[3] if len(arguments) > len(("function", "inner", "state")) else None
        freeze(attributes)
        return attributes is None or (is_state(attributes) and not has_odd_key(attributes))

    def _rebuilds_subclass(self, offset: int, arguments: tuple[Value, ...]) -> bool:
        """Allow `(function, class, arguments, state)`: the class may set its own state."""
        if len(arguments) != _REBUILD_ARGUMENTS:
            return False
        function, cls, inner, state = arguments
        if not isinstance(function, Global) or function.permission.call in _RECURSIVE:
            return False
        self.called(offset, function, inner)
        return has_new(cls) and is_state(state) and not has_odd_key(state)


def _called_class(function: Value) -> Value:
    """Return the class of a called object whose call was reviewed: it has no state of its own."""
    match function:
        case Instance(of=Global(permission=Permission(call="batch")) as cls, built=False):
            return cls
    return function
