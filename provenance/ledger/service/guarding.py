"""What stands over every answer of a service, whatever its status: headers that bind a browser."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ANSWER_HEADERS", "Guarded"]

ANSWER_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
)
"""of every answer that does not say something else in their place"""
_RAW = tuple((name.lower().encode(), value.encode()) for name, value in ANSWER_HEADERS.items())


class Guarded:
    """An ASGI application whose every answer has these headers: a refusal, a wrong method and a missing page, too."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""

        async def guarded(message: "Message") -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {bytes(name).lower() for name, _ in given}
                given += [(name, value) for name, value in _RAW if name not in names]
                message = {**message, "headers": given}
            await send(message)

        await self._app(scope, receive, guarded)
