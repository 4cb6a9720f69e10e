"""Plain web addresses as a source.

A server promises nothing of a single file but, by a strong ETag, that it did not change since it was
looked at; a fragment `#sha256=` says what it has to be. Of a folder its `SHA256SUMS` promises every
file, and the digest of that list pins it. No page of links is ever read.
"""

import hashlib
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import CallError, NetworkError, PromiseBrokenError, UnsupportedError
from weightmark.provenance.names import path_problem
from weightmark.provenance.sources.interface import MAX_SIZE, Member, Part, Snapshot
from weightmark.provenance.sources.patience import patiently
from weightmark.provenance.sources.web.address import SUMS, WebAddress
from weightmark.provenance.sources.web.connection import Head, WebConnection
from weightmark.provenance.sources.web.listing import MAX_LIST, read_sums

__all__ = ["WebSource"]

_LONGEST_TAG = 1000


class WebSource:
    """One file or folder that anybody may ask for."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`."""
        self._asked = WebAddress.parse(uri)
        self._uri = self._asked.uri
        self._web = WebConnection()
        self._tag = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is kept open."""

    def resolve(self) -> Snapshot:
        """Look what is there; raises `PromiseBrokenError` when a pinned address leads to something else."""
        return self._folder() if self._asked.is_folder else self._file()

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a file; one that nothing tells from another version is never read in two pieces."""
        url = self._asked.beside(part.location) if self._asked.is_folder else self._asked.url
        if offset and not part.digests and not self._tag:
            raise NetworkError(
                f"`{self._asked.place}` broke off, and its server does not tell versions apart",
                fix="pull it again, or name its digest as `#sha256=<hex>`",
            )
        return self._web.stream(url, offset, self._tag, promised=bool(part.digests))

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """A server serves files as they stand."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def _folder(self) -> Snapshot:
        url = self._asked.beside(SUMS)
        data = patiently(lambda: self._web.answer(url, MAX_LIST))
        found = hashlib.sha256(data).hexdigest()
        if self._asked.sha256 not in ("", found) or self._asked.version:
            raise PromiseBrokenError(
                f"`{url}` is not the list that was pinned",
                why=f"its SHA-256 is {found} by now",
                fix="look at what changed, then pin it anew with `weightmark lock update`",
            )
        pinned = self._asked.at_sha256(found)
        return Snapshot.of(self._uri, pinned, tuple(read_sums(data, url)), digest={"sha256": found})

    def _file(self) -> Snapshot:
        name = self._asked.name
        if path_problem(name) or "/" in name or name == ".":
            raise CallError(
                f"`{self._asked.place}` names no file",
                fix="name a file, or a folder with a `/` at its end",
            )
        head = patiently(lambda: self._web.look(self._asked.url))
        tag, size = _strong_tag(head), _length(head)
        if self._asked.sha256:
            digests = {"sha256": self._asked.sha256}
            part = Part(name, size, digests)
            return Snapshot.of(self._uri, self._asked.uri, (part,), digest=digests)
        self._tag = tag if size is not None else ""
        pinned = self._asked.place
        if self._tag:
            version = hashlib.sha256(f"{size} {tag}".encode()).hexdigest()
            pinned = self._asked.at_version(version)
        if self._asked.version and self._asked.uri != pinned:
            raise PromiseBrokenError(
                f"`{self._asked.place}` is not the version that was pinned",
                fix="look at what changed, then pin it anew with `weightmark lock update`",
            )
        part = Part(name, size if self._tag else None, versioned=bool(self._tag))
        return Snapshot.of(self._uri, pinned, (part,), digest={})


def _strong_tag(head: Head) -> str:
    """Return the entity tag, if it tells any two versions apart (RFC 9110, 8.8.3); else nothing."""
    tag = head.get("ETag", "")
    sound = tag.startswith('"') and tag.endswith('"') and len(tag) <= _LONGEST_TAG
    return tag if sound and tag.isascii() and tag.isprintable() else ""


def _length(head: Head) -> int | None:
    said = head.get("Content-Length", "")
    sound = said.isascii() and said.isdigit() and len(said) < len(str(MAX_SIZE))
    return int(said) if sound else None
