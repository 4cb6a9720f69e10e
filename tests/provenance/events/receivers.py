"""Receivers of events on this machine: a strict syslog server, and a web server that fails as it is told."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

SYSLOG = re.compile(
    rb"<(?P<pri>[1-9]?[0-9]|1[0-8][0-9]|19[01])>1 "
    rb"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{1,6}Z) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    rb"\[(?P<element>[^ =\]\"]{1,32})(?P<data>(?: [^ =\]\"]{1,32}=\"(?:\\[\\\"\]]|[^\\\"\]])*\")*)\] "
    rb"(?P<text>[^\r\n\x00]*)"
)
"""RFC 5424 §6, with structured data, and without line ends in the text"""


def parsed(message: bytes) -> dict[str, str]:
    """Read one message as the grammar has it; fails for anything else."""
    match = SYSLOG.fullmatch(message)
    assert match, message
    return {name: value.decode() for name, value in match.groupdict().items()}


def unframed(data: bytes) -> list[bytes]:
    """Read frames with octet counting (RFC 6587 §3.4.1); fails for anything else."""
    messages = []
    while data:
        match = re.match(rb"([1-9][0-9]{0,9}) ", data)
        assert match, data[:80]
        start, length = match.end(), int(match[1])
        assert len(data) >= start + length, "a frame is cut"
        messages.append(data[start : start + length])
        data = data[start + length :]
    return messages


class SyslogServer:
    """Takes connections or datagrams and keeps what came."""

    def __init__(
        self, *, udp: bool = False, tls: ssl.SSLContext | None = None, drops: int = 0
    ) -> None:
        kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind(("127.0.0.1", 0))
        self._udp, self._tls, self._drops = udp, tls, drops
        self.came: list[bytes] = []
        if not udp:
            self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def stop(self) -> None:
        """Close the port."""
        self._socket.close()

    def messages(self, count: int) -> list[bytes]:
        """Return the messages once there are so many."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = (
                list(self.came)
                if self._udp
                else [m for one in list(self.came) for m in unframed(one)]
            )
            if len(found) >= count:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{len(self.came)} came")

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                if self._udp:
                    self.came.append(self._socket.recv(65535))
                    continue
                connection, _ = self._socket.accept()
                if self._drops:
                    self._drops -= 1
                    connection.close()
                    continue
                with suppress(OSError):
                    self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        data = b""
        while block := connection.recv(65536):
            data += block
        self.came.append(data)
        connection.close()


@dataclass
class Came:
    """One request."""

    path: str
    headers: dict[str, str]
    """names in lower case"""
    body: bytes


@dataclass
class Script:
    """How a web server answers: each status once, then 200."""

    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    requests: list[Came] = field(default_factory=list)


@contextmanager
def web_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve as the script says; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.requests.append(Came(self.path, headers, body))
            time.sleep(script.delay)
            self.send_response(script.statuses.pop(0) if script.statuses else 200)
            for name, value in script.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that the library calls

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: Any) -> None:
            """Let clients hang up."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for this machine; returns it as an authority, and a context for a server."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "receiver.pem", folder / "receiver.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context
