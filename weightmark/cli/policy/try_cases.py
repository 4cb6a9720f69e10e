"""`weightmark policy test`: run cases, artifacts with the decision that is expected of each."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.policy.facts import policy_facts
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy

__all__ = ["test_"]


@command("policy test")
@click.argument("folder", metavar="DIR")
@option(
    "--policy",
    "file",
    metavar="FILE",
    type=click.Path(),
    required=True,
    help="Policy file to try",
)
@pass_console
def test_(console: Console, folder: str, *, file: str) -> None:
    """Run every case in DIR, and say which decisions are others than expected.

    A case is a TOML file with `artifact` and `expect` (`allow`, `deny` or `unchecked`), and where
    that matters `checks`, `claims`, `ledger`, `env` and `now`. Paths are relative to it.
    """
    from weightmark.attestations.gate.cases import read_cases, run_case
    from weightmark.attestations.policy.load import load_policy_file

    def rules(environment: str, artifact: Path) -> "Policy":
        return load_policy_file(Path(file), artifact=artifact, environment=environment)

    policy = load_policy_file(Path(file))
    results = [run_case(case, rules) for case in read_cases(Path(folder))]
    failed = sum(bool(one.problem) for one in results)
    console.finish(
        Document(
            schema="weightmark/policy-test/v1",
            exit=Exit.BAD if failed else Exit.GOOD,
            verdict="failed" if failed else "passed",
            headline=f"{len(results) - failed} of {len(results)} cases decided as expected",
            checks=tuple(
                CheckLine(
                    Outcome.FAIL if one.problem else Outcome.PASS,
                    one.case.name,
                    one.problem or f"{one.decision.verdict.value}, as expected",
                    "",
                    "correct the policy, or what the case expects" if one.problem else "",
                )
                for one in results
            ),
            facts={
                **policy_facts(policy),
                "cases": [
                    {
                        "name": one.case.name,
                        "expected": one.case.expected.value,
                        "decision": one.decision.verdict.value,
                        "problem": one.problem,
                    }
                    for one in results
                ],
            },
        )
    )
