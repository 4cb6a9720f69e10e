"""`weightmark exec`: run a command on a verified, read-only copy of a model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console, say, wants_color
from weightmark.cli.documents import check_lines, finding_lines
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import evidence_options, fail_on_option
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    mode_option,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.trust import trust_choice_options
from weightmark.cli.render import Style, renderer
from weightmark.cli.render.interface import Document
from weightmark.cli.streams import shows_unicode
from weightmark.errors import UncheckedError

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.loading.execution import Relay
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["exec_"]


@command("exec")
@click.argument("path", metavar="MODEL")
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@policy_option()
@environment_option()
@policy_pin_options()
@mode_option("goes on")
@trust_choice_options()
@fail_on_option(
    "Deny from this severity on; for presets, a policy file says it itself", default=None
)
@evidence_options()
@option("--ledger", metavar="PATH", type=FILE_OR_URI, help="Ledger to consult")
@option(
    "--snapshot-dir",
    metavar="DIR",
    type=click.Path(),
    help="Folder for the temporary copy; on the file system of the model blocks can be shared",
)
@events_options()
@pass_console
def exec_(
    console: Console,
    path: str,
    *,
    words: tuple[str, ...],
    policy_word: str,
    env: str | None,
    pin: "PolicyPin",
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    signature: str | None,
    claims: tuple[str, ...],
    ledger: str | None,
    snapshot_dir: str | None,
) -> None:
    """Run a command on a verified, read-only copy of a model.

    The gate decides by the policy. If it allows, the model is copied to a private temporary folder,
    the copy is checked, and the command runs on it: `{}` in its words and the variable
    `WEIGHTMARK_MODEL` name the copy, which is removed afterwards. Exits with the command's own
    code; refuses with the gate's. A policy that only warns (`audit`, `--mode warn`) refuses nothing:
    the copy is of what was judged, whatever the judgement.
    """
    from weightmark.attestations.gate.gate import gate
    from weightmark.attestations.gate.sources import Sources
    from weightmark.attestations.loading.execution import Relay, require_command
    from weightmark.attestations.outside import require_outside

    require_command(words)
    require_online(ledger)
    if ledger and "://" not in ledger:
        require_outside(Path(path), Path(ledger), "the ledger")
    policy = load_rules(
        path, policy_word, choice=choice, mode=mode, fail_on=fail_on, env=env, pin=pin
    )
    sources = Sources(
        signature=Path(signature) if signature else None,
        claims=tuple(Path(claim) for claim in claims),
        ledger=ledger or "",
    )
    with Relay() as relay:
        with console.progress(None) as progress:
            decision = gate(
                path, policy, sources, progress=progress, jobs=console.jobs, workers=console.jobs
            )
        document = console.told(_document(path, decision))
        if decision.blocks:
            _refuse(console, document)
        code = _run(console, path, decision, words=words, relay=relay, snapshot_dir=snapshot_dir)
    raise SystemExit(code)


def _run(
    console: Console,
    path: str,
    decision: "Decision",
    *,
    words: tuple[str, ...],
    relay: "Relay",
    snapshot_dir: str | None,
) -> int:
    """Copy what was judged, and run the command on the copy."""
    from weightmark.attestations.loading.snapshot import take_snapshot
    from weightmark.provenance.artifact import open_artifact

    identity = decision.evidence.identity
    if not identity:
        raise UncheckedError(
            f"`{path}` could not be identified, so no copy of it can be checked",
            fix="see `weightmark gate` for what stands in the way",
        )
    folder = Path(snapshot_dir) if snapshot_dir else None
    with take_snapshot(open_artifact(path), identity, folder=folder) as snapshot:
        console.note(f"{decision.word}: {identity} by policy `{decision.policy.name}`")
        return relay.run(words, snapshot)


def _refuse(console: Console, document: Document) -> NoReturn:
    """Say why nothing was run; as text on stderr, because stdout belongs to the command."""
    if console.format != "text" or console.output != "-":
        console.finish(document)
    style = Style(
        color=wants_color(console.color, sys.stderr),
        quiet=console.quiet,
        verbose=console.verbose,
        unicode=shows_unicode(sys.stderr),
    )
    say(renderer("text").render(document, style))
    raise SystemExit(int(document.exit))


def _document(path: str, decision: "Decision") -> Document:
    evidence, policy = decision.evidence, decision.policy
    rest = "; nothing was run" if decision.blocks else ""
    found = evidence.scan.findings if evidence.scan else ()
    return Document(
        schema="weightmark/exec/v1",
        exit=decision.exit,
        verdict=decision.word.replace(" ", "-"),
        headline=f"{decision.word}: {evidence.identity or path} by policy `{policy.name}`{rest}",
        checks=check_lines(decision.checks),
        findings=finding_lines(one for one in found if one.severity >= policy.scan.fail_on),
        facts={
            "path": path,
            "identity": evidence.identity or None,
            "policy": {
                "name": policy.name,
                "source": policy.source,
                "uri": policy.uri,
                "digest": f"sha256:{policy.sha256}",
                "mode": policy.mode.value,
            },
        },
    )
