"""Self-check: what was just signed is verified by the very code of `verify`, before anything is written."""

from collections.abc import Sequence
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ignored_paths import IgnoredPaths
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.verifying.belief import weigh_evidence
from weightmark.attestations.verifying.evidence import Claim, Evidence, SignatureFile
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, judge
from weightmark.errors import SelfCheckError, WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.reading.engine import Reading

__all__ = ["check_own_output"]


@paused_collector()
def check_own_output(
    artifact: Artifact,
    reading: Reading[Any],
    signature: bytes | None,
    claims: Sequence[Bundle],
    signer: Signer,
    *,
    ignored: IgnoredPaths,
) -> None:
    """Verify the output of `signer`, `signature` as it will be written; raises `SelfCheckError`, which says what does not hold."""
    file = None
    if signature:
        file = SignatureFile(artifact.sidecars.signature, Bundle.parse(signature), None, (0, 0))
    found = tuple(Claim("own output", Bundle.parse(claim.to_bytes())) for claim in claims)
    evidence = Evidence(file, found, None, ())
    belief = weigh_evidence(evidence, signer.own_trust())
    report = judge(
        artifact, evidence, belief, reading, VerifyOptions(digests="both"), ignored=ignored
    )
    if report.verified is None:
        raise SelfCheckError(
            "the new signature does not verify, so nothing was written",
            why=_reason(signer, evidence, report),
            fix="mend what is named here, and sign again; the model itself is not in question",
        )


def _reason(signer: Signer, evidence: Evidence, report: VerifyReport) -> str:
    """Say what the signer's own trust refuses, or else what the content check found."""
    trust = signer.own_trust()
    for bundle in evidence.bundles:
        try:
            trust.verify(bundle)
        except WeightmarkError as error:
            return f"{error.what}: {error.why}" if error.why else error.what
    return "; ".join(check.summary for check in report.checks if check.outcome != "pass")
