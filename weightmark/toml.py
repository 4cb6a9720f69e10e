"""TOML that others wrote, as tables: what is hostile is refused before it costs anything."""

import re
from typing import Any

__all__ = ["MOST_PARTS", "TomlError", "parse_toml"]

MOST_PARTS = 32
"""parts that a dotted key may have; reading one takes the square of their number"""
_LONG_KEY = rb"""(?<![A-Za-z0-9_\\-])
    (?:(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}"""
"""a dotted key of more parts, found in one pass: no repetition gives anything back"""


class TomlError(ValueError):
    """Raised for what is no TOML 1.0, or over a bound; the message says why, in one line."""


def parse_toml(data: bytes) -> dict[str, Any]:
    """Read UTF-8 text of a size that the caller has bounded; raises `TomlError`."""
    import tomllib

    if re.search(_LONG_KEY % MOST_PARTS, data, re.VERBOSE):
        raise TomlError(f"it has a key of more than {MOST_PARTS} parts")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TomlError(f"it is not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)[:200]) from error
    except RecursionError as error:
        raise TomlError("it is nested too deep") from error
    except ValueError as error:
        raise TomlError(f"it holds a value that can't be read: {error}"[:200]) from error
