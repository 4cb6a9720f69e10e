"""`weightmark policy explain`: a policy in plain words."""

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.policy.facts import load_word, policy_facts
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

__all__ = ["explain"]


@command("policy explain")
@click.argument("word", metavar="PRESET|FILE")
@option("--env", metavar="NAME", help="Explain it as it is meant in this environment")
@pass_console
def explain(console: Console, word: str, *, env: str | None) -> None:
    """Say in plain words what a preset or a policy file demands, one line for each check."""
    from weightmark.attestations.policy.explain import explain_policy

    policy = load_word(word, env)
    demands = explain_policy(policy)
    width = max(len(demand.check) for demand in demands)
    console.finish(
        Document(
            schema="weightmark/policy-explain/v1",
            exit=Exit.GOOD,
            facts={
                **policy_facts(policy),
                "demands": [
                    {"check": one.check, "text": one.text, "setting": one.setting}
                    for one in demands
                ],
            },
            lines=tuple(f"{one.check:<{width}}  {one.text}  ({one.setting})" for one in demands),
        )
    )
