"""Licences as a document may name them: by SPDX identifier, as an SPDX expression, or as a mere name.

The identifiers stand in `license_ids.json` (SPDX License List, data only). A text that holds any name that
SPDX does not list is no expression here: a document says of it only what it is called.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Self

from weightmark.attestations.licenses.expressions import is_acceptable
from weightmark.values import dataclass

__all__ = ["License", "LicenseForm", "is_known"]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_OWN = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?(?:LicenseRef|AdditionRef)-[A-Za-z0-9.-]+\Z")
_OWN_FOLDED = re.compile(_OWN.pattern, re.IGNORECASE)
_OPERATORS = frozenset({"AND", "OR", "WITH"})


class LicenseForm(StrEnum):
    """How a document can name a licence."""

    IDENTIFIER = "identifier"
    """one name of the SPDX list"""
    EXPRESSION = "expression"
    """several of them, joined as SPDX writes it"""
    NAMED = "named"
    """anything else"""


@dataclass(frozen=True, slots=True)
class License:
    """What somebody calls a licence, and how it may be written down."""

    form: LicenseForm
    """how"""
    text: str
    """identifiers in the case of the SPDX list; of a mere name what was said"""

    @classmethod
    def read(cls, said: str) -> Self:
        """Read what somebody says; whatever is no expression of known identifiers is a mere name."""
        words = list(_words(said))
        if not words or None in words or not is_acceptable(said, lambda _: True):
            return cls(LicenseForm.NAMED, said.strip())
        known = [word for word in words if word is not None]
        if len(known) == 1 and not known[0].startswith(("LicenseRef-", "DocumentRef-")):
            single = known[0].removesuffix("+")
            listed = known[0].casefold() in _listed().licenses
            form = LicenseForm.IDENTIFIER if listed else LicenseForm.EXPRESSION
            return cls(form, known[0] if listed or single != known[0] else single)
        return cls(LicenseForm.EXPRESSION, _joined(known))

    @property
    def reference(self) -> str:
        """The `LicenseRef-…` by which an SPDX document names a mere name."""
        return f"LicenseRef-weightmark-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"


def is_known(name: str) -> bool:
    """Tell whether one name, whatever its case, is a licence of the SPDX list, also with `+`, or a `LicenseRef-` of one's own."""
    if _OWN_FOLDED.match(name):
        return "additionref-" not in name.casefold()
    return bool(_name(name, _listed().licenses))


@dataclass(frozen=True, slots=True)
class _Listed:
    """The names of the SPDX list by how they look in lowercase."""

    licenses: Mapping[str, str]
    exceptions: Mapping[str, str]


@cache
def _listed() -> _Listed:
    data = json.loads(Path(__file__).with_name("license_ids.json").read_bytes())
    licenses, exceptions = (
        MappingProxyType({name.casefold(): name for name in data[kind]})
        for kind in ("licenses", "exceptions")
    )
    return _Listed(licenses, exceptions)


def _words(said: str) -> Iterator[str | None]:
    """Yield the words of an expression as SPDX writes them, and None for one that it does not know."""
    before = ""
    for word in _TOKEN.findall(said):
        if word in {"(", ")"}:
            yield word
        elif word.upper() in _OPERATORS:
            yield word.upper()
        else:
            yield _name(word, _listed().exceptions if before == "WITH" else _listed().licenses)
        before = word.upper()


def _name(word: str, names: Mapping[str, str]) -> str | None:
    if _OWN.match(word):
        return word
    found = names.get(word.casefold())
    if found or not word.endswith("+"):
        return found
    plain = names.get(word[:-1].casefold())
    return f"{plain}+" if plain else None


def _joined(words: list[str]) -> str:
    return " ".join(words).replace("( ", "(").replace(" )", ")")
