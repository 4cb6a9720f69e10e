"""A ledger behind a service: read as tlog-tiles, searched and written over HTTP, believed by proofs only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from weightmark.errors import TrustNotSaidError
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.proof import Receipt, verify_receipt
from weightmark.provenance.ledger.service.client import ServiceClient
from weightmark.provenance.ledger.service.wire import About
from weightmark.provenance.ledger.store.interface import Query
from weightmark.provenance.ledger.store.static import StaticReader, StaticStore
from weightmark.provenance.ledger.view.interface import ViewFiles

__all__ = ["ServiceHome"]


class ServiceHome(ViewHome):
    """What stands behind one URL."""

    def __init__(self, files: ViewFiles, vkey: str, client: ServiceClient, about: About) -> None:
        """Name the files, the log's key as the reader trusts it, and what the service says of itself."""
        super().__init__(files, vkey)
        self._said = vkey
        self._client = client
        self._about = about
        self._known: dict[int, bytes] = {}

    @cached_property
    def store(self) -> StaticStore:
        """The files, and beside them the leaves that came with the answer to a search."""
        return _ServedStore(self._files, self._known)

    def read_verifier(self) -> NoteVerifier:
        """Return the key that the reader named; what the service says of itself decides nothing."""
        if self._said:
            return NoteVerifier.parse(self._said)
        raise TrustNotSaidError(
            f"whose log is served at `{self.name}` was not said",
            why="whoever has the address could serve another log, with another key",
            fix=f"if its operator announces this key, use `{self.name}#{self._about.vkey}`",
        )

    def deliver(
        self, submissions: Sequence[Submission], verifier: NoteVerifier
    ) -> tuple[tuple[Receipt, VerifiedCheckpoint], ...]:
        """Hand in submissions, all or none; returns each receipt, and the checkpoint that it was proven under.

        Raises what the service refuses them with, what `verify_receipt` raises, `NetworkError`.
        """
        if len(submissions) == 1:
            texts: tuple[bytes, ...] = (self._client.add(submissions[0]),)
        else:
            texts = self._client.add_batch(submissions)
        proven = [(text, verify_receipt(text, verifier)) for text in texts]
        return tuple((Receipt(one.index, one.event, text), one.checkpoint) for text, one in proven)

    def search(self, query: Query, *, start: int = 0, limit: int | None = None) -> Iterator[int]:
        """Yield the indices that the service finds; their leaves are kept, to be proven."""
        self._known.clear()
        for one in self._client.search(query, start=start, limit=limit):
            self._known[one.index] = one.body
            yield one.index

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class _ServedStore(StaticStore):
    """Files of a service."""

    def __init__(self, files: ViewFiles, known: dict[int, bytes]) -> None:
        super().__init__(files)
        self._files = files
        self._known = known

    @contextmanager
    def read(self) -> Iterator[StaticReader]:
        """Read the checkpoint; everything else is read under it."""
        yield _ServedReader(self._files, self._known)


class _ServedReader(StaticReader):
    """One state; a leaf that came with an answer need not be fetched with its 255 neighbours."""

    def __init__(self, files: ViewFiles, known: dict[int, bytes]) -> None:
        super().__init__(files)
        self._known = known

    def entries(self, start: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, body) from `start` on."""
        if all(index in self._known for index in range(start, start + limit)):
            yield from ((index, self._known[index]) for index in range(start, start + limit))
        else:
            yield from super().entries(start, limit)
