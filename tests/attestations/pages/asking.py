"""Pages of a ledger without a server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.attestations.pages.reading import ReadPage, read
from weightmark.attestations.pages.context import ContextMemory
from weightmark.attestations.pages.links import Links
from weightmark.attestations.pages.source import PageOptions, Source, opened_source
from weightmark.attestations.pages.writing import PAGES, PageKind
from weightmark.provenance.ledger.log import Ledger

__all__ = ["Asking", "kind_of_page"]

EVERYTHING = 1_000_000


@dataclass
class Asking:
    """Whoever looks at the pages of one ledger."""

    ledger: Ledger
    folder: Path
    identities: bool = False
    memory: ContextMemory = field(default_factory=ContextMemory)

    @contextmanager
    def source(self, most: int = EVERYTHING) -> Iterator[Source]:
        options = PageOptions(identities=self.identities, index_folder=self.folder)
        with opened_source(self.ledger, self.memory, options, most=most) as source:
            yield source

    def html(self, path: str, query: str = "") -> bytes:
        kind, part = kind_of_page(path)
        with self.source() as source:
            return kind.page(source, part, parse_qsl(query)).html(Links(kind.depth), query)

    def page(self, path: str, query: str = "") -> ReadPage:
        return read(self.html(path, query))

    def twin(self, path: str, query: str = "") -> dict[str, Any]:
        kind, part = kind_of_page(path)
        with self.source() as source:
            found = json.loads(kind.page(source, part, parse_qsl(query)).json())
        assert isinstance(found, dict)
        return found


def kind_of_page(path: str) -> tuple[PageKind, str]:
    """Return which page stands at a path below the root, and the last part of its address."""
    folder, _, part = path.rpartition("/")
    route = f"{folder}/{{name}}" if folder else path
    kind = next(one for one in PAGES if one.route == route)
    return kind, part if folder else ""
