"""`--witness-policy`, and whether witnesses saw the ledger that is read."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option
from weightmark.errors import ProofMissingError, RefusedError

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["check_witnesses", "read_witness_policy", "witness_policy_option"]

F = TypeVar("F", bound=Callable[..., Any])


def witness_policy_option() -> Callable[[F], F]:
    """Add `--witness-policy`."""
    return option(
        "--witness-policy",
        metavar="FILE",
        type=click.Path(),
        help="Demand the quorum of this C2SP tlog-policy file on the ledger's checkpoint",
    )


def read_witness_policy(path: str) -> "TlogPolicy":
    """Read a policy file; raises `PolicyError`, and `CallError` when it is missing."""
    from weightmark.provenance.ledger.witnessing.policy import MAX_POLICY_SIZE, parse_policy
    from weightmark.provenance.sidecars import read_named

    return parse_policy(read_named(Path(path), "witness policy", limit=MAX_POLICY_SIZE))


def check_witnesses(log: "Ledger", policy: str | None) -> "Check":
    """Say whether the quorum of a policy file saw the ledger; without a policy nobody is known to have.

    A ledger that does not extend what the quorum saw, and a cosignature that is not good, fail.
    """
    from weightmark.attestations.checks import Check, Outcome
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint
    from weightmark.provenance.ledger.witnessing.quorum import UNWITNESSED

    if policy is None:
        return Check("witnesses", Outcome.INFO, UNWITNESSED)
    rules = read_witness_policy(policy)
    try:
        witnessed = witnessed_checkpoint(log.home, log.verifier, rules, datetime.now(UTC))
        with log.snapshot() as snapshot:
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
