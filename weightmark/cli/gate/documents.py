"""The answers of `weightmark gate`: one decision, several, and one that was judged again."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from weightmark.cli.documents import check_lines, finding_lines
from weightmark.cli.gate.keeping import Kept
from weightmark.cli.render.interface import CheckLine, Document, FindingLine, Outcome
from weightmark.errors import Exit
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.gate.decisions.replay import Kept as KeptDecision
    from weightmark.attestations.gate.decisions.replay import Replay
    from weightmark.attestations.policy.model import Policy
    from weightmark.scanners.findings import Finding, ScanReport

__all__ = ["Decided", "decision_document", "decisions_document", "replay_document", "shown_as"]

_SCHEMA = "weightmark/gate/v1"


@dataclass(frozen=True, slots=True)
class Decided:
    """One artifact, what was decided about it, and what was kept of that."""

    path: str
    """as it was given"""
    decision: "Decision | None"
    """what was decided; None where the artifact could not be opened at all"""
    kept: Kept
    """what was kept"""
    files: dict[str, str | None]
    """`vsa`, `svr` and `decision`: the file that was written"""
    error: "Check | None" = None
    """why nothing was decided"""

    @property
    def exit(self) -> Exit:
        """The exit code, also of what could not be kept."""
        from weightmark.attestations.checks import exit_of

        if self.decision is None:
            return Exit.UNCHECKED if self.error is None else exit_of([self.error])
        failed = self.failed
        return Exit.worst([self.decision.exit, exit_of(failed) if failed else Exit.GOOD])

    @property
    def failed(self) -> "list[Check]":
        """What could not be kept as the caller wanted."""
        return [check for check in self.kept.checks if check.outcome != "info"]

    @property
    def word(self) -> str:
        """The decision as it is printed."""
        if self.decision is None:
            return "deny" if self.exit is Exit.BAD else "could not be checked"
        return self.decision.word

    @property
    def verdict(self) -> str:
        """The decision as machines read it."""
        return self.word.replace(" ", "-")

    @property
    def lines(self) -> tuple[CheckLine, ...]:
        """Every check, one a name."""
        from weightmark.attestations.checks import merge_checks

        if self.decision is None:
            return check_lines([self.error] if self.error else [])
        return check_lines(merge_checks([*self.decision.checks, *self.kept.checks]))

    @property
    def findings(self) -> tuple[FindingLine, ...]:
        """What the scan found, from the severity on that denies; what the policy accepts says so."""
        if self.decision is None or self.decision.evidence.scan is None:
            return ()
        return tuple(
            replace(line, accepted=reason)
            for finding, reason in _severe_findings(self.decision, self.decision.evidence.scan)
            for line in finding_lines([finding], given=self.path)
        )

    @property
    def headline(self) -> str:
        """The last line in words."""
        if self.decision is None:
            return f"{self.word}: {self.path}"
        evidence, policy = self.decision.evidence, self.decision.policy
        lost = ", but the decision was not kept as asked" if self.failed else ""
        return f"{self.word}: {evidence.identity or self.path} by policy `{policy.name}`{lost}"


def decision_document(
    decided: Decided, policy: "Policy", settings: dict[str, str], notices: tuple[str, ...]
) -> Document:
    """Show one decision."""
    return Document(
        schema=_SCHEMA,
        exit=decided.exit,
        verdict=decided.verdict,
        headline=decided.headline,
        checks=decided.lines,
        notices=notices,
        findings=decided.findings,
        facts={**_facts(decided), "policy": _policy_facts(policy), "settings": settings},
    )


def decisions_document(
    several: Sequence[Decided],
    policy: "Policy",
    settings: dict[str, str],
    notices: tuple[str, ...],
) -> Document:
    """Show several decisions; the exit code is the worst, and the verdict that of the worst."""
    code = Exit.worst([one.exit for one in several])
    worst = next(one for one in several if one.exit is code)
    let_through = sum(bool(one.decision and one.decision.allows) for one in several)
    return Document(
        schema=_SCHEMA,
        exit=code,
        verdict=worst.verdict,
        headline=f"{let_through} of {len(several)} allowed by policy `{policy.name}`",
        lines=tuple(_verdict_line(one) for one in several),
        checks=tuple(line for one in several for line in _named(one)),
        notices=notices,
        findings=tuple(
            replace(line, location=f"{one.path}/{line.location}")
            for one in several
            for line in one.findings
        ),
        facts={
            "decisions": [_entry(one) for one in several],
            "policy": _policy_facts(policy),
            "settings": settings,
        },
    )


def _verdict_line(decided: Decided) -> str:
    evidence = decided.decision.evidence if decided.decision else None
    known = f" ({evidence.identity})" if evidence and evidence.identity else ""
    return f"{decided.word}: {decided.path}{known}"


def shown_as(form: str, document: Document) -> Document:
    """Return what a form shows.

    To SARIF what refused is added as findings: its viewers show nothing else. To JUnit every finding
    that nobody accepts is a failure, as the policy's own severity has left the others out.
    """
    if form == "junit":
        return replace(document, facts={**document.facts, "fail_on": "info"})
    return _with_refusals(document) if form == "sarif" else document


def _severe_findings(decision: "Decision", report: "ScanReport") -> "Iterator[tuple[Finding, str]]":
    """Yield what is severe enough to deny, and why it denies nothing; empty where it does."""
    from weightmark.attestations.gate.judges.scan import severe_findings

    policy, identity = decision.policy, decision.evidence.identity
    denying, waived = severe_findings(policy, decision.evidence)
    reasons = {
        one.rule: f"{one.reason} (by {one.approver}, until {one.expires:%Y-%m-%d})"
        for one in policy.exemptions
        if one.artifact == identity and not one.has_expired(decision.evidence.at)
    }
    for finding in report.findings:
        if finding in waived:
            yield finding, reasons[finding.rule]
        elif finding in denying:
            yield finding, "" if policy.scan.required else "the policy demands no scan"
        elif finding.severity >= policy.scan.fail_on:
            yield finding, 'the policy says `remote_code = "allow"`'


def _with_refusals(document: Document) -> Document:
    told = tuple(
        FindingLine(
            rule=f"gate-{line.name.rpartition(': ')[2].replace(' ', '-')}",
            severity="high",
            message=line.summary,
            location=str(document.facts.get("path", line.name)),
            detail=line.why,
            help=line.fix,
            file=str(document.facts.get("path", line.name.rpartition(": ")[0])),
            engine="weightmark",
        )
        for line in document.checks
        if line.outcome is Outcome.FAIL
    )
    return replace(document, findings=(*document.findings, *told))


def replay_document(
    path: str, kept: "KeptDecision", found: "Replay", settings: dict[str, str]
) -> Document:
    """Show what comes of recorded inputs now."""
    from weightmark.provenance.ledger.event import format_time

    record, policy = kept.record, kept.record.policy.policy()
    good = found.is_reproduced
    word = record.verdict.value
    return Document(
        schema=_SCHEMA,
        exit=Exit.GOOD if good else Exit.BAD,
        verdict="reproduced" if good else "not-reproduced",
        headline=(
            f"{'reproduced' if good else 'not reproduced'}: `{word}` for "
            f"{record.evidence.identity or record.evidence.name} by policy `{policy.name}`"
        ),
        checks=(_signature_line(kept), *_difference_lines(found), *_replayed_lines(found)),
        facts={
            "replay": {
                "path": path,
                "identity": record.evidence.identity or None,
                "decided_at": format_time(record.evidence.at),
                "tool": record.tool,
                "signer": kept.signed.signer.name if kept.signed else None,
                "inputs": f"sha256:{record.inputs_sha256}",
                "recorded": record.verdict.value,
                "follows": found.judgement.verdict.value,
                "differences": list(found.differences),
            },
            "policy": _policy_facts(policy),
            "settings": settings,
        },
    )


def _named(decided: Decided) -> tuple[CheckLine, ...]:
    return tuple(replace(line, name=f"{decided.path}: {line.name}") for line in decided.lines)


def _entry(decided: Decided) -> dict[str, Any]:
    return {
        **_facts(decided),
        "verdict": decided.verdict,
        "exit": int(decided.exit),
        "headline": decided.headline,
        "checks": [asdict(line) for line in decided.lines],
    }


def _facts(decided: Decided) -> dict[str, Any]:
    facts = _evidence_facts(decided.decision) if decided.decision else dict(_NOTHING)
    return {"path": decided.path, **facts, **decided.files, "record": decided.kept.record}


_NOTHING: dict[str, Any] = {
    "decided_at": None,
    "identity": None,
    "known": None,
    "answer": None,
    "files": 0,
    "size": 0,
    "trusted": [],
    "signers": [],
    "digest_used": None,
    "claims": [],
    "outside": [],
    "uncovered": [],
    "ledger": None,
}


def _evidence_facts(decision: "Decision") -> dict[str, Any]:
    from weightmark.provenance.ledger.event import format_time

    evidence, ledger = decision.evidence, decision.evidence.ledger
    answer = evidence.answer
    return {
        "decided_at": format_time(evidence.at),
        "identity": evidence.identity or None,
        "known": evidence.known.value if evidence.identity else None,
        "answer": {
            "claim": f"sha256:{answer.claim_id}",
            "signer": answer.signer.name,
            "verifier": answer.verifier,
            "decided_at": format_time(answer.decided_at),
        }
        if answer
        else None,
        "files": evidence.files,
        "size": evidence.size,
        "trusted": list(evidence.trusted),
        "signers": list(evidence.content_signers),
        "digest_used": evidence.compared_by or None,
        "claims": [f"sha256:{claim}" for claim in evidence.claims],
        "outside": [{"path": part.path, "files": part.files} for part in evidence.outside],
        "uncovered": list(evidence.uncovered),
        "ledger": {
            "origin": ledger.origin,
            "size": ledger.size,
            "root": f"sha256:{ledger.root}",
            "witnesses": ledger.witnesses,
        }
        if ledger and ledger.origin
        else None,
    }


def _policy_facts(policy: "Policy") -> dict[str, Any]:
    return {
        "name": policy.name,
        "source": policy.source,
        "uri": policy.uri,
        "digest": f"sha256:{policy.sha256}",
        "mode": policy.mode.value,
        "environment": policy.environment or None,
        "revision": policy.revision,
    }


def _signature_line(kept: "KeptDecision") -> CheckLine:
    if kept.signed:
        return CheckLine(Outcome.PASS, "signed decision", f"signed by {kept.signed.signer.name}")
    said = "nobody was named whose signature it has to be" if kept.is_signed else "signed by nobody"
    return CheckLine(
        Outcome.INFO,
        "signed decision",
        said,
        "whoever wrote the file can have made all of it up",
        "replay the signed decision, and name the gate's key with `--key gate.pub`",
    )


def _difference_lines(found: "Replay") -> tuple[CheckLine, ...]:
    if found.is_reproduced:
        return (CheckLine(Outcome.PASS, "replay", "the recorded decision follows from its inputs"),)
    return (
        CheckLine(
            Outcome.FAIL,
            "replay",
            "another decision follows from the recorded inputs",
            f"it was made by {found.record.tool}; the document was edited, or the rules changed since",
            "get the document again from whoever decided, or gate the artifact anew",
            found.differences,
            "not-reproduced",
        ),
    )


def _replayed_lines(found: "Replay") -> tuple[CheckLine, ...]:
    """Show what follows, without letting a denial that was to be expected change the answer."""
    return tuple(
        replace(line, outcome=line.outcome if line.outcome is Outcome.PASS else Outcome.INFO)
        for line in check_lines(found.judgement.checks)
    )
