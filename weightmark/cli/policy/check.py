"""`weightmark policy check`: is a policy sound, and what does it leave open."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.options.common import option, trust_options
from weightmark.cli.policy.facts import policy_facts
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.attestations.policy.model import Policy

__all__ = ["check"]


@command("policy check")
@click.argument("file", metavar="FILE")
@option("--env", metavar="NAME", help="Look at it as it is meant in this environment")
@trust_options(several=True)
@pass_console
def check(console: Console, file: str, *, env: str | None, key: tuple[str, ...]) -> None:
    """Validate the policy in FILE, or a preset, and name what it leaves open.

    Syntax, keys, and demands that contradict each other end with exit code 2, in every environment.
    With `--key` the policy must be signed by that key (`weightmark policy sign`).
    """
    from weightmark.attestations.checks import exit_of
    from weightmark.attestations.policy.holes import holes_of
    from weightmark.attestations.policy.load import load_policy_file, load_preset
    from weightmark.attestations.policy.presets import PRESETS

    if file in PRESETS and not key and not Path(file).exists():
        policy = load_preset(file)
    else:
        policy = load_policy_file(Path(file), environment=env or "")
    holes = holes_of(policy)
    signed = _signed(Path(file), policy, key)
    code = exit_of(signed) if signed else Exit.GOOD
    # a preset can't be edited
    copied = (
        [
            f"- to set any of that, begin a policy with `weightmark policy init MODEL --preset {file}`"
        ]
        if policy.is_preset and holes
        else []
    )
    left_open = f", {len(holes)} open" if holes else ""
    verdict = {Exit.GOOD: "valid", Exit.BAD: "refused"}.get(code, "unchecked")
    console.finish(
        Document(
            schema="weightmark/policy-check/v1",
            exit=code,
            verdict=verdict,
            headline=f"{verdict}: `{policy.name}`, sha256:{policy.sha256}{left_open}",
            checks=check_lines(signed),
            facts={
                **policy_facts(policy),
                "environments": list(policy.environments),
                "holes": [
                    {"setting": one.setting, "text": one.text, "fix": one.fix} for one in holes
                ],
            },
            notices=(*(f"- {one.setting}: {one.text}; {one.fix}" for one in holes), *copied),
        )
    )


def _signed(path: Path, policy: "Policy", keys: tuple[str, ...]) -> "list[Check]":
    from weightmark.attestations.checks import Check, Outcome
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.policy.revisions import RevisionMemory
    from weightmark.attestations.policy.signature import verify_policy
    from weightmark.attestations.trust import Trust
    from weightmark.errors import CallError, WeightmarkError

    if not keys:
        return []
    now = datetime.now(UTC)
    trust = Trust.in_keys([PublicKey.load(one) for one in keys])
    try:
        verified = verify_policy(path, policy, trust, now=now)
        RevisionMemory.of_user().admit(verified, policy)
    except CallError:
        raise
    except WeightmarkError as error:
        return [Check.from_error("signature", error)]
    summary = f"revision {policy.revision}, signed by {verified.signer.name}"
    if policy.expires and now >= policy.expires:
        return [Check("signature", Outcome.UNCHECKED, f"{summary}, and it has expired")]
    return [Check("signature", Outcome.PASS, summary)]
