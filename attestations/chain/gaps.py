"""Gaps: every place at which a chain does not hold, whatever a policy says of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from weightmark.attestations.chain.model import Chain, Gap, GapKind
from weightmark.provenance.lineage.graph import Input, Step
from weightmark.provenance.lineage.names import shortened
from weightmark.values import dataclass

__all__ = ["comes_from_elsewhere", "gaps_of", "is_circumstance", "is_derived"]

_OTHER = "use another artifact, or have it made again from what still counts"
_SKEW = timedelta(minutes=5)
"""by how much two honest clocks may differ"""
_MAX_NAME = 80
_DERIVING = frozenset({"convert", "evaluate", "finetune", "merge", "package", "quantize"})
"""steps that make an artifact of others"""
_FROM_ELSEWHERE = frozenset({"ingest", "preprocess"})
"""steps that take in what somebody else made"""
_CIRCUMSTANCES = frozenset({"code", "environment"})
"""what `record` notes of the program and its surroundings"""


def is_derived(step: Step) -> bool:
    """Tell whether a step has to name what it began with, and links to none of it."""
    return step.kind in _DERIVING and not step.parents


def comes_from_elsewhere(step: Step) -> bool:
    """Tell whether a step takes in something of which it says nothing: only who vouches for it can."""
    return step.kind in _FROM_ELSEWHERE and all(is_circumstance(one) for one in step.inputs)


def is_circumstance(one: Input) -> bool:
    """Tell whether an input is the program or its surroundings, by the step's word: no artifact, so nothing is missing."""
    return not one.identity and one.role in _CIRCUMSTANCES


def gaps_of(chain: Chain, revoked: Mapping[str, str], places: Mapping[str, str]) -> Iterator[Gap]:
    """Yield every gap of a chain, nearest artifact first.

    `revoked` maps an identity or a signer to the words that say so, `places` an identity to where the
    caller has that artifact, as a shell reads it.
    """
    return _Gaps(chain, revoked, places).all()


