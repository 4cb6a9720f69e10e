"""Who may not write any more, although the registration policy admits it: whoever is revoked."""

from collections.abc import Iterator
from datetime import UTC, datetime

from weightmark.attestations.ledger.revocations import Revocations
from weightmark.provenance.ledger.admission import RegistrationPolicy
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.ruling import Silence

__all__ = ["silenced_parties"]

_ALWAYS = datetime.min.replace(tzinfo=UTC)


def silenced_parties(ledger: Ledger) -> dict[str, Silence]:
    """Return the admitted parties that a revocation in force names, each with the earliest one.

    Raises as `Revocations.read`: where a claim that tells it is missing, nobody can tell who may write.
    """
    revocations = Revocations.read(ledger, complete=False, only_parties=True).in_force
    if not revocations:
        return {}
    found: dict[str, Silence] = {}
    for party, value in _parties(ledger.policy()):
        said = [Silence(one.since, one.words) for one in revocations if one.silences(party, value)]
        if said:
            found[party] = min(said, key=lambda one: one.since or _ALWAYS)
    return found


def _parties(policy: RegistrationPolicy) -> Iterator[tuple[str, str]]:
    """Yield how the log names each party, and what its commitment covers."""
    for one in policy.submitters:
        hidden = one.opened.value if one.opened else ""
        yield one.fingerprint, hidden if one.is_identity else one.fingerprint
