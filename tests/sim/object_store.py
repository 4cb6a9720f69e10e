"""An object store behind HTTP: GET, and PUT with the conditions of RFC 9110; edit its attributes to spoil it."""

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ObjectStore"]


class ObjectStore:
    """One bucket on loopback."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.requests: list[str] = []
        self.status: dict[str, int] = {}
        """answers by path that stand in for the real ones"""
        self.tags = True
        """whether answers carry an entity tag"""
        self.before_put: Callable[[str], object] = lambda _path: None
        """called with the path before each PUT is judged"""
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/log"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def tag(self, path: str) -> str:
        return f'"{hashlib.sha256(self.objects[path]).hexdigest()[:16]}"'

    def put(self, path: str, data: bytes, headers: Any) -> int:
        with self.lock:
            exists = path in self.objects
            if headers.get("If-None-Match") == "*" and exists:
                return 412
            wanted = headers.get("If-Match")
            if wanted is not None and (not exists or self.tag(path) != wanted):
                return 412
            self.objects[path] = data
            self.headers[path] = dict(headers)
            return 200 if exists else 201


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


def _handler(store: ObjectStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.removeprefix("/log/")
            store.requests.append(f"GET {path}")
            data = store.objects.get(path)
            status = store.status.get(path, 404 if data is None else 200)
            self._answer(status, data or b"", path if data is not None else "")

        def do_PUT(self) -> None:
            path = self.path.removeprefix("/log/")
            store.requests.append(f"PUT {path}")
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            store.before_put(path)
            self._answer(store.status.get(path) or store.put(path, data, self.headers), b"", "")

        def do_DELETE(self) -> None:
            path = self.path.removeprefix("/log/")
            store.requests.append(f"DELETE {path}")
            status = store.status.get(path) or (204 if store.objects.pop(path, None) else 404)
            self._answer(status, b"", "")

        def _answer(self, status: int, body: bytes, tagged: str) -> None:
            self.send_response(status)
            if tagged and store.tags:
                self.send_header("ETag", store.tag(tagged))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler
