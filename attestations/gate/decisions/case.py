"""One question to the gate: the policy, whom it believes now, and every claim that is at hand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.checks import Check
from weightmark.attestations.claims import parse_store
from weightmark.attestations.gate.evidence import Known
from weightmark.attestations.gate.sources import Sources, consulted_by, trusts_of
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.rules import VsaRule
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import CallError, LimitError, WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.reading.results import Reading
from weightmark.provenance.sidecars import read_bounded
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.ledger.consulting import Consultation

__all__ = ["Case", "case_of", "guesses", "in_ledger", "is_summary", "stored", "summaries_in"]

_MANY, _MAX_SUMMARIES = 100, 1000
_MAX_GUESSES = 16
_MAX_FILES = 1000


@dataclass(frozen=True)
class Case:
    """One question to the gate, and all that is at hand."""

    policy: Policy
    """by which rules"""
    rule: VsaRule | None
    """whose earlier decisions answer; None for nobody's"""
    at: datetime
    """the present moment; aware"""
    trusts: Mapping[str, Trust]
    """whom each role means, without whom the ledger revokes"""
    place: str
    """the ledger; empty for none"""
    consultation: "Consultation | None"
    """what it says of revocations; None without a ledger"""
    bundles: Sequence[Bundle] = ()
    """every claim at hand"""
    artifact: Artifact | None = None
    """what is asked about; None where only its identity is known"""
    path: str = ""
    """as the caller named it"""
    local: tuple[Check, ...] = ()
    """what is said of names and reserved names of the copy at hand"""
    clashes: tuple[str, ...] = ()
    """names that are something else on other systems"""
    known: Known = Known.ASKED
    """how the identity is known"""
    reading: Reading[Any] | None = field(default=None, repr=False)
    """what was read"""


def case_of(policy: Policy, rule: VsaRule | None, sources: Sources, now: datetime | None) -> Case:
    """Consult the ledger, and bind everybody by what it revokes; raises `CallError` when it is not there."""
    consultation = consulted_by(policy, sources)
    return Case(
        policy=policy,
        rule=rule,
        at=now or datetime.now(UTC),
        trusts=trusts_of(policy, consultation),
        place=sources.ledger,
        consultation=consultation,
    )


def summaries_in(case: Case) -> list[Bundle]:
    """Return what can be signed decisions; of many those only that can be by the policy.

    Raises `LimitError` where too many are left: one that denies must not be lost among them.
    """
    found = [one for one in case.bundles if _holds(one, VSA_PREDICATE)]
    if len(found) > _MANY:
        found = [one for one in found if _holds(one, case.policy.sha256)]
    if len(found) > _MAX_SUMMARIES:
        raise LimitError(
            f"over {_MAX_SUMMARIES} earlier decisions are at hand",
            fix="name only the newest with `--claims`",
        )
    return found


def is_summary(bundle: Bundle) -> bool:
    """Tell a signed decision by its type, and not by a text somewhere in it."""
    if not isinstance(bundle.content, Envelope):
        return False
    try:
        statement = Statement.parse(bundle.content.payload_type, bundle.content.payload)
    except WeightmarkError:
        return False
    return statement.predicate_type == VSA_PREDICATE


def _holds(bundle: Bundle, text: str) -> bool:
    """Tell whether a statement can be about `text`, without reading it."""
    return isinstance(bundle.content, Envelope) and text.encode() in bundle.content.payload


def guesses(bundles: Iterable[Bundle]) -> list[str]:
    """Return which artifacts the claims at hand are about, by their own word: where a ledger is asked first.

    Only a hint whether reading can be worth it: whoever writes claims beside an artifact chooses it.
    """
    found: dict[str, None] = {}
    for one in bundles:
        if len(found) >= _MAX_GUESSES or not isinstance(one.content, Envelope):
            continue
        try:
            statement = Statement.parse(one.content.payload_type, one.content.payload)
        except WeightmarkError:
            continue
        found |= {subject.identity: None for subject in statement.subjects if subject.identity}
    return list(found)[:_MAX_GUESSES]


def in_ledger(case: Case, identities: Iterable[str]) -> list[Bundle]:
    """Return what the ledger holds about artifacts; raises what asking it does.

    Nothing where no ledger is named, and where one can't be consulted: no decision answers then.
    """
    if not case.place or case.consultation is None or case.consultation.problem:
        return []
    from weightmark.attestations.ledger.ledger_claims import LedgerClaims

    with LedgerClaims(case.place) as about:
        return [bundle for identity in identities for bundle in about(identity)]


def stored(stores: Sequence[Path]) -> list[Bundle]:
    """Read stores of claims without an artifact; raises `CallError` for one that is not there."""
    found: list[Bundle] = []
    for store in stores:
        if not store.exists():
            raise CallError(f"the claims `{store}` do not exist", fix="check the path")
        files = sorted(store.iterdir())[:_MAX_FILES] if store.is_dir() else [store]
        for file in files:
            lines = parse_store(read_bounded(file)) if file.is_file() else ()
            found += [line.bundle for line in lines if line.bundle]
    return found
