"""`--witness-policy`, and whether witnesses saw the ledger that is read."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.cli.console import Console
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["check_witnesses", "read_witness_policy", "tell_witnesses", "witness_policy_option"]

F = TypeVar("F", bound=Callable[..., Any])


def witness_policy_option() -> Callable[[F], F]:
    """Add `--witness-policy`."""
    return option(
        "--witness-policy",
        metavar="FILE",
        type=click.Path(),
        help="Demand the quorum of this C2SP tlog-policy file on the ledger's checkpoint; it names the witnesses and their keys (docs/ledger.md)",
    )


def read_witness_policy(path: str) -> "TlogPolicy":
    """Read a policy file; raises `PolicyError`, and `CallError` when it is missing."""
    from weightmark.attestations.ledger.witnessed import load_witness_policy

    return load_witness_policy(Path(path))


def tell_witnesses(console: "Console", log: "Ledger", policy: str | None) -> None:
    """Say on stderr whether witnesses saw the ledger that is listed or searched.

    With `policy` the quorum must hold: raises `ProofMissingError` when it does not, and
    `LedgerInconsistentError` when the ledger does not extend what it saw.
    """
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint
    from weightmark.provenance.ledger.witnessing.quorum import UNWITNESSED

    if policy is None:
        console.note(_without_policy(log))
        return
    rules = read_witness_policy(policy)
    seen = witnessed_checkpoint(log.home, log.verifier, rules, log.now())
    with log.snapshot() as snapshot:
        snapshot.require_extends(seen.checkpoint, "the witnesses' checkpoint")
        younger = snapshot.head.size - seen.checkpoint.size
    rest = f"; {younger} younger entries are {UNWITNESSED}" if younger else ""
    console.note(f"witnessed at size {seen.checkpoint.size}{rest}")


def check_witnesses(log: "Ledger", policy: str | None) -> "Check":
    """Say whether the quorum of a policy file saw the ledger; see `witness_check`."""
    from weightmark.attestations.ledger.witnessed import witness_check

    if policy is None:
        from weightmark.attestations.checks import Check, Outcome

        return Check("witnesses", Outcome.INFO, _without_policy(log))
    return witness_check(log, read_witness_policy(policy), datetime.now(UTC))


def _without_policy(log: "Ledger") -> str:
    """Say that nobody is known to have seen the ledger, although there may be cosignatures."""
    from weightmark.provenance.ledger.witnessing.quorum import UNWITNESSED

    kept = log.home.cosigned.sizes()
    if not kept:
        return UNWITNESSED
    return f"cosignatures are kept up to size {kept[-1]}, and without `--witness-policy` none counts: {UNWITNESSED}"
