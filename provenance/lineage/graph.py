"""The lineage graph of one artifact: its steps, their inputs, and what is wrong with its shape.

Nodes are artifacts by identity, edges are inputs of steps. Walks are iterative and bounded, so that
neither a chain of ten thousand links nor a circle can exhaust whoever looks at it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Self

from weightmark.values import dataclass

__all__ = ["DEFAULT_BOUNDS", "Bounds", "Input", "Lineage", "Step", "StepsOf"]


@dataclass(frozen=True, slots=True)
class Input:
    """Something that went into a step."""

    name: str
    """as the step calls it; informational"""
    uri: str
    """as the step says; informational"""
    role: str
    """what it was for: `base`, `adapter`, `data`, `code`, …; empty when nobody said"""
    identity: str
    """`wm1:…` of the artifact that a strong digest links to; empty when nothing links"""
    problem: str = ""
    """why nothing links; empty when something does"""

    @property
    def label(self) -> str:
        """How it is shown: its name, else its URI, else its identity."""
        return self.name or self.uri or self.identity or "unnamed input"


@dataclass(frozen=True, slots=True)
class Step:
    """One step by which an artifact was made, as somebody states it."""

    output: str
    """`wm1:…` of what was made"""
    kind: str
    """`train`, `finetune`, …, or the URI of a foreign build type"""
    inputs: tuple[Input, ...]
    """what went in"""
    signer: str
    """who states it"""
    claim_id: str
    """of the statement, lowercase hex"""
    builder: str = ""
    """URI of who ran it, by the statement's word"""
    at: datetime | None = None
    """when the statement existed already, by a verified clock"""
    output_name: str = ""
    """what the statement calls the artifact; informational"""
    since: datetime | None = None
    """before which it can't have been stated; None when nothing says so"""
    foreign: bool = False
    """whether its kind is a word of somebody else, as the name of a link, and not a build type that is known here"""

    @property
    def parents(self) -> tuple[str, ...]:
        """Identities of its inputs, each once."""
        return tuple(dict.fromkeys(one.identity for one in self.inputs if one.identity))


StepsOf = Callable[[str], Sequence[Step]]
"""gives the steps that made an artifact"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a lineage is followed; a bound that is hit means `could not be checked`."""

    depth: int = 64
    """steps from the artifact to the farthest ancestor"""
    artifacts: int = 10_000
    """artifacts in all"""
    edges: int = 100_000
    """inputs in all"""


DEFAULT_BOUNDS = Bounds()


@dataclass(frozen=True)
class Lineage:
    """An artifact with all that it was made from."""

    root: str
    """`wm1:…` of the artifact itself"""
    depths: Mapping[str, int]
    """every artifact that was reached, and how many steps away it is; the root first, nearer ones earlier"""
    steps: Mapping[str, tuple[Step, ...]]
    """the steps that made each artifact; none for one whose making nobody states"""
    circles: tuple[tuple[str, ...], ...]
    """artifacts that were made from themselves, each circle in its order"""
    limit: str
    """which bound was hit; empty for none"""

    @classmethod
    def trace(cls, root: str, steps_of: StepsOf, bounds: Bounds = DEFAULT_BOUNDS) -> Self:
        """Follow every input of every step from `root` on, nearest first."""
        depths = {root: 0}
        steps: dict[str, tuple[Step, ...]] = {}
        edges, limit = 0, ""
        waiting = deque([root])
        while waiting and not limit:
            artifact = waiting.popleft()
            steps[artifact] = tuple(steps_of(artifact))
            for parent in _parents(steps[artifact]):
                edges += 1
                limit = limit or _limit(depths, artifact, parent, edges, bounds)
                if parent not in depths and not limit:
                    depths[parent] = depths[artifact] + 1
                    waiting.append(parent)
        return cls(root, depths, steps, tuple(_circles(root, steps)), limit)

    @property
    def depth(self) -> int:
        """Steps to the farthest ancestor that was reached."""
        return max(self.depths.values())

    @property
    def leaves(self) -> tuple[str, ...]:
        """Artifacts whose making nobody states, nearest first."""
        return tuple(one for one in self.depths if not self.steps.get(one))


def _parents(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parent for step in steps for parent in step.parents))


def _limit(
    depths: Mapping[str, int], artifact: str, parent: str, edges: int, bounds: Bounds
) -> str:
    if edges > bounds.edges:
        return f"over {bounds.edges} inputs"
    if parent in depths:
        return ""
    if len(depths) >= bounds.artifacts:
        return f"over {bounds.artifacts} artifacts"
    if depths[artifact] >= bounds.depth:
        return f"deeper than {bounds.depth} steps"
    return ""


def _circles(root: str, steps: Mapping[str, tuple[Step, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield each circle that a depth-first walk closes; without one there is none at all."""
    path: list[str] = []
    places: dict[str, int] = {}
    done: set[str] = set()
    pending: list[tuple[str, Iterator[str]]] = [(root, iter(_parents(steps.get(root, ()))))]
    places[root] = 0
    path.append(root)
    while pending:
        artifact, parents = pending[-1]
        parent = next(parents, None)
        if parent is None:
            pending.pop()
            path.pop()
            del places[artifact]
            done.add(artifact)
        elif parent in places:
            yield tuple(path[places[parent] :])
        elif parent not in done:
            places[parent] = len(path)
            path.append(parent)
            pending.append((parent, iter(_parents(steps.get(parent, ())))))
