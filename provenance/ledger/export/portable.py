"""The portable bundle: a tar with entries, receipts, claims, checkpoint and key, to be checked without us.

`log.vkey`, `checkpoint`, and for each entry `entries/<index>` (the leaf), `receipts/<index>.tlog-proof`
and `claims/<hex>`. Names and times are fixed, so that the same log gives the same bytes.
"""

import tarfile
from collections.abc import Iterable, Iterator

from weightmark.errors import ReadError
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["PortableBundle"]


class PortableBundle:
    """A tar of one ledger; erased claims are left out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield the archive member by member."""
        with self._ledger.snapshot() as snapshot:
            checkpoint = snapshot.head.note
        yield _member("log.vkey", f"{self._ledger.vkey}\n".encode())
        yield _member("checkpoint", checkpoint)
        erased = self._ledger.find(kind=Kind.REDACT, complete=True)
        written = {one.event.subject.removeprefix("sha256:") for one in erased}
        for logged in entries:
            yield _member(f"entries/{logged.index}", logged.body)
            (receipt,) = self._ledger.receipts([logged.index])
            yield _member(f"receipts/{logged.index}.tlog-proof", receipt.text)
            for digest in (logged.event.claim_sha256, logged.event.request_sha256):
                if digest not in written:
                    written.add(digest)
                    yield from self._blob(digest)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _blob(self, digest: str) -> Iterator[bytes]:
        try:
            yield _member(f"claims/{digest}", self._ledger.home.blobs.get(digest))
        except ReadError:
            return


def _member(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    header = info.tobuf(tarfile.USTAR_FORMAT)
    padding = -len(data) % tarfile.BLOCKSIZE
    return header + data + bytes(padding)
