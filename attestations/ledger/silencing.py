"""Who may not write any more, although the registration policy admits it: whoever is revoked."""

from collections.abc import Iterator
from datetime import UTC, datetime

from weightmark.attestations.ledger.revocations import Revocations
from weightmark.provenance.ledger.admission import RegistrationPolicy
from weightmark.provenance.ledger.event import Kind, parse_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.ruling import Silence, lifted_claim
from weightmark.provenance.ledger.store.interface import Query

__all__ = ["silenced_parties", "written_in_silence"]

_ALWAYS = datetime.min.replace(tzinfo=UTC)


def silenced_parties(ledger: Ledger) -> dict[str, Silence]:
    """Return the admitted parties that a revocation in force names, each with the earliest one.

    Lifted revocations are among them as `lifted_claim` names them: in the same words by somebody
    else they would stand in the log and bind nobody. Raises as `Revocations.read`: where a claim
    that tells it is missing, nobody can tell who may write.
    """
    lifting = bool(ledger.search(Query(kind=Kind.REINSTATE), limit=1))
    read = Revocations.read(ledger, complete=False, only_parties=not lifting)
    revocations = read.in_force
    found = {lifted_claim(one): Silence(None, "lifted") for one in read.lifted}
    if not revocations:
        return found
    for party, value in _parties(ledger.policy()):
        said = [Silence(one.since, one.words) for one in revocations if one.silences(party, value)]
        if said:
            found[party] = min(said, key=lambda one: one.since or _ALWAYS)
    return found


def written_in_silence(ledger: Ledger) -> dict[int, str]:
    """Return the entries of whoever an earlier entry had revoked by then, and where that stands.

    Revocations that were reinstated meanwhile are not counted. Raises as `Revocations.read`.
    """
    revocations = Revocations.read(ledger, complete=True, only_parties=True).in_force
    if not revocations:
        return {}
    found: dict[int, str] = {}
    known = {
        pair for _, policy in ledger.policies(complete=True).policies for pair in _parties(policy)
    }
    for party, value in sorted(known):
        said = [one for one in revocations if one.silences(party, value)]
        if not said:
            continue
        start = min(one.index for one in said) + 1
        for entry in ledger.search(Query(submitter=party), start=start, complete=True):
            at = parse_time(entry.event.at)
            late = (one for one in said if one.index < entry.index and at >= (one.since or _ALWAYS))
            if (one := next(late, None)) is not None:
                found[entry.index] = one.words
    return found


def _parties(policy: RegistrationPolicy) -> Iterator[tuple[str, str]]:
    """Yield how the log names each party, and what its commitment covers."""
    for one in policy.submitters:
        hidden = one.opened.value if one.opened else ""
        yield one.fingerprint, hidden if one.is_identity else one.fingerprint
