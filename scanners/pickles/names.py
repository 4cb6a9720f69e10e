"""The Python 2 names that an unpickler maps for protocols 0 to 2 (`fix_imports`)."""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

__all__ = ["python3_name"]


def python3_name(module: str, name: str, mapped: bool) -> tuple[str, str]:
    """Return the pair that would be imported in Python 3."""
    if mapped:
        if (module, name) in NAME_MAPPING:
            return NAME_MAPPING[module, name]
        return IMPORT_MAPPING.get(module, module), name
    return module, name
