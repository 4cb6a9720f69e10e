"""`weightmark ledger show`: show one entry."""

from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import entry_facts, succeeded_facts
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import tell_witnesses, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.admission import RegistrationPolicy, Submitter

__all__ = ["show"]

_NO_POLICY = {"admitted": None, "owners": None, "succeeds": None}


@command("ledger show")
@click.argument("index", type=click.IntRange(min=0))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@pass_console
def show(
    console: Console,
    index: int,
    *,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
) -> None:
    """Show one entry in full, and what its claim says in one line.

    Of a policy, 0 or a later one: who may write from then on, who may change that, and which log it
    took over from.
    """
    from weightmark.attestations.ledger.claim_index import words_of

    with open_ledger(ledger, log_key) as log:
        tell_witnesses(console, log, witness_policy)
        logged = log.entry(index)
        facts = {**entry_facts(logged), "said": words_of(log, logged.event)}
        policy = dict(log.policies().policies).get(index)
    ruling = _ruling(policy) if policy and facts["kind"] == "policy" else dict(_NO_POLICY)
    lines = [f"{name:<15} {'-' if value is None else value}" for name, value in facts.items()]
    lines += _policy_lines(ruling)
    facts |= ruling
    console.finish(
        Document(
            schema="weightmark/ledger-show/v1", exit=Exit.GOOD, facts=facts, lines=tuple(lines)
        )
    )


def _ruling(policy: "RegistrationPolicy") -> dict[str, Any]:
    owners = {"keys": list(policy.owners.vkeys), "threshold": policy.owners.threshold}
    admitted = [_admitted(one) for one in policy.submitters]
    succeeds = succeeded_facts(policy.succeeds)
    return {"admitted": admitted, "owners": owners, "succeeds": succeeds}


def _policy_lines(ruling: dict[str, Any]) -> list[str]:
    lines = [
        f"{'admitted':<15} {one['identity'] or one['party']} {' '.join(one['kinds'])}"
        for one in ruling["admitted"] or ()
    ]
    if ruling["owners"]:
        keys, threshold = ruling["owners"]["keys"], ruling["owners"]["threshold"]
        lines += [f"{'owner':<15} {one} ({threshold} of {len(keys)})" for one in keys]
    if ruling["succeeds"]:
        before = ruling["succeeds"]
        lines.append(f"{'succeeds':<15} {before['origin']} at size {before['size']}")
        lines += [
            f"{'revoked':<15} {one['subject']} at #{one['index']} of {one['origin']}"
            for one in before["revoked"]
        ]
    return lines


def _admitted(one: "Submitter") -> dict[str, Any]:
    identity = "@".join(one.opened.identity) if one.opened else None
    return {"party": one.fingerprint, "kinds": sorted(one.kinds), "identity": identity}
