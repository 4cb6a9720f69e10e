"""The command, its options, and the order of its steps."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import CONSOLE_META, Console, pass_console
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.evidence import evidence_options
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.policy import environment_option, policy_option, policy_pin_options
from weightmark.cli.options.trust import trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.cli.report.belief import believed, require_in_time
from weightmark.cli.report.calls import (
    DIGEST,
    FORMS,
    ITEMS,
    Call,
    Framework,
    form_said,
    require_sense,
)
from weightmark.cli.report.subjects import artifacts, incident, zero_trust

if TYPE_CHECKING:
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["report"]


@command("report", own_format=True)
@click.argument("subjects", metavar="[PATH|DIGEST]...", nargs=-1)
@option(
    "-f",
    "--format",
    "framework",
    type=Framework([*ITEMS, "zero-trust", "incident"]),
    required=True,
    help="What is reported",
)
@option(
    "--as",
    "form",
    type=click.Choice(FORMS),
    help="Form of the files (default: by the suffix of `-o`, else Markdown)",
)
@option("--out", metavar="DIR", type=click.Path(), help="Write a file an artifact, and an index of gaps, into this new folder")  # fmt: skip
@option("--at", metavar="TIME", help="Judge ages and ends for this moment (default: that of the newest evidence)")  # fmt: skip
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@policy_option(required=False)
@environment_option()
@policy_pin_options()
@trust_choice_options()
@evidence_options()
@pass_console
def report(
    console: Console,
    subjects: tuple[str, ...],
    *,
    framework: str,
    form: str | None,
    out: str | None,
    at: str | None,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
    policy_word: str | None,
    env: str | None,
    pin: "PolicyPin",
    choice: "TrustChoice",
    signature: str | None,
    claims: tuple[str, ...],
) -> None:
    """Fill what a framework asks for with evidence that was verified, and name what is missing.

    `annex-iv`, `ssdf`, `g7-sbom-ai` and `nist-rmf` are about artifacts: PATH on disk, DIGEST in a ledger, or
    without either every artifact of the ledger (`--out DIR`). `incident` is about one DIGEST or PATH, `zero-trust`
    about a whole ledger. A claim counts by the roles of `--policy`, by whom the flags of trust name, or
    else by whom the ledger admitted; others are listed, and fill nothing.
    """
    from weightmark.attestations.reports.making import jury_for
    from weightmark.attestations.reports.register import Register

    if form == "json":
        # failures are answered in the form that was asked for, too
        click.get_current_context().meta[CONSOLE_META] = replace(console, format="json")
    require_sense(
        console, framework, subjects, out=out, ledger=ledger, witness_policy=witness_policy
    )
    policy, trust = believed(subjects, policy_word, choice=choice, env=env, pin=pin)
    moment = parse_beginning(at)
    with ExitStack() as stack:
        register = None
        if (
            ledger
            or not subjects
            or framework == "incident"
            or any(map(DIGEST.fullmatch, subjects))
        ):
            log = stack.enter_context(open_ledger(ledger, log_key))
            witnesses = read_witness_policy(witness_policy) if witness_policy else None
            register = stack.enter_context(Register.of(log, witnesses=witnesses))
            register.until = moment
        jury = jury_for(policy, trust, register, moment)
        require_in_time(jury)
        call = Call(
            framework,
            form_said(console, form),
            Path(out) if out else None,
            moment,
            tuple(Path(one) for one in claims),
            Path(signature) if signature else None,
        )
        if framework == "zero-trust":
            zero_trust(console, call, jury, register)
        if framework == "incident":
            incident(console, call, subjects[0], jury, register)
        artifacts(console, call, subjects, jury, register)
