"""Events of every kind, honest and hostile."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from weightmark.provenance.events.event import (
    Act,
    CheckFact,
    Event,
    FindingFact,
    Kind,
    PolicyFact,
    Severity,
    Subject,
)

HOSTILE = 'x\n<13>1 a|b=c]\\" \x1b[31m\u202e\ud800\r\x00 {}%s'
"""line ends, syntax of every form, a terminal escape, an override, half of a surrogate pair"""
AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
DENIED = Event(
    kind=Kind.DECISION,
    command="gate",
    at=AT,
    verdict="deny",
    exit=1,
    severity=Severity.HIGH,
    message="deny: wm1:aa by policy `prod`",
    subject=Subject("models/bert", f"wm1:{'a' * 64}"),
    uid="0" * 32,
    call="1" * 32,
    host="ci-7",
    version="1.2.3",
    checks=(
        CheckFact("signature", "fail", "signed by nobody", "no-signature"),
        CheckFact("files", "pass", "3 files"),
        CheckFact("ledger", "unchecked", "it did not answer", "network"),
        CheckFact("note", "info", "something to know"),
    ),
    policy=PolicyFact("prod", f"sha256:{'b' * 64}", "enforce"),
    labels={"pinned": "hf://acme/bert@abc"},
)
FOUND = replace(
    DENIED,
    kind=Kind.FINDING,
    command="scan",
    verdict="unsafe",
    checks=(),
    policy=None,
    severity=Severity.CRITICAL,
    finding=FindingFact(
        "PKL001",
        "a pickle calls posix.system",
        "models/bert/m.bin!data.pkl",
        "it runs when the file is opened",
        "convert it",
        f"sha256:{'c' * 64}",
        "weightmark",
    ),
)
SCANNED = replace(
    FOUND, kind=Kind.SCAN, finding=None, counts={"files": 3, "skipped": 1, "findings": 1}
)
SIGNED = replace(
    DENIED,
    kind=Kind.ACTIVITY,
    command="sign",
    verdict="signed",
    exit=0,
    severity=Severity.INFORMATIONAL,
    checks=(),
    policy=None,
    signers=("key:abc",),
)
EVENTS = (
    DENIED,
    replace(DENIED, exit=0, verdict="allow", checks=(), severity=Severity.INFORMATIONAL),
    replace(DENIED, exit=0, verdict="would-deny", policy=None),
    replace(DENIED, exit=4, verdict="could-not-be-checked", checks=DENIED.checks[1:]),
    replace(DENIED, subject=Subject(""), host=""),
    FOUND,
    replace(FOUND, finding=FindingFact("LED001", "rolled back", "#7")),
    SCANNED,
    replace(SCANNED, verdict="failed", exit=4, counts={}),
    SIGNED,
    replace(SIGNED, command="revoke", verdict="revoked", act=Act.DELETE, signers=()),
    replace(SIGNED, verdict="failed", exit=1, act=Act.UPDATE),
)


def poisoned(event: Event, text: str = HOSTILE) -> Event:
    """Return the event with `text` wherever somebody else can choose a word."""
    changes: dict[str, Any] = {
        "message": text,
        "subject": Subject(text, text),
        "host": text,
        "verdict": text,
        "signers": (text,) * 3,
        "checks": (CheckFact(text, "fail", text, text),) * 3,
        "labels": {text: text},
        "policy": PolicyFact(text, text, text),
    }
    if event.finding:
        changes["finding"] = FindingFact(*(text,) * 7)
    return replace(event, **changes)
