"""All rules by id."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from weightmark.scanners.rules import archives, pickles, repositories, tensors, trees
from weightmark.scanners.rules.interface import Rule

__all__ = ["catalogue"]


@cache
def catalogue() -> Mapping[str, Rule]:
    """Return every rule by its id, sorted by id."""
    rules = [*archives.RULES, *pickles.RULES, *repositories.RULES, *tensors.RULES, *trees.RULES]
    return MappingProxyType({rule.id: rule for rule in sorted(rules, key=lambda rule: rule.id)})
