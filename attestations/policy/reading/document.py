"""The text of a policy as tables: TOML, bounded, with the overlay of an environment laid over it."""

from collections.abc import Mapping
from typing import Any

from weightmark.attestations.spelling import nearest
from weightmark.errors import PolicyError
from weightmark.toml import TomlError, parse_toml

__all__ = ["MAX_POLICY_SIZE", "environments_of", "overlaid", "read_toml"]

MAX_POLICY_SIZE = 256 * 1024
"""bytes"""
_ENVIRONMENTS = "environments"
_MAX_ENVIRONMENTS = 32
_MAX_DEPTH = 8
_NOT_BY_ENVIRONMENT = ("version", "name", "revision", "expires", _ENVIRONMENTS)
"""what belongs to the whole file"""


def read_toml(text: bytes, source: str) -> dict[str, Any]:
    """Parse the text; raises `PolicyError`."""
    if len(text) > MAX_POLICY_SIZE:
        raise PolicyError(
            f"the policy is over {MAX_POLICY_SIZE >> 10} KiB", fix="check that this is a policy"
        )
    try:
        return parse_toml(text)
    except TomlError as error:
        raise PolicyError(
            f"the policy `{source}` is not TOML",
            why=str(error),
            fix="correct that line, or begin again with `weightmark policy init`",
        ) from error


def environments_of(tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the overlays by name; raises `PolicyError` for what is none."""
    found = tables.get(_ENVIRONMENTS, {})
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise PolicyError(
            "`environments` of the policy holds something else than tables",
            fix="write each as `[environments.NAME]`",
        )
    if len(found) > _MAX_ENVIRONMENTS:
        raise PolicyError(f"the policy has over {_MAX_ENVIRONMENTS} environments")
    for name, overlay in found.items():
        for key in _NOT_BY_ENVIRONMENT:
            if key in overlay:
                raise PolicyError(
                    f"`environments.{name[:40]}.{key}` can't differ by environment",
                    fix=f"say `{key}` at the top of the policy",
                )
    return found


def overlaid(tables: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """Return the tables as they are meant in `environment`, or without any when it is empty.

    A table of the overlay is laid over the table of the same name; everything else in it replaces.
    """
    base = {key: value for key, value in tables.items() if key != _ENVIRONMENTS}
    found = environments_of(tables)
    if not environment:
        return base
    if environment not in found:
        near = nearest(environment, found)
        known = ", ".join(f"`{name}`" for name in found)
        fix = (
            f"it has {known}"
            if known
            else f"leave it out, or write `[environments.{environment[:100]}]`"
        )
        raise PolicyError(
            f"the policy has no environment `{environment[:100]}`",
            why="another one would demand something else",
            fix=f"did you mean `{near}`?" if near else fix,
        )
    return _merged(base, found[environment])


def _merged(base: Mapping[str, Any], over: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise PolicyError(
            "an environment of the policy is nested too deep", fix="write it as the policy itself"
        )
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merged(below or {}, value, depth + 1) if both else value
    return merged
