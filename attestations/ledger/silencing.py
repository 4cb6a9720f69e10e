"""Who may not write any more, although the registration policy admits it: whoever is revoked."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from weightmark.attestations.ledger.revocation import Revocation
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.errors import ReadError
from weightmark.provenance.ledger.admission import RegistrationPolicy
from weightmark.provenance.ledger.event import Kind, parse_time
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.ruling import Silence, lifted_claim
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.provenance.ledger.store.interface import Query

__all__ = ["Proven", "is_anybody_left", "parties_of", "silenced_parties", "written_in_silence"]

Proven = Callable[[LoggedEvent], datetime | None]
"""gives the earliest verified time of the claim of an entry; None when nothing proves one, and raises `ReadError` where nobody can tell"""
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
    for party, value in parties_of(ledger.policy()):
        said = [Silence(one.since, one.words) for one in revocations if one.silences(party, value)]
        if said:
            found[party] = min(said, key=lambda one: one.since or _ALWAYS)
    return found


def is_anybody_left(ledger: Ledger) -> bool:
    """Tell whether somebody who is admitted may still write; raises as `silenced_parties`."""
    silenced, now = silenced_parties(ledger), ledger.now()
    admitted = ledger.policy().submitters
    return any(
        one.fingerprint not in silenced or not silenced[one.fingerprint].holds(now)
        for one in admitted
    )


def written_in_silence(ledger: Ledger, proven: Proven) -> dict[int, str]:
    """Return the entries of whoever an earlier entry had revoked by then, and where that stands.

    Those that a revoked one submitted, and those whose claim it signed, whoever submitted them; a
    claim that `proven` tells to be older than the revocation's date is spared, and so is one that is
    gone: it counts for nobody, and where no `redact` entry names it, the audit says that it is missing.
    Revocations that were reinstated meanwhile are not counted. Raises as `Revocations.read`.
    """
    revocations = Revocations.read(ledger, complete=True, only_parties=True).in_force
    if not revocations:
        return {}
    found: dict[int, str] = {}
    known = {
        pair for _, policy in ledger.policies(complete=True).policies for pair in parties_of(policy)
    }
    for party, value in sorted(known):
        said = [one for one in revocations if one.silences(party, value)]
        if not said:
            continue
        start = min(one.index for one in said) + 1
        for entry in ledger.search(Query(signer=party), start=start, complete=True):
            one = _broken(said, entry)
            if one and not _may_stand(entry, Silence(one.since, one.words), proven):
                found[entry.index] = (
                    f"the signer of its claim was {one.words} before it was written"
                )
        for entry in ledger.search(Query(submitter=party), start=start, complete=True):
            if one := _broken(said, entry):
                found[entry.index] = f"its submitter was {one.words} before it was written"
    return found


def _broken(said: Sequence[Revocation], entry: LoggedEvent) -> Revocation | None:
    """Return the revocation that an entry was written after, as admitting finds it; None for one that came in time.

    Of several it is the one that reaches back furthest.
    """
    at = parse_time(entry.event.at)
    late = [one for one in said if one.index < entry.index and at >= (one.since or _ALWAYS)]
    return min(late, key=lambda one: one.since or _ALWAYS, default=None)


def _may_stand(entry: LoggedEvent, silence: Silence, proven: Proven) -> bool:
    """Tell whether a claim by a revoked signer may stand: nobody counts it, or it is older than that."""
    if entry.event.kind is Kind.OBSERVED:
        return True
    if silence.since is None:
        return False
    try:
        return silence.spares(proven(entry))
    except ReadError:
        return True


def parties_of(policy: RegistrationPolicy) -> Iterator[tuple[str, str]]:
    """Yield how the log names each party, and what its commitment covers."""
    for one in policy.submitters:
        hidden = one.opened.value if one.opened else ""
        yield one.fingerprint, hidden if one.is_identity else one.fingerprint
