"""From the answer of a command to the events that are told of it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import weightmark
from weightmark.cli.failures import without_secrets
from weightmark.cli.render.interface import Document, FindingLine
from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.events.event import (
    Act,
    CheckFact,
    Event,
    FindingFact,
    Kind,
    PolicyFact,
    Severity,
    Subject,
    new_uid,
    now,
)
from weightmark.values import dataclass

__all__ = ["Teller", "severity_of"]

_ACTS = {"sign": Act.CREATE, "attest": Act.CREATE, "revoke": Act.DELETE}
_SERVICES = frozenset({"gate serve"})
"""their answers are told one by one, and their end decides nothing"""
_SEVERITIES = {
    Exit.GOOD: Severity.INFORMATIONAL,
    Exit.BAD: Severity.HIGH,
    Exit.NOTHING: Severity.MEDIUM,
    Exit.UNCHECKED: Severity.MEDIUM,
}
_FAILED = {Exit.BAD: "refused", Exit.NOTHING: "nothing-checked", Exit.UNCHECKED: "unchecked"}
_RANKS = ("info", "low", "medium", "high", "critical")
_SAID_BY_THE_GATE = "gate-"
"""rules that the SARIF form makes of checks, which are told with their decision already"""
_SUBJECTS = ("path", "uri", "lock", "layout", "subject", "origin")
_LABELS = ("pinned", "to", "origin", "digest_used", "size", "root")
_MOST_PATHS = 10
_MOST_FINDINGS = 1000
_MOST_LETTERS, _MOST_LETTERS_OF_ONE = 400_000, 1500
"""events of findings of one call, and characters in their titles and places; the event of the scan counts all"""


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the events of one call."""

    command: str
    """its words, as `ledger verify`"""
    call: str
    """32 hex digits that all of them share"""
    host: str
    """name of this machine"""

    @classmethod
    def of(cls, command: str) -> "Teller":
        """Begin to tell of a call."""
        return cls(command, new_uid(), os.uname().nodename)

    def told(self, document: Document) -> tuple[Event, ...]:
        """Return the events of an answer: one a decision, a scan or an act, and one a finding that counts."""
        if self.command in _SERVICES:
            return ()
        if self.command == "scan":
            main = [self._scan(document)]
        elif self.command in _ACTS:
            main = [self._activity(document)]
        else:
            main = list(self._decisions(document))
        return (*main, *self._findings(document), *self._alerts(document))

    def failed(self, error: WeightmarkError, subject: str) -> tuple[Event, ...]:
        """Return the event of a call that ended without an answer; a wrong call decided nothing."""
        if error.exit not in _FAILED:
            return ()
        outcome = "fail" if error.exit is Exit.BAD else "unchecked"
        what = f"{error.what}: {error.why}" if error.why else error.what
        event = self._event(
            self._kind(),
            _FAILED[error.exit],
            error.exit,
            what,
            Subject(subject, place=subject),
            checks=(CheckFact("call", outcome, _clean(error.what), error.code),),
        )
        return (event,)

    def decided(
        self,
        facts: Mapping[str, Any],
        *,
        verdict: str,
        code: Exit,
        message: str,
        checks: Iterable[Mapping[str, Any]],
        policy: Mapping[str, Any] | None = None,
    ) -> Event:
        """Return the event of one decision."""
        return self._event(
            Kind.DECISION,
            verdict or _FAILED.get(code, "good"),
            code,
            message,
            _subject(facts),
            severity=Severity.MEDIUM if verdict == "would-deny" else _SEVERITIES[code],
            checks=tuple(_check(one) for one in checks),
            policy=_policy(policy),
            signers=_signers(facts),
            labels=_labels(facts),
        )

    def _decisions(self, document: Document) -> Iterator[Event]:
        policy = document.facts.get("policy")
        several = document.facts.get("decisions")
        if isinstance(several, list):
            for one in several:
                yield self.decided(
                    one,
                    verdict=one["verdict"],
                    code=Exit(one["exit"]),
                    message=one["headline"],
                    checks=one["checks"],
                    policy=policy,
                )
            return
        facts = document.facts
        if isinstance(facts.get("event"), dict):
            facts = {**facts["event"], **facts}
        yield self.decided(
            facts,
            verdict=document.verdict,
            code=document.exit,
            message=document.headline,
            checks=[asdict(one) for one in document.checks],
            policy=policy,
        )

    def _scan(self, document: Document) -> Event:
        artifacts = document.facts["artifacts"]
        files = [one for artifact in artifacts for one in artifact["files"]]
        paths = [artifact["path"] for artifact in artifacts]
        paths += [failure["path"] for failure in document.facts["failures"]]
        skipped = sum(one["outcome"] == "unsupported" for one in files)
        counts = {"files": len(files), "skipped": skipped, "findings": len(document.findings)}
        left_out = sum(_counts(document)) - len(_told(document))
        return self._event(
            Kind.SCAN,
            document.verdict,
            document.exit,
            document.headline,
            Subject(", ".join(paths[:_MOST_PATHS])),
            severity=Severity.HIGH if document.verdict == "unsafe" else _SEVERITIES[document.exit],
            counts=counts,
            truncated=len(paths) > _MOST_PATHS,
            labels={"findings_not_told": str(left_out)} if left_out else {},
        )

    def _activity(self, document: Document) -> Event:
        facts = document.facts
        entries = facts.get("entries") or [{}]
        kind = str(entries[0].get("kind", ""))
        verdict = document.verdict or {"reinstate": "reinstated"}.get(kind, "revoked")
        message = document.headline or (document.notices[0] if document.notices else verdict)
        revoked = self.command == "revoke" and kind != "reinstate"
        return self._event(
            Kind.ACTIVITY,
            verdict,
            document.exit,
            message,
            _subject(facts),
            severity=Severity.MEDIUM if revoked else _SEVERITIES[document.exit],
            act=Act.UPDATE if kind == "reinstate" else _ACTS[self.command],
            signers=_signers(facts),
            labels=_labels({**facts, "index": entries[0].get("index")}),
        )

    def _findings(self, document: Document) -> Iterator[Event]:
        for line in _told(document):
            yield self._finding(document, line)

    def _finding(self, document: Document, line: FindingLine) -> Event:
        fact = FindingFact(
            line.rule,
            _clean(line.message),
            _clean(line.called),
            _clean(line.detail),
            _clean(line.help),
            line.fingerprint,
            line.engine,
        )
        return self._event(
            Kind.FINDING,
            document.verdict,
            document.exit,
            f"{line.rule}: {line.message}",
            _subject(document.facts, otherwise=line.called),
            severity=severity_of(line.severity),
            finding=fact,
        )

    def _alerts(self, document: Document) -> Iterator[Event]:
        """Tell what a monitor of a ledger has to say."""
        for one in document.facts.get("alerts", ()):
            place = "the log" if one["index"] is None else f"#{one['index']}"
            fact = FindingFact(one["rule"], one["summary"], place, engine="ledger monitor")
            yield self._event(
                Kind.FINDING,
                document.verdict,
                document.exit,
                f"{one['rule']}: {one['summary']}",
                _subject(document.facts),
                severity=severity_of(one["severity"]),
                finding=fact,
            )

    def _kind(self) -> Kind:
        if self.command == "scan":
            return Kind.SCAN
        return Kind.ACTIVITY if self.command in _ACTS else Kind.DECISION

    def _event(
        self, kind: Kind, verdict: str, code: Exit, message: str, subject: Subject, **more: Any
    ) -> Event:
        more.setdefault("severity", _SEVERITIES.get(code, Severity.MEDIUM))
        more.setdefault("act", _ACTS.get(self.command, Act.CREATE))
        return Event(
            kind=kind,
            command=self.command,
            at=now(),
            verdict=verdict,
            exit=int(code),
            message=_clean(message),
            subject=_shown(subject),
            uid=new_uid(),
            call=self.call,
            host=self.host,
            version=weightmark.__version__,
            **more,
        )


