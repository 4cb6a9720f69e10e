"""The provenance chain as the gate needs it: by the roles of the policy, tainted by what a ledger revokes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.gathering import ClaimsAbout, grow_chain
from weightmark.attestations.chain.model import Chain, StepRoles
from weightmark.attestations.ledger.consulting import Consultation, open_place
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import Trust
from weightmark.errors import ReadError, UnsupportedError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.lineage.graph import Bounds

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = [
    "LedgerClaims",
    "claims_in_ledger",
    "lineage_of",
    "revoked_in",
    "step_roles",
    "vouchers_of",
]

_USUAL_DEPTH = 64


def lineage_of(
    policy: Policy,
    identity: str,
    bundles: list[Bundle],
    *,
    trusts: Mapping[str, Trust],
    consultation: Consultation | None,
    claims_about: ClaimsAbout,
    now: datetime,
) -> Chain | None:
    """Return the chain of the artifact; None when nobody may state or vouch for anything.

    `bundles` grows by what the ledger holds about ancestors.
    """
    roles = step_roles(policy, trusts)
    if roles is None:
        return None
    depth = policy.lineage.rule.max_depth if policy.lineage else _USUAL_DEPTH
    build = partial(
        build_chain,
        identity,
        bundles,
        roles,
        vouchers=vouchers_of(policy, trusts),
        # one step more than is allowed, so that too deep a chain is told from one that has no end
        bounds=Bounds(depth=depth + 1),
        now=now,
    )
    chain = grow_chain(build, bundles, claims_about)
    revoked = revoked_in(chain, consultation)
    return build(revoked=revoked) if revoked else chain


class LedgerClaims:
    """Asks a ledger for its claims about an identity, and all of them: one that is missing may be a bad one.

    In a `with` statement the ledger is opened once, else for each question.
    """

    def __init__(self, place: str) -> None:
        """Ask the ledger at `place`; where that is empty there is nobody to ask."""
        self._place = place
        self._open: Ledger | None = None

    def __enter__(self) -> Self:
        """Open the ledger; raises what `Ledger.open` raises."""
        self._open = open_place(self._place) if self._place else None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        opened, self._open = self._open, None
        if opened:
            opened.close()

    def __call__(self, identity: str) -> Sequence[Bundle]:
        """Return the claims about an identity, in the order of their entries.

        Raises `ReadError` for one that is missing, or was erased and never said again by its signer, and
        `LedgerInconsistentError`.
        """
        if self._open:
            return _claims_of(self._open, identity)
        if not self._place:
            return ()
        with open_place(self._place) as ledger:
            return _claims_of(ledger, identity)


def claims_in_ledger(place: str) -> LedgerClaims:
    """Return how to ask a ledger for its claims about an identity."""
    return LedgerClaims(place)


def _claims_of(ledger: "Ledger", identity: str) -> list[Bundle]:
    found: list[Bundle] = []
    whole = ledger.can_be_read_whole()
    entries = ledger.find(subject=identity, complete=whole)
    for logged in entries:
        try:
            data = ledger.claim(logged.index)
            found.append(Bundle.parse(data, what=f"the claim of entry {logged.index}"))
        except UnsupportedError:
            # of a kind that nobody here reads, and so of no kind that a policy asks for
            continue
        except ReadError:
            if not (_is_said_again(logged, entries) and _is_erased(ledger, logged, whole=whole)):
                raise
    return found


def _is_said_again(logged: "LoggedEvent", entries: Iterable["LoggedEvent"]) -> bool:
    """Tell an entry after which the same signer entered another claim of that kind about the same artifact."""
    told = (logged.event.kind, logged.event.signer)
    return any(
        one.index > logged.index and (one.event.kind, one.event.signer) == told for one in entries
    )


def _is_erased(ledger: "Ledger", logged: "LoggedEvent", *, whole: bool) -> bool:
    """Tell a claim that is gone because a `redact` entry says so."""
    named = f"sha256:{logged.event.claim_sha256}"
    return any(one.event.subject == named for one in ledger.find(kind=Kind.REDACT, complete=whole))


def vouchers_of(policy: Policy, trusts: Mapping[str, Trust]) -> Trust | None:
    """Return who may vouch for what a chain ends at; None when that is whoever may state steps."""
    return trusts.get(policy.lineage.vouchers) if policy.lineage else None


def step_roles(policy: Policy, trusts: Mapping[str, Trust]) -> StepRoles | None:
    """Return who may state which step; None when nobody may."""
    line = policy.lineage
    if line is None:
        said = policy.require.provenance or policy.require.release
        usual = trusts.get(said.role) if said else None
        return StepRoles(usual) if usual else None
    usual = trusts.get(line.role)
    if usual is None:
        return None
    by_step = {kind: trusts[role] for kind, role in line.steps.items() if role in trusts}
    return StepRoles(usual, by_step)


def revoked_in(chain: Chain, consultation: Consultation | None) -> dict[str, str]:
    """Return each artifact of a chain that a ledger revokes, with the words that say so."""
    if consultation is None or consultation.revocations is None:
        return {}
    found = {one: consultation.revocations.of_content([one]) for one in chain.lineage.depths}
    return {one: revocation.words for one, revocation in found.items() if revocation}
