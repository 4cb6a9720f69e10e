"""How a chain is shown: as a tree for people, as facts for machines, as a drawing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from weightmark.provenance.lineage.names import shortened

if TYPE_CHECKING:
    from weightmark.attestations.chain.model import Chain
    from weightmark.attestations.chain.rule import ChainRule
    from weightmark.provenance.lineage.drawing import Drawing
    from weightmark.provenance.lineage.graph import Lineage

    NameOf = Callable[[str], str]

__all__ = ["chain_facts", "draw_chain", "tree_lines"]

_MAX_LINES = 500


def tree_lines(chain: "Chain", rule: "ChainRule", name_of: "NameOf") -> tuple[str, ...]:
    """Return the tree, the artifact first and what it was made from below; a shared ancestor is drawn once."""
    lines = list(_tree(chain, rule, name_of))
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES:] = [f"… and {len(lines) - _MAX_LINES} more lines"]
    return tuple(lines)


def chain_facts(
    chain: "Chain", rule: "ChainRule", name_of: "NameOf", left: "Chain"
) -> dict[str, Any]:
    """Return artifacts, steps and gaps as JSON members; gaps count that are among those of `left`."""
    from weightmark.attestations.chain.judging import counts

    lineage = chain.lineage
    return {
        "artifacts": [
            {
                "identity": one,
                "name": name_of(one),
                "depth": depth,
                "vouchers": list(chain.known[one].vouchers) if one in chain.known else [],
            }
            for one, depth in lineage.depths.items()
        ],
        "steps": [
            {
                "output": step.output,
                "kind": step.kind,
                "signer": step.signer,
                "builder": step.builder,
                "claim_id": f"sha256:{step.claim_id}",
                "at": f"{step.at:%Y-%m-%dT%H:%M:%SZ}" if step.at else None,
                "inputs": [
                    {
                        "name": one.name,
                        "uri": one.uri,
                        "role": one.role,
                        "identity": one.identity or None,
                        "problem": one.problem,
                    }
                    for one in step.inputs
                ],
            }
            for steps in lineage.steps.values()
            for step in steps
        ],
        "gaps": [
            {
                "kind": gap.kind.value,
                "artifact": gap.artifact,
                "counts": gap in left.gaps and counts(gap, rule),
                "summary": gap.summary,
                "why": gap.why,
                "fix": gap.fix,
            }
            for gap in chain.gaps
        ],
        "not_counted": [
            {
                "artifact": one.artifact,
                "kind": one.kind,
                "signer": one.signer,
                "trusted": one.trusted,
            }
            for one in chain.refusals
        ],
    }


def draw_chain(chain: "Chain", name_of: "NameOf") -> "Drawing":
    """Return the chain as boxes and arrows."""
    from weightmark.provenance.lineage.drawing import Arrow, Box, Drawing

    bad = {gap.artifact for gap in chain.gaps}
    boxes = tuple(
        Box(one, _box_label(name_of(one), one), "bad" if one in bad else "good", layer)
        for one, layer in _layers(chain.lineage).items()
    )
    arrows = tuple(
        Arrow(parent, output, step.kind.rpartition("/")[2])
        for output, steps in chain.lineage.steps.items()
        for step in steps
        for parent in step.parents
    )
    return Drawing(boxes, arrows)


def _layers(lineage: "Lineage") -> Mapping[str, int]:
    """Return the most steps from the artifact to each, so that arrows never run within a layer or down.

    In a circle there is no such number, and the fewest steps stand for it.
    """
    if lineage.circles:
        return lineage.depths
    parents = {
        one: tuple(
            parent
            for parent in dict.fromkeys(p for step in steps for p in step.parents)
            if parent in lineage.depths
        )
        for one, steps in lineage.steps.items()
    }
    undrawn = Counter(parent for made in parents.values() for parent in made)
    layers = dict.fromkeys(lineage.depths, 0)
    waiting = [lineage.root]
    while waiting:
        made = waiting.pop()
        for parent in parents.get(made, ()):
            layers[parent] = max(layers[parent], layers[made] + 1)
            undrawn[parent] -= 1
            if not undrawn[parent]:
                waiting.append(parent)
    return layers


def _box_label(name: str, identity: str) -> str:
    return name if name == shortened(identity) else f"{name} {shortened(identity)}"


def _tree(chain: "Chain", rule: "ChainRule", name_of: "NameOf") -> Iterator[str]:
    gaps = _fixes(chain, rule)
    shown: set[str] = set()
    # what is still to be shown: an artifact or the text of an input that links to none, how its line begins,
    # and how the lines below it do
    waiting: list[tuple[str, str, str, str]] = [(chain.lineage.root, "", "", "")]
    while waiting:
        artifact, text, lead, below = waiting.pop()
        if not artifact:
            yield f"{lead}{text}"
            continue
        mark = "✗" if artifact in gaps else "✓"
        again = " (shown above)" if artifact in shown else ""
        name = name_of(artifact)
        shown_as = name if name == shortened(artifact) else f"{name}  {shortened(artifact)}"
        yield f"{lead}{mark} {shown_as}{text}{again}"
        if again:
            continue
        shown.add(artifact)
        inputs = list(_inputs(chain, artifact))
        stem = "│  " if inputs else "   "
        yield from (f"{below}{stem}{fix}" for fix in gaps.get(artifact, ()))
        ends = [("├─ ", "│  ")] * (len(inputs) - 1) + [("└─ ", "   ")]
        following = [
            (identity, words, below + branch, below + further)
            for (identity, words), (branch, further) in zip(inputs, ends, strict=False)
        ]
        waiting += reversed(following)


def _fixes(chain: "Chain", rule: "ChainRule") -> Mapping[str, list[str]]:
    """Return what closes each gap that counts, by the artifact that it is about."""
    from weightmark.attestations.chain.judging import counts

    found: dict[str, list[str]] = {}
    for gap in chain.gaps:
        if counts(gap, rule):
            found.setdefault(gap.artifact, []).append(f"{gap.kind.value}: {gap.fix}")
    return found


def _inputs(chain: "Chain", artifact: str) -> Iterator[tuple[str, str]]:
    """Yield the identity of each input with the step, or nothing with the reason why it links to none."""
    from weightmark.attestations.chain.gaps import is_circumstance

    for step in chain.lineage.steps.get(artifact, ()):
        how = f"  ← {step.kind.rpartition('/')[2]} by {shortened(step.signer)}"
        for one in step.inputs:
            mark = "-" if is_circumstance(one) else "✗"
            yield one.identity, how if one.identity else f"{mark} {one.label}: {one.problem}"
