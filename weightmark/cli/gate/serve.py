"""`weightmark gate serve`: the gate for pipelines and clusters that ask over HTTP."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.decision_lines import decision_lines
from weightmark.cli.gate.keeping import Keeping, KeepingRequest
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.keeping import keeping_options
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.listening import Listening, ListeningValues, listening_options
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.trust import trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy
from weightmark.cli.render.interface import Document
from weightmark.cli.telling.serving import told_answers
from weightmark.errors import CallError, Exit, read_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weightmark.attestations.checks import Check
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.gate.serving.decision_log import Answered, DecisionLog
    from weightmark.attestations.gate.serving.service import Keep
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["serve"]

_LEAST_TOKEN, _MOST_TOKEN = 16, 4096


@command("gate serve", formats=("text",))
@policy_option()
@environment_option()
@policy_pin_options()
@trust_choice_options()
@option(
    "--root",
    metavar="DIR",
    type=click.Path(),
    multiple=True,
    help="Folder beneath which files may be asked about; may be given several times",
)
@option(
    "--claims",
    metavar="FILE|DIR",
    type=click.Path(),
    multiple=True,
    help="Claims, earlier decisions among them; may be given several times",
)
@keeping_options()
@listening_options(7380)
@option("--token-file", metavar="FILE", type=click.Path(), help="Answer only who shows this token")
@option(
    "--within",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1, max=3600),
    default=9.0,
    show_default=True,
    help="Answer `could not be checked` after this time",
)
@option(
    "--rate",
    metavar="N",
    type=click.FloatRange(min=0),
    default=200.0,
    show_default=True,
    help="Requests of one address a second; 0 is no bound",
)
@option(
    "--access-log",
    metavar="FILE",
    type=click.Path(),
    help="Add a JSON line for each answer to FILE (default: stderr)",
)
@events_options()
@pass_console
def serve(
    console: Console,
    *,
    policy_word: str,
    env: str | None,
    pin: "PolicyPin",
    choice: "TrustChoice",
    root: tuple[str, ...],
    claims: tuple[str, ...],
    ledger: str | None,
    witness_policy: str | None,
    record: bool,
    submit_key: str | None,
    signing_key: str | None,
    passphrase_file: str | None,
    token_file: str | None,
    within: float,
    rate: float,
    access_log: str | None,
    **listening: Unpack[ListeningValues],
) -> None:
    """Answer over HTTP whether a policy allows an artifact: `POST /v1/decide`, and `POST /v1/admission` for Kubernetes.

    Files beneath `--root` are read and judged. An identity is answered by an earlier decision, where
    `[vsa]` of the policy takes one. 200 is said of what is allowed and of nothing else.
    """
    from weightmark.attestations.gate.serving.app import gate_app
    from weightmark.attestations.gate.serving.service import Bounds, GateService
    from weightmark.attestations.gate.sources import Sources

    place = Listening.of(console, "the gate", **listening)
    require_online(ledger)
    roots = _folders(root)
    named = {
        "the ledger": ledger,
        "the witness policy": witness_policy,
        "the signing key": signing_key,
        "the file of the token": token_file,
    }
    policy = _rules(roots, named, policy_word, choice=choice, env=env, pin=pin)
    if witness_policy:
        policy = policy.with_witnesses(read_witness_policy(witness_policy))
    _require_use(policy, roots)
    request = KeepingRequest(
        vsa=None,
        svr=None,
        decision=None,
        ledger=ledger or "",
        record=record,
        signing_key=signing_key,
        submit_key=submit_key,
        passphrase_file=passphrase_file,
        tsa_url=(),
        resource="",
    )
    for claim in claims:
        if not Path(claim).exists():
            raise CallError(f"`{claim}` does not exist", fix="check the path of `--claims`")
    sources = Sources(claims=tuple(Path(claim) for claim in claims), ledger=ledger or "")
    keep = _keeper(request.load((), offline=console.offline)) if record else None
    token = _token(token_file)
    with (
        decision_lines(access_log) as tell,
        told_answers(console) as tell_others,
        GateService(
            policy,
            sources,
            roots=roots,
            keep=keep,
            tell=_both(tell, tell_others),
            bounds=Bounds(seconds=within, rate=rate),
            workers=console.jobs,
        ) as service,
    ):
        console.note(f"deciding by `{policy.name}`, sha256:{policy.sha256}")
        place.serve(console, gate_app(service, token=token))
    console.finish(Document("weightmark/gate-serve/v1", Exit.GOOD, notices=("stopped",)))


def _both(line: "Callable[[str], None]", told: "DecisionLog") -> "DecisionLog":
    """Return what writes the operator's own line, and tells others."""

    def tell(answered: "Answered") -> None:
        line(answered.to_line())
        told(answered)

    return tell


def _folders(given: tuple[str, ...]) -> tuple[Path, ...]:
    folders = tuple(Path(one) for one in given)
    for folder in folders:
        if not folder.is_dir():
            raise CallError(f"`--root {folder}` is no folder", fix="name a folder that exists")
    return folders


def _rules(
    roots: tuple[Path, ...],
    named: "Mapping[str, str | None]",
    word: str,
    *,
    choice: "TrustChoice",
    env: str | None,
    pin: "PolicyPin",
) -> "Policy":
    """Load the policy; what configures the judge lies beneath no folder that is judged."""
    from weightmark.attestations.outside import require_outside

    for root in roots:
        for what, place in named.items():
            if place and "://" not in place:
                require_outside(root, Path(place), what, where=f"beneath `--root {root}`")
    policies = [
        load_rules(str(root), word, choice=choice, mode=None, fail_on=None, env=env, pin=pin)
        for root in roots or (Path(os.devnull),)
    ]
    return policies[0]


def _require_use(policy: "Policy", roots: tuple[Path, ...]) -> None:
    if not roots and policy.vsa is None:
        raise CallError(
            "nothing could be answered",
            why="no files may be asked about, and the policy takes no earlier decisions",
            fix="name a folder with `--root`, or write `[vsa]` into the policy",
        )


def _keeper(keeping: Keeping) -> "Keep":
    def keep(decision: "Decision") -> "tuple[tuple[Check, ...], dict[str, Any] | None]":
        kept = keeping.keep(decision)
        return tuple(one for one in kept.checks if one.outcome != "info"), kept.record

    return keep


def _token(path: str | None) -> str:
    if path is None:
        return ""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_TOKEN + 1)
    except OSError as error:
        raise read_failure(path, error) from error
    token = data.strip().decode("ascii", "replace")
    if (
        not token.isprintable()
        or not token.isascii()
        or not _LEAST_TOKEN <= len(data) <= _MOST_TOKEN
    ):
        raise CallError(
            f"`{path}` holds no token",
            why=f"a token is {_LEAST_TOKEN} to {_MOST_TOKEN} printable ASCII characters",
            fix=f"make one with `openssl rand -hex 32 > {path}`",
        )
    return token
