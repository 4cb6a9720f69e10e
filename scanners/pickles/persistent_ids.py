"""Torch's persistent ids: notes of storages, and of the sources of classes."""

from typing import TypeGuard

from weightmark.scanners.allow.names import Grade
from weightmark.scanners.pickles.values import Global, Value

__all__ = ["STORAGE_MODULES", "class_of_source", "is_source", "is_storage"]

STORAGE_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})
"""modules that hold torch's storage classes"""
_SOURCE_NOTE = 4
_STORAGE_NOTE = 5


def class_of_source(identifier: Value) -> Global | None:
    """Return the class of `(class, file, source)`, the note of torch's tar format."""
    if isinstance(identifier, tuple) and len(identifier) == _SOURCE_NOTE - 1:
        first = identifier[0]
        return first if isinstance(first, Global) else None
    return None


def is_storage(identifier: Value) -> TypeGuard[tuple[Value, ...]]:
    """Tell `("storage", class, key, place, count, …)`, the note of a tensor's numbers."""
    if not isinstance(identifier, tuple) or len(identifier) < _STORAGE_NOTE:
        return False
    kind = identifier[1]
    if identifier[0] != "storage" or not isinstance(kind, Global):
        return False
    named = kind.module in STORAGE_MODULES and kind.name.endswith("Storage")
    return named and kind.permission.grade is Grade.SAFE


def is_source(identifier: Value) -> TypeGuard[tuple[Value, Global]]:
    """Tell torch's legacy note of a class's source, which loads as the class itself."""
    if not isinstance(identifier, tuple) or len(identifier) != _SOURCE_NOTE:
        return False
    return identifier[0] == "module" and isinstance(identifier[1], Global)
