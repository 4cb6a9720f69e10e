"""`weightmark policy`: write, check and explain a policy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options import option, trust_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy

__all__ = ["check", "explain", "init", "policy"]

_PRESETS = ("baseline", "strict", "audit")


@command("policy init")
@click.argument("file", metavar="[FILE]", required=False, default="weightmark-policy.toml")
@option(
    "--preset",
    type=click.Choice(_PRESETS),
    default="baseline",
    show_default=True,
    help="Policy to begin with",
)
@trust_options()
@option("--name", metavar="TEXT", help="Name of the policy (default: that of the file)")
@pass_console
def init(console: Console, file: str, *, preset: str, key: str | None, name: str | None) -> None:
    """Write a commented policy to FILE, with your key in it; never overwrites."""
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.policy.template import draft_policy
    from weightmark.provenance.atomic import create_private_file

    path = Path(file)
    keys = [PublicKey.load(key)] if key else []
    text = draft_policy(preset, keys, name=name or path.stem)
    try:
        create_private_file(path, text, mode=0o644)
    except FileExistsError as error:
        raise CallError(
            f"`{path}` exists and is not overwritten", fix="name another file, or move it away"
        ) from error
    console.hint(f"say what it means with `weightmark policy explain {path}`")
    console.finish(
        Document(
            schema="weightmark/policy-init/v1",
            exit=Exit.GOOD,
            facts={"path": str(path), "preset": preset, "trusted": [k.identity for k in keys]},
            lines=(f"wrote {path}: preset `{preset}`, trusting {keys[0].identity}",),
        )
    )


@command("policy check")
@click.argument("file", metavar="FILE")
@pass_console
def check(console: Console, file: str) -> None:
    """Validate the policy in FILE: syntax, keys, and demands that contradict each other."""
    from weightmark.attestations.policy.load import load_policy_file

    policy = load_policy_file(Path(file))
    console.finish(
        Document(
            schema="weightmark/policy-check/v1",
            exit=Exit.GOOD,
            verdict="valid",
            headline=f"valid: `{policy.name}`, sha256:{policy.sha256}",
            facts=_facts(policy),
        )
    )


@command("policy explain")
@click.argument("word", metavar="PRESET|FILE")
@pass_console
def explain(console: Console, word: str) -> None:
    """Say in plain words what a preset or a policy file demands, one line for each check."""
    from weightmark.attestations.policy.explain import explain_policy
    from weightmark.attestations.policy.load import is_policy_file, load_policy_file, load_preset

    policy = load_policy_file(Path(word)) if is_policy_file(word) else load_preset(word)
    demands = explain_policy(policy)
    width = max(len(demand.check) for demand in demands)
    console.finish(
        Document(
            schema="weightmark/policy-explain/v1",
            exit=Exit.GOOD,
            facts={
                **_facts(policy),
                "demands": [
                    {"check": one.check, "text": one.text, "setting": one.setting}
                    for one in demands
                ],
            },
            lines=tuple(f"{one.check:<{width}}  {one.text}  ({one.setting})" for one in demands),
        )
    )


def _facts(policy: "Policy") -> dict[str, Any]:
    return {
        "name": policy.name,
        "source": policy.source,
        "uri": policy.uri,
        "digest": f"sha256:{policy.sha256}",
        "mode": policy.mode.value,
        "trusted": [key.identity for key in policy.release.keys],
    }


policy = click.Group(
    "policy",
    commands={"init": init, "check": check, "explain": explain},
    help="Write, check and explain a policy",
)
