"""Conditions: `[[rule]]` of a policy, a closed set of operators over a documented input document."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from weightmark.attestations.licenses.expressions import canonical_license, is_denied
from weightmark.attestations.sigstore.subject_patterns import GlobPattern
from weightmark.values import dataclass

__all__ = ["FIELDS", "LICENSES", "OPERATORS", "Condition", "Scalar", "Value"]

LICENSES = "licenses"
"""the field whose values are compared as licences, by their canonical names"""
Scalar = str | int | bool
Value = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition over the input document."""

    name: str
    """of the rule, for people"""
    field: str
    """where to look, a key of `FIELDS`"""
    op: str
    """how to compare, a key of `OPERATORS`"""
    value: Value
    """with what"""
    message: str = ""
    """what to say when it is not met"""

    def is_met(self, document: Mapping[str, Value]) -> bool | None:
        """Apply it; None when the document says nothing about the field."""
        found = document.get(self.field)
        if found is None:
            return None
        value = self.value
        if self.field == LICENSES:
            value = tuple(canonical_license(str(one)) for one in _all(value))
            if self.op == "not_in":
                return not self.refused_licenses(document)
        return OPERATORS[self.op](found, value)

    def refused_licenses(self, document: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the licences that `not_in` refuses: as `[licenses] deny` does, so a name that nobody knows as well."""
        # the list of licences is read only where it is asked
        from weightmark.attestations.licenses.license import is_known

        denied = frozenset(canonical_license(str(one)) for one in _all(self.value))
        names = [str(one) for one in _all(document.get(self.field, ()))]
        return tuple(one for one in names if is_denied(one, denied) or not is_known(one))


def _all(value: Value) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)


def _at_most(found: Value, value: Value) -> bool:
    return all(
        isinstance(one, int) and one <= limit for one in _all(found) for limit in _numbers(value)
    )


def _at_least(found: Value, value: Value) -> bool:
    return all(
        isinstance(one, int) and one >= limit for one in _all(found) for limit in _numbers(value)
    )


def _numbers(value: Value) -> tuple[int, ...]:
    return tuple(one for one in _all(value) if isinstance(one, int))


def _matches(found: Value, value: Value) -> bool:
    patterns = [GlobPattern(str(one)) for one in _all(value)]
    texts = [str(one) for one in _all(found)]
    return bool(texts) and all(any(one.fits(text) for one in patterns) for text in texts)


OPERATORS: Mapping[str, Callable[[Value, Value], bool]] = MappingProxyType(
    {
        "equals": lambda found, value: found == value,
        "not_equals": lambda found, value: found != value,
        "in": lambda found, value: bool(_all(found)) and set(_all(found)) <= set(_all(value)),
        "not_in": lambda found, value: not set(_all(found)) & set(_all(value)),
        "contains": lambda found, value: set(_all(value)) <= set(_all(found)),
        "at_most": _at_most,
        "at_least": _at_least,
        "matches": _matches,
    }
)
"""every operator; `in`, `not_in` and `matches` hold when each of several found values meets them"""

FIELDS: Mapping[str, tuple[type, str]] = MappingProxyType(
    {
        "artifact.files": (int, "how many files it holds"),
        "artifact.identity": (str, "`wm1:…`"),
        "artifact.name": (str, "last component of the path"),
        "artifact.size": (int, "bytes of its files"),
        "chain.artifacts": (int, "artifacts in its provenance chain, itself included"),
        "chain.builders": (tuple, "URIs of those who ran the steps, where every step says"),
        "chain.complete": (bool, "whether the chain has no gap"),
        "chain.depth": (int, "steps to the farthest ancestor"),
        "chain.ends": (tuple, "identities at which the chain ends"),
        "chain.steps": (tuple, "kinds of steps in it"),
        "claims.kinds": (tuple, "kinds of claims by trusted signers about it"),
        "claims.signers": (tuple, "who made them"),
        "classification.levels": (
            tuple,
            "levels that are stated, where every artifact of the chain has one",
        ),
        "content.digest": (str, "by which digest the files were compared"),
        "ledger.origin": (str, "name of the consulted ledger"),
        "ledger.size": (int, "entries of it"),
        "ledger.witnesses": (int, "witnesses who cosigned it"),
        LICENSES: (
            tuple,
            "every licence that stands in the stated expressions, where every artifact of the chain has one",
        ),
        "outside.files": (int, "files that lie outside of it, in `.git` and `.cache/huggingface`"),
        "scan.findings": (int, "how many findings there are"),
        "scan.formats": (tuple, "formats that were found, by content"),
        "scan.rules": (tuple, "ids of rules that found something"),
        "scan.unsupported": (int, "files of a kind that can't be scanned"),
        "signers": (tuple, "who signed the files"),
        "test.results": (tuple, "results of tests that trusted signers state"),
    }
)
"""the input document: every field, its type and what it says"""
