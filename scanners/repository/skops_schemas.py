"""skops files: the `schema.json` of their zip names every type that loading builds.

Types are allowed by the same lists as names in pickles. Sources: `skops.io._general`, `_numpy`,
`_scipy`, `_sklearn` and the advisories for loaders that trusted another type than they built.
"""

from collections.abc import Iterator
from typing import Any

from weightmark.scanners.allow.names import Grade, permission
from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.documents import JsonObject, walk

__all__ = ["is_skops_schema", "judge_skops_schema"]

_SHOWN = 120
_MARKERS = frozenset({"__class__", "__module__", "__loader__"})
_BUILTINS = frozenset(
    {"bool", "bytearray", "bytes", "complex", "dict", "float", "int", "list", "set", "str", "tuple"}
)
_PLAIN_TYPES = frozenset(
    [
        ("builtins", "NoneType"),
        ("builtins", "slice"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("datetime", "datetime"),
        ("numpy.random._generator", "Generator"),
        ("numpy.random.mtrand", "RandomState"),
    ]
)
_LOADERS = {
    "BytearrayNode": frozenset({("builtins", "bytearray")}),
    "BytesNode": frozenset({("builtins", "bytes")}),
    "DictNode": frozenset(
        {
            ("builtins", "dict"),
            ("collections", "OrderedDict"),
            ("sklearn.utils", "Bunch"),
            ("sklearn.utils._bunch", "Bunch"),
        }
    ),
    "ListNode": frozenset({("builtins", "list")}),
    "SetNode": frozenset({("builtins", "set")}),
    "SliceNode": frozenset({("builtins", "slice")}),
    "TupleNode": frozenset({("builtins", "tuple")}),
}
"""nodes that build one type only, whatever the schema names"""
_UNCHECKED = frozenset({"MethodNode", "OperatorFuncNode", "PartialNode"})


def is_skops_schema(document: Any) -> bool:
    """Tell whether a document is the schema of a skops file."""
    return isinstance(document, JsonObject) and document.keys >= _MARKERS


def judge_skops_schema(document: Any) -> Iterator[Hit]:
    """Yield every type that `skops.io.load` would build and that is not known to be plain."""
    for owner in _nodes(document):
        modules, names = owner.all("__module__"), owner.all("__class__")
        loaders = owner.all("__loader__")
        for module in modules:
            for name in names:
                yield from _type(str(module), str(name), loaders)
        if len(modules) > 1 or len(names) > 1 or len(loaders) > 1:
            yield Hit("SKO003", _shown("a type is named twice"))


def _nodes(document: Any) -> Iterator[JsonObject]:
    seen: set[int] = set()
    for field in walk(document):
        if id(field.owner) not in seen and field.owner.keys & {"__class__", "__module__"}:
            seen.add(id(field.owner))
            yield field.owner


def _type(module: str, name: str, loaders: tuple[Any, ...]) -> Iterator[Hit]:
    full = f"{module}.{name}"
    for loader in map(str, loaders):
        if loader in _UNCHECKED:
            yield Hit("SKO001", _shown(f"{loader}: {full}"))
        elif loader in _LOADERS and (module, name) not in _LOADERS[loader]:
            yield Hit("SKO003", _shown(f"{loader} of {full}"))
    if (module == "builtins" and name in _BUILTINS) or (module, name) in _PLAIN_TYPES:
        return
    if "." in name or name.startswith("__"):
        yield Hit("SKO001", _shown(full))
        return
    grade = permission(module, name).grade
    if grade is Grade.DANGEROUS:
        yield Hit("SKO002", _shown(full))
    elif grade is Grade.UNKNOWN:
        yield Hit("SKO001", _shown(full))


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
