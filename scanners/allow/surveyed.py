"""What a survey of installed packages found that loading their classes reaches, read when a name needs it."""

from enum import Enum
from functools import cache

__all__ = ["Reach", "is_surveyed", "reach", "survey_data"]

_SURVEY = "surveyed.json"
_WHOLE = "*"


class Reach(Enum):
    """What the methods reach that loading an object of a class runs."""

    ACTS = "!"
    """files, code, processes or the network"""
    MAKES = "()"
    """nothing, and neither does calling the class"""
    KEEPS = ""
    """nothing"""
    UNSURE = "?"
    """it was seen, and what it reaches is not known"""


def reach(module: str, name: str) -> Reach | None:
    """Return what was found for exactly this module and name; None for what nobody has seen.

    A class without sources is never seen: it is native.
    """
    package = _packages().get(module.partition(".")[0])
    row = package.get(module.partition(".")[1] + module.partition(".")[2]) if package else None
    if row is None:
        return None
    for word in row.split():
        if word.rstrip("!()?") == name and name != _WHOLE:
            return Reach(word[len(name) :])
    return None


def is_surveyed(package: str) -> bool:
    """Tell a top package of which the survey has seen the sources."""
    return package in _packages()


def survey_data() -> bytes:
    """Return the file of the survey."""
    from importlib.resources import files

    return files("weightmark.scanners.allow").joinpath(_SURVEY).read_bytes()


@cache
def _packages() -> dict[str, dict[str, str]]:
    import json

    document = json.loads(survey_data())
    return {name: row["modules"] for name, row in document["packages"].items()}
