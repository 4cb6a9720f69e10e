"""Run an application on a port until it is told to stop; hostile clients hold up nobody else."""

import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.errors import CallError, ExtraMissingError

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["CONNECTIONS", "serve"]

CONNECTIONS = 512
"""open at the same time; further ones are answered 503"""
_KEEP_ALIVE_SECONDS = 5
_HEADER_SECONDS = 10.0
_BACKLOG = 256


def serve(
    app: "Starlette",
    host: str,
    port: int,
    *,
    tls: tuple[Path, Path] | None = None,
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve on `host` and `port` (0 takes a free one) until SIGINT or SIGTERM.

    `tls` names certificate chain and key in PEM form; `ready` gets the address once the port is
    open. Raises `CallError` when the port is taken or the certificate is unusable,
    `ExtraMissingError` without uvicorn.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ExtraMissingError(
            "serving needs Starlette and uvicorn", fix="run `pip install weightmark[server]`"
        ) from error
    if tls:
        _require_usable(*tls)
    config = uvicorn.Config(
        app,
        http=_impatient_protocol(),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    with _listen(host, port) as listener:
        name = f"[{host}]" if ":" in host else host
        scheme = "https" if tls else "http"
        server = uvicorn.Server(config)
        previous = signal.signal(signal.SIGTERM, lambda *_: _stop(server))
        try:
            ready(f"{scheme}://{name}:{listener.getsockname()[1]}")
            server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, previous)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CallError(
            f"cannot listen on `{host}` port {port}: {(error.strerror or str(error)).lower()}",
            fix="name another one with `--host` and `--port`",
        ) from error
    return listener


def _require_usable(certificate: Path, key: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise CallError(
            f"`{certificate}` and `{key}` cannot be used for https",
            why=str(error),
            fix="name a certificate chain and its unencrypted private key, both in PEM form",
        ) from error


def _stop(server: Any) -> None:
    """Take the signal before uvicorn hears it, and when uvicorn sends it again after it stopped in good order."""
    server.should_exit = True


class _Patience:
    """How long a connection may take for the headers of a request, the first or a later one."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._timer: Any = None

    def watch(self) -> None:
        """Start or stop the clock; called whenever something arrived."""
        if not self._is_waiting():
            self.stop()
        elif self._timer is None:
            self._timer = self._protocol.loop.call_later(_HEADER_SECONDS, self._hang_up)

    def stop(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_waiting(self) -> bool:
        cycle = self._protocol.cycle
        return cycle is None or bool(cycle.response_complete)

    def _hang_up(self) -> None:
        self._timer = None
        if self._is_waiting():
            self._protocol.transport.close()


def _impatient_protocol() -> Any:
    """Return uvicorn's HTTP protocol, which also hangs up on whoever does not finish the headers."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class ImpatientProtocol(H11Protocol):
        """The protocol with a `_Patience`."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.patience = _Patience(self)
            self.patience.watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.patience.watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self.patience.stop()
            super().connection_lost(exc)

    return ImpatientProtocol
