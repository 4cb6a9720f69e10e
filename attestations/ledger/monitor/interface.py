"""The seam between the monitor and its rules."""

from collections.abc import Iterator
from dataclasses import field
from datetime import datetime
from typing import Any, Protocol

from weightmark.provenance.ledger.event import Event
from weightmark.values import dataclass

__all__ = ["Alert", "Known", "Rule", "Seen", "Watch"]


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to hear of."""

    subjects: frozenset[str] = frozenset()
    """own artifacts and keys, as `wm1:<hex>`, `sha256:<hex>` or `key:<hex>`"""
    signers: frozenset[str] = frozenset()
    """own signers, as `key:<hex>` or `salted:<hex>`"""
    usual_kinds: frozenset[str] = frozenset({"scan"})
    """kinds of entry that every release is expected to have"""
    patience: int = 3600
    """seconds within which they are expected, by the log's clock"""
    burst: int = 100
    """entries by one signer within a minute of the log's clock from which it is a burst"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry, with what its claim says; a claim that is gone or broken says nothing."""

    index: int
    """where it stands"""
    event: Event
    """what was recorded"""
    name: str = ""
    """how its signer calls the artifact; informational"""
    size: int | None = None
    """bytes of the artifact; None when the claim does not list files"""
    suffixes: tuple[str, ...] = ()
    """endings of the names of its files, sorted"""
    listed: bool = False
    """whether the claim names its files"""
    unlisted: bool = False
    """whether it names the list of its files by a digest alone, so that no rule can compare them"""
    licenses: tuple[str, ...] = ()
    """what it says about licences, sorted"""
    issuer: str = ""
    """the identity provider in the signer's certificate, unverified; empty for keys"""
    unread: bool = False
    """whether the claim could not be fetched, so that nobody knows what it says"""
    erased: bool = False
    """whether that is because an entry of the ledger says that it was erased"""


@dataclass(slots=True)
class Known:
    """What the rules remember; it is written to the state file as it stands."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    """by name: what the newest release was like, and who released it"""
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    """releases by entry whose usual kinds are not all there yet"""
    early: dict[str, list[str]] = field(default_factory=dict)
    """usual kinds that were entered about a subject, whose release may follow"""
    minutes: dict[str, int] = field(default_factory=dict)
    """entries by submitter in the newest minute"""
    minute: str = ""
    """that minute, `YYYY-MM-DDTHH:MM`"""

    def model(self, name: str) -> dict[str, Any]:
        """Return what is remembered of a model, to be changed in place."""
        return self.models.setdefault(name, {})


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should look at."""

    rule: str
    """id of the rule"""
    severity: str
    """`high`, `medium` or `low`"""
    index: int | None
    """entry that it is about; None when it is about the log"""
    summary: str
    """what was seen, one line"""
    subject: str = ""
    """the artifact or key"""


class Rule(Protocol):
    """One rule; it sees every new entry once, oldest first."""

    id: str
    """stable name, as `signer-changed`"""
    title: str
    """one line"""
    severity: str
    """`high`, `medium` or `low`"""
    help: str
    """what to do about it"""

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:
        """Judge one entry, and remember what later ones are compared with."""
        ...

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:
        """Judge what only the time tells, after the last entry."""
        ...
