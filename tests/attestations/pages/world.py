"""A ledger in which every text is written by somebody who wants to own the auditor's browser."""

from pathlib import Path
from typing import Any

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    admitted,
    deployed,
    derived,
    enter,
    release,
    state,
)
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger

EVIL = "<x-evil onx=1>\"'><script>alert(1)</script></script><!--</pre></bdi></title></textarea>"
"""breaks out of text, of attributes in either quote, of scripts, comments and titles"""
EVIL_ORIGIN = "x\"'><x-evil/onx=1><script>alert(1)</script>"
"""the name of a log has no spaces"""
ANSI = "\x1b]0;owned\x07\x1b[2J"
BIDI = "cod\u202eexe.lledom\u2066"
ZERO = "zero\u200bwidth\u00adsoft\ufeff"
FORMULA = '=HYPERLINK("http://evil.example","x")'
TEMPLATE = "{{ 'zq' * 4 }}{% include 'base.html' %}${'zq' * 4}"
"""`zqzqzqzq` where it is evaluated"""
LONG = "L" * 10_000
NASTY = (EVIL, ANSI, BIDI, ZERO, FORMULA, TEMPLATE)


def hostile_ledger(folder: Path) -> tuple[Ledger, str, str]:
    """Make a ledger of hostile texts; returns it with the digests of two artifacts in it."""
    memory = CheckpointMemory(folder / "state")
    parties = [admitted(ALICE), admitted(BOB)]
    ledger = Ledger.create(folder / "ledger", origin=EVIL_ORIGIN, submitters=parties, memory=memory)
    paths = tuple(f"f{number}{text}" for number, text in enumerate(NASTY) if "/" not in text)
    first = release(ALICE, "a", "b/<x-evil onx=1>", *paths, title="".join(NASTY))
    second = release(ALICE, "b", *paths, title=LONG)
    one, two = (_identity(bundle) for bundle in (first, second))
    enter(
        ledger, ALICE, first, second, derived(ALICE, two, one), deployed(BOB, two, "".join(NASTY))
    )
    for text in NASTY:
        enter(ledger, ALICE, _scan(one, text), _decision(two, text))
    enter(
        ledger, ALICE, state(ALICE, one, f"https://evil.example/{EVIL}", _nested(), "".join(NASTY))
    )
    revoke(ledger, ALICE, RevocationSubject(two), "".join(NASTY) + LONG[:2000])
    return ledger, one, two


def _identity(bundle: Any) -> str:
    from weightmark.attestations.statements import Statement

    envelope = bundle.envelope
    return Statement.parse(envelope.payload_type, envelope.payload).subject.identity


def _scan(identity: str, text: str) -> Any:
    finding = dict.fromkeys(("rule", "severity", "message", "path", "member", "detail"), text)
    fields = {
        "scanner": text,
        "rules": "",
        "result": text,
        "fail_on": "high",
        "findings": [finding],
    }
    return state(ALICE, identity, SCAN_PREDICATE, fields, text)


def _decision(identity: str, text: str) -> Any:
    checks = [{"name": text, "outcome": "fail", "summary": text}]
    predicate = {
        "verifier": {"id": text},
        "timeVerified": "2026-11-21T12:00:00Z",
        "resourceUri": text,
        "policy": {"uri": text, "digest": {"sha256": "a" * 64}},
        "verificationResult": "FAILED",
        "verifiedLevels": [text],
        "weightmark_decision": {"decision": text, "checks": checks},
    }
    return state(ALICE, identity, VSA_PREDICATE, predicate, text)


def _nested() -> dict[str, Any]:
    return {text: {text: [text, {text: 1}]} for text in (*NASTY, LONG)}
