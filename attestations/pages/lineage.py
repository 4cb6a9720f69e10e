"""What an artifact was made from and what was made from it, as far as a page can show: a few steps, and says where it stops.

The steps are those of `weightmark impact`: what provenance claims say, and which files releases hold.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from weightmark.attestations.pages.index.page_index import Edge
from weightmark.attestations.pages.source import Source
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.lineage.drawing import Arrow, Box, Drawing
from weightmark.values import dataclass

__all__ = ["Family", "Lines", "Reached", "Relative", "digest_in", "family_of"]

_SHORT = 12
_EDGES = 200
_SHOWN, _SHOWN_DEPTH = 30, 6
_UP, _UP_DEPTH = 500, 50
_ALIASES = 4


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
    held: bool
    """whether that is a release that holds one as a file of the other; otherwise one was made from the other"""
    revoked: bool | None
    """whether a revocation in force is about it; None when revocations could not be read"""


@dataclass(frozen=True, slots=True)
class Reached:
    """What is reached in one direction, nearest first."""

    relatives: tuple[Relative, ...]
    """what was found"""
    more: bool
    """whether there is more"""


@dataclass(frozen=True, slots=True)
class Family:
    """Ancestors and descendants of one artifact, nearest first."""

    root: str
    """the artifact"""
    ancestors: tuple[Relative, ...]
    """what it was made from, and files of it that were made or revoked on their own"""
    descendants: tuple[Relative, ...]
    """what was made from it, and what holds it as a file"""
    more_ancestors: bool
    """whether there are more than are listed"""
    more_descendants: bool
    """likewise"""
    root_revoked: bool | None
    """whether a revocation in force is about the artifact; None when revocations could not be read"""
    root_tainted: bool | None
    """whether something that it was made from, or holds, is revoked; None when that is not known"""
    unread: int
    """claims of descent in this log that could not be read: they may tell of more"""
    erased: int
    """likewise those that were erased"""

    def drawing(self) -> Drawing:
        """Draw it: descendants on top, ancestors below, as arrows lead from what went in to what came out."""
        top = max((one.generation for one in self.descendants), default=0)
        state = "bad" if self.root_revoked or self.root_tainted else ""
        boxes = [Box(self.root, short_name(self.root), state, top)]
        arrows = []
        for one in (*self.descendants, *self.ancestors):
            state = "bad" if one.revoked else ""
            boxes.append(Box(one.name, short_name(one.name), state, top - one.generation))
            ends = (one.name, one.via) if one.generation < 0 else (one.via, one.name)
            arrows.append(Arrow(*ends, f"#{one.index}"))
        return Drawing(tuple(boxes), tuple(arrows))


class Lines:
    """Follows descent in the index of one source; claims that count for nobody say nothing."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._index = source.index
        self._index.ignore(source.context.void_claims)

    def above(self, root: str) -> Reached:
        """Return what an artifact was made from or holds, as far as anything is known of that."""
        key = ("above", root, self._index.state)
        bounds = _Bounds(_UP, _UP_DEPTH)
        return self._source.context.kept.get(key, lambda: self._walk(root, bounds, self._up, -1))

    def below(self, root: str, *, most: int = _SHOWN, depth: int = _SHOWN_DEPTH) -> Reached:
        """Return what was made from an artifact, or holds it."""
        key = ("below", root, most, depth, self._index.state)
        bounds = _Bounds(most, depth)
        return self._source.context.kept.get(key, lambda: self._walk(root, bounds, self._down, 1))

    def aliases(self, name: str) -> tuple[str, ...]:
        """Return the only file of an artifact, by releases: what is known of one is known of the other."""
        return tuple(one.name for one in self._index.alone(name, _ALIASES))

    def lost(self) -> tuple[int, int]:
        """Return how many claims of descent could not be read, and how many were erased."""
        return self._source.context.kept.get(("lost", self._index.state), self._count_lost)

    def _count_lost(self) -> tuple[int, int]:
        gone = [self._index.gone(kind.value) for kind in (Kind.PROVENANCE, Kind.RELEASE)]
        return gone[0][0] + gone[1][0], gone[0][1] + gone[1][1]

    def _down(self, name: str) -> Iterator[tuple[Edge, bool]]:
        for one in (name, *self.aliases(name)):
            yield from ((edge, False) for edge in self._index.children(one, _EDGES + 1))
            yield from ((edge, True) for edge in self._index.holders(one, _EDGES + 1))

    def _up(self, name: str) -> Iterator[tuple[Edge, bool]]:
        aliases = self.aliases(name)
        for one in (name, *aliases):
            yield from ((edge, False) for edge in self._index.parents(one, _EDGES + 1))
        files = [one for one in self._index.made_files(name, _EDGES + 1) if one.name not in aliases]
        whole = [one for one in self._index.alone_in(name, _EDGES + 1) if self._matters(one.name)]
        held = self._index.held_among(name, self._revoked_files())
        yield from ((edge, True) for edge in (*held, *files, *whole))

    def _matters(self, name: str) -> bool:
        """Tell whether the artifact of one file says more than the file: revoked, or made from something."""
        return self._source.context.revokes(name) or bool(self._index.parents(name, 1))

    def _revoked_files(self) -> tuple[str, ...]:
        """Return the digests of files that releases hold and that are revoked, or are all of what is."""
        context = self._source.context

        def find() -> tuple[str, ...]:
            revoked = context.revoked_digests
            files = [digest_in(one) for digest in revoked for one in self.aliases(f"wm1:{digest}")]
            return tuple(dict.fromkeys((*self._index.held_at_all(revoked), *files)))

        return context.kept.get(("revoked files", self._index.state), find)

    def _walk(self, root: str, bounds: _Bounds, following: "_Following", step: int) -> Reached:
        seen, waiting = {digest_in(root)}, deque([(root, 0)])
        found: list[Relative] = []
        more = False
        while waiting:
            name, away = waiting.popleft()
            counted = 0
            for edge, held in following(name):
                counted += 1
                digest = digest_in(edge.name)
                if digest in seen:
                    continue
                if len(found) >= bounds.most or away >= bounds.depth:
                    return Reached(tuple(found), more=True)
                seen.add(digest)
                revoked = self._source.context.is_revoked(edge.name)
                place = step * (away + 1)
                found.append(Relative(edge.name, place, name, edge.index, held, revoked))
                waiting.append((edge.name, away + 1))
            more = more or counted > _EDGES
        return Reached(tuple(found), more)


_Following = Callable[[str], Iterable[tuple[Edge, bool]]]


def family_of(source: Source, root: str) -> Family:
    """Follow what claims say in both directions, as far as a page shows it."""
    lines = Lines(source)
    above, below = lines.above(root), lines.below(root)
    unread, erased = lines.lost()
    near = [one for one in above.relatives if one.generation >= -_SHOWN_DEPTH]
    known = source.context.revocations is not None
    tainted = any(one.revoked for one in above.relatives)
    return Family(
        root=root,
        ancestors=tuple(near[:_SHOWN]),
        descendants=below.relatives,
        more_ancestors=above.more or len(above.relatives) > len(near[:_SHOWN]),
        more_descendants=below.more,
        root_revoked=source.context.is_revoked(root),
        root_tainted=tainted if tainted or (known and not above.more) else None,
        unread=unread,
        erased=erased,
    )


def digest_in(name: str) -> str:
    """Return the hex digits of a name: `wm1:` and `sha256:` with the same digits are one."""
    return name.partition(":")[2]


def short_name(name: str) -> str:
    """Return the beginning of a digest, with a sign of what is left out."""
    kind, _, digest = name.partition(":")
    return f"{kind}:{digest[:_SHORT]}…"
