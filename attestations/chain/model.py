"""A chain as a value: the lineage, what is known of each artifact in it, and where it does not hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.steps import STEPS
from weightmark.attestations.trust import Trust
from weightmark.provenance.lineage.graph import Lineage
from weightmark.provenance.lineage.names import shortened
from weightmark.values import dataclass

__all__ = ["Chain", "ClaimsAbout", "Gap", "GapKind", "Known", "Refusal", "StepRoles"]

ClaimsAbout = Callable[[str], Sequence[Bundle]]
"""gives the claims that a ledger holds about an identity"""


class GapKind(StrEnum):
    """In which way a chain does not hold."""

    UNLINKED = "unlinked-input"
    """an input names no artifact by a strong digest"""
    WITHOUT_INPUT = "missing-input"
    """a step that makes one artifact of others names no other"""
    UNPROVEN = "unproven-artifact"
    """nobody who is trusted says how it was made, and nobody vouches for it"""
    UNSTATED = "unstated-making"
    """its files are signed, and nobody who is trusted says how it was made or approved it"""
    WRONG_ROLE = "wrong-role"
    """a step is stated only by somebody who may not state it"""
    CONTRADICTION = "contradiction"
    """two trusted statements say that one artifact was made from different things"""
    CIRCLE = "circle"
    """an artifact was made from itself"""
    YOUNGER_PARENT = "younger-parent"
    """what was made existed before what it was made from"""
    REVOKED = "revoked"
    """it, its signer or an ancestor was revoked"""
    LIMIT = "limit"
    """the chain was not followed to its end"""


@dataclass(frozen=True, slots=True)
class Gap:
    """One place at which a chain does not hold."""

    kind: GapKind
    """in which way"""
    artifact: str
    """`wm1:…` of the artifact that it is about"""
    summary: str
    """one line for a person"""
    why: str = ""
    """more of it"""
    fix: str = ""
    """which claim is missing, and the command that supplies it"""


@dataclass(frozen=True, slots=True)
class StepRoles:
    """Who may state how something was made."""

    usual: Trust
    """for every step that is not named"""
    by_step: Mapping[str, Trust] = field(default_factory=dict)
    """for a step by its kind, as `finetune`, or the URI of a foreign one; only these may state it then"""

    def of(self, kind: str) -> Trust | None:
        """Return who may state a step of this kind; None for nobody.

        Where any step has a role of its own, a kind that is neither named nor one of `STEPS` counts for
        nothing: it could be one of them by another name.
        """
        if not self.by_step or kind in STEPS:
            return self.by_step.get(kind, self.usual)
        return self.by_step.get(kind)

    @property
    def trusts(self) -> tuple[Trust, ...]:
        """Every trust, each once."""
        return tuple({id(one): one for one in (self.usual, *self.by_step.values())}.values())


@dataclass(frozen=True, slots=True)
class Known:
    """What trusted signers say about one artifact, beside how it was made."""

    identity: str
    """`wm1:…`"""
    name: str = ""
    """what its signer calls it; informational"""
    vouchers: tuple[str, ...] = ()
    """who listed its files or approved it"""
    approvers: tuple[str, ...] = ()
    """who approved it"""
    at: datetime | None = None
    """the earliest verified time at which one of these claims existed"""
    classifications: tuple[str, ...] = ()
    """levels that were claimed, see `ClassificationClaim`"""
    licenses: tuple[str, ...] = ()
    """licences that were claimed for a dataset"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement about a step that does not count."""

    artifact: str
    """`wm1:…` that it says something of"""
    kind: str
    """of the step"""
    signer: str
    """who signed it; of one who is not trusted, whom it names, unverified"""
    trusted: bool = True
    """whether that signer is trusted with other steps"""


@dataclass(frozen=True)
class Chain:
    """An artifact with all its ancestors."""

    lineage: Lineage
    """artifacts, steps and inputs"""
    known: Mapping[str, Known]
    """by identity; artifacts of which nothing is known are left out"""
    gaps: tuple[Gap, ...]
    """where it does not hold, the nearest first; what a policy allows is decided by its judge"""
    refusals: tuple[Refusal, ...] = ()
    """statements about artifacts of this chain that do not count"""
    claim_ids: tuple[str, ...] = ()
    """of every statement that the chain rests on"""

    @property
    def complete(self) -> bool:
        """Whether it holds everywhere."""
        return not self.gaps

    def name_of(self, identity: str) -> str:
        """Return what an artifact is called, as far as anybody says; else the beginning of its identity."""
        known = self.known.get(identity)
        if known and known.name:
            return known.name
        made = [s.output_name for s in self.lineage.steps.get(identity, ()) if s.output_name]
        return next(iter(made), "") or self._name_as_input(identity) or shortened(identity)

    def _name_as_input(self, identity: str) -> str:
        """Return what a step calls an artifact that goes into it, the first by name where several do."""
        named = {
            one.name
            for steps in self.lineage.steps.values()
            for step in steps
            for one in step.inputs
            if one.identity == identity and one.name
        }
        return min(named, default="")
