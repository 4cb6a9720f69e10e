"""What is told of one decision, one finding, one scan or one act; pure values, bounded before they are written."""

import os
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from weightmark.provenance.events.plain import is_cut, plain
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
_FEW_LABELS = 8
_DIGEST, _WORD, _LINE, _TEXT = 100, 200, 500, 1000
"""characters of a digest, a name, a line, a longer text"""


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
    place: str = ""
    """path as it was given, to the letter, for what is done about it; no form writes it"""


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
        fit = _Fitter(_WORD, _LINE, _TEXT)
        checks, signers = self.checks[:_MOST_CHECKS], self.signers[:_MOST_SIGNERS]
        changed = replace(
            self,
            command=fit.word(self.command),
            verdict=fit.word(self.verdict),
            message=fit.text(self.message),
            subject=Subject(fit.text(self.subject.name), fit.word(self.subject.identity)),
            host=fit.word(self.host),
            version=fit.word(self.version),
            checks=tuple(fit.check(one) for one in checks),
            finding=fit.finding(self.finding) if self.finding else None,
            policy=fit.policy(self.policy) if self.policy else None,
            signers=tuple(fit.line(one) for one in signers),
            labels=fit.labels(self.labels, _MOST_LABELS),
        )
        left_out = len(checks) < len(self.checks) or len(signers) < len(self.signers)
        return replace(changed, truncated=self.truncated or left_out or fit.has_cut)

    def short(self, most: int = _WORD) -> "Event":
        """Return a bounded event with few checks, and of each text at most `most` characters; for what carries few bytes."""
        fit = _Fitter(most, most, most)
        failed = tuple(one for one in self.checks if one.outcome == "fail")[:5]
        finding = replace(self.finding, detail="", help="") if self.finding else None
        return replace(
            self,
            command=fit.word(self.command),
            verdict=fit.word(self.verdict),
            message=fit.text(self.message),
            subject=Subject(fit.text(self.subject.name), self.subject.identity),
            checks=tuple(fit.check(one) for one in failed),
            finding=fit.finding(finding) if finding else None,
            policy=fit.policy(self.policy) if self.policy else None,
            signers=tuple(fit.line(one) for one in self.signers[:1]),
            labels=fit.labels(self.labels, _FEW_LABELS),
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


@dataclass(slots=True)
class _Fitter:
    """Makes texts printable and short, and remembers whether it had to cut one."""

    most_of_word: int
    """characters of a name"""
    most_of_line: int
    """characters of a line"""
    most_of_text: int
    """characters of a longer text"""
    has_cut: bool = False
    """whether something was cut"""

    def word(self, text: str) -> str:
        return self._fitted(text, self.most_of_word)

    def line(self, text: str) -> str:
        return self._fitted(text, self.most_of_line)

    def text(self, text: str) -> str:
        return self._fitted(text, self.most_of_text)

    def digest(self, text: str) -> str:
        return self._fitted(text, _DIGEST)

    def check(self, one: CheckFact) -> CheckFact:
        return CheckFact(
            self.word(one.name), self.word(one.outcome), self.line(one.summary), self.word(one.code)
        )

    def finding(self, one: FindingFact) -> FindingFact:
        return FindingFact(
            self.word(one.rule),
            self.line(one.title),
            self.text(one.location),
            self.line(one.detail),
            self.line(one.help),
            self.digest(one.fingerprint),
            self.word(one.engine),
        )

    def policy(self, one: PolicyFact) -> PolicyFact:
        return PolicyFact(self.word(one.name), self.digest(one.digest), self.word(one.mode))

    def labels(self, labels: Mapping[str, str], most: int) -> dict[str, str]:
        self.has_cut = self.has_cut or len(labels) > most
        return {self.word(name): self.line(labels[name]) for name in sorted(labels)[:most]}

    def _fitted(self, text: str, most: int) -> str:
        self.has_cut = self.has_cut or is_cut(text, most)
        return plain(text, most)
