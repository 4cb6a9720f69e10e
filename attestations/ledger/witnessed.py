"""Whether a quorum of witnesses saw a ledger, as a check."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import Check, Outcome
from weightmark.errors import ProofMissingError, RefusedError
from weightmark.provenance.ledger.log import Ledger

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["load_witness_policy", "witness_check"]


def load_witness_policy(path: Path) -> "TlogPolicy":
    """Read a C2SP tlog-policy file; raises `PolicyError`, and `CallError` when it is missing."""
    from weightmark.provenance.ledger.witnessing.policy import MAX_POLICY_SIZE, parse_policy
    from weightmark.provenance.sidecars import read_named

    return parse_policy(read_named(path, "witness policy", limit=MAX_POLICY_SIZE))


def witness_check(ledger: Ledger, rules: "TlogPolicy | None", now: datetime) -> Check:
    """Say whether the quorum of `rules` saw the ledger; without rules nobody is known to have.

    A ledger that does not extend what the quorum saw, and a cosignature that is not good, fail.
    Raises `PolicyError` for rules that ask for nobody, and `ReadError`.
    """
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint
    from weightmark.provenance.ledger.witnessing.quorum import UNWITNESSED

    if rules is None:
        return Check("witnesses", Outcome.INFO, UNWITNESSED)
    try:
        witnessed = witnessed_checkpoint(ledger.home, ledger.verifier, rules, now)
        with ledger.snapshot() as snapshot:
            snapshot.require_extends(witnessed.checkpoint, "the witnesses' checkpoint")
            younger = snapshot.head.size - witnessed.checkpoint.size
    except ProofMissingError as error:
        why = f"{error.what}: {error.why}"
        return Check("witnesses", Outcome.UNCHECKED, UNWITNESSED, why, error.fix, code=error.code)
    except RefusedError as error:
        return Check.from_error("witnesses", error)
    names = ", ".join(f"`{one.witness.name}`" for one in witnessed.cosignatures)
    rest = f"; {younger} younger entries are {UNWITNESSED}" if younger else ""
    seen = f"seen at size {witnessed.checkpoint.size} by {names}{rest}"
    return Check("witnesses", Outcome.PASS, seen)
