"""Drawing a graph of artifacts: Mermaid, DOT and SVG, whatever stands in the labels.

Labels come from claims and ledgers, so each form escapes all that its language could read as syntax.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from weightmark.values import dataclass

__all__ = ["Arrow", "Box", "Drawing"]

_LABEL = 80
"""characters of a label that are drawn"""
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 220, 44, 40, 70, 20
_COLOURS = {"good": "#1a7f37", "bad": "#cf222e", "open": "#9a6700", "": "#57606a"}
_CONTROL = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029, 0xFFFE, 0xFFFF], "\ufffd")
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F], "\ufffd")
_OPENING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    ' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
)
_ARROW_HEAD = (
    '<defs><marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" fill="#57606a"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class Box:
    """One artifact or decision."""

    id: str
    """unique in the drawing; never shown"""
    label: str
    """what is written in it"""
    state: str = ""
    """`good`, `bad`, `open`, or empty for neither"""
    layer: int = 0
    """how far from the top it stands"""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From what went in to what came out."""

    source: str
    """`Box.id`"""
    target: str
    """`Box.id`"""
    label: str = ""
    """the step"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes and arrows; arrows whose ends are not drawn are left out."""

    boxes: tuple[Box, ...]
    """in the order in which they are drawn"""
    arrows: tuple[Arrow, ...]
    """likewise"""

    @property
    def _numbers(self) -> dict[str, int]:
        return {box.id: number for number, box in enumerate(self.boxes)}

    def _drawn(self) -> Iterable[tuple[int, int, str]]:
        numbers = self._numbers
        for arrow in self.arrows:
            if arrow.source in numbers and arrow.target in numbers:
                yield numbers[arrow.source], numbers[arrow.target], arrow.label

    def to_mermaid(self) -> str:
        """Return a flowchart in Mermaid."""
        lines = ["flowchart BT"]
        lines += [f'  n{n}["{_for_mermaid(box.label)}"]' for n, box in enumerate(self.boxes)]
        for source, target, label in self._drawn():
            middle = f'-- "{_for_mermaid(label)}" -->' if label else "-->"
            lines.append(f"  n{source} {middle} n{target}")
        for state in ("good", "bad", "open"):
            members = [f"n{n}" for n, box in enumerate(self.boxes) if box.state == state]
            if members:
                lines.append(f"  classDef {state} stroke:{_COLOURS[state]},stroke-width:2px")
                lines.append(f"  class {','.join(members)} {state}")
        return "\n".join(lines) + "\n"

    def to_dot(self) -> str:
        """Return a directed graph in DOT (Graphviz)."""
        lines = ["digraph lineage {", "  rankdir=BT;", "  node [shape=box];"]
        for number, box in enumerate(self.boxes):
            colour = _COLOURS.get(box.state, _COLOURS[""])
            lines.append(f'  n{number} [label="{_for_dot(box.label)}", color="{colour}"];')
        for source, target, label in self._drawn():
            lines.append(f'  n{source} -> n{target} [label="{_for_dot(label)}"];')
        return "\n".join([*lines, "}"]) + "\n"

    def to_svg(self) -> str:
        """Return a picture: layers from the top, arrows between them; no scripts, no links, no styles from elsewhere."""
        places = _places(self.boxes)
        width = max((x for x, _ in places.values()), default=0) + _WIDTH + 2 * _GAP_X + _MARGIN
        height = max((y for _, y in places.values()), default=0) + _HEIGHT + _MARGIN
        lines = [_OPENING.format(width=width, height=height), _ARROW_HEAD]
        lines += [
            _line(places[source], places[target], label) for source, target, label in self._drawn()
        ]
        lines += [_rectangle(places[number], box) for number, box in enumerate(self.boxes)]
        return "\n".join([*lines, "</svg>"]) + "\n"


def _places(boxes: Sequence[Box]) -> Mapping[int, tuple[int, int]]:
    filled: dict[int, int] = {}
    places = {}
    for number, box in enumerate(boxes):
        column = filled.get(box.layer, 0)
        filled[box.layer] = column + 1
        x = _MARGIN + column * (_WIDTH + _GAP_X)
        places[number] = (x, _MARGIN + box.layer * (_HEIGHT + _GAP_Y))
    return places


def _rectangle(place: tuple[int, int], box: Box) -> str:
    x, y = place
    colour = _COLOURS.get(box.state, _COLOURS[""])
    text = escape(_plain(box.label, 30))
    return (
        f'<g><title>{escape(_plain(box.label))}</title><rect x="{x}" y="{y}" width="{_WIDTH}"'
        f' height="{_HEIGHT}" rx="6" fill="#fff" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{x + _WIDTH // 2}" y="{y + _HEIGHT // 2 + 4}" text-anchor="middle">{text}</text></g>'
    )


def _line(source: tuple[int, int], target: tuple[int, int], label: str) -> str:
    x1, y1 = source[0] + _WIDTH // 2, source[1]
    x2, y2 = target[0] + _WIDTH // 2, target[1] + _HEIGHT
    text = escape(_plain(label, 30))
    # an arrow past a whole layer bends into the space beside the boxes, which would hide it
    bend = 0 if abs(y1 - y2) <= _GAP_Y else (_WIDTH + _GAP_X) * 2 // 3
    return (
        f'<path d="M{x1},{y1} C{x1 + bend},{y1 - _GAP_Y} {x2 + bend},{y2 + _GAP_Y} {x2},{y2}"'
        ' fill="none" stroke="#57606a" marker-end="url(#a)"/>'
        f'<text x="{(x1 + x2) // 2 + bend * 3 // 4 + 4}" y="{(y1 + y2) // 2}" fill="#57606a">{text}</text>'
    )


def _plain(label: str, limit: int = _LABEL) -> str:
    """Cut a label, and put a mark where a control or direction character stands."""
    text = label.translate(_CONTROL | _BIDI).encode("utf-8", "replace").decode()
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _for_dot(label: str) -> str:
    return _plain(label).replace("\\", "\\\\").replace('"', '\\"')


def _for_mermaid(label: str) -> str:
    """Write whatever is not a letter, digit or harmless mark as a character code of Mermaid."""
    return "".join(
        one if one.isalnum() or one in " .,:/_-@…→" else f"#{ord(one)};" for one in _plain(label)
    )
