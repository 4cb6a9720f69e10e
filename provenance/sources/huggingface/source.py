"""The hub as a source: which commit a revision is now, what it holds, and its bytes."""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import UnsupportedError
from weightmark.provenance.sources.addresses import printable_address
from weightmark.provenance.sources.huggingface.address import HubAddress
from weightmark.provenance.sources.huggingface.cache import blocks_of, kept_blob
from weightmark.provenance.sources.huggingface.connection import HubConnection
from weightmark.provenance.sources.huggingface.listing import read_commit, read_files
from weightmark.provenance.sources.interface import MAX_PARTS, Member, Part, Snapshot
from weightmark.provenance.sources.paging import entries_of
from weightmark.provenance.sources.patience import patiently

__all__ = ["HuggingFaceSource"]

_MOST_BY_HTTP = 50 * 1000**3
"""bytes of one file that the hub serves to whoever does not speak xet"""


class HuggingFaceSource:
    """One repository on the hub that `HF_ENDPOINT` names."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`, and `ExtraMissingError` without the hub's client."""
        self._asked = HubAddress.parse(uri)
        self._pinned = self._asked
        self._uri = uri
        self._hub = HubConnection()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the session open: it is the client's own, and others use it."""

    def resolve(self) -> Snapshot:
        """Pin the revision to its commit and list the files."""
        self._pinned = self._asked.at(self._commit())
        return Snapshot.of(
            self._uri,
            self._pinned.uri,
            tuple(self._files()),
            digest={"gitCommit": self._pinned.revision},
            kind=self._asked.kind,
        )

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a file of the pinned commit: from the cache what lies there as promised by SHA-256, else from the hub."""
        kept = kept_blob(self._pinned, part)
        if kept:
            return blocks_of(kept, offset)
        if (part.size or 0) > _MOST_BY_HTTP:
            raise _too_large(part, self._pinned)
        return self._hub.stream(self._pinned.file_url(self._hub.endpoint, part.location), offset)

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """The hub serves files, and no archives that stand for several."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def _commit(self) -> str:
        if self._asked.is_pinned:
            return self._asked.revision
        url = self._asked.revision_url(self._hub.endpoint)
        data, _ = patiently(lambda: self._hub.answer(url))
        return read_commit(data, printable_address(url))

    def _files(self) -> Iterator[Part]:
        url = self._pinned.tree_url(self._hub.endpoint)
        where = printable_address(url)

        def page(url: str) -> tuple[list[Part], str]:
            data, following = patiently(lambda: self._hub.answer(url))
            return read_files(data, where), following

        return entries_of(page, url, most=MAX_PARTS, where=where)


def _too_large(part: Part, pinned: HubAddress) -> UnsupportedError:
    return UnsupportedError(
        f"`{part.label}` at `{pinned.uri}` is over 50 GB",
        why="the hub serves such a file by its xet protocol only",
        fix=f"run `hf download {pinned.repository} --revision {pinned.revision}` with `hf_xet` installed, then pull again: what lies in its cache as promised is taken from there",
    )
