"""Strongly connected components of a graph: what can reach each other (Tarjan, without recursion)."""

from collections.abc import Iterator, Sequence

__all__ = ["components", "is_loop"]


class _Search:
    """The state of one walk through a graph."""

    __slots__ = ("follow", "found", "low", "number", "standing", "work")

    def __init__(self, follow: Sequence[Sequence[int]]) -> None:
        self.follow = follow
        self.number: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.standing: dict[int, None] = {}
        self.work: list[tuple[int, Iterator[int]]] = []
        self.found: list[frozenset[int]] = []

    def enter(self, here: int) -> None:
        self.number[here] = self.low[here] = len(self.number)
        self.standing[here] = None
        self.work.append((here, iter(self.follow[here])))

    def step(self) -> None:
        """Follow one edge, or leave a point that has none left."""
        here, nexts = self.work[-1]
        there = next(nexts, None)
        if there is None:
            self._leave(here)
        elif there not in self.number:
            self.enter(there)
        elif there in self.standing:
            self.low[here] = min(self.low[here], self.number[there])

    def _leave(self, here: int) -> None:
        self.work.pop()
        if self.work:
            above = self.work[-1][0]
            self.low[above] = min(self.low[above], self.low[here])
        if self.low[here] != self.number[here]:
            return
        together: list[int] = []
        while not together or together[-1] != here:
            together.append(self.standing.popitem()[0])
        self.found.append(frozenset(together))


def components(follow: Sequence[Sequence[int]]) -> list[frozenset[int]]:
    """Return the components; each stands after those that it leads to."""
    search = _Search(follow)
    for root in range(len(follow)):
        if root not in search.number:
            search.enter(root)
        while search.work:
            search.step()
    return search.found


def is_loop(component: frozenset[int], follow: Sequence[Sequence[int]]) -> bool:
    """Tell a component that leads back into itself."""
    return len(component) > 1 or any(here in follow[here] for here in component)