@dataclass(frozen=True)
class _Gaps:
    """Looks at a chain from every side."""

    chain: Chain
    revoked: Mapping[str, str]
    places: Mapping[str, str]

    def all(self) -> Iterator[Gap]:
        """Yield every gap, nearest artifact first."""
        for artifact in self.chain.lineage.depths:
            yield from self._of_artifact(artifact)
        for circle in self.chain.lineage.circles:
            names = " → ".join(shortened(one) for one in (*circle, circle[0]))
            yield Gap(
                GapKind.CIRCLE,
                circle[0],
                f"made from itself: {names}",
                why="nothing can have gone into its own making",
                fix="find out which of these statements is wrong, and have its signer revoke it",
            )
        if self.chain.lineage.limit:
            summary = f"the chain is {self.chain.lineage.limit}"
            fix = "raise `[chain] max_depth` if that is meant"
            yield Gap(GapKind.LIMIT, self.chain.lineage.root, summary, fix=fix)

    def _of_artifact(self, artifact: str) -> Iterator[Gap]:
        steps = self.chain.lineage.steps.get(artifact, ())
        reason = self.revoked.get(artifact)
        if reason:
            yield Gap(GapKind.REVOKED, artifact, f"`{shortened(artifact)}` is {reason}", fix=_OTHER)
        if not steps:
            yield from self._unproven(artifact)
        elif len({step.parents for step in steps}) > 1 or len({s.kind for s in steps}) > 1:
            signers = ", ".join(sorted({shortened(step.signer) for step in steps}))
            yield Gap(
                GapKind.CONTRADICTION,
                artifact,
                f"`{shortened(artifact)}` was made in different ways, by the words of {signers}",
                fix="revoke the statement that is wrong",
            )
        for step in steps:
            yield from self._of_step(step)

    def _unproven(self, artifact: str) -> Iterator[Gap]:
        known = self.chain.known.get(artifact)
        if known and known.approvers:
            return
        if known and known.vouchers:
            yield self._unstated(artifact, known.vouchers[0])
            return
        refused = [one for one in self.chain.refusals if one.artifact == artifact and one.trusted]
        for one in refused:
            yield Gap(
                GapKind.WRONG_ROLE,
                artifact,
                f"how `{shortened(artifact)}` was made ({one.kind}) is stated only by {shortened(one.signer)}",
                why="who may state a step is said by the role of that step",
                fix=f"have it stated by the role for `{one.kind}`, or give the signer that role",
            )
        if not refused:
            yield Gap(
                GapKind.UNPROVEN,
                artifact,
                f"nobody who is trusted vouches for `{shortened(artifact)}` or says how it was made",
                fix=self._handing_over(artifact) + self._approving(artifact),
            )

    def _unstated(self, artifact: str, voucher: str) -> Gap:
        return Gap(
            GapKind.UNSTATED,
            artifact,
            f"`{shortened(artifact)}` is signed by {shortened(voucher)}, and nobody who is trusted says how it was made",
            why="a signature over the files says nothing of that, and whoever holds a statement back hides what went in",
            fix=self._handing_over(artifact, "how it was made")
            + self._approving(artifact)
            + ", if nothing that matters went into it",
        )

    def _handing_over(self, artifact: str, what: str = "something") -> str:
        """Say how claims get here that are made already; those beside what is at hand were read."""
        if artifact in self.places:
            return ""
        return f"if {what} is stated of it already, name those claims with `--claims` or `--ledger`; if not: "

    def _approving(self, artifact: str) -> str:
        # a name is what a signer calls it, and need not be where anybody has it
        where = self.places.get(artifact, "PATH")
        return (
            "record its step with `weightmark record`, or vouch for it:"
            f' `weightmark attest {where} --type approval --reason "…" --expires DATE --key KEY`'
        )

    def _of_step(self, step: Step) -> Iterator[Gap]:
        reason = self.revoked.get(step.signer)
        if reason:
            said = f"the signer {shortened(step.signer)} is {reason}"
            yield Gap(GapKind.REVOKED, step.output, said, fix=_OTHER)
        if is_derived(step) and all(is_circumstance(one) for one in step.inputs):
            yield Gap(
                GapKind.WITHOUT_INPUT,
                step.output,
                f"`{step.kind[:_MAX_NAME]}` of `{shortened(step.output)}` names nothing that it was made from",
                why="such a step makes one artifact of others, and what it does not name nobody judges",
                fix="record the step again with `weightmark record --input NAME=PATH`",
            )
        known = self.chain.known.get(step.output)
        if comes_from_elsewhere(step) and not (known and known.approvers):
            yield Gap(
                GapKind.WITHOUT_INPUT,
                step.output,
                f"`{step.kind}` of `{shortened(step.output)}` does not say what was taken in",
                why="what comes from elsewhere somebody has to vouch for",
                fix=self._approving(step.output),
            )
        for one in step.inputs:
            if not one.identity and not is_circumstance(one):
                yield Gap(
                    GapKind.UNLINKED,
                    step.output,
                    f"the input `{one.label[:80]}` of `{step.kind[:80]}` links to no artifact",
                    why=one.problem,
                    fix=f"record the step again with `weightmark record --input {one.name or 'NAME'}=PATH`,"
                    " or give the signed manifest of that input with `--claims`",
                )
        for parent in step.parents:
            born = self._born(parent)
            # a timestamp of the step can be put there anew, its own signed time can't
            stated = step.since or step.at
            if stated and born and born > stated + _SKEW:
                yield Gap(
                    GapKind.YOUNGER_PARENT,
                    step.output,
                    f"`{shortened(parent)}` appeared after what was made from it",
                    why=f"{born:%Y-%m-%dT%H:%M:%SZ} is later than {stated:%Y-%m-%dT%H:%M:%SZ}",
                    fix="find out which statement is wrong, and revoke it",
                )

    def _born(self, artifact: str) -> datetime | None:
        """Return the earliest verified time of anything that is said of an artifact."""
        known = self.chain.known.get(artifact)
        times = [known.at if known else None]
        times += [step.at for step in self.chain.lineage.steps.get(artifact, ())]
        proven = [one for one in times if one]
        return min(proven) if proven else None
