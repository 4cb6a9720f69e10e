"""Reading a bill of materials, whoever wrote it: as a bag of plain facts that can be compared. Nothing is believed.

Parsed strictly. The order of lists means nothing, and what stands twice is kept twice, so that neither hides a
difference.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

from weightmark.attestations.bom.reading_cyclonedx import cyclonedx_items, cyclonedx_remarks
from weightmark.attestations.bom.reading_parts import Item, objects, text
from weightmark.attestations.bom.reading_spdx import Graph
from weightmark.attestations.bom.remainder import Remark
from weightmark.errors import LimitError, UnsupportedError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["MAX_SIZE", "BomFacts", "Item", "read_bom"]

MAX_SIZE = 512 * 1024 * 1024
"""bytes of a document"""
_MOST_ITEMS = 2_000_000
_Thing = TypeVar("_Thing")


@dataclass(frozen=True)
class BomFacts:
    """What a document says, without order."""

    form: str
    """`CycloneDX 1.7`, `SPDX 3.0.1`, …"""
    items: Mapping[tuple[str, str], tuple[str, ...]]
    """by kind and name, everything that is said, sorted; what stands twice stands here twice"""
    remarks: Mapping[str, tuple[Remark, ...]]
    """by place, everything beyond that, sorted; it means something beside documents of the same form only"""

    @classmethod
    def of(cls, form: str, items: Iterable[Item], remarks: Iterable[Remark]) -> Self:
        """Sort what is said; raises `LimitError` for too much."""
        found: dict[tuple[str, str], list[str]] = {}
        for kind, name, said in _bounded(items):
            found.setdefault((kind, name), []).append(said)
        more: dict[str, list[Remark]] = {}
        for one in _bounded(remarks):
            more.setdefault(one.place, []).append(one)
        return cls(
            form,
            {key: tuple(sorted(found[key])) for key in sorted(found)},
            {place: tuple(sorted(more[place], key=lambda one: one.said)) for place in sorted(more)},
        )

    @property
    def family(self) -> str:
        """`CycloneDX` or `SPDX`."""
        return self.form.partition(" ")[0]


def _bounded(things: Iterable[_Thing]) -> Iterator[_Thing]:
    for number, one in enumerate(things):
        if number >= _MOST_ITEMS:
            raise LimitError(f"the document says over {_MOST_ITEMS} things")
        yield one


def read_bom(data: bytes, what: str) -> BomFacts | None:
    """Read a document; None for what is none. Raises `MalformedError`, `LimitError`, and `UnsupportedError` for SPDX 2."""
    if data.lstrip()[:1] != b"{":
        return None
    document = parse_object(data, what=what, max_size=MAX_SIZE)
    if document.get("bomFormat") == "CycloneDX":
        version = document.get("specVersion")
        return BomFacts.of(
            f"CycloneDX {text(version)}", cyclonedx_items(document), cyclonedx_remarks(document)
        )
    if isinstance(document.get("@graph"), list) and "spdx.org" in str(document.get("@context")):
        graph = Graph(document["@graph"])
        return BomFacts.of(f"SPDX {_spdx_version(document)}", graph.items(), graph.remarks())
    if "spdxVersion" in document:
        raise UnsupportedError(
            f"{what} is SPDX 2, which is not compared",
            fix="compare documents of SPDX 3 or CycloneDX",
        )
    return None


def _spdx_version(document: Mapping[str, Any]) -> str:
    for one in objects(document.get("@graph")):
        if one.get("type") == "CreationInfo":
            return text(one.get("specVersion"))
    return "3"
