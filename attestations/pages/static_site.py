"""A static copy of the pages: the same templates, relative links, and the log's tiles beside them."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from weightmark.attestations.pages.context import ContextMemory
from weightmark.attestations.pages.files import asset_files
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.attestations.pages.links import Links
from weightmark.attestations.pages.source import PageOptions, Source, opened_source
from weightmark.attestations.pages.views.artifact import FILES
from weightmark.attestations.pages.views.revocations import CARRIED
from weightmark.attestations.pages.writing import PAGES, Page
from weightmark.errors import CallError, read_failure
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.publish import publish, publish_claims
from weightmark.provenance.ledger.view.folder import FolderView
from weightmark.values import dataclass

__all__ = ["Site", "write_site"]

_STEP = 2000
_BY_NAME = {one.name: one for one in PAGES}


@dataclass(frozen=True, slots=True)
class Site:
    """What was written."""

    size: int
    """entries of the log"""
    pages: int
    """pages, each with its twin"""


def write_site(
    ledger: Ledger,
    folder: Path,
    options: PageOptions | None = None,
    *,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Site:
    """Write the pages of a ledger into the new folder `folder`: whole, or not at all.

    `tell` hears how many entries of how many have their page. Raises `CallError` when something
    stands at `folder`, `ReadError` when it cannot be written, and what reading the ledger raises.
    """
    options = options or PageOptions()
    if os.path.lexists(folder):
        raise CallError(f"`{folder}` is there already", fix="name a folder that does not exist")
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.tmp")
    _index_all(ledger, options)
    try:
        part.mkdir(parents=True)
        with opened_source(ledger, ContextMemory(), options, most=_STEP) as source:
            pages = _Writer(source, part).write(tell)
            view = FolderView(part)
            publish_claims(source.snapshot, ledger.home.blobs, view, every=False)
            publish(source.snapshot, None, view)
            (part / ".checkpoint.lock").unlink(missing_ok=True)
            size = source.snapshot.head.size
        part.rename(folder)
    except OSError as error:
        raise read_failure(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Site(size, pages)


def _index_all(ledger: Ledger, options: PageOptions) -> None:
    with PageIndex.of(ledger, options.index_folder) as index:
        while index.advance(ledger, _STEP) > index.size:
            pass
        index.read_again(ledger)


class _Writer:
    """Writes every page of one state of a ledger."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._pages = 0

    def write(self, tell: Callable[[int, int], None]) -> int:
        """Write all; returns how many pages there are."""
        for folder in ("assets", "entries", "artifacts", "signers", "decisions"):
            (self._folder / folder).mkdir()
        for name, data in asset_files().items():
            (self._folder / "assets" / name).write_bytes(data)
        self._put("overview", "")
        self._put("check", "")
        self._put_list("entries", "")
        self._put_revocations()
        size = self._source.snapshot.head.size
        for index in range(size):
            self._put("entry", str(index))
            if index % 100 == 0:
                tell(index, size)
        for index in self._decisions():
            self._put("decision", str(index))
        for kind, digest in self._names():
            if kind in ("wm1", "sha256"):
                self._put_artifact(digest)
            else:
                self._put_list("signer", f"{kind}-{digest}")
        tell(size, size)
        return self._pages

    def _put_list(self, name: str, part: str) -> Page:
        """Write every page of a list; returns the first."""
        first = self._put(name, part)
        older = first.view.older
        while older is not None:
            older = self._put(name, part, before=older).view.older
        return first

    def _put_revocations(self) -> None:
        """Write every page of revocations, and of those from the log before."""
        carried = self._put_list("revocations", "").view.carried_count
        for start in range(CARRIED, carried, CARRIED):
            self._put("revocations", "", carried=start)

    def _put_artifact(self, digest: str) -> None:
        """Write the pages of an artifact: further entries, files, tensors and findings."""
        view = self._put("artifact", digest).view
        older = view.older
        while older is not None:
            older = self._put("artifact", digest, before=older).view.older
        counts = {
            "files": view.file_count,
            "tensors": view.tensor_count,
            "findings": view.finding_count,
        }
        for name, count in counts.items():
            for start in range(FILES, count, FILES):
                self._put("artifact", digest, **{name: start})

    def _put(self, name: str, part: str, **keyset: int) -> Page:
        kind = _BY_NAME[name]
        page = kind.page(self._source, part, [(key, str(at)) for key, at in keyset.items()])
        for key, at in keyset.items():
            page = replace(page, path=f"{page.path}-{key}-{at}")
        links = Links(kind.depth, static=True, knows=self._knows)
        place = page.path or "index"
        (self._folder / f"{place}.html").write_bytes(page.html(links))
        if page.has_twin:
            (self._folder / f"{place}.json").write_bytes(page.json())
        self._pages += 1
        return page

    def _knows(self, name: str) -> bool:
        return self._source.index.name_id(name) is not None

    def _decisions(self) -> Iterator[int]:
        rows = self._source.index.db.execute(
            "select idx from entry where kind = ? and idx < ? order by idx",
            (Kind.DECISION.value, self._source.snapshot.head.size),
        )
        return iter([row[0] for row in rows])

    def _names(self) -> Iterator[tuple[str, str]]:
        for (text,) in self._source.index.db.execute(
            "select text from name order by id"
        ).fetchall():
            kind, _, digest = text.partition(":")
            if digest:
                yield kind, digest
