"""Verification beforehand: what many bundles have in common is done on several cores, before each is asked about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.sigstore.many import WORTH_PROCESSES, ProvenBundles
from weightmark.attestations.trust.identities import IdentityAnchor
from weightmark.attestations.trust.verified import Trust

__all__ = ["prove_beforehand"]


def prove_beforehand(
    trust: Trust, bundles: Sequence[Bundle], *, now: datetime, workers: int
) -> Trust:
    """Return the same trust, whose identities hold the proofs of `bundles` at the moment `now`.

    Not more than 50 bundles with certificates, and bundles that nobody proves by a Sigstore instance, are
    left for later; so is everything when `workers` is 1.
    """
    anchors = [one for one in trust.anchors if isinstance(one, IdentityAnchor)]
    certified = [one for one in bundles if isinstance(one.material, CertificateChain)]
    if workers < 2 or not anchors or len(certified) <= WORTH_PROCESSES:  # noqa: PLR2004 - one process is this one
        return trust
    proven: list[ProvenBundles] = []
    for anchor in anchors:
        root, thresholds = anchor.root.trusted, anchor.thresholds
        if not any(one.root is root and one.thresholds == thresholds for one in proven):
            proven.append(
                ProvenBundles.of(certified, root, now=now, thresholds=thresholds, workers=workers)
            )
    return Trust(
        tuple(
            replace(one, proven=tuple(proven)) if isinstance(one, IdentityAnchor) else one
            for one in trust.anchors
        )
    )
