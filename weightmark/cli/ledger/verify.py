"""`weightmark ledger verify`: check the whole ledger."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.ledger.receipts import check_receipt
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.witnesses import check_witnesses, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, ReadError, WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.provenance.ledger.audit import LedgerAudit
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["verify"]


@command("ledger verify")
@click.argument("path", metavar="[PATH]", required=False)
@ledger_option()
@option(
    "--receipt",
    metavar="FILE",
    type=click.Path(),
    help="Check this receipt offline instead of a whole ledger",
)
@option(
    "--without-claims",
    is_flag=True,
    help="Check the log alone: a published view need not hold its claims",
)
@log_key_option("Verifier key that you trust; with `--ledger` it may be left out")
@witness_policy_option()
@events_options()
@pass_console
def verify(
    console: Console,
    path: str | None,
    *,
    ledger: str | None,
    receipt: str | None,
    without_claims: bool,
    log_key: str | None,
    witness_policy: str | None,
) -> None:
    """Check the whole ledger, or a receipt; with PATH, that the receipt is about this artifact.

    A whole ledger is recomputed from its entries: root, tiles, checkpoint, published view, stored
    claims, and the signature of every request.
    """
    if receipt:
        console.finish(check_receipt(console, Path(receipt), path, ledger, log_key))
    if path:
        raise CallError("PATH goes with `--receipt`", fix="name the ledger with `--ledger`")
    from weightmark.attestations.ledger.submission import BundleVerifier

    with open_ledger(ledger, log_key) as log:
        _tell_forgotten(console, log)
        judge = None if without_claims else BundleVerifier()
        audit = log.verify(judge, blobs=not without_claims)
        witnesses = check_witnesses(log, witness_policy)
        if judge:
            _remember(console, log, audit)
    console.finish(_audit_document(audit, witnesses))


def _tell_forgotten(console: Console, log: "Ledger") -> None:
    """Say what of the log before it a sound successor does not know."""
    from weightmark.attestations.ledger.succession import not_carried

    try:
        forgotten = not_carried(log)
    except WeightmarkError:
        return
    if forgotten:
        console.note(f"what the log before revoked is not all known here: {forgotten}")


def _remember(console: Console, log: "Ledger", audit: "LedgerAudit") -> None:
    """Note for the auditor's pages when the whole ledger was verified; a note that fails is only said."""
    from weightmark.attestations.pages.verify_memory import remember_full_verify

    try:
        remember_full_verify(log, audit.head.size, len(audit.problems))
    except ReadError as error:
        console.note(f"when it was verified could not be noted: {error.what}")


def _headline(audit: "LedgerAudit") -> str:
    if not audit.problems:
        return "the ledger is sound"
    problems = counted(len(audit.problems), "problem")
    if audit.exit is Exit.BAD:
        return f"the ledger is not sound: {problems}"
    return f"not all of the ledger could be checked: {problems}"


def _audit_document(audit: "LedgerAudit", witnesses: "Check") -> Document:
    from weightmark.attestations.checks import Check, exit_of, merge_checks
    from weightmark.attestations.checks import Outcome as Came

    sound = f"{counted(audit.head.size, 'entry', 'entries')}, root and checkpoint recomputed"
    checks = [
        Check(
            problem.where,
            Came.FAIL if problem.exit is Exit.BAD else Came.UNCHECKED,
            problem.what,
            fix=problem.fix,
        )
        for problem in audit.problems
    ] or [Check("log", Came.PASS, sound)]
    checks.append(witnesses)
    code = exit_of(checks)
    return Document(
        schema="weightmark/ledger-verify/v1",
        exit=code,
        verdict={Exit.GOOD: "verified", Exit.BAD: "refused"}.get(code, "unchecked"),
        headline=_headline(audit),
        checks=check_lines(merge_checks(checks)),
        facts={
            "checked": "ledger",
            "origin": audit.head.origin,
            "size": audit.head.size,
            "root": f"sha256:{audit.head.root.hex()}",
            "published": audit.published,
            "blobs": {str(state): count for state, count in audit.blobs.items()},
            "signatures_checked": audit.signatures_checked,
        },
    )
