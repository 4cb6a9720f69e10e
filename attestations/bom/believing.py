"""Whether the bytes are what a trusted signer signed, and what a ledger revokes of them.

The digests that were read for the document are compared; only a signature that counts in others makes
a second read.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from weightmark.attestations.bom.interface import Signed
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.ledger.consulting import Consultation, revoked_content
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.verifying.belief import Belief, weigh_evidence
from weightmark.attestations.verifying.evidence import Evidence
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, judge
from weightmark.errors import FileChangedError
from weightmark.provenance.identification import Identification
from weightmark.provenance.reading.engine import (
    Column,
    FileDigests,
    ProgressSink,
    Reading,
    read_artifact,
)
from weightmark.values import dataclass

__all__ = ["Believed", "believe"]

_STRANGERS = frozenset({"wrong-signer", "out-of-time"})
"""codes of checks that failed only because others than the trusted signed"""


@dataclass(frozen=True)
class Believed:
    """What came of verifying an artifact."""

    signed: Signed
    """whether a trusted signer vouches for the bytes"""
    why: str = ""
    """why nobody does, or what contradicts it"""
    signers: tuple[str, ...] = ()
    """who does"""
    signature: VerifiedBundle | None = None
    """the model signature, if it vouches for them"""
    uncovered: tuple[str, ...] = ()
    """files that no signature covers"""
    checks: tuple[Check, ...] = ()
    """everything that was looked at"""
    belief: Belief | None = None
    """which claims hold"""
    reading: Reading[Any] | None = None
    """the digests"""

    def judged_by(
        self, place: str, consultation: Consultation | None, identification: Identification
    ) -> "Believed":
        """Return the same with what a ledger says of the artifact, its files and what it descends from."""
        if consultation is None:
            return self
        said = [one for one in (consultation.problem, consultation.witnesses) if one]
        if consultation.revocations is not None:
            reading = self.reading or _as_read(identification)
            identity, found = identification.identity, consultation.revocations
            said.append(revoked_content(place, found, identity, self.belief, reading))
        bad = [check for check in said if check.outcome is Outcome.FAIL]
        checked = replace(self, checks=(*self.checks, *said))
        if not bad:
            return checked
        return replace(checked, signed=Signed.CONTRADICTED, why=bad[0].summary, signers=())


def believe(
    identification: Identification,
    evidence: Evidence,
    trust: Trust | None,
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Believed:
    """Verify what stands beside the artifact against its digests; raises whatever another read raises."""
    if not evidence.found_any:
        return Believed(Signed.UNVERIFIED, "nobody signed it")
    if trust is None:
        return Believed(Signed.UNVERIFIED, "whom to trust was not said, so that no claim counts")
    belief = weigh_evidence(evidence, trust)
    reading = _reading(identification, belief, progress, jobs)
    report = judge(identification.artifact, evidence, belief, reading, VerifyOptions())
    return replace(_of(report, belief), checks=report.checks, belief=belief, reading=reading)


def _of(report: VerifyReport, belief: Belief) -> Believed:
    if report.verified:
        signers = report.verified.signers
        signature = belief.signature.verified if belief.signature else None
        if signature and signature.signer.name not in signers:
            signature = None
        uncovered = report.verified.uncovered
        return Believed(Signed.VERIFIED, "", signers, signature, uncovered)
    bad = _of_outcome(report.checks, Outcome.FAIL)
    contradicting = [check for check in bad if check.code not in _STRANGERS]
    if contradicting:
        return Believed(Signed.CONTRADICTED, contradicting[0].summary)
    unchecked = _of_outcome(report.checks, Outcome.UNCHECKED)
    if unchecked:
        return Believed(Signed.UNCHECKED, unchecked[0].summary)
    return Believed(Signed.UNVERIFIED, "nobody whom the call trusts signed it")


def _of_outcome(checks: Sequence[Check], outcome: Outcome) -> list[Check]:
    return [check for check in checks if check.outcome is outcome]


def _reading(
    identification: Identification,
    belief: Belief,
    progress: ProgressSink | None,
    jobs: int | None,
) -> Reading[Any]:
    """Return the digests that were read; those of another read where a signature counts in others."""
    own = belief.own_list
    sharding = own.serialization.sharding if own else None
    if own is None or (sharding is None and own.serialization.algorithm is not Column.BLAKE2B):
        return _as_read(identification)
    again: Reading[Any] = read_artifact(
        identification.artifact,
        columns={Column.BLAKE3, Column.SHA256, own.serialization.algorithm},
        sharding=sharding,
        progress=progress,
        jobs=jobs,
    )
    if again.manifest().identity != identification.identity:
        raise FileChangedError(
            "the artifact changed while it was read", fix="run again when nothing writes to it"
        )
    return again


def _as_read(identification: Identification) -> Reading[Any]:
    rows = {row.path: row for row in identification.manifest.rows}
    files = (
        FileDigests.of(
            entry,
            rows[entry.path].size,
            {
                Column.BLAKE3: rows[entry.path].blake3,
                Column.SHA256: identification.sha256[entry.path],
            },
        )
        for entry in identification.artifact.entries
    )
    return Reading(tuple(files), ())
