"""Bases, metaclasses and decorators that add nothing to what loading an object runs."""

import ast

from tools.allowlist.reached_names import INERT, UNSURE
from tools.allowlist.source_index import dotted_text

__all__ = [
    "CHOICES",
    "PLAIN_DECORATORS",
    "PLAIN_METACLASSES",
    "PLAIN_OUTSIDE",
    "is_plain_base",
    "made_base",
]

_PLAIN_BASES = frozenset(
    [
        "object",
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "str",
        "int",
        "float",
        "complex",
        "bytes",
        "bytearray",
        "Exception",
        "BaseException",
        "ValueError",
        "TypeError",
        "KeyError",
        "RuntimeError",
    ]
)
_PLAIN_MODULES = ("abc.", "typing.", "typing_extensions.", "enum.", "numbers.", "collections.abc.")
PLAIN_OUTSIDE = frozenset(
    {
        "collections.OrderedDict",
        "collections.UserDict",
        "collections.UserList",
        "collections.Counter",
        "collections.deque",
        "numpy.ndarray",
        "pathlib.PurePath",
    }
)
PLAIN_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType", "builtins.type"})
PLAIN_DECORATORS = frozenset(
    [
        "dataclasses.dataclass",
        "functools.total_ordering",
        "typing.final",
        "typing.runtime_checkable",
        "enum.unique",
        "builtins.staticmethod",
        "builtins.classmethod",
        "builtins.property",
        "abc.abstractmethod",
        "functools.wraps",
        "typing.overload",
        "functools.cached_property",
        "functools.lru_cache",
        "functools.cache",
        "contextlib.contextmanager",
        "attr.s",
        "attr.attrs",
        "attr.define",
        "attr.frozen",
        "attrs.define",
        "attrs.frozen",
        "typing_extensions.final",
        "typing_extensions.override",
    ]
)
CHOICES = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})


def made_base(base: ast.Call) -> int:
    """Tell a base that a call makes: a named tuple, or a class for both versions of Python."""
    maker = dotted_text(base.func).rpartition(".")[2]
    if maker == "with_metaclass":
        words = {dotted_text(word).rpartition(".")[2] for word in base.args}
        return INERT if words <= {"ABCMeta", "object"} else UNSURE
    return INERT if maker in ("namedtuple", "NamedTuple") else UNSURE


def is_plain_base(name: str) -> bool:
    """Tell a base outside of the sources, by its full name, that adds nothing which loading runs."""
    plain = name.removeprefix("builtins.") in _PLAIN_BASES or name in PLAIN_OUTSIDE
    return plain or name.startswith(_PLAIN_MODULES) or name.endswith(("Error", "Warning"))
