"""What a report is made of: items of a framework, topics of evidence, lines that fill them. Values only."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.reports.dossier import Dossier

__all__ = ["LOG_CLOCK", "Filled", "Framework", "Item", "Line", "Missing", "Status", "Topic"]

LOG_CLOCK = "the log's own clock"
"""of a time that only the operator of a ledger vouches for"""


class Status(StrEnum):
    """How far an item is filled."""

    FILLED = "filled"
    """every kind of evidence that is asked for was found, and nothing is left for a person"""
    PARTLY = "partly filled"
    """some evidence was found; the rest is named"""
    AGAINST = "evidence speaks against it"
    """the newest evidence of some kind is bad: a denial, a failed test, a revocation"""
    MISSING = "missing"
    """a claim could say it, and none that counts does"""
    PERSON = "to be completed by a person"
    """no claim can say it"""


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of evidence that counts."""

    text: str
    """what it says; written by others, so never markup"""
    claim: str = ""
    """`sha256:<hex>` of the claim (its PAE); empty for what was measured here"""
    entry: int | None = None
    """index in the ledger; None for a claim that stands beside the artifact"""
    signer: str = ""
    """who was proven to have signed it"""
    right: str = ""
    """why that signer's word counts: a role of the policy, or admitted by the ledger"""
    at: datetime | None = None
    """when; None when no clock says it"""
    clock: str = ""
    """whose clock that is"""
    bad: bool = False
    """whether it speaks against the artifact"""


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of evidence that can be found by itself."""

    id: str
    """short noun by which items name it"""
    title: str
    """what is missing where it is not found"""
    find: "Callable[[Dossier], Iterator[Line]]"
    """yields what is known of it, the newest last"""
    command: str
    """the command that would supply it"""
    lasting: bool = False
    """whether what speaks against the artifact is not outdone by what its signer says later"""

    def speaks_against(self, lines: "Sequence[Line]") -> bool:
        """Tell whether the evidence is bad: any of it where that lasts, else the newest of any signer."""
        newest = {line.signer: line for line in lines}
        return any(line.bad for line in (lines if self.lasting else newest.values()))


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a framework asks for."""

    id: str
    """as the framework numbers it"""
    title: str
    """in few words of our own"""
    source: str
    """where it stands in the framework"""
    topics: tuple[str, ...] = ()
    """ids of the topics that are evidence for it; none when no claim can say it"""
    person: str = ""
    """what a person has to add; empty when the evidence is all that is asked for"""


@dataclass(frozen=True, slots=True)
class Framework:
    """A list of items."""

    name: str
    """as `--format` names it"""
    title: str
    """its own title"""
    source: str
    """the edition that is meant"""
    items: tuple[Item, ...]
    """in its own order"""


@dataclass(frozen=True, slots=True)
class Missing:
    """Evidence that was not found."""

    title: str
    """what it is"""
    command: str
    """the command that would supply it"""


@dataclass(frozen=True, slots=True)
class Filled:
    """An item with what is known of it."""

    item: Item
    """what is asked for"""
    status: Status
    """how far it is filled"""
    lines: tuple[Line, ...]
    """evidence that counts"""
    missing: tuple[Missing, ...]
    """evidence that was not found"""
