"""All rules by id."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from weightmark.scanners.rules import (
    archives,
    documents,
    engines,
    graphs,
    pickles,
    repositories,
    tensors,
    trees,
    weights,
)
from weightmark.scanners.rules.interface import Rule

__all__ = ["catalogue"]


@cache
def catalogue() -> Mapping[str, Rule]:
    """Return every rule by its id, sorted by id."""
    rules = [
        *archives.RULES,
        *documents.RULES,
        *engines.RULES,
        *graphs.RULES,
        *pickles.RULES,
        *repositories.RULES,
        *tensors.RULES,
        *trees.RULES,
        *weights.RULES,
    ]
    return MappingProxyType({rule.id: rule for rule in sorted(rules, key=lambda rule: rule.id)})
