"""Impact: everything that descends from an artifact, and every decision and deployment that it took part in."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.steps import digest_of
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.lineage.drawing import Arrow, Box, Drawing
from weightmark.values import dataclass

__all__ = ["Descendant", "Impact", "Use", "find_impact"]

_MAX_BOXES = 2000
_SHORT = 16
_ID = 16


class Descendant(NamedTuple):
    """Something that was made from the artifact, directly or not; there may be 100,000 of them."""

    identity: str
    """`wm1:<hex>` or `sha256:<hex>`"""
    parents: tuple[str, ...]
    """what it was made from, as far as that descends from the artifact, sorted"""
    entries: tuple[int, ...]
    """the entries that say so, rising"""


@dataclass(frozen=True, slots=True)
class Use:
    """A decision or deployment."""

    index: int
    """of its entry"""
    kind: Kind
    """`decision` or `deploy`"""
    identity: str
    """about which artifact"""
    verdict: str
    """what a decision came to; empty for a deployment"""
    said: str = ""
    """what its claim says, in one line, for example where it is deployed; empty where it is not at hand"""


@dataclass(frozen=True, slots=True)
class Impact:
    """What an artifact took part in, as far as one ledger knows."""

    root: str
    """the artifact"""
    size: int
    """entries of the ledger"""
    descendants: tuple[Descendant, ...]
    """by identity"""
    uses: tuple[Use, ...]
    """of the artifact and of its descendants, by entry"""
    unread: int = 0
    """claims that may tell of more descendants and could not be read"""
    erased: int = 0
    """claims that may have told of more descendants and were erased, as the ledger says"""
    elsewhere: int = 0
    """releases that may hold a file of it, and list their files outside of the ledger"""
    unfollowed: int = 0
    """things that went into something which no claim names by SHA-256: it may be one of them"""
    forgotten: int = 0
    """claims that told of descent in the log before this one, and are not entered here"""

    @property
    def whole(self) -> bool:
        """Whether every claim that may tell of more descendants was read."""
        return not (self.unread or self.erased or self.elsewhere or self.forgotten)

    def drawing(self) -> Drawing:
        """Draw it; at most 2,000 artifacts and uses."""
        boxes = [Box(self.root, _short(self.root), "bad")]
        boxes += [Box(one.identity, _short(one.identity)) for one in self.descendants]
        arrows = [Arrow(parent, one.identity) for one in self.descendants for parent in one.parents]
        for use in self.uses:
            name = f"#{use.index}"
            label = f"{use.kind} {name}{f': {use.verdict}' if use.verdict else ''}"
            boxes.append(Box(name, label, _STATES.get(use.verdict, "")))
            arrows.append(Arrow(use.identity, name))
        return Drawing(tuple(boxes[:_MAX_BOXES]), tuple(arrows))


_STATES = {"passed": "good", "failed": "bad"}


def find_impact(index: ClaimIndex, ledger: Ledger, root: str) -> Impact:
    """Look up what descends from `root` by provenance claims and the files of releases, and where any of it was used.

    A claim that somebody with the role revoked by its id says nothing; where revocations cannot be
    read, all count.
    """
    with index.below(root, _void(ledger)) as below:
        names = below.names()
        grouped = groupby(below.steps(), key=itemgetter(0))
        found = [_descendant(names, child, steps) for child, steps in grouped]
        uses = tuple(
            Use(at, Kind(kind), subject, verdict, said)
            for at, kind, subject, verdict, said in below.about((Kind.DECISION, Kind.DEPLOY))
        )
        unread, erased = below.unread(erased=False), below.unread(erased=True)
        elsewhere, unfollowed = below.elsewhere(), below.unfollowed()
    forgotten = _forgotten(index, ledger)
    same = digest_of(root)
    own = next((one for one in found if one.identity.endswith(same)), None)
    others = (
        one for one in found if not one.identity.endswith(same) and not _is_a_name_of(own, one)
    )
    descendants = tuple(sorted(others, key=attrgetter("identity")))
    with ledger.snapshot() as snapshot:
        size = snapshot.head.size
    return Impact(root, size, descendants, uses, unread, erased, elsewhere, unfollowed, forgotten)


def _is_a_name_of(root: Descendant | None, one: Descendant) -> bool:
    """Tell the only file of an artifact, which is the artifact by another name: an entry says so in both directions.

    Asked about a file, the artifact that it is alone is something else: where that file went.
    """
    if root is None or not one.identity.startswith("sha256:"):
        return False
    alone = len(one.parents) == 1 and one.parents[0] == root.identity
    return alone and one.identity in root.parents and set(one.entries) <= set(root.entries)


def _forgotten(index: ClaimIndex, ledger: Ledger) -> int:
    """Return how many claims that told of descent in the log before are not entered here; 1 where nobody can say."""
    try:
        before = ledger.policy().succeeds
    except WeightmarkError:
        return 1
    if before is None:
        return 0
    if before.descent is None:
        return 1
    told = {claim for claims in before.told.values() for claim in claims}
    return len(told - index.told() - {one[:_ID] for one in _void(ledger)})


def _void(ledger: Ledger) -> frozenset[str]:
    """Return the ids of claims that count for nobody."""
    try:
        return Revocations.read(ledger, complete=ledger.can_be_read_whole()).void_claims
    except WeightmarkError:
        return frozenset()


def _descendant(
    names: Mapping[int, str], child: int, steps: Iterable[tuple[int, int, int]]
) -> Descendant:
    first, *others = steps
    if not others:
        return Descendant(names[child], (names[first[1]],), (first[2],))
    parents = {names[parent] for _, parent, _ in (first, *others)}
    entries = {at for _, _, at in (first, *others)}
    return Descendant(names[child], tuple(sorted(parents)), tuple(sorted(entries)))


def _short(identity: str) -> str:
    kind, _, digest = identity.partition(":")
    return f"{kind}:{digest[:_SHORT]}"