def severity_of(word: str) -> Severity:
    """Return the severity of a finding; a word that is not known is severe."""
    return Severity(_RANKS.index(word) + 1) if word in _RANKS else Severity.HIGH


def _counts(document: Document) -> list[bool]:
    """Say of each finding whether it is told: it is as severe as what refuses, and nobody accepted it."""
    least = severity_of(str(document.facts.get("fail_on", "info")))
    return [
        not line.accepted
        and severity_of(line.severity) >= least
        and not line.rule.startswith(_SAID_BY_THE_GATE)
        for line in document.findings
    ]


def _told(document: Document) -> list[FindingLine]:
    """Return the findings that are told: so many that no publisher fills a receiver with long names."""
    told: list[FindingLine] = []
    letters = 0
    for line, counted in zip(document.findings, _counts(document), strict=True):
        letters += counted * min(len(line.message) + len(line.called), _MOST_LETTERS_OF_ONE)
        if counted and len(told) < _MOST_FINDINGS and letters <= _MOST_LETTERS:
            told.append(line)
    return told


def _shown(subject: Subject) -> Subject:
    """Take logins and queries out of an address, and what is secret out of the URI of a key."""
    from weightmark.provenance.sources.addresses import printable_uri

    name = printable_uri(subject.name) if "://" in subject.name else subject.name
    return Subject(_clean(name), subject.identity, subject.place)


def _subject(facts: Mapping[str, Any], otherwise: str = "") -> Subject:
    name = next((str(facts[one]) for one in _SUBJECTS if facts.get(one)), otherwise)
    return Subject(name, str(facts.get("identity") or ""), str(facts.get("path") or ""))


def _signers(facts: Mapping[str, Any]) -> tuple[str, ...]:
    named = facts.get("signers") or [facts.get("signer"), *facts.get("cosigners", ())]
    return tuple(_clean(str(one)) for one in named if one)


def _labels(facts: Mapping[str, Any]) -> dict[str, str]:
    wanted = {name: facts.get(name) for name in (*_LABELS, "index")}
    return {name: _clean(str(one)) for name, one in wanted.items() if one not in (None, "")}


def _check(one: Mapping[str, Any]) -> CheckFact:
    return CheckFact(_clean(one["name"]), str(one["outcome"]), _clean(one["summary"]), one["code"])


def _policy(facts: Mapping[str, Any] | None) -> PolicyFact | None:
    if not facts:
        return None
    return PolicyFact(str(facts["name"]), str(facts["digest"]), str(facts.get("mode", "")))


def _clean(text: str) -> str:
    return without_secrets(text)
