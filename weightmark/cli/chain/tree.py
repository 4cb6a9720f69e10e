"""How a chain is shown: as a tree for people, as facts for machines, as a drawing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weightmark.provenance.lineage.names import shortened

if TYPE_CHECKING:
    from weightmark.attestations.chain.model import Chain
    from weightmark.provenance.lineage.drawing import Drawing

__all__ = ["chain_facts", "draw_chain", "tree_lines"]

_MAX_LINES = 500


def tree_lines(chain: "Chain") -> tuple[str, ...]:
    """Return the tree, the artifact first and what it was made from below; a shared ancestor is drawn once."""
    lines = list(_tree(chain))
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES:] = [f"… and {len(lines) - _MAX_LINES} more lines"]
    return tuple(lines)


def chain_facts(chain: "Chain") -> dict[str, Any]:
    """Return artifacts, steps and gaps as JSON members."""
    lineage = chain.lineage
    return {
        "artifacts": [
            {
                "identity": one,
                "name": chain.name_of(one),
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
            {"kind": gap.kind.value, "artifact": gap.artifact, "summary": gap.summary}
            for gap in chain.gaps
        ],
    }


def draw_chain(chain: "Chain") -> "Drawing":
    """Return the chain as boxes and arrows."""
    from weightmark.provenance.lineage.drawing import Arrow, Box, Drawing

    bad = {gap.artifact for gap in chain.gaps}
    boxes = tuple(
        Box(one, _box_label(chain.name_of(one), one), "bad" if one in bad else "good", depth)
        for one, depth in chain.lineage.depths.items()
    )
    arrows = tuple(
        Arrow(parent, output, step.kind.rpartition("/")[2])
        for output, steps in chain.lineage.steps.items()
        for step in steps
        for parent in step.parents
    )
    return Drawing(boxes, arrows)


def _box_label(name: str, identity: str) -> str:
    return name if name == shortened(identity) else f"{name} {shortened(identity)}"


def _tree(chain: "Chain") -> Iterator[str]:
    bad = {gap.artifact for gap in chain.gaps}
    shown: set[str] = set()
    # what is still to be shown: an artifact or the text of an input that links to none, how its line begins,
    # and how the lines below it do
    waiting: list[tuple[str, str, str, str]] = [(chain.lineage.root, "", "", "")]
    while waiting:
        artifact, text, lead, below = waiting.pop()
        if not artifact:
            yield f"{lead}{text}"
            continue
        mark = "✗" if artifact in bad else "✓"
        again = " (shown above)" if artifact in shown else ""
        name = chain.name_of(artifact)
        shown_as = name if name == shortened(artifact) else f"{name}  {shortened(artifact)}"
        yield f"{lead}{mark} {shown_as}{text}{again}"
        if again:
            continue
        shown.add(artifact)
        inputs = list(_inputs(chain, artifact))
        ends = [("├─ ", "│  ")] * (len(inputs) - 1) + [("└─ ", "   ")]
        following = [
            (identity, words, below + branch, below + stem)
            for (identity, words), (branch, stem) in zip(inputs, ends, strict=False)
        ]
        waiting += reversed(following)


def _inputs(chain: "Chain", artifact: str) -> Iterator[tuple[str, str]]:
    """Yield the identity of each input with the step, or nothing with the reason why it links to none."""
    for step in chain.lineage.steps.get(artifact, ()):
        how = f"  ← {step.kind.rpartition('/')[2]} by {shortened(step.signer)}"
        for one in step.inputs:
            yield one.identity, how if one.identity else f"✗ {one.label}: {one.problem}"
