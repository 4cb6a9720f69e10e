"""Whether a quorum of witnesses saw a ledger, as a check."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.policy.ages import format_age
from weightmark.errors import ProofMissingError, RefusedError
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.log import Ledger

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy
    from weightmark.provenance.ledger.witnessing.quorum import WitnessedCheckpoint

__all__ = ["MAX_WITNESS_AGE", "load_witness_policy", "witness_check"]

MAX_WITNESS_AGE = timedelta(days=7)
"""how long ago a quorum may have seen a ledger, unless the caller says otherwise; an older copy hides what was revoked since"""


def load_witness_policy(path: Path) -> "TlogPolicy":
    """Read a C2SP tlog-policy file; raises `PolicyError`, and `CallError` when it is missing."""
    from weightmark.provenance.ledger.witnessing.policy import MAX_POLICY_SIZE, parse_policy
    from weightmark.provenance.sidecars import read_named

    return parse_policy(read_named(path, "witness policy", limit=MAX_POLICY_SIZE))


def witness_check(
    ledger: Ledger,
    rules: "TlogPolicy | None",
    now: datetime,
    *,
    max_age: timedelta | None = None,
) -> Check:
    """Say whether the quorum of `rules` saw the ledger, and when; without rules nobody is known to have.

    One that it saw longer ago than `max_age` is not checked: whoever serves an old copy hides what
    came since. None takes any age. A ledger that does not extend what the quorum saw, and a cosignature that is not good, fail.
    Raises `PolicyError` for rules that ask for nobody, and `ReadError`.
    """
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint
    from weightmark.provenance.ledger.witnessing.quorum import UNWITNESSED

    if rules is None:
        return Check("witnesses", Outcome.INFO, UNWITNESSED)
    try:
        witnessed = witnessed_checkpoint(ledger.home, ledger.verifier, rules, now)
        at = witnessed.quorum_at(rules)
        if max_age and now - at > max_age:
            witnessed = _lately(ledger, rules, now, max_age) or witnessed
            at = witnessed.quorum_at(rules)
        with ledger.snapshot() as snapshot:
            snapshot.require_extends(witnessed.checkpoint, "the witnesses' checkpoint")
            younger = snapshot.head.size - witnessed.checkpoint.size
    except ProofMissingError as error:
        why = f"{error.what}: {error.why}"
        return Check("witnesses", Outcome.UNCHECKED, UNWITNESSED, why, error.fix, code=error.code)
    except RefusedError as error:
        return Check.from_error("witnesses", error)
    if max_age and now - at > max_age:
        return _stale(at, max_age)
    names = ", ".join(f"`{one.witness.name}`" for one in witnessed.cosignatures)
    rest = f"; {younger} younger entries are {UNWITNESSED}" if younger else ""
    seen = f"seen at size {witnessed.checkpoint.size} by {names}, at {format_time(at)}{rest}"
    return Check("witnesses", Outcome.PASS, seen)


def _lately(
    ledger: Ledger, rules: "TlogPolicy", now: datetime, max_age: timedelta
) -> "WitnessedCheckpoint | None":
    """Return what a quorum of younger cosignatures saw, where older ones make one as well."""
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint

    try:
        return witnessed_checkpoint(ledger.home, ledger.verifier, rules, now, since=now - max_age)
    except ProofMissingError:
        return None


def _stale(at: datetime, max_age: timedelta) -> Check:
    return Check(
        "witnesses",
        Outcome.UNCHECKED,
        f"last seen by a quorum of witnesses at {format_time(at)}, which is too long ago",
        f"it has to be within {format_age(max_age)}: an old copy hides what was revoked since",
        "get the present ledger, or have it witnessed again: `weightmark ledger witness collect POLICY`",
        code="stale-ledger",
    )
