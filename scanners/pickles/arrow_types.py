"""Arrow's types of columns, as the functions of pyarrow make them in a pickle (`pyarrow/types.pxi`)."""

from weightmark.scanners.pickles.values import ArrowType, Global, PlainList, Value

__all__ = ["arrow_type", "is_same_type"]

_DECIMALS = {"decimal128": 16, "decimal256": 32, "decimal32": 4, "decimal64": 8}
"""bytes of a number"""
_NESTING = frozenset({"large_list", "large_list_view", "list_", "list_view"})
_PAIRS = {"dictionary": "dictionary", "map_": "map"}
_DEEPEST = 16


def arrow_type(function: Global, arguments: Value) -> ArrowType:
    """Return the type that a call gives; one without a name if it is not understood."""
    given = arguments if isinstance(arguments, tuple) else ()
    first, second = (*given, None, None)[:2]
    name = function.name
    if name in _NESTING:
        return _list(function, first, second)
    if name in _PAIRS or name == "field":
        return _of(function, _PAIRS.get(name, name), (first, second)[name == "field" :])
    if name == "struct" and isinstance(first, PlainList) and not first.more:
        first.frozen = True
        return _of(function, "struct", tuple(first.items))
    return _flat(function, first)


def _flat(function: Global, first: Value) -> ArrowType:
    """Return a type that is made of no other one."""
    name = function.name
    if name in _DECIMALS:
        return ArrowType(function, name="decimal", size=_DECIMALS[name])
    if name == "binary" and type(first) is int and first >= 0:
        return ArrowType(function, name="fixed_size_binary", size=first)
    if not isinstance(first, str):
        return ArrowType(function)
    return ArrowType(function, name=first if name == "type_for_alias" else f"{name}[{first}]")


def is_same_type(one: ArrowType, other: ArrowType, depth: int = 0) -> bool:
    """Tell types that lie in memory in the same way, whatever their fields are called."""
    one, other = _without_field(one), _without_field(other)
    if depth > _DEEPEST or not one.name or (one.name, one.size) != (other.name, other.size):
        return False
    pairs = zip(one.inner, other.inner, strict=False)
    equal = len(one.inner) == len(other.inner)
    return equal and all(is_same_type(left, right, depth + 1) for left, right in pairs)


def _list(function: Global, inner: Value, length: Value) -> ArrowType:
    if function.name == "list_" and type(length) is int and length >= 0:
        found = _of(function, "fixed_size_list", (inner,))
        found.size = length
        return found
    return _of(function, function.name.removesuffix("_"), (inner,))


def _of(function: Global, name: str, inner: tuple[Value, ...]) -> ArrowType:
    """Return a type made of others, without a name if one of them is none."""
    kinds = tuple(_without_field(kind) for kind in inner if isinstance(kind, ArrowType))
    return ArrowType(function, name=name if len(kinds) == len(inner) else "", inner=kinds)


def _without_field(kind: ArrowType) -> ArrowType:
    return kind.inner[0] if kind.name == "field" else kind
