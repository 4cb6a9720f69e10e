"""Making reports: from artifacts at hand and a ledger to values that can be written down."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from weightmark.attestations.checks import Outcome
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.reports.claims import FoundClaim
from weightmark.attestations.reports.dossier import Dossier, Measured, collect
from weightmark.attestations.reports.jury import Jury
from weightmark.attestations.reports.register import Register
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.claimed import trust_not_said
from weightmark.attestations.verifying.evidence import Evidence, collect_evidence
from weightmark.attestations.verifying.verification import Examination, examine
from weightmark.errors import Exit
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.identification import identify
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.values import dataclass

__all__ = ["AtHand", "Gathered", "at_words", "gather_path", "gather_subject", "jury_for"]

_SINGLE = "."


@dataclass(frozen=True)
class Gathered:
    """An artifact with what is known of it, and what a call about it ends with."""

    dossier: Dossier
    """what is known"""
    exit: Exit
    """1 when it is not what was signed, 4 when something could not be checked, 3 when nothing is known of it"""


@dataclass(frozen=True)
class AtHand:
    """An artifact on disk, and where its claims stand."""

    path: str
    """as the caller names it"""
    claims: tuple[Path, ...] = ()
    """more claims: files or folders"""
    signature: Path | None = None
    """a model signature elsewhere"""
    progress: ProgressSink | None = None
    """is told of what was read"""
    jobs: int | None = None
    """how many threads read"""


def jury_for(
    policy: Policy | None, trust: Trust | None, register: Register | None, at: datetime | None
) -> Jury:
    """Say whose word counts, and for which moment: `at`, else the newest time that a ledger gave to an entry."""
    head = register.head if register else None
    return Jury(
        policy,
        trust,
        register.history if register else None,
        register.revocations if register else None,
        at or (head.newest if head else None),
    )


def at_words(given: datetime | None, jury: Jury, register: Register | None) -> str:
    """Say where the moment of a report comes from."""
    if given is not None:
        return "as the call says"
    if jury.at is None:
        limited = "; signers whose time is limited are judged by the present"
        return f"no clock says one{limited if jury.asks_the_clock else ''}"
    return "the newest entry, by the log's own clock" if register else "the newest verified time"


def gather_subject(identity: str, jury: Jury, register: Register) -> Gathered:
    """Gather what a ledger says of `wm1:<hex>` or `sha256:<hex>`; nothing is read but claims."""
    dossier = collect(identity, jury, register)
    known = register.count_about(identity) > 0
    return Gathered(dossier, _exit(dossier, Exit.GOOD if known else Exit.NOTHING))


def gather_path(at_hand: AtHand, jury: Jury, register: Register | None) -> Gathered:
    """Read an artifact, verify what stands beside it, and gather what is known of it.

    Raises `CallError` when it does not exist, `NoInputError` for an empty folder, `TrustNotSaidError` when
    it is signed and nobody was named whose word counts, and whatever reading raises.
    """
    artifact = open_artifact(at_hand.path)
    evidence = collect_evidence(artifact, signature=at_hand.signature, claims=at_hand.claims)
    if evidence.found_any and not jury.names_somebody:
        raise trust_not_said(evidence.bundles)
    examination = _examine(at_hand, jury) if evidence.found_any else None
    gathered = _gathered(at_hand, artifact, evidence, examination, jury=jury, register=register)
    dated = gathered.dossier.jury
    if examination and jury.at is None and dated.at is not None and dated.asks_the_clock:
        examination = _examine(at_hand, dated)
        gathered = _gathered(
            at_hand, artifact, evidence, examination, jury=dated, register=register
        )
    return gathered


def _gathered(
    at_hand: AtHand,
    artifact: Artifact,
    evidence: Evidence,
    examination: Examination | None,
    *,
    jury: Jury,
    register: Register | None,
) -> Gathered:
    if examination is not None and examination.report.identity:
        identity, also = examination.report.identity, _aliases(examination)
    else:
        found = identify(at_hand.path, sha256=True, progress=at_hand.progress, jobs=at_hand.jobs)
        identity = found.identity
        also = [f"sha256:{one}" for name, one in found.sha256.items() if name == _SINGLE]
    measured = Measured(
        at_hand.path,
        identity,
        len(artifact.entries),
        sum(entry.size for entry in artifact.entries),
        examination.report.verified.signers if examination and examination.report.verified else (),
        _of_outcome(Outcome.FAIL, examination, evidence),
        _of_outcome(Outcome.UNCHECKED, examination, evidence),
    )
    gather = partial(
        collect,
        identity,
        register=register,
        measured=measured,
        found=[FoundClaim(one) for one in evidence.bundles],
        also=also,
    )
    dossier = _dated(gather, jury)
    return Gathered(dossier, _exit(dossier, _verdict(examination, evidence)))


def _dated(gather: Callable[[Jury], Dossier], jury: Jury) -> Dossier:
    """Gather; where nothing says for which moment, it is that of the newest verified time."""
    dossier = gather(jury)
    if jury.at is not None:
        return dossier
    times = [one.verified.time.at for one in dossier.claims.counted if one.verified.time]
    return gather(jury.dated(max(times))) if times else dossier


def _examine(at_hand: AtHand, jury: Jury) -> Examination | None:
    """Compare the content with what those list who release; None where nobody is named for that."""
    trust = jury.policy.release.trust if jury.policy else jury.trust
    if trust is None:
        return None
    return examine(
        at_hand.path,
        jury.revocations.bind(trust) if jury.revocations else trust,
        now=jury.now_for(trust),
        claims=at_hand.claims,
        signature=at_hand.signature,
        progress=at_hand.progress,
        jobs=at_hand.jobs,
    )


def _aliases(examination: Examination) -> list[str]:
    files = examination.reading.files if examination.reading else ()
    return [f"sha256:{one.sha256}" for one in files if one.path == _SINGLE and one.sha256]


def _of_outcome(
    outcome: Outcome, examination: Examination | None, evidence: Evidence
) -> tuple[str, ...]:
    checks = examination.report.checks if examination else evidence.checks
    return tuple(f"{one.name}: {one.summary}" for one in checks if one.outcome is outcome)


def _verdict(examination: Examination | None, evidence: Evidence) -> Exit:
    outcomes = {
        one.outcome for one in (examination.report.checks if examination else evidence.checks)
    }
    if Outcome.FAIL in outcomes:
        return Exit.BAD
    return Exit.UNCHECKED if Outcome.UNCHECKED in outcomes else Exit.GOOD


def _exit(dossier: Dossier, verdict: Exit) -> Exit:
    """Add what could not be checked: 1 over 4 over 3."""
    unread = dossier.problems or any(one.unread for one in dossier.claims.uncounted)
    return Exit.worst([verdict, Exit.UNCHECKED if unread else Exit.GOOD])
