"""`weightmark gate`: allow or refuse an artifact by policy, and say why."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines, finding_lines
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.evidence import evidence_options, fail_on_option
from weightmark.cli.options.ledger import ledger_place, require_online
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    mode_option,
    policy_key_option,
    policy_option,
)
from weightmark.cli.options.receipts import fresh_option, kept_receipts
from weightmark.cli.options.signers import load_signer, passphrase_option
from weightmark.cli.options.trust import TRUST_FLAGS, trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, UncheckedError, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.signers.interface import Signer
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["gate"]

_TOLD = (
    "policy",
    "env",
    "policy-key",
    "now",
    *TRUST_FLAGS,
    "mode",
    "fail-on",
    "ledger",
    "witness-policy",
    "record",
    "signing-key",
    "signature",
    "claims",
)
"""flags whose origin is told"""


@dataclass(frozen=True, slots=True)
class _Keeping:
    """What to do with the decision once it is made."""

    signer: "Signer | None"
    vsa: Path | None
    ledger: str
    record: bool
    resource: str


@command("gate")
@click.argument("path", metavar="PATH")
@policy_option()
@environment_option()
@policy_key_option()
@trust_choice_options()
@mode_option("exits with 0")
@fail_on_option(
    "Deny from this severity on; for presets, a policy file says it itself", default=None
)
@evidence_options()
@option("--ledger", metavar="PATH", type=FILE_OR_URI, help="Ledger to consult")
@witness_policy_option()
@option("--record", is_flag=True, help="Enter the signed decision into the ledger")
@option(
    "--signing-key",
    metavar="FILE",
    type=FILE_OR_URI,
    aliases=("--sign-key",),
    help="Private key that signs the decision",
)
@passphrase_option()
@option(
    "--vsa", metavar="FILE", type=click.Path(), help="Write the signed decision (SLSA VSA) there"
)
@fresh_option()
@option(
    "--now", metavar="TIME", help="Judge ages, approvals and ends as at this moment (default: now)"
)
@option("--resource-uri", metavar="URI", help="Name of the artifact in the VSA (default: identity)")
@pass_console
def gate(
    console: Console,
    path: str,
    *,
    policy_word: str,
    env: str | None,
    policy_key: str | None,
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    signature: str | None,
    claims: tuple[str, ...],
    ledger: str | None,
    witness_policy: str | None,
    record: bool,
    signing_key: str | None,
    passphrase_file: str | None,
    vsa: str | None,
    resource_uri: str | None,
    fresh: bool,
    now: str | None,
) -> None:
    """Allow or refuse a model or a dataset by policy.

    One read gives identity, verification and scan. Every check says what it saw, why it matters
    and how to mend it. Exits with 0 for allow, 1 for deny, 4 when a check could not be made.
    """
    from weightmark.attestations.gate.collect import Sources
    from weightmark.attestations.gate.gate import gate as run_gate

    require_online(ledger)
    for what, place in (
        ("the ledger", ledger),
        ("the VSA", vsa),
        ("the witness policy", witness_policy),
    ):
        _require_outside(path, what, place)
    policy = load_rules(
        path, policy_word, choice=choice, mode=mode, fail_on=fail_on, env=env, policy_key=policy_key
    )
    if witness_policy:
        policy = policy.with_witnesses(read_witness_policy(witness_policy))
    keeping = _keeping(
        f"gate {path}",
        ledger or "",
        signing_key,
        passphrase_file,
        vsa=vsa,
        resource=resource_uri or "",
        record=record,
    )
    _tell_settings(console, policy)
    sources = Sources(
        signature=Path(signature) if signature else None,
        claims=tuple(Path(claim) for claim in claims),
        ledger=ledger or "",
    )
    wanted = policy.trust_receipts and not fresh
    with console.progress(None) as progress, kept_receipts([path], fresh=not wanted) as receipts:
        decision = run_gate(
            path,
            policy,
            sources,
            now=parse_beginning(now),
            receipts=receipts,
            progress=progress,
            jobs=console.jobs,
            workers=console.jobs,
        )
    kept, facts = _keep(decision, keeping)
    console.finish(_document(console, path, decision, kept, facts))


def _require_outside(path: str, what: str, place: str | None) -> None:
    from weightmark.attestations.outside import require_outside

    if place and "://" not in place:
        require_outside(Path(path), Path(place), what)


def _keeping(
    command_words: str,
    ledger: str,
    signing_key: str | None,
    passphrase_file: str | None,
    *,
    vsa: str | None,
    resource: str,
    record: bool,
) -> _Keeping:
    """Check before anything is read that the decision can be kept as the caller wants."""
    wanted = "--record" if record else "--vsa" if vsa else ""
    if record and not ledger:
        raise CallError(
            "`--record` does not say in which ledger", fix="name it with `--ledger PATH`"
        )
    if wanted and not signing_key:
        raise CallError(
            f"`{wanted}` needs a signer",
            why="a decision that nobody signed proves nothing",
            fix="name the gate's own private key with `--signing-key gate.key`",
        )
    signer = None
    if wanted:
        signer = load_signer(signing_key, passphrase_file, command=command_words)
    return _Keeping(signer, Path(vsa) if vsa else None, ledger, record, resource)


def _keep(decision: "Decision", keeping: _Keeping) -> "tuple[tuple[Check, ...], dict[str, Any]]":
    """Sign, write and record; whatever fails is a check of its own and hides no decision."""
    from weightmark.attestations.checks import Check, Outcome
    from weightmark.attestations.gate.summary import sign_summary
    from weightmark.provenance.atomic import replace_files

    facts: dict[str, Any] = {"vsa": None, "record": None}
    if keeping.signer is None:
        return (), facts
    checks: list[Check] = []
    step = "vsa"
    try:
        bundle = sign_summary(decision, keeping.signer, resource=keeping.resource)
        if keeping.vsa:
            replace_files({keeping.vsa: bundle.to_bytes() + b"\n"})
            facts["vsa"] = str(keeping.vsa)
            checks.append(Check("vsa", Outcome.INFO, f"written to `{keeping.vsa}`"))
        if keeping.record:
            step = "record"
            facts["record"], recorded = _record(bundle, keeping)
            checks.append(recorded)
    except WeightmarkError as error:
        checks.append(Check.from_error(step, error))
    return tuple(checks), facts


def _record(bundle: Any, keeping: _Keeping) -> "tuple[dict[str, Any], Check]":
    from weightmark.attestations.checks import Check, Outcome
    from weightmark.attestations.ledger.submission import submit
    from weightmark.provenance.ledger.log import Ledger

    if keeping.signer is None:
        raise UncheckedError("nobody signs the decision, so it can't be recorded")
    with Ledger.open(ledger_place(keeping.ledger)) as ledger:
        (receipt,) = submit(ledger, [bundle], keeping.signer)
        origin = ledger.origin
    summary = f"entry {receipt.index} of `{origin}`"
    facts = {"origin": origin, "index": receipt.index, "kind": receipt.event.kind.value}
    return facts, Check("record", Outcome.INFO, summary)


def _tell_settings(console: Console, policy: "Policy") -> None:
    console.detail(f"policy: {policy.source}, sha256:{policy.sha256}")
    console.tell_origins(_TOLD)


def _from_environment(console: Console) -> tuple[str, ...]:
    """Name the variables that shaped the decision: nobody sees them in the call."""
    return tuple(
        f"- {flag} comes from the environment variable {origin}"
        for flag, origin in _origins(console).items()
        if origin.startswith("WEIGHTMARK_")
    )


def _origins(console: Console) -> dict[str, str]:
    return {flag: console.settings.origin(flag) for flag in _TOLD}


def _document(
    console: Console,
    path: str,
    decision: "Decision",
    kept: "tuple[Check, ...]",
    facts: dict[str, Any],
) -> Document:
    from weightmark.attestations.checks import exit_of, merge_checks

    evidence, policy = decision.evidence, decision.policy
    failed = [check for check in kept if check.outcome != "info"]
    scan = evidence.scan.findings if evidence.scan else ()
    return Document(
        schema="weightmark/gate/v1",
        exit=Exit.worst([decision.exit, exit_of(failed) if failed else Exit.GOOD]),
        verdict=decision.word.replace(" ", "-"),
        headline=(
            f"{decision.word}: {evidence.identity or path} by policy `{policy.name}`"
            f"{', but the decision was not kept as asked' if failed else ''}"
        ),
        checks=check_lines(merge_checks([*decision.checks, *kept])),
        notices=_from_environment(console),
        findings=finding_lines(one for one in scan if one.severity >= policy.scan.fail_on),
        facts={
            "path": path,
            **_evidence_facts(decision),
            "policy": {
                "name": policy.name,
                "source": policy.source,
                "uri": policy.uri,
                "digest": f"sha256:{policy.sha256}",
                "mode": policy.mode.value,
                "environment": policy.environment or None,
                "revision": policy.revision,
            },
            "settings": _origins(console),
            **facts,
        },
    )


def _evidence_facts(decision: "Decision") -> dict[str, Any]:
    from weightmark.provenance.ledger.event import format_time

    evidence, ledger = decision.evidence, decision.evidence.ledger
    return {
        "decided_at": format_time(evidence.at),
        "identity": evidence.identity or None,
        "files": evidence.files,
        "size": evidence.size,
        "trusted": list(evidence.trusted),
        "signers": list(evidence.verified.signers) if evidence.verified else [],
        "digest_used": evidence.verified.algorithm if evidence.verified else None,
        "claims": [f"sha256:{claim}" for claim in evidence.claims],
        "outside": [{"path": part.path, "files": part.files} for part in evidence.outside],
        "uncovered": list(evidence.uncovered),
        "ledger": {
            "origin": ledger.origin,
            "size": ledger.size,
            "root": f"sha256:{ledger.root}",
            "witnesses": ledger.witnesses,
        }
        if ledger and ledger.origin
        else None,
    }
