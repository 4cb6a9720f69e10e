"""`weightmark chain`: show what an artifact was made from, and by whose word."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.checks import counted, merge_checks
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.policy import (
    ANY_POLICY,
    environment_option,
    load_rules,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.chain.gathering import GatheredChain
    from weightmark.attestations.chain.model import Chain, StepRoles
    from weightmark.attestations.chain.rule import ChainRule
    from weightmark.attestations.checks import Check
    from weightmark.attestations.ledger.consulting import Consultation
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["chain"]

_DRAWINGS = ("mermaid", "dot", "svg")


@command("chain")
@click.argument("path", metavar="PATH")
@trust_choice_options()
@option(
    "--with",
    "at_hand",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    help="An ancestor on disk: its claims are read, and weights are compared; may be given several times",
)
@option(
    "--claims",
    metavar="FILE|DIR",
    type=click.Path(),
    multiple=True,
    help="More claims; may be given several times",
)
@policy_option(required=False)
@environment_option()
@policy_pin_options()
@option("--ledger", metavar="PLACE", type=FILE_OR_URI, help="Ledger with claims and revocations")
@option(
    "--max-depth",
    type=click.IntRange(1, 1000),
    help="Steps to follow (default: as the policy says, else 64)",
)
@option("--draw", type=click.Choice(_DRAWINGS), help="Draw it instead")
@pass_console
def chain(
    console: Console,
    path: str,
    *,
    choice: "TrustChoice",
    at_hand: tuple[str, ...],
    claims: tuple[str, ...],
    policy_word: str | None,
    env: str | None,
    pin: "PolicyPin",
    ledger: str | None,
    max_depth: int | None,
    draw: str | None,
) -> None:
    """Show from what an artifact was made, step by step, as far as trusted signers say so.

    Only strong digests link. Each gap names the missing claim and the command that supplies it. With
    a policy each step and each end is judged as `gate` does: roles, thresholds, ages, exceptions.
    """
    from weightmark.attestations.chain.gathering import gather_chain
    from weightmark.attestations.gate.lineage import revoked_in
    from weightmark.attestations.ledger.consulting import consulted
    from weightmark.attestations.ledger.ledger_claims import LedgerClaims
    from weightmark.provenance.lineage.graph import Bounds

    require_online(ledger)
    _require_files(path)
    consultation = consulted(Path(path), ledger)
    by = _belief(path, policy_word, env, pin=pin, choice=choice, consultation=consultation)
    with console.progress(None) as progress, LedgerClaims(ledger or "") as about:
        gathered = gather_chain(
            path,
            by.roles,
            vouchers=by.vouchers,
            at_hand=[Path(one) for one in at_hand],
            claims=[Path(one) for one in claims],
            claims_about=about,
            revoked_in=lambda found: revoked_in(found, consultation),
            bounds=Bounds(depth=max_depth or by.depth),
            now=by.at,
            progress=progress,
            jobs=console.jobs,
        )
    document = _document(path, gathered, by, consultation, draw)
    console.finish(_without_repetition(document) if console.format == "text" else document)


def _require_files(path: str) -> None:
    if path.startswith("wm1:") and not Path(path).exists():
        raise CallError(
            f"`{path[:100]}` is an identity, and a chain is told of files",
            why="its claims are read beside them, and their weights are compared",
            fix="name the folder or file, as `weightmark chain ./model`; of an identity"
            " `weightmark impact` says what was made from it",
        )


@dataclass(frozen=True, slots=True)
class _Belief:
    """By whose words and by which rule a chain is judged."""

    roles: "StepRoles | None"
    vouchers: "Trust | None"
    rule: "ChainRule"
    depth: int
    at: datetime
    policy: "Policy | None" = None
    trusts: "Mapping[str, Trust]" = field(default_factory=dict)

    def judge(self, gathered: "GatheredChain") -> "Iterable[Check]":
        """Judge as `gate` does by the policy; without one, by whether the chain holds."""
        from weightmark.attestations.chain.judging import judge_chain

        if self.policy is None:
            return judge_chain(gathered.chain, self.rule)
        from weightmark.attestations.gate.chain_alone import judge_chain_alone, judge_policy

        ended = judge_policy(self.policy, gathered.chain, self.at)
        if self.policy.lineage is None:
            return (*ended, *judge_chain(gathered.chain, self.rule), _undemanded())
        judged = judge_chain_alone(
            self.policy, gathered.chain, gathered.bundles, self.trusts, at=self.at
        )
        return (*ended, *judged)

    def left(self, chain: "Chain") -> "Chain":
        """Return the chain without what the policy excepts."""
        if not self.policy:
            return chain
        from weightmark.attestations.gate.chain_alone import without_excepted

        return without_excepted(self.policy, chain, self.at)


def _undemanded() -> "Check":
    from weightmark.attestations.checks import Check, Outcome

    return Check(
        "chain",
        Outcome.INFO,
        "the policy has no `[chain]`: `gate` demands nothing of it",
        "it is shown as whoever is trusted states it",
        "add `[chain]` to the policy",
    )


def _belief(
    path: str,
    policy_word: str | None,
    env: str | None,
    *,
    pin: "PolicyPin",
    choice: "TrustChoice",
    consultation: "Consultation | None",
) -> _Belief:
    """Return whom and what a policy names, or whom the call trusts; raises as `load_rules`."""
    from weightmark.attestations.chain.model import StepRoles
    from weightmark.attestations.chain.rule import ChainRule
    from weightmark.attestations.gate.lineage import step_roles, vouchers_of
    from weightmark.attestations.gate.sources import trusts_of

    at = datetime.now(UTC)
    # without a policy nobody lists ends: a signed one is shown as what it is
    complete = ChainRule(complete=True, signed_ends=True)
    if policy_word is None:
        if env:
            raise CallError(
                "`--env` is about a policy, and none is named", fix="name it with `--policy FILE`"
            )
        if pin != ANY_POLICY:
            raise CallError(
                "a policy is pinned, and none is named", fix="name it with `--policy FILE`"
            )
        trust = load_trust(choice, path)
        bound = consultation.bind(trust) if consultation else trust
        roles = StepRoles(bound) if bound else None
        return _Belief(roles, None, complete, complete.max_depth, at)
    policy = load_rules(path, policy_word, choice=choice, mode=None, fail_on=None, env=env, pin=pin)
    trusts = trusts_of(policy, consultation)
    rule = policy.lineage.rule if policy.lineage else complete
    return _Belief(
        step_roles(policy, trusts),
        vouchers_of(policy, trusts),
        rule,
        # one step more than is allowed, so that too deep a chain is told from one that has no end
        rule.max_depth + 1,
        at,
        policy,
        trusts,
    )


def _document(
    path: str,
    gathered: "GatheredChain",
    by: _Belief,
    consultation: "Consultation | None",
    draw: str | None,
) -> Document:
    from weightmark.attestations.chain.gathering import content_checks
    from weightmark.attestations.checks import exit_of
    from weightmark.cli.chain.tree import chain_facts, draw_chain, tree_lines

    chain, left = gathered.chain, by.left(gathered.chain)
    asked = (consultation.problem, consultation.witnesses) if consultation else ()
    checks = [
        *by.judge(gathered),
        *content_checks(gathered.compared),
        *gathered.checks,
        *(one for one in asked if one),
    ]
    code = exit_of(checks)
    lines = tree_lines(left, by.rule, gathered.name_of)
    if draw:
        drawing = draw_chain(left, gathered.name_of)
        forms = {"mermaid": drawing.to_mermaid, "dot": drawing.to_dot, "svg": drawing.to_svg}
        lines = tuple(forms[draw]().splitlines())
    verdicts = {Exit.GOOD: "complete", Exit.BAD: "incomplete", Exit.UNCHECKED: "unchecked"}
    facts = chain_facts(chain, by.rule, gathered.name_of, left)
    return Document(
        schema="weightmark/chain/v1",
        exit=code,
        verdict="" if draw else verdicts.get(code, "nothing-checked"),
        headline="" if draw else _headline(code, left),
        checks=() if draw else check_lines(merge_checks(checks)),
        facts={"path": path, "identity": chain.lineage.root, **facts},
        lines=lines,
    )


def _without_repetition(document: Document) -> Document:
    """Return it for people, who see in the tree what closes each gap."""
    fixes = {gap["fix"] for gap in document.facts["gaps"] if gap["counts"] and gap["fix"]}
    return replace(
        document,
        checks=tuple(
            replace(one, fix="do what stands beside each `✗` in the tree")
            if one.fix in fixes
            else one
            for one in document.checks
        ),
    )


def _headline(code: Exit, chain: "Chain") -> str:
    count = counted(len(chain.lineage.depths), "artifact")
    if code is Exit.GOOD:
        how = "the chain holds as far as it is stated" if chain.gaps else "the chain holds"
        return f"{how}: {count}"
    return "the chain does not hold everywhere"
