"""What hostile readers can do is bounded: an answer goes out in pieces, and each has its time."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["PIECE", "Patience"]

PIECE = 64 * 1024
"""bytes of an answer that are sent at once"""


class Patience:
    """An ASGI application that hangs up on clients who do not read."""

    def __init__(
        self,
        app: "ASGIApp",
        seconds: float,
        answered: Callable[[int], None],
        *,
        pace: float = 1.0,
    ) -> None:
        """Give a client `seconds` for each piece, and for all of them `pace` seconds more a piece.

        `answered` hears the status of each answer.
        """
        self._app = app
        self._seconds = seconds
        self._answered = answered
        self._pace = pace

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""

        begun: list[Message] = []

        async def patiently(message: "Message") -> None:
            async with asyncio.timeout(self._seconds):
                while begun:
                    await send(begun.pop())
                await send(message)

        async def in_pieces(message: "Message") -> None:
            body = memoryview(message.get("body", b""))
            more = message.get("more_body", False)
            starts = range(0, max(1, len(body)), PIECE)
            async with asyncio.timeout(self._seconds + self._pace * len(starts)):
                for start in starts:
                    piece = bytes(body[start : start + PIECE])
                    followed = more or start + PIECE < len(body)
                    await patiently({**message, "body": piece, "more_body": followed})

        async def send_all(message: "Message") -> None:
            if message["type"] == "http.response.start":
                self._answered(message["status"])
                begun.append(message)
            else:
                await in_pieces(message)

        try:
            await self._app(scope, receive, send_all)
        except TimeoutError:
            return
