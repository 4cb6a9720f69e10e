"""What is told of one decision, one finding, one scan or one act; pure values, bounded before they are written."""

import os
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from weightmark.provenance.events.plain import plain
from weightmark.values import dataclass

__all__ = [
    "Act",
    "CheckFact",
    "Event",
    "FindingFact",
    "Kind",
    "PolicyFact",
    "Severity",
    "Subject",
    "milliseconds",
    "new_uid",
    "now",
    "stamp",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_CHECKS = 50
_MOST_LABELS = 24
_MOST_SIGNERS = 16
_WORD, _LINE, _TEXT = 200, 500, 1000
"""characters of a name, a line, a longer text"""


class Kind(StrEnum):
    """What happened."""

    DECISION = "decision"
    """something was judged: allowed, refused, verified, not checked"""
    FINDING = "finding"
    """something bad was found in an artifact or a ledger"""
    SCAN = "scan"
    """a scan ended"""
    ACTIVITY = "activity"
    """something was signed, stated, revoked, or done in response"""


class Severity(IntEnum):
    """How much it matters; the numbers are those of OCSF."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Act(StrEnum):
    """What an activity did."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Subject:
    """What it is about."""

    name: str
    """path, address, digest or origin, as it was given"""
    identity: str = ""
    """`wm1:<hex>`; empty when it has none or nobody knows it"""


@dataclass(frozen=True, slots=True)
class CheckFact:
    """One check of a decision."""

    name: str
    """short noun, the same in every run"""
    outcome: str
    """`pass`, `fail`, `unchecked` or `info`"""
    summary: str
    """what was seen"""
    code: str = ""
    """stable word for the reason, when it did not pass"""


@dataclass(frozen=True, slots=True)
class FindingFact:
    """One finding."""

    rule: str
    """id that `weightmark explain` knows"""
    title: str
    """what was found"""
    location: str
    """path; a member of a container after `!`; the number of an entry for a ledger"""
    detail: str = ""
    """why it matters"""
    help: str = ""
    """what to do"""
    fingerprint: str = ""
    """`sha256:<hex>` of what was found, wherever it lies"""
    engine: str = ""
    """who said so"""


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """The policy that decided."""

    name: str
    """as it calls itself"""
    digest: str
    """`sha256:<hex>` of its bytes"""
    mode: str = ""
    """`enforce`, `warn`, `audit`"""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: Kind
    """what happened"""
    command: str
    """the command that did it, as `ledger verify`"""
    at: datetime
    """when it was told, in UTC"""
    verdict: str
    """one word: `allow`, `deny`, `verified`, `unsafe`, `signed`"""
    exit: int
    """exit code that it stands for"""
    severity: Severity
    """how much it matters"""
    message: str
    """one line for people"""
    subject: Subject
    """what it is about"""
    uid: str
    """32 hex digits; the same however often it is sent"""
    call: str
    """32 hex digits that all events of one call share"""
    host: str = ""
    """name of the machine"""
    version: str = ""
    """of the program that tells it"""
    checks: tuple[CheckFact, ...] = ()
    """of a decision"""
    finding: FindingFact | None = None
    """of a finding"""
    policy: PolicyFact | None = None
    """of a decision by policy"""
    signers: tuple[str, ...] = ()
    """who signed, as far as it was verified"""
    act: Act = Act.CREATE
    """of an activity"""
    counts: Mapping[str, int] = field(default_factory=dict)
    """of a scan: `files`, `skipped`, `findings`"""
    labels: Mapping[str, str] = field(default_factory=dict)
    """what else is known: `origin`, `index`, `pinned`, …"""
    truncated: bool = False
    """whether something was cut to fit the bounds"""

    def bounded(self) -> "Event":
        """Return the event with every text printable and short, and with few checks; says when that cut something."""
        changed = replace(
            self,
            command=plain(self.command, _WORD),
            verdict=plain(self.verdict, _WORD),
            message=plain(self.message, _TEXT),
            subject=Subject(plain(self.subject.name, _TEXT), plain(self.subject.identity, _WORD)),
            host=plain(self.host, _WORD),
            version=plain(self.version, _WORD),
            checks=tuple(_check(one) for one in self.checks[:_MOST_CHECKS]),
            finding=_finding(self.finding) if self.finding else None,
            policy=_policy(self.policy) if self.policy else None,
            signers=tuple(plain(one, _LINE) for one in self.signers[:_MOST_SIGNERS]),
            labels=_labels(self.labels),
        )
        cut = len(self.checks) > _MOST_CHECKS or len(self.signers) > _MOST_SIGNERS
        cut = cut or len(self.labels) > _MOST_LABELS or len(self.message) > _TEXT
        return replace(changed, truncated=self.truncated or cut)

    def short(self) -> "Event":
        """Return the event without its checks and long texts, for what carries few bytes."""
        finding = replace(self.finding, detail="", help="") if self.finding else None
        failed = tuple(one for one in self.checks if one.outcome == "fail")[:5]
        return replace(
            self,
            checks=failed,
            finding=finding,
            message=plain(self.message, _WORD),
            signers=self.signers[:1],
            truncated=True,
        )


def new_uid() -> str:
    """Return 32 hex digits that nobody had before."""
    return os.urandom(16).hex()


def now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Return a moment as milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def stamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _check(one: CheckFact) -> CheckFact:
    return CheckFact(
        plain(one.name, _WORD),
        plain(one.outcome, _WORD),
        plain(one.summary, _LINE),
        plain(one.code, _WORD),
    )


def _finding(one: FindingFact) -> FindingFact:
    return FindingFact(
        plain(one.rule, _WORD),
        plain(one.title, _LINE),
        plain(one.location, _TEXT),
        plain(one.detail, _LINE),
        plain(one.help, _LINE),
        plain(one.fingerprint, _WORD),
        plain(one.engine, _WORD),
    )


def _policy(one: PolicyFact) -> PolicyFact:
    return PolicyFact(plain(one.name, _WORD), plain(one.digest, _WORD), plain(one.mode, _WORD))


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    kept = sorted(labels)[:_MOST_LABELS]
    return {plain(name, _WORD): plain(labels[name], _LINE) for name in kept}
