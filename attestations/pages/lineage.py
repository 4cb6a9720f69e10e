"""What an artifact was made from and what was made from it, as far as a page can show: a few steps, and says where it stops."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from weightmark.attestations.pages.index.page_index import Edge
from weightmark.attestations.pages.source import Source
from weightmark.provenance.lineage.drawing import Arrow, Box, Drawing
from weightmark.values import dataclass

__all__ = ["Family", "Relative", "family_of"]

_SHORT = 12
_EDGES = 200

_Next = Callable[[str, int], Sequence[Edge]]


class _Bounds(NamedTuple):
    """How far a page follows."""

    most: int
    depth: int


@dataclass(frozen=True, slots=True)
class Relative:
    """Something on the way to or from an artifact."""

    name: str
    """`wm1:<hex>` or `sha256:<hex>`"""
    generation: int
    """steps from the artifact: below 0 it went in, above 0 it came out"""
    via: str
    """the neighbour through which it was reached"""
    index: int
    """of the entry whose claim says so"""
    revoked: bool
    """whether a revocation in force is about it"""


@dataclass(frozen=True, slots=True)
class Family:
    """Ancestors and descendants of one artifact, nearest first."""

    root: str
    """the artifact"""
    ancestors: tuple[Relative, ...]
    """what it was made from"""
    descendants: tuple[Relative, ...]
    """what was made from it"""
    more_ancestors: bool
    """whether there are more than are listed"""
    more_descendants: bool
    """likewise"""
    root_revoked: bool
    """whether a revocation in force is about the artifact"""

    def drawing(self) -> Drawing:
        """Draw it: descendants on top, ancestors below, as arrows lead from what went in to what came out."""
        top = max((one.generation for one in self.descendants), default=0)
        state = "bad" if self.root_revoked else "good"
        boxes = [Box(self.root, short_name(self.root), state, top)]
        arrows = []
        for one in (*self.descendants, *self.ancestors):
            state = "bad" if one.revoked else ""
            boxes.append(Box(one.name, short_name(one.name), state, top - one.generation))
            ends = (one.name, one.via) if one.generation < 0 else (one.via, one.name)
            arrows.append(Arrow(*ends, f"#{one.index}"))
        return Drawing(tuple(boxes), tuple(arrows))


def family_of(source: Source, root: str, *, most: int = 30, depth: int = 6) -> Family:
    """Follow what claims say, up to `most` artifacts in each direction; claims that count for nobody say nothing."""
    bounds = _Bounds(most, depth)
    above, more_above = _walk(source, root, bounds, source.index.parents, -1)
    below, more_below = _walk(source, root, bounds, source.index.children, 1)
    revoked = source.context.revokes(root)
    return Family(root, above, below, more_above, more_below, revoked)


def short_name(name: str) -> str:
    """Return the beginning of a digest, with a sign of what is left out."""
    kind, _, digest = name.partition(":")
    return f"{kind}:{digest[:_SHORT]}…"


def _walk(
    source: Source, root: str, bounds: _Bounds, following: _Next, step: int
) -> tuple[tuple[Relative, ...], bool]:
    void = source.context.void_claims
    seen, waiting = {root.partition(":")[2]}, deque([(root, 0)])
    found: list[Relative] = []
    more = False
    while waiting:
        name, away = waiting.popleft()
        edges = following(name, _EDGES + 1)
        more = more or len(edges) > _EDGES
        for edge in edges[:_EDGES]:
            digest = edge.name.partition(":")[2]
            if edge.claim_id in void or digest in seen:
                continue
            if len(found) >= bounds.most or away >= bounds.depth:
                return tuple(found), True
            seen.add(digest)
            revoked = source.context.revokes(edge.name)
            found.append(Relative(edge.name, step * (away + 1), name, edge.index, revoked))
            waiting.append((edge.name, away + 1))
    return tuple(found), more
