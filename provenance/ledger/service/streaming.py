"""A claim on its way to a client: piece by piece out of the store, so that slow readers hold a piece each and no claim."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from weightmark.provenance.ledger.service.reading import Readers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

__all__ = ["CLAIM_PIECE", "StreamedClaim"]

CLAIM_PIECE = 256 * 1024
"""bytes of a claim that are held for one client"""


class StreamedClaim:
    """An answer with a claim or request that was found to be what its name says."""

    def __init__(
        self,
        readers: Readers,
        digest: str,
        size: int,
        headers: "Mapping[str, str]",
        held: ExitStack,
    ) -> None:
        """Name the claim by SHA-256 hex, with its bytes; `held` is let go of once it was sent, or the client went away."""
        self._readers = readers
        self._digest = digest
        self._size = size
        given = {**headers, "Content-Length": str(size)}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        self._held = held

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:  # noqa: ARG002 - an ASGI application's signature
        """Send it; one that is erased meanwhile breaks off, and so does the connection."""
        with self._held:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            starts = range(0, 0 if scope["method"] == "HEAD" else self._size, CLAIM_PIECE)
            for start in starts:
                piece = await self._piece(start)
                more = start + CLAIM_PIECE < self._size
                await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not starts:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _piece(self, start: int) -> bytes:
        return await self._readers.read(
            lambda ledger: ledger.home.blobs.piece(self._digest, start, CLAIM_PIECE)
        )
