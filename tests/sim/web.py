"""One loopback HTTP port that many simulated services share."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.sim.faults import HTML, Fault, FaultKind, Faults

__all__ = ["Answer", "LoopbackServer", "Request"]

_LONGEST = 60.0
_CHUNK = b"x" * 65536


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """names in lower case"""
    body: bytes

    def json(self) -> dict[str, object]:
        """Return the body as an object; raises `ValueError` or `TypeError`."""
        parsed = json.loads(self.body)
        if not isinstance(parsed, dict):
            raise TypeError("not an object")
        return parsed

    def form(self) -> dict[str, str]:
        """Return the fields of a posted form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service says."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: object, status: int = 200) -> "Answer":
        """Answer with a JSON document."""
        return cls(json.dumps(document).encode(), status)

    @classmethod
    def refusal(cls, status: int, message: str) -> "Answer":
        """Answer as the real services do when they refuse."""
        return cls.of({"code": status, "message": message}, status)


Handle = Callable[[Request], Answer]


class LoopbackServer:
    """Serves handlers by the beginning of their path, and fails where it is told to."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.seen: list[tuple[str, Request]] = []
        self._routes: list[tuple[str, str, Handle]] = []
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def route(self, service: str, prefix: str, handle: Handle) -> None:
        """Let `handle` answer what begins with `prefix`; the longest prefix wins."""
        self._routes.append((prefix, service, handle))
        self._routes.sort(key=lambda route: -len(route[0]))

    def find(self, path: str) -> tuple[str, Handle]:
        """Return the service that answers for `path`."""
        for prefix, service, handle in self._routes:
            if path.startswith(prefix):
                return service, handle
        return "", lambda _: Answer.refusal(404, "nothing is here")

    def requests(self, service: str) -> list[Request]:
        """Return what a service was asked so far."""
        return [request for name, request in self.seen if name == service]

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than the server lives."""
        self.stopping.wait(min(seconds, _LONGEST))

    def stop(self) -> None:
        """Close the port: from now on connections are refused."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: LoopbackServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up on purpose here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: _Server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        owner = self.server.owner
        request = self._read()
        service, handle = owner.find(request.path)
        owner.seen.append((service, request))
        fault = owner.faults.take(service)
        if fault is None or fault.kind is FaultKind.LIE:
            self._send(handle(request))
        else:
            self._fail(fault, request, handle)

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        return Request(self.command, parts.path, query, headers, body)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        parts: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.close_connection = self.close_connection or cut

    def _fail(self, fault: Fault, request: Request, handle: Handle) -> None:
        if fault.kind is FaultKind.SLOW:
            self.server.owner.wait(fault.seconds)
            self._send(handle(request))
        elif fault.kind is FaultKind.STATUS:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._send(Answer(fault.text.encode(), fault.status, "text/plain", headers))
        elif fault.kind is FaultKind.HTML:
            self._send(Answer(HTML, kind="text/html"))
        elif fault.kind is FaultKind.TRUNCATED:
            self._send(handle(request), cut=True)
        elif fault.kind in (FaultKind.HUGE, FaultKind.DRIP):
            self._flood(_CHUNK if fault.kind is FaultKind.HUGE else b" ")
        self.close_connection = True

    def _flood(self, piece: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        end = time.monotonic() + _LONGEST
        while time.monotonic() < end and not self.server.owner.stopping.is_set():
            self.wfile.write(piece)
            if len(piece) == 1:
                self.server.owner.wait(0.1)
